"""What agrees with an offer's text, and what one keystroke may put in."""

from __future__ import annotations

import pytest

from stet.capture.offers import agreement, how_far, is_keystroke


@pytest.mark.parametrize(
    ("text", "standing", "expected"),
    [
        ("cats and", "cats", (4, 4)),
        ("cats and", "cars", (2, 2)),
        ("", "cats", (0, 0)),
        ("cats", "", (0, 0)),
        ("a\nb", "a\r\nb", (3, 4)),
        ("a\r\nb", "a\nb", (4, 3)),
        ("a\n    b", "a\n\tb", (7, 4)),
        ("a\n    b", "a\n  ", (4, 4)),
        ("a\n  b", "a\n    ", (4, 6)),
        ("say 'no'", "say ‘no’", (8, 8)),
        ("😀😀", "😀", (1, 1)),
    ],
)
def test_agreement(text: str, standing: str, expected: tuple[int, int]) -> None:
    assert agreement(text, standing) == expected


@pytest.mark.parametrize(
    "text",
    ["a", "é", "e\u0301", "😀", "👍🏽", "👩\u200d👩\u200d👧", "🇩🇪", "\n", "\r\n    ", "\t", "    ", "漢字", "ひらがな"],
)
def test_one_keystroke(text: str) -> None:
    assert is_keystroke(text)


@pytest.mark.parametrize("text", ["ab", " a", "a ", "\na", "😀😀", "漢字かなです", "été"])
def test_more_than_one_keystroke(text: str) -> None:
    assert not is_keystroke(text)


@pytest.mark.parametrize(
    ("since", "until", "how"),
    [
        (0, 3, "word"),
        (0, 4, "word"),
        (3, 9, "word"),
        (0, 10, "line"),
        (0, 9, "line"),
        (0, 5, "unknown"),
        (4, 14, "full"),
    ],
)
def test_how_far(since: int, until: int, how: str) -> None:
    if (since, until) == (3, 9):
        assert how_far("The quick fox", since, until) == how
    else:
        assert how_far("The quick\nfox.", since, until) == how
