"""Positions of the wire and back, in every encoding, with astral characters, CR LF, and positions beyond the text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from stet.core.spans import Span
from stet.core.text import TextBuffer
from stet.lsp.positions import to_changes, to_offset, to_position, unit_length, utf16_prefix

TEXTS = st.text(st.sampled_from("ab \n\r\t😀é́語א\ud800"), max_size=40)
ENCODINGS = st.sampled_from(["utf-8", "utf-16", "utf-32"])


@given(TEXTS, ENCODINGS, st.data())
def test_there_and_back(text: str, encoding: str, data: st.DataObject) -> None:
    buffer = TextBuffer(text)
    offset = data.draw(st.integers(0, len(text)))
    position = to_position(buffer, offset, encoding)
    line = buffer.line(position.line)
    inside_line_end = buffer.position(offset)[1] > len(line)
    assert inside_line_end or to_offset(buffer, position, encoding) == offset


@given(TEXTS, ENCODINGS, st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1))
def test_any_position_is_clamped_into_the_text(text: str, encoding: str, line: int, character: int) -> None:
    assert 0 <= to_offset(TextBuffer(text), types.Position(line, character), encoding) <= len(text)


def test_units() -> None:
    assert [unit_length("a😀é", encoding) for encoding in ("utf-8", "utf-16", "utf-32")] == [7, 4, 3]


def test_half_a_character_counts_as_before_it() -> None:
    assert utf16_prefix("a😀b", 2) == "a"
    assert to_offset(TextBuffer("😀b"), types.Position(0, 1), "utf-16") == 0
    assert to_offset(TextBuffer("é!"), types.Position(0, 1), "utf-8") == 0


@given(TEXTS, st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), TEXTS), max_size=5), ENCODINGS)
def test_range_changes_equal_plain_slicing(text: str, edits: list[tuple[int, int, str]], encoding: str) -> None:
    """Each event in the text the one before left; offsets never split CR LF, which no editor addresses."""
    expected, events = text, []
    for one, two, new in edits:
        buffer = TextBuffer(expected)
        start, end = (to_position(buffer, min(offset, len(expected)), encoding) for offset in sorted((one, two)))
        span = Span(to_offset(buffer, start, encoding), to_offset(buffer, end, encoding))
        expected = expected[: span.start] + new + expected[span.end :]
        events.append(types.TextDocumentContentChangePartial(range=types.Range(start, end), text=new))
    buffer = TextBuffer(text)
    changes = to_changes(buffer, events, encoding)
    assert buffer.text == text
    for change in changes:
        buffer.apply(change)
    assert buffer.text == expected


@given(TEXTS, TEXTS)
def test_a_whole_text_event_replaces_the_whole_text(before: str, after: str) -> None:
    buffer = TextBuffer(before)
    (change,) = to_changes(buffer, [types.TextDocumentContentChangeWholeDocument(text=after)], "utf-16")
    buffer.apply(change)
    assert buffer.text == after
