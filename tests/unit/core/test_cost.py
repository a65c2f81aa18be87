"""The edit cost, in worked numbers."""

from __future__ import annotations

import pytest

from stet.core.cost import edit_cost, edit_distance, word_tokens


def test_tokens() -> None:
    assert word_tokens("Don't stop, dad’s here!") == ["Don't", "stop", ",", "dad’s", "here", "!"]
    assert word_tokens(" \n\t") == []


@pytest.mark.parametrize(
    ("before", "after", "distance", "cost"),
    [
        ("a good day .", "a good day .", 0, 0.0),
        ("a good day.", "a fine day.", 1, 0.25),
        ("a good day.", "", 4, 1.0),
        ("yes", "no, not at all", 5, 5.0),
        ("", "two words", 2, 2.0),
        ("", "", 0, 0.0),
    ],
)
def test_cost(before: str, after: str, distance: int, cost: float) -> None:
    assert edit_distance(before, after) == distance
    assert edit_cost(before, after) == cost
