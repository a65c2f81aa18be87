"""The way to the store: in order, coalesced, on a thread of its own, and patient when the store is in trouble."""

from __future__ import annotations

import uuid
from pathlib import Path

from attrs import evolve

from stet.assistant.journal import TAUGHT, Journal
from stet.assistant.presence import Presence
from stet.capture.effects import Effect, OfferEnded, SpanAccepted, SpanClosed, SpanTouched
from stet.core.records import AcceptedSpan, Context, Outcome, Provenance, Suggestion
from stet.core.spans import Span
from stet.store import offers, spans

SUGGESTION = Suggestion("offer-1", Context("file:///a.txt", "I shall"), " gladly come.", Provenance("tiny"), 10.0)
SPAN = AcceptedSpan(SUGGESTION, "gladly come.", Span(8, 20), Span(8, 20), "gladly come.", 10.0, 10.0)


def journal(path: Path, faults: list[str]) -> Journal:
    return Journal(path, lambda: 10.0, faults.append, Presence(path.parent / "servers", uuid.uuid4().hex))


async def test_an_accept_is_there_once_settled(tmp_path: Path) -> None:
    opened = journal(tmp_path / "stet.db", [])
    opened.write([SpanAccepted(SPAN)])
    await opened.settle()
    assert await opened.ask(lambda database: spans.live_spans(database)) == [SPAN]
    await opened.close()


async def test_touched_spans_are_coalesced_and_written_by_flush(tmp_path: Path) -> None:
    opened = journal(tmp_path / "stet.db", [])
    opened.write([SpanAccepted(SPAN)])
    for text in ("gladly c", "gladly", "glad"):
        opened.write([SpanTouched(evolve(SPAN, text=text))])
    assert (await opened.ask(lambda database: spans.live_spans(database)))[0].text == "gladly come."
    opened.flush()
    assert (await opened.ask(lambda database: spans.live_spans(database)))[0].text == "glad"
    await opened.close()


async def test_a_closed_span_is_not_brought_back_by_an_older_touch(tmp_path: Path) -> None:
    opened = journal(tmp_path / "stet.db", [])
    opened.write([SpanAccepted(SPAN)])
    opened.write([SpanTouched(evolve(SPAN, text="glad")), SpanClosed(SPAN, "mass")])
    opened.flush()
    assert await opened.ask(lambda database: spans.live_spans(database)) == []
    await opened.close()


async def test_offers_that_taught_nothing_leave_no_text(tmp_path: Path) -> None:
    opened = journal(tmp_path / "stet.db", [])
    for outcome in Outcome:
        opened.write([OfferEnded(evolve(SUGGESTION, id=outcome.value), outcome, 11.0)])
    for outcome in Outcome:
        found = await opened.ask(lambda database, name=outcome.value: offers.offer(database, name))  # type: ignore[misc]
        assert found is not None and found[1] is outcome
        assert bool(found[0].text) == bool(found[0].context.prefix) == (outcome in TAUGHT)
    await opened.close()


async def test_effects_wait_for_a_store_in_trouble_and_none_is_lost(tmp_path: Path) -> None:
    faults: list[str] = []
    (tmp_path / "data").write_text("in the way")
    opened = journal(tmp_path / "data" / "stet.db", faults)
    effects: list[Effect] = [SpanAccepted(evolve(SPAN, suggestion=evolve(SUGGESTION, id=f"o{n}"))) for n in range(3)]
    for effect in effects:
        opened.write([effect])
    await opened.settle()
    assert len(faults) == 1 and str(tmp_path / "data") in faults[0]
    (tmp_path / "data").unlink()
    opened.flush()
    await opened.settle()
    assert faults[-1] == ""
    assert {span.id for span in await opened.ask(lambda database: spans.live_spans(database))} == {"o0", "o1", "o2"}
    await opened.close()
