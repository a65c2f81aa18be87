"""Invariant 10: text that the gate refused is in no file that Stet writes: store, journal, logs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from stet.capture.secrets import MASK
from stet.core.spans import Span
from stet.store import open_store, spans
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


SCRIPTED = ("--suggestions", "client")
KEY = "AKIA" + "IOSFODNN7EXAMPLE"


def repository(folder: Path) -> str:
    """A repository that ignores `diary.txt`; the address of that file."""
    (folder / "notes" / ".git").mkdir(parents=True)
    (folder / "notes" / ".gitignore").write_text("diary.txt\n")
    return (folder / "notes" / "diary.txt").as_uri()


@pytest.mark.parametrize(
    ("uri", "switch"),
    [
        ("", {}),
        ("untitled:Untitled-1", {"untitled": False}),
        ("file:///users/writer/notes.txt", {"languages": {"plaintext": False}}),
        ("file:///users/writer/notes.txt", {"languages": {"*": False, "markdown": True}}),
        ("file:///users/writer/private/notes.txt", {"folders": {"/users/writer/private": False}}),
        ("file:///users/writer/notes.txt", {"exclude": ["notes.*"]}),
    ],
    ids=["git ignores it", "untitled", "language", "all other languages", "folder", "own pattern"],
)
async def test_what_is_switched_off_leaves_no_trace(tmp_path: Path, uri: str, switch: dict[str, object]) -> None:
    uri = uri or repository(tmp_path)
    settings = {"capture": {"consent": "yes", **switch}}
    async with session(tmp_path / "data", engine=None, settings=settings, arguments=SCRIPTED) as window:
        await window.ready()
        window.editor.set_suggestion(f" {CANARY} four.")
        await write_secretly(window, uri)
        assert (await window.editor.ask_status())["records"] == 0
        written = window.editor.errors() + " ".join(window.editor.log)
    assert CANARY not in written
    assert CANARY.encode() not in everything_in(tmp_path / "data")


async def test_switched_on_again_while_it_is_open(tmp_path: Path) -> None:
    uri, settings = repository(tmp_path), {"capture": {"consent": "yes"}}
    async with session(tmp_path / "data", engine=None, settings=settings, arguments=SCRIPTED) as window:
        await window.ready()
        window.editor.set_suggestion(" and so on.")
        window.editor.open(uri)
        window.type("I shall", uri)
        assert await window.suggest(uri) is None
        window.editor.configure({"capture": {"consent": "yes", "gitignore": False}})
        for _ in range(100):
            if await window.suggest(uri) is not None:
                return
        raise AssertionError("the setting was not taken over")


async def test_secrets_in_allowed_documents_are_masked_everywhere(tmp_path: Path) -> None:
    """Around the cursor, in the suggestion, typed into the span, after a crash: the key is in no file."""
    uri, settings = "file:///users/writer/notes.txt", {"capture": {"consent": "yes"}}
    for life in range(2):
        async with session(tmp_path / "data", engine=None, settings=settings, arguments=SCRIPTED) as window:
            await window.ready()
            before = f"The key is {KEY}, I shall" if life == 0 else f"The key is {KEY}, I shall keep {KEY}, or so."
            window.wait(100 * life)
            window.editor.open(uri, before)
            window.wait(2)
            if life == 0:
                window.editor.set_suggestion(f" keep {KEY}, or so.")
                offered = await window.suggest(uri)
                assert offered is not None and KEY in offered[1]  # what is shown is what the model says
                assert await window.editor.accept(uri, len(before), offered)
                window.editor.kill()
                continue
            await until_found_again(window)
            window.editor.replace(uri, Span(len(before) - 6, len(before) - 1), "more")
            window.wait(60)
            (record,) = await window.records(1)
            assert record.final == f" keep {MASK * len(KEY)}, more."
            assert {"masked", "restored"} <= set(record.flags)
            written = window.editor.errors() + " ".join(window.editor.log)
            assert KEY not in written
    assert KEY.encode() not in everything_in(tmp_path / "data")
    assert b"I shall" in everything_in(tmp_path / "data")


async def until_found_again(window: Session) -> None:
    """Wait until the journal says that the span of the former life is followed again."""
    for _ in range(600):
        window.wait(0.6)
        await window.editor.ask_status()
        with open_store(window.data / "stet.db", window.now) as database:
            if any(span.touched_at > 1_700_000_050 for span in spans.live_spans(database)):
                return
        await asyncio.sleep(0.02)
    raise AssertionError("the span was not found again")


async def test_switched_off_while_a_span_is_followed(tmp_path: Path) -> None:
    """What was accepted before stays on record; what is written afterwards does not get there."""
    uri, settings = "file:///users/writer/notes.txt", {"capture": {"consent": "yes"}}
    async with session(tmp_path / "data", engine=None, settings=settings, arguments=SCRIPTED) as window:
        await window.ready()
        window.editor.set_suggestion(" and so on.")
        window.editor.open(uri, "I shall")
        offered = await window.suggest(uri)
        assert offered is not None and await window.editor.accept(uri, 7, offered)
        window.editor.configure({"capture": {"consent": "yes", "languages": {"plaintext": False}}})
        await window.editor.ask_status()
        window.editor.replace(uri, Span(11, 11), f" {CANARY}")
        window.type(f" {CANARY}", uri)
        window.wait(60)
        await window.editor.ask_status()
        window.editor.close(uri)
    assert CANARY.encode() not in everything_in(tmp_path / "data")
    assert b"and so on" in everything_in(tmp_path / "data")
