"""Rebasing against one label per character, under the convention of the CoAuthor answer key."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from stet.core.spans import Change, Span, rebase, rebase_offset

EDITS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 15), st.integers(0, 4)), max_size=15)


def labelled(labels: list[bool], change: Change) -> list[bool]:
    """Labels after `change`: delete first; what is put in belongs to the span only with labels on either side."""
    start, end = change.span.start, change.span.end
    head, tail = labels[:start], labels[end:]
    return head + [any(head) and any(tail)] * len(change.text) + tail


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), EDITS)
def test_ownership(before: int, size: int, after: int, edits: list[tuple[int, int, int]]) -> None:
    labels = [False] * before + [True] * size + [False] * after
    span = Span(before, before + size)
    for at, removed, put in edits:
        at = min(at, len(labels))
        change = Change(Span(at, min(at + removed, len(labels))), "x" * put)
        labels, span = labelled(labels, change), rebase(span, change)
        owned = [index for index, label in enumerate(labels) if label]
        if owned:
            assert (span.start, span.end) == (owned[0], owned[-1] + 1)
            assert len(owned) == len(span)
        else:
            assert len(span) == 0
            assert 0 <= span.start <= len(labels)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 8), st.integers(0, 5), st.booleans())
def test_offset_stays_between_its_neighbours(offset: int, at: int, removed: int, put: int, after: bool) -> None:
    change = Change(Span(at, at + removed), "x" * put)
    moved = rebase_offset(offset, change, after_insertion=after)
    if offset < at:
        assert moved == offset
    elif offset > at + removed:
        assert moved == offset + put - removed
    else:
        assert at <= moved <= at + put
