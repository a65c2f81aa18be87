"""The peers' formulas, with numbers worked by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stet.core.retention import (
    difference,
    four_gram,
    kept_rate,
    lexeme_fraction,
    no_revert,
    retention,
    unchanged,
    untouched,
)

TEXT = st.text(alphabet="ab c.\n", max_size=30)


def test_kept_rate_of_an_insertion_counts_the_characters_of_kept_words() -> None:
    # "the", " ", "red", " ", "fox" are 11 characters; "red" (3) was replaced.
    assert kept_rate("", "the red fox", "the old fox") == pytest.approx(8 / 11)
    assert kept_rate("", "the red fox", "") == 0
    assert kept_rate("", "the red fox", "well, the red fox ran") == 1


def test_kept_rate_of_a_replacement_counts_what_stays_deleted() -> None:
    # old "a b" became "a c": "c" is new (1), "b" is deleted (1). Now "a d": "b" is still gone, "c" is not kept.
    assert kept_rate("a b", "a c", "a d") == pytest.approx(1 / 2)
    assert kept_rate("a b", "a c", "a b") == 0
    assert kept_rate("a b", "a c", "a c") == 1


def test_kept_rate_is_nothing_when_the_lengths_went_far_apart() -> None:
    assert kept_rate("", "word", "word" + " more" * 200) == 0


def test_four_gram() -> None:
    # "abcde": abcd bcde; "abcdf": abcd bcdf. N = 2 + 2, two grams differ by 1 each.
    assert four_gram("abcde", "abcdf") == pytest.approx((4 - 2) / 4)
    assert four_gram("abc", "abc") == 1
    assert four_gram("abc", "abcd") == 0


def test_no_revert() -> None:
    assert no_revert("", "anything", "else") == 1
    assert no_revert("abcde", "vwxyz", "abcde") == 0
    assert no_revert("abcde", "vwxyz", "vwxyz") == 1
    assert no_revert("abcde", "vwxyz", "abcdf") == pytest.approx(1 - 0.5)


def test_untouched_difference_and_unchanged() -> None:
    assert untouched("abcdef", "abXdef") == pytest.approx(5 / 6)
    assert difference("abcdef", "abXdef") == pytest.approx(1 / 6)
    assert difference("abc", "") == 1
    # The two lines changed places and one lost a letter: each finds the other again.
    assert unchanged("one two\nthree", "thre\none two") == pytest.approx((7 + 4) / 12)
    assert unchanged("one", "") == 0


def test_lexeme_fraction_finds_the_text_inside_other_text() -> None:
    assert lexeme_fraction(" the red fox", "He saw the red fox run.") == 0
    assert lexeme_fraction("the red fox", "the old fox") == pytest.approx(1 / 3)
    assert lexeme_fraction("the red fox", "") == 1


@given(TEXT, TEXT, TEXT)
def test_bounds(old: str, new: str, now: str) -> None:
    reading = retention(15, new, now, old)
    for value in (
        reading.kept_rate,
        reading.four_gram,
        reading.no_revert,
        reading.untouched,
        reading.difference,
        reading.unchanged,
    ):
        assert 0 <= value <= 1
    same = retention(15, new, new, old)
    assert (same.kept_rate, same.four_gram, same.untouched, same.difference, same.still_there) == (1, 1, 1, 0, True)
