"""Finding a span again: exactly, by one side, by likeness; and not guessing."""

from __future__ import annotations

from stet.capture.anchor import anchored
from stet.core.records import AcceptedSpan, Context, Provenance, Suggestion
from stet.core.spans import Span

BEFORE, TEXT, AFTER = (
    "It was late, and the hall was cold. ",
    "Nobody came to the door.",
    " We waited until the morning.",
)


def span(before: str = BEFORE, text: str = TEXT, after: str = AFTER) -> AcceptedSpan:
    suggestion = Suggestion("s", Context("d", before), text, Provenance("m"), 1.0)
    place = Span(len(before), len(before) + len(text))
    owned = Span(place.start, place.end - 6) if text else place
    return AcceptedSpan(suggestion, text, owned, place, text, 1.0, 1.0, before=before[-64:], after=after[:64])


def found(text: str, wanted: AcceptedSpan) -> tuple[str, str] | str:
    place = anchored(wanted, text)
    if place.span is None:
        return place.reason
    edited, owned = place.span.edited, place.span.owned
    return text[edited.start : edited.end], text[owned.start : owned.end]


def test_where_it_was_and_moved() -> None:
    assert found(BEFORE + TEXT + AFTER, span()) == (TEXT, "Nobody came to the")
    assert found("A new first line.\n" + BEFORE + TEXT + AFTER, span()) == (TEXT, "Nobody came to the")


def test_one_side_is_enough_when_it_is_long() -> None:
    assert found(BEFORE + TEXT + " Then all changed.", span()) == (TEXT, "Nobody came to the")
    assert found("Other words. " + TEXT + AFTER, span()) == (TEXT, "Nobody came to the")


def test_text_that_changed_a_little() -> None:
    changed = "Nobody came near the door."
    assert found(BEFORE + changed + AFTER, span()) == (changed, "Nobody came near the")


def test_two_places_are_not_chosen_from() -> None:
    whole = BEFORE + TEXT + AFTER
    assert found("x" + whole + "\n" + whole, span()) == "ambiguous"


def test_one_of_two_places_is_exactly_where_it_was() -> None:
    whole = BEFORE + TEXT + AFTER
    assert found(whole + "\n" + whole, span()) == (TEXT, "Nobody came to the")


def test_gone() -> None:
    assert found("Something else altogether, of about the same length as it was.", span()) == "not found"
    assert found(BEFORE + AFTER, span()) == "changed too much"
    assert found("", span(before="", text="", after="")) == "not found"


def test_deleted_span_is_found_by_its_surroundings() -> None:
    assert found(BEFORE + AFTER, span(text="")) == ("", "")
