"""The text buffer where it is easy to be wrong; `tests/properties/test_text.py` has the rest."""

from __future__ import annotations

from stet.core.spans import Change, Span
from stet.core.text import TextBuffer


def test_equal_lines_are_told_apart() -> None:
    buffer = TextBuffer("\na\n\n")
    assert [buffer.position(offset) for offset in range(5)] == [(0, 0), (1, 0), (1, 1), (2, 0), (3, 0)]


def test_cr_and_lf_from_two_changes_are_one_line_end() -> None:
    buffer = TextBuffer("a\rb")
    assert buffer.line_count == 2
    buffer.apply(Change(Span(2, 2), "\n"))
    assert buffer.line_count == 2
    assert buffer.line(1) == "b"
    buffer.apply(Change(Span(2, 2), "x"))
    assert [buffer.line(number) for number in range(buffer.line_count)] == ["a", "x", "b"]


def test_a_long_document_keeps_its_lines() -> None:
    text = "".join(f"line {number}\n" for number in range(2000))
    buffer = TextBuffer(text)
    at = text.index("line 1000")
    assert buffer.apply(Change(Span(at, at + 4), "LINE\nNEW")) == "line"
    assert buffer.line(1000) == "LINE"
    assert buffer.line(1001) == "NEW 1000"
    assert buffer.line(2000) == "line 1999"
    assert buffer.offset(1001, 3) == at + 8
    assert buffer.position(at + 8) == (1001, 3)
