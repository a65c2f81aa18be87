"""What is cut off a raw completion, and what is withheld and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stet.completion.filters import Reason, shape
from stet.core.records import Context


def context(prefix: str = "I shall", suffix: str = "") -> Context:
    return Context("file:///a.txt", prefix, suffix)


@pytest.mark.parametrize(
    ("raw", "prefix", "suffix", "cut_short", "text"),
    [
        (" gladly come.", "I shall", "", False, " gladly come."),
        (" gladly come. And then we", "I shall", "", True, " gladly come."),
        (" gladly co", "I shall", "", True, " gladly"),
        ("gladly come", "I shall ", "", False, "gladly come"),
        (" gladly come", "I shall ", "", False, "gladly come"),
        (" gladly come\nNext line", "I shall", "", False, " gladly come"),
        (" gladly come", "I shall", " come\nlater", False, " gladly"),
        (" Mr. Smith is kind.", "Yes,", "", False, " Mr. Smith is kind."),
        ("明日行きます。そして", "私は", "", True, "明日行きます。"),
    ],
)
def test_shaped(raw: str, prefix: str, suffix: str, cut_short: bool, text: str) -> None:
    assert shape(raw, context(prefix, suffix), cut_short=cut_short).text == text


@pytest.mark.parametrize(
    ("raw", "prefix", "suffix", "cut_short", "reason"),
    [
        ("", "I shall", "", False, Reason.EMPTY),
        ("   \n", "I shall", "", False, Reason.EMPTY),
        (" glad", "I shall", "", True, Reason.EMPTY),
        (" ha ha ha", "I said", "", False, Reason.REPETITION),
        (" one two one two one two", "So", "", False, Reason.REPETITION),
        (" we will go home", "and we will go home", "", False, Reason.REPETITION),
        (" come home", "I shall", " come home now", False, Reason.REPEATS_SUFFIX),
        ("ing", "walk", "ed away", False, Reason.INSIDE_WORD),
        (" a\x00b", "I", "", False, Reason.BROKEN),
        (" caf\ufffd", "I", "", False, Reason.BROKEN),
        (" caf\ud800", "I", "", False, Reason.BROKEN),
    ],
)
def test_withheld(raw: str, prefix: str, suffix: str, cut_short: bool, reason: Reason) -> None:
    shaped = shape(raw, context(prefix, suffix), cut_short=cut_short)
    assert (shaped.text, shaped.reason) == ("", reason)


@given(st.text(), st.text(), st.text(), st.booleans())
def test_any_text_gives_one_clean_line_or_a_reason(raw: str, prefix: str, suffix: str, cut_short: bool) -> None:
    shaped = shape(raw, context(prefix, suffix), cut_short=cut_short)
    assert bool(shaped.text) == (shaped.reason is None)
    assert "\n" not in shaped.text
    assert shaped.text.strip() == "" or shaped.text.strip() in raw.replace("\r", "")
    if shaped.text and prefix[-1:].isspace():
        assert not shaped.text[0].isspace()
