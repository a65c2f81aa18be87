"""Every client's accept sequence as messages to a real server: Copilot's, Tabby's, llm-ls' and ours; doubled, out of
order, for ids that nobody knows, and with the text saying otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from stet.core.records import Outcome
from stet.core.spans import Span
from stet.store import offers, open_store, readings
from tests.support.session import URI, Session, session

SETTINGS = {"capture": {"consent": "yes"}, "learning": {"enabled": False}, "selection": {"exploration": 0}}
TEXT = " 😀 come to tea."
WORD = 3
"""Code points of its first word with the blank: one more in UTF-16."""


@pytest.fixture
async def window(tmp_path: Path) -> AsyncIterator[Session]:
    async with session(
        tmp_path / "data", engine=None, settings=SETTINGS, arguments=("--suggestions", "client")
    ) as opened:
        await opened.ready()
        opened.editor.open(URI, "I shall")
        yield opened


async def offer(window: Session, text: str = TEXT) -> str:
    window.editor.set_suggestion(text)
    offered = await window.suggest()
    assert offered is not None and offered[1] == text
    return offered[0]


def insert(window: Session, text: str) -> None:
    end = len(window.editor.text(URI))
    window.editor.replace(URI, Span(end, end), text)


async def outcome(window: Session, name: str) -> tuple[Outcome | None, str]:
    """The outcome on record after a while, and the span's text."""
    window.wait(2)
    window.wait(60)
    await window.editor.ask_status()
    with open_store(window.data / "stet.db", window.now) as database:
        found = offers.offer(database, name)
        with database.reading() as sql:
            row = sql.execute("SELECT json_extract(body, '$.accepted') FROM spans WHERE id = ?", (name,)).fetchone()
    return (found[1] if found else None), (row[0] if row else "")


def item(name: str) -> dict[str, Any]:
    return {"command": {"title": "", "command": "stet.accept", "arguments": [name]}}


def tabby(kind: str, name: str, **more: Any) -> tuple[str, dict[str, Any]]:
    event = {"completionId": name, "choiceIndex": 0}
    return "tabby/telemetry/event", {"type": kind, "eventId": event, "viewId": "v", "elapsed": 100, **more}


async def test_copilot_partial_accepts_count_from_the_start_in_utf_16(window: Session) -> None:
    name = await offer(window)
    window.editor.notify("textDocument/didShowCompletion", {"item": item(name)})
    insert(window, TEXT[:WORD])
    for _ in range(2):
        params = {"item": item(name), "acceptedLength": WORD + 1}
        window.editor.notify("textDocument/didPartiallyAcceptCompletion", params)
    assert await outcome(window, name) == (Outcome.PARTIALLY_ACCEPTED, TEXT[:WORD])


async def test_an_accepted_length_is_capped_by_the_document(window: Session) -> None:
    name = await offer(window)
    insert(window, TEXT[:WORD])
    assert await window.editor.request("notifyAccepted", {"uuid": name, "acceptedLength": 99}) == "OK"
    assert await outcome(window, name) == (Outcome.PARTIALLY_ACCEPTED, TEXT[:WORD])


async def test_copilot_as_it_was_tells_before_the_text(window: Session) -> None:
    name = await offer(window)
    assert await window.editor.request("notifyShown", {"uuid": name}) == "OK"
    assert await window.editor.request("notifyAccepted", {"uuid": name}) == "OK"
    insert(window, TEXT)
    assert await window.editor.request("notifyAccepted", {"uuid": name}) == "OK"
    assert await outcome(window, name) == (Outcome.ACCEPTED, TEXT)


async def test_tabby(window: Session) -> None:
    first = await offer(window)
    window.editor.notify(*tabby("view", first))
    insert(window, TEXT[:WORD])
    window.editor.notify(*tabby("select", first, selectKind="line"))
    assert await outcome(window, first) == (Outcome.PARTIALLY_ACCEPTED, TEXT[:WORD])
    second = await offer(window, " and so on.")
    insert(window, " and so on.")
    window.editor.notify(*tabby("select", second))
    assert (await outcome(window, second))[0] is Outcome.ACCEPTED
    third = await offer(window, " once more.")
    window.editor.notify(*tabby("dismiss", third))
    assert (await outcome(window, third))[0] is Outcome.REJECTED


