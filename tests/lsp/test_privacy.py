"""Invariant 10: text that the gate refused is in no file that Stet writes: store, journal, logs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.session import Session, session, stand_in

CANARY = "correct-horse-battery"


async def write_secretly(window: Session, uri: str) -> None:
    """Everything that would be captured elsewhere: typed, asked, accepted by text, declined, closed."""
    window.editor.open(uri, f"{CANARY} one\n")
    window.type(f"{CANARY} two: I shall", uri)
    assert await window.suggest(uri) is None
    window.type(f" {CANARY} three", uri)
    window.wait(60)
    window.editor.close(uri)


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.mark.parametrize(
    "uri",
    [
        "file:///users/writer/.env",
        "file:///users/writer/keys/server.pem",
        "file:///users/writer/my%20passwords.txt",
        "git:/users/writer/notes.txt",
        "output:stet",
    ],
)
async def test_refused_documents_leave_no_trace(tmp_path: Path, uri: str) -> None:
    async with (
        stand_in(tmp_path, {"I shall": f" {CANARY} four."}, default=f" {CANARY} five.") as engine,
        session(tmp_path / "data", engine=engine) as window,
    ):
        await window.ready()
        await write_secretly(window, uri)
        assert (await window.editor.ask_status())["records"] == 0
        written = window.editor.errors() + " ".join(window.editor.log)
    assert CANARY not in written
    assert CANARY.encode() not in everything_in(tmp_path / "data")


async def test_the_control_an_allowed_document_is_on_record(tmp_path: Path) -> None:
    """The same hands on a document that is allowed: the canary is found, so the test above can fail."""
    async with (
        stand_in(tmp_path, {}, default=f" {CANARY} five.") as engine,
        session(tmp_path / "data", engine=engine) as window,
    ):
        await window.ready()
        uri = "file:///users/writer/notes.txt"
        window.editor.open(uri)
        window.type("I shall", uri)
        offered = await window.suggest(uri)
        assert offered is not None and await window.editor.accept(uri, 7, offered)
        window.wait(60)
        assert len(await window.records(1)) == 1
        written = window.editor.errors() + " ".join(window.editor.log)
    assert CANARY not in written
    assert CANARY.encode() in everything_in(tmp_path / "data")


async def test_a_pause_stops_offers_and_capture(tmp_path: Path) -> None:
    async with (
        stand_in(tmp_path, {}, default=" and so on.") as engine,
        session(tmp_path / "data", engine=engine) as window,
    ):
        await window.ready()
        uri = "file:///users/writer/notes.txt"
        window.editor.open(uri)
        assert "paused" in await window.editor.run("stet.pause")
        window.type("I shall", uri)
        assert await window.suggest(uri) is None
        assert (await window.editor.ask_status())["kind"] == "Inactive"
        await window.editor.run("stet.resume")
        assert await window.suggest(uri) is not None
