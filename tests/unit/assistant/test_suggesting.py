"""What is shown is what would be inserted: stale answers are never shown, typed-along ones cost no engine call."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from stet.assistant.suggesting import Offered, Served, Suggester
from stet.core.errors import EngineError
from stet.core.records import Adapter, Suggestion
from stet.core.spans import Change, Span
from stet.core.text import TextBuffer
from stet.settings import Settings
from tests.support.scripted import ScriptedEngine

URI = "file:///a.txt"
ADAPTER = Adapter("sft-1", "sft", "tiny", "0" * 64, "run", 0.0)


@define
class Desk:
    """A document and a suggester in front of a scripted engine."""

    engine: ScriptedEngine
    text: str = ""
    version: int = 0
    adapter: Adapter | None = None
    buffer: TextBuffer = field(init=False)
    suggester: Suggester = field(init=False)

    def __attrs_post_init__(self) -> None:
        ids = itertools.count()
        self.buffer = TextBuffer(self.text)
        self.suggester = Suggester(now=lambda: 1000.0, chance=lambda: 0.5, new_id=lambda: f"offer-{next(ids)}")

    def insert(self, text: str, at: int | None = None) -> None:
        place = len(self.buffer) if at is None else at
        self.buffer.apply(Change(Span(place, place), text))
        self.version += 1

    async def ask(self, offset: int | None = None) -> tuple[Suggestion, Offered] | None:
        return await self.suggester.complete(
            URI,
            self.buffer,
            len(self.buffer) if offset is None else offset,
            Served(self.engine, "tiny", self.adapter),
            Settings(),
            language="plaintext",
            title="a.txt",
            version=lambda: self.version,
        )


async def test_a_fresh_suggestion_says_where_it_comes_from() -> None:
    desk = Desk(ScriptedEngine(lambda prompt: " gladly come."), "I shall", adapter=ADAPTER)
    found = await desk.ask()
    assert found is not None
    suggestion, offered = found
    assert offered == Offered("offer-0", URI, 7, " gladly come.")
    provenance = suggestion.provenance
    assert (provenance.model, provenance.adapter, provenance.arm, provenance.propensity) == (
        "tiny",
        "sft-1",
        "sft",
        0.9,
    )
    assert desk.engine.requests[0].adapter is True


async def test_typing_along_keeps_the_id_and_asks_nobody() -> None:
    desk = Desk(ScriptedEngine(lambda prompt: " gladly come."), "I shall")
    await desk.ask()
    for letter in " gladly":
        desk.insert(letter)
        found = await desk.ask()
        assert found is not None and found[1].id == "offer-0"
        assert desk.buffer.text + found[1].text == "I shall gladly come."
    assert len(desk.engine.requests) == 1


async def test_typing_something_else_asks_again() -> None:
    desk = Desk(ScriptedEngine(lambda prompt: " gladly come."), "I shall")
    await desk.ask()
    desk.insert(" not")
    found = await desk.ask()
    assert found is not None and found[1].id == "offer-1"
    assert len(desk.engine.requests) == 2


async def test_an_answer_for_an_older_text_is_not_shown_but_serves_who_typed_along() -> None:
    gate = asyncio.Event()
    desk = Desk(ScriptedEngine(lambda prompt: " gladly come.", gate=gate), "I shall")
    asked = asyncio.ensure_future(desk.ask())
    await asyncio.sleep(0)
    desk.insert(" gla")
    gate.set()
    assert await asked is None
    found = await desk.ask()
    assert found is not None and found[1].text == "dly come."
    assert len(desk.engine.requests) == 1


async def test_the_newest_request_wins_and_the_older_stops_the_engine() -> None:
    gate = asyncio.Event()
    desk = Desk(ScriptedEngine(lambda prompt: " x y z.", gate=gate), "I shall")
    older = asyncio.ensure_future(desk.ask())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    desk.insert(" not")
    newer = asyncio.ensure_future(desk.ask())
    assert await older is None
    gate.set()
    found = await newer
    assert found is not None and found[1].offset == 11
    assert desk.engine.cancelled == 1


async def test_a_withdrawn_request_stops_the_engine() -> None:
    desk = Desk(ScriptedEngine(lambda prompt: " x y z.", gate=asyncio.Event()), "I shall")
    asked = asyncio.ensure_future(desk.ask())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert desk.engine.cancelled == 1


async def test_a_dismissed_suggestion_is_not_offered_again() -> None:
    desk = Desk(ScriptedEngine(lambda prompt: " gladly come."), "I shall")
    await desk.ask()
    desk.suggester.dismissed("offer-0")
    found = await desk.ask()
    assert found is not None and found[1].id == "offer-1"


async def test_an_engine_in_trouble_is_the_callers_to_report() -> None:
    with pytest.raises(EngineError):
        await Desk(ScriptedEngine(lambda prompt: "", broken=True), "I shall").ask()


STEPS = st.lists(st.sampled_from(["type", "along", "ask", "back", "elsewhere"]), min_size=1, max_size=30)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_what_is_inserted_equals_what_was_shown(steps: list[str]) -> None:
    """Whatever is typed, deleted and asked: an offer's text, put in at its offset, goes on from the present text."""

    async def play() -> None:
        desk = Desk(ScriptedEngine(lambda prompt: " one two three."), "So")
        shown: tuple[Suggestion, Offered] | None = None
        for step in steps:
            if step == "type":
                desk.insert("x")
            elif step == "along" and shown is not None and shown[1].offset == len(desk.buffer):
                desk.insert(shown[1].text[:1])
            elif step == "back" and len(desk.buffer):
                desk.buffer.apply(Change(Span(len(desk.buffer) - 1, len(desk.buffer)), ""))
                desk.version += 1
            elif step == "elsewhere":
                desk.insert("y", at=0)
            shown = await desk.ask()
            if shown is None:
                continue
            suggestion, offered = shown
            assert offered.offset == len(desk.buffer)
            assert suggestion.text.endswith(offered.text) and offered.text
            typed = suggestion.text[: len(suggestion.text) - len(offered.text)]
            assert desk.buffer.text.endswith(typed)
            assert (suggestion.context.prefix[-50:] + typed)[-50:] == desk.buffer.text[-50:]

    asyncio.run(play())