async def test_llm_ls(window: Session) -> None:
    first = await offer(window)
    insert(window, TEXT)
    accepted = {"requestId": first, "acceptedCompletion": 0, "shownCompletions": [0]}
    assert await window.editor.request("llm-ls/acceptCompletion", accepted) is None
    assert await outcome(window, first) == (Outcome.ACCEPTED, TEXT)
    second = await offer(window, " once more.")
    rejected = {"requestId": second, "shownCompletions": [0]}
    assert await window.editor.request("llm-ls/rejectCompletion", rejected) is None
    assert (await outcome(window, second))[0] is Outcome.REJECTED


async def test_the_text_wins_over_a_rejection(window: Session) -> None:
    name = await offer(window)
    insert(window, TEXT)
    window.editor.notify("stet/didEndCompletion", {"id": name, "reason": "rejected"})
    window.editor.notify(*tabby("dismiss", name))
    assert await outcome(window, name) == (Outcome.ACCEPTED, TEXT)


async def test_an_accept_without_its_text_is_none(window: Session) -> None:
    name = await offer(window)
    window.editor.notify("stet/didEndCompletion", {"id": name, "reason": "accepted"})
    window.editor.notify(*tabby("select", name))
    assert not await window.editor.run("stet.accept", name)
    window.wait(5)
    insert(window, " something else")
    assert await outcome(window, name) in ((None, ""), (Outcome.IGNORED, ""))


async def test_unknown_ids_change_nothing_and_are_logged_once(window: Session) -> None:
    name = await offer(window)
    for _ in range(3):
        window.editor.notify(*tabby("select", "nobody-knows-this"))
        window.editor.notify("stet/didEndCompletion", {"id": "my secret letter text", "reason": "accepted"})
        assert await window.editor.request("notifyRejected", {"uuids": ["nobody-knows-this"]}) == "OK"
    insert(window, TEXT)
    assert await outcome(window, name) == (Outcome.ACCEPTED, TEXT)
    lines = [line for line in window.editor.log if "not known" in line]
    assert len(lines) == 2 and "nobody-knows-this" in lines[0]
    assert not any("secret letter" in line for line in window.editor.log)


async def test_an_accept_from_a_completion_menu_is_kept_apart(tmp_path: Path) -> None:
    settings = {**SETTINGS, "completion": {"menu": True}}
    async with session(
        tmp_path / "data", engine=None, settings=settings, arguments=("--suggestions", "client")
    ) as window:
        await window.ready()
        window.editor.open(URI, "I shall")
        window.editor.set_suggestion(TEXT)
        where = types.CompletionParams(types.TextDocumentIdentifier(URI), types.Position(0, 7))
        answer = await window.editor.request("textDocument/completion", where)
        name = answer.items[0].command.arguments[0]
        insert(window, TEXT)
        assert await window.editor.run("stet.accept", name)
        with open_store(window.data / "stet.db", window.now) as database, database.reading() as sql:
            assert sql.execute("SELECT outcome, reason FROM offers WHERE id = ?", (name,)).fetchall() == [
                ("accepted", "menu")
            ]


async def test_readings_after_15_seconds_to_10_minutes_and_at_settle(window: Session) -> None:
    name = await offer(window, " come to tea with us")
    insert(window, " come to tea with us")
    assert await window.editor.run("stet.accept", name)
    window.wait(20)
    at = window.editor.text(URI).index("tea")
    window.editor.replace(URI, Span(at, at + 3), "eat")
    for seconds in (20, 100, 200, 400):
        window.wait(seconds)
    await window.editor.ask_status()
    with open_store(window.data / "stet.db", window.now) as database:
        found = readings.readings(database, name)
    assert sorted(found) == [0, 15, 30, 120, 300, 600]
    assert {seconds: rows[0].kept_rate for seconds, rows in found.items()} == pytest.approx(
        {15: 1.0, **dict.fromkeys((0, 30, 120, 300, 600), 16 / 19)}
    )
