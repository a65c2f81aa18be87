"""From keystroke to edit record through a real server process: suggest, accept, edit, settle; who is asked first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stet.assistant.consent import NO
from stet.core.records import EditClass, Outcome, RecordKind
from stet.core.spans import Span
from tests.support.session import URI, Session, StandIn, session, stand_in

ANSWERS = {"Thank you for": " your letter of Monday.", "I shall": " gladly come to tea.", "The": " weather is fine."}


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[StandIn]:
    async with stand_in(tmp_path, ANSWERS) as running:
        yield running


@pytest.fixture
async def window(tmp_path: Path, engine: StandIn) -> AsyncIterator[Session]:
    async with session(tmp_path / "data", engine=engine) as opened:
        await opened.ready()
        opened.editor.open(URI)
        yield opened


async def test_accepted_and_edited(window: Session) -> None:
    window.type("Thank you for")
    offered = await window.suggest()
    assert offered is not None and offered[1] == " your letter of Monday."
    assert await window.editor.accept(URI, 13, offered)
    at = window.editor.text(URI).index("Monday")
    window.wait(1)
    window.editor.replace(URI, Span(at, at + 6), "")
    window.wait(1)
    window.editor.replace(URI, Span(at, at), "Tuesday")
    window.wait(11)
    (record,) = await window.records(1)
    assert (record.kind, record.outcome) == (RecordKind.EDITED, Outcome.ACCEPTED)
    assert record.suggestion.strip() == "your letter of Monday."
    assert record.final.strip() == "your letter of Tuesday."
    assert record.cost == pytest.approx(1 / 5)
    assert record.context.prefix.endswith("Thank you for")
    provenance = record.provenance
    assert (provenance.arm, provenance.adapter, provenance.propensity, provenance.prompt_version) == ("base", "", 1, 1)


async def test_accepted_and_let_stand(window: Session) -> None:
    window.type("I shall")
    offered = await window.suggest()
    assert offered is not None
    await window.editor.accept(URI, 7, offered)
    window.type(" It will be a pleasure.")
    window.wait(11)
    (record,) = await window.records(1)
    assert (record.kind, record.edit_class, record.cost) == (RecordKind.ACCEPTED, EditClass.UNTOUCHED, 0)


async def test_typed_instead(window: Session) -> None:
    window.type("The")
    assert await window.suggest() is not None
    window.type(" train was late again.")
    window.wait(40)
    (record,) = await window.records(1)
    assert (record.kind, record.outcome) == (RecordKind.TYPED_INSTEAD, Outcome.TYPED_INSTEAD)
    assert " train was late".startswith(record.final[:6])
    assert record.final.split()[0] == "train"


async def test_typing_through_keeps_the_id_and_asks_no_engine(window: Session) -> None:
    window.type("I shall")
    first = await window.suggest()
    window.type(" gla")
    second = await window.suggest()
    assert first is not None and second is not None
    assert (second[0], second[1]) == (first[0], "dly come to tea.")


async def test_word_by_word(window: Session) -> None:
    window.type("I shall")
    first = await window.suggest()
    assert first is not None
    for piece in (" gladly", " come", " to", " tea."):
        window.wait(1)
        end = len(window.editor.text(URI))
        window.editor.replace(URI, Span(end, end), piece)
        rest = await window.suggest()
        assert rest is None or rest[0] == first[0]
    assert await window.editor.run("stet.accept", first[0])
    window.wait(11)
    (record,) = await window.records(1)
    assert (record.id, record.suggestion.strip()) == (first[0], "gladly come to tea.")


async def test_closing_settles_early(window: Session) -> None:
    window.type("I shall")
    offered = await window.suggest()
    assert offered is not None
    await window.editor.accept(URI, 7, offered)
    window.editor.close(URI)
    (record,) = await window.records(1)
    assert "early" in record.flags


@pytest.mark.parametrize("answer", [NO, None])
async def test_without_a_yes_nothing_is_captured(tmp_path: Path, engine: StandIn, answer: str | None) -> None:
    async with session(tmp_path / "data", engine=engine, answer=answer) as window:
        await window.ready()
        assert len(window.questions) == 1
        window.editor.open(URI)
        window.type("I shall")
        offered = await window.suggest()
        assert offered is not None
        assert not await window.editor.accept(URI, 7, offered)
        window.wait(400)
        assert (await window.editor.ask_status())["records"] == 0
    assert b"gladly" not in b"".join(path.read_bytes() for path in (tmp_path / "data").glob("stet.db*"))


async def test_a_yes_is_remembered(tmp_path: Path, engine: StandIn) -> None:
    for asked in (1, 0):
        async with session(tmp_path / "data", engine=engine) as window:
            state = await window.until(lambda state: state["consent"] is True, "the consent")
            assert state["consent"] is True
            assert len(window.questions) == asked


async def accepted_and_killed(window: Session) -> tuple[str, str]:
    """Accept a suggestion, and end the server as a crash would; (id, text) of the suggestion."""
    await window.ready()
    window.editor.open(URI)
    window.type("I shall")
    offered = await window.suggest()
    assert offered is not None
    assert await window.editor.accept(URI, 7, offered)
    window.editor.kill()
    return offered


async def test_an_accepted_span_survives_kill_9_and_is_found_again(tmp_path: Path, engine: StandIn) -> None:
    async with session(tmp_path / "data", engine=engine) as window:
        offered = await accepted_and_killed(window)
    async with session(tmp_path / "data", engine=engine) as window:
        await window.ready()
        window.editor.open(URI, "Dear Ann,\n\nI shall gladly come to tea.")
        window.wait(2)
        await window.editor.ask_status()
        at = window.editor.text(URI).index("tea")
        window.editor.replace(URI, Span(at, at + 3), "dinner")
        window.wait(20)
        (record,) = await window.records(1)
        assert (record.id, record.final.strip()) == (offered[0], "gladly come to dinner.")
        assert "restored" in record.flags


async def test_a_document_never_opened_again_gives_its_record_after_a_day(tmp_path: Path, engine: StandIn) -> None:
    async with session(tmp_path / "data", engine=engine) as window:
        offered = await accepted_and_killed(window)
    async with session(tmp_path / "data", engine=engine) as window:
        await window.ready()
        window.wait(2 * 86_400)
        (record,) = await window.records(1)
        assert (record.id, record.final.strip(), record.flags) == (offered[0], "gladly come to tea.", ("lost",))
