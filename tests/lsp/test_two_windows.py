"""Two editor windows, two servers, one store, one file: every span is followed by one of them, and none is lost."""

from __future__ import annotations

from pathlib import Path

from stet.core.spans import Span
from stet.store import open_store, spans
from tests.support.session import Session, session

URI = "file:///users/writer/shared.txt"
TEXT = " come to tea."
SETTINGS = {"capture": {"consent": "yes"}, "learning": {"enabled": False}, "selection": {"exploration": 0}}
SCRIPTED = ("--suggestions", "client")


async def accept(window: Session) -> str:
    window.editor.set_suggestion(TEXT)
    end = len(window.editor.text(URI))
    offered = await window.editor.suggest(URI, end)
    assert offered is not None and await window.editor.accept(URI, end, offered)
    return offered[0]


def edit(window: Session) -> None:
    at = window.editor.text(URI).index("tea")
    window.editor.replace(URI, Span(at, at + 3), "dinner")


async def test_the_window_that_accepted_follows_it_until_it_is_gone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with session(data, engine=None, settings=SETTINGS, arguments=SCRIPTED) as second:
        async with session(data, engine=None, settings=SETTINGS, arguments=SCRIPTED) as first:
            await first.ready()
            await second.ready()
            first.editor.open(URI, "I shall")
            name = await accept(first)
            second.editor.open(URI, first.editor.text(URI))
            second.wait(1)
            await second.editor.ask_status()
            edit(second)  # not followed here: the first window will see it when the file is saved and read again
            second.wait(60)
            await second.editor.ask_status()
            assert await second.records() == []
            first.editor.replace(URI, Span(0, len(first.editor.text(URI))), second.editor.text(URI))
            first.editor.kill()
        with open_store(data / "stet.db", 0.0) as database:
            assert spans.span(database, name) is not None
        second.editor.close(URI)
        second.editor.open(URI, "I shall come to dinner.")
        second.wait(2)
        await second.editor.ask_status()
        second.wait(60)
        (record,) = await second.records(1)
    assert (record.id, record.version) == (name, 1)
    assert record.final.strip() in ("come to dinner.", "come to tea.")
    assert "restored" in record.flags or "lost" in record.flags
