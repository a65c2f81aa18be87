"""The five sentences of the ownership convention, each with its own example."""

from __future__ import annotations

import pytest

from stet.core.spans import Change, Span, rebase

TEXT = "one [two three four] five"
SPAN = Span(5, 19)


def kept(at: int, removed: int, put: str) -> str:
    change = Change(Span(at, at + removed), put)
    span = rebase(SPAN, change)
    return change.applied_to(TEXT)[span.start : span.end]


@pytest.mark.parametrize(
    ("at", "removed", "put", "expected"),
    [
        (9, 0, "X", "two Xthree four"),
        (5, 0, "X", "two three four"),
        (19, 0, "X", "two three four"),
        (2, 5, "", "o three four"),
        (9, 6, "", "two four"),
        (0, 4, "", "two three four"),
        (15, 9, "", "two three "),
        (9, 5, "3", "two 3 four"),
        (15, 4, "4", "two three "),
        (5, 3, "2", " three four"),
        (5, 14, "other", ""),
        (0, 25, "", ""),
    ],
    ids=[
        "insertion inside", "at the start", "at the end", "cut over the start", "cut inside", "cut before",
        "cut over the end", "middle replaced", "tail replaced", "head replaced", "whole replaced", "all gone",
    ],
)  # fmt: skip
def test_convention(at: int, removed: int, put: str, expected: str) -> None:
    assert kept(at, removed, put) == expected


def test_empty_span_stays_empty() -> None:
    assert len(rebase(Span(3, 3), Change(Span(3, 3), "abc"))) == 0
    assert rebase(Span(3, 3), Change(Span(0, 0), "abc")) == Span(6, 6)


def test_a_span_does_not_end_before_it_starts() -> None:
    with pytest.raises(ValueError, match=r"\[4, 2\)"):
        Span(4, 2)
