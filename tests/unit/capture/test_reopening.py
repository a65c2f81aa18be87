"""Closed and opened again, renamed, saved under another name: a span goes on, and nothing is counted twice."""

from __future__ import annotations

from attrs import evolve

from stet.capture import CaptureRules, Effect, Recorder, SpanSettled
from stet.core.records import AcceptedSpan, Context, Provenance, SpanState, Suggestion
from stet.core.spans import Change, Span

OLD, NEW = "untitled:Untitled-1", "file:///letter.txt"
TEXT = "Dear Ann, we will send the box."


def accepted(rules: CaptureRules | None = None) -> Recorder:
    recorder = Recorder(rules or CaptureRules())
    recorder.opened(OLD, "Dear Ann,", 0.0)
    offer = Suggestion("s", Context(OLD, "Dear Ann,"), " we will send the box.", Provenance("m"), 0.0)
    recorder.offered(offer, 9, 0.0)
    recorder.changed(OLD, [Change(Span(9, 9), offer.text)], 1.0)
    return recorder


def only(recorder: Recorder, document: str) -> AcceptedSpan:
    (span,) = recorder.live(document)
    return span


def settled(effects: list[Effect]) -> list[tuple[int, str, str]]:
    return [
        (e.record.version, e.record.final, e.record.context.document) for e in effects if isinstance(e, SpanSettled)
    ]


def edit_and_wait(recorder: Recorder, document: str) -> list[tuple[int, str, str]]:
    at = TEXT.index("box")
    effects = recorder.changed(document, [Change(Span(at, at + 3), "crate")], 20.0)
    return settled(effects + recorder.tick(40.0))


def test_reopened() -> None:
    recorder = accepted()
    assert settled(recorder.closed(OLD, 2.0)) == [(1, " we will send the box.", OLD)]
    recorder.opened(OLD, TEXT, 3.0)
    assert only(recorder, OLD).state is SpanState.SETTLED
    assert settled(recorder.tick(15.0)) == []
    assert edit_and_wait(recorder, OLD) == [(2, " we will send the crate.", OLD)]


def test_renamed_close_first() -> None:
    recorder = accepted()
    recorder.closed(OLD, 2.0)
    recorder.opened(NEW, TEXT, 2.1)
    assert only(recorder, NEW).document == NEW
    assert edit_and_wait(recorder, NEW) == [(2, " we will send the crate.", NEW)]


def test_saved_as_open_first() -> None:
    recorder = accepted()
    recorder.opened(NEW, TEXT, 2.0)
    recorder.closed(OLD, 2.1)
    assert edit_and_wait(recorder, NEW) == [(2, " we will send the crate.", NEW)]


def test_the_same_text_much_later_is_another_document() -> None:
    recorder = accepted()
    recorder.closed(OLD, 2.0)
    recorder.opened(NEW, TEXT, 60.0)
    assert recorder.live(NEW) == []


def test_reopened_with_another_text() -> None:
    recorder = accepted()
    recorder.closed(OLD, 2.0)
    recorder.opened(OLD, "Thanks. " + TEXT, 3.0)
    assert only(recorder, OLD).edited == Span(8 + 10, 8 + len(TEXT))
    recorder.closed(OLD, 4.0)
    recorder.opened(OLD, "All is different now.", 5.0)
    assert recorder.live(OLD) == []


def test_without_settling_at_the_close_it_waits() -> None:
    recorder = accepted(evolve(CaptureRules(), settle_on_close=False))
    assert settled(recorder.closed(OLD, 2.0)) == []
    recorder.opened(OLD, TEXT, 300.0)
    assert only(recorder, OLD).state is SpanState.LIVE
    assert settled(recorder.tick(301.0)) == [(1, " we will send the box.", OLD)]


def test_saving_settles_where_it_was_so_set() -> None:
    assert accepted().saved(OLD, 2.0) == []
    recorder = accepted(evolve(CaptureRules(), settle_on_save=True))
    assert settled(recorder.saved(OLD, 2.0)) == [(1, " we will send the box.", OLD)]
    assert settled(recorder.saved(OLD, 3.0)) == []
