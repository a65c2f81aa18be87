"""Pairs joined, whole texts made small, repeated letters put where they were typed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from stet.capture.changes import joined, normalised, slid_insertion, text_changes, tight
from stet.core.spans import Change, Span
from stet.core.text import TextBuffer

TEXTS = st.text(alphabet=st.sampled_from("ab c.\n"), max_size=30)


def test_insert_then_delete_behind_it_is_one_replacement() -> None:
    assert joined([Change(Span(3, 3), "r"), Change(Span(4, 8), "")]) == [Change(Span(3, 7), "r")]


def test_delete_then_insert_is_one_replacement() -> None:
    assert joined([Change(Span(3, 7), ""), Change(Span(3, 3), "new")]) == [Change(Span(3, 7), "new")]


def test_typed_letters_that_were_sent_together_stay_apart() -> None:
    letters = [Change(Span(3, 3), "a"), Change(Span(4, 4), "b")]
    assert joined(letters) == letters


def test_a_line_end_put_in_with_a_text_is_part_of_it() -> None:
    parts = [Change(Span(3, 3), "\n"), Change(Span(4, 4), "Text."), Change(Span(9, 9), "\n")]
    assert joined(parts) == [Change(Span(3, 3), "\nText.\n")]


def test_repeated_letter_is_the_last_one() -> None:
    assert text_changes("hall", "halll") == [Change(Span(4, 4), "l")]
    assert text_changes("x The", "x TThe", [2]) == [Change(Span(3, 3), "T")]


def test_repeated_letter_begins_a_line() -> None:
    assert text_changes("The", "TThe") == [Change(Span(0, 0), "T")]
    assert text_changes("x\nThe", "x\nThe The") == [Change(Span(2, 2), "The ")]


def test_deleted_letter_is_the_last_of_equal_ones() -> None:
    assert text_changes("xaaax", "xaax", [3]) == [Change(Span(3, 4), "")]


def test_deleted_blank_at_a_line_end_is_the_one_at_the_caret() -> None:
    assert text_changes("He   \n", "He  \n", [4]) == [Change(Span(3, 4), "")]
    assert text_changes("He   \n", "He  \n", [2]) == [Change(Span(2, 3), "")]
    assert text_changes("He   \n", "He  \n", []) == [Change(Span(4, 5), "")]


def test_what_stands_whole_in_the_other_text_stays() -> None:
    assert text_changes("the Queen, and you see.", "the Queen, y.") == [
        Change(Span(11, 15), ""),
        Change(Span(12, 18), ""),
    ]
    assert text_changes("a b c", "a [b] c") == [Change(Span(2, 2), "["), Change(Span(4, 4), "]")]


def test_two_places_far_apart_are_two_changes() -> None:
    before = "One two three four five six seven."
    assert text_changes(before, before.replace("two", "2").replace("six", "6")) == [
        Change(Span(4, 7), "2"),
        Change(Span(22, 25), "6"),
    ]


def test_tight() -> None:
    assert tight(Change(Span(4, 9), "quilt"), "quick") == Change(Span(7, 9), "lt")
    assert tight(Change(Span(4, 9), "quick"), "quick") is None


def test_slid_insertion() -> None:
    after = TextBuffer("foo o bar bar")
    assert slid_insertion(Change(Span(9, 9), " bar"), after, 5) == Change(Span(5, 5), " bar")
    assert slid_insertion(Change(Span(9, 9), " bar"), after, 4) is None
    assert slid_insertion(Change(Span(9, 9), " bar"), after, 9) is None


@settings(max_examples=300, deadline=None)
@given(TEXTS, TEXTS, st.lists(st.integers(0, 30), max_size=2))
def test_text_changes_are_exact(before: str, after: str, carets: list[int]) -> None:
    text = before
    for change in text_changes(before, after, carets):
        text = change.applied_to(text)
    assert text == after


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9), TEXTS, st.booleans()), max_size=4))
def test_normalised_changes_come_to_the_same_text(before: str, edits: list[tuple[int, int, str, bool]]) -> None:
    text, sent = before, []
    for at, removed, put, whole in edits:
        at = min(at, len(text))
        change = Change(Span(at, min(at + removed, len(text))), put)
        after = change.applied_to(text)
        sent.append(Change(Span(0, len(text)), after) if whole else change)
        text = after
    made = before
    for change in normalised(sent, TextBuffer(before), [0]):
        made = change.applied_to(made)
    assert made == text
