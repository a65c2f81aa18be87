"""TextBuffer against a plain string, with tiny blocks so that every seam is met; line ends are split and joined."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stet.core.text
from stet.core.spans import Change, Span
from stet.core.text import TextBuffer, split_lines, whole_text_change

TEXTS = st.text(alphabet=st.sampled_from("ab \r\n\t😀é\u0301\u2028\x0b"), max_size=40)
EDITS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12), TEXTS), max_size=12)


@pytest.fixture(params=[1, 2, 3, 256], autouse=True)
def block_lines(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stet.core.text, "BLOCK_LINES", request.param)


def naive_lines(text: str) -> list[str]:
    return re.split(r"\r\n|\n|\r", text)


def naive_starts(text: str) -> list[int]:
    return [0, *(found.end() for found in re.finditer(r"\r\n|\n|\r", text))]


@settings(max_examples=150, deadline=None)
@given(TEXTS, EDITS)
def test_buffer_is_a_string(text: str, edits: list[tuple[int, int, str]]) -> None:
    buffer = TextBuffer(text)
    for start, size, put in edits:
        start = min(start, len(text))
        end = min(start + size, len(text))
        change = Change(Span(start, end), put)
        assert buffer.apply(change) == text[start:end]
        text = change.applied_to(text)
        assert buffer.text == text
        assert len(buffer) == len(text)
    lines, starts = naive_lines(text), naive_starts(text)
    assert buffer.line_count == len(lines)
    assert [buffer.line(number) for number in range(len(lines) + 1)] == [*lines, ""]
    for offset in range(len(text) + 1):
        number = max(n for n, start in enumerate(starts) if start <= offset)
        assert buffer.position(offset) == (number, offset - starts[number])
        assert buffer.slice(offset, offset + 5) == text[offset : offset + 5]
    for number, line in enumerate(lines):
        for column in range(len(line) + 2):
            assert buffer.offset(number, column) == starts[number] + min(column, len(line))


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.integers(-5, 60), st.integers(-5, 60))
def test_clamping(text: str, low: int, high: int) -> None:
    buffer = TextBuffer(text)
    assert buffer.slice(low, high) == text[max(low, 0) : max(high, 0)]
    assert buffer.position(low) == buffer.position(min(max(low, 0), len(text)))
    assert buffer.offset(10_000, low) == len(text)


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_lines_join_to_the_text(text: str) -> None:
    assert "".join(split_lines(text)) == text
    assert [line.rstrip("\r\n") for line in split_lines(text)] == naive_lines(text)


@settings(max_examples=200, deadline=None)
@given(TEXTS, TEXTS)
def test_whole_text_change_is_exact_and_tight(before: str, after: str) -> None:
    change = whole_text_change(before, after)
    if change is None:
        assert before == after
        return
    assert change.applied_to(before) == after
    removed = before[change.span.start : change.span.end]
    assert removed[:1] != change.text[:1] or not removed or not change.text
    assert removed[-1:] != change.text[-1:] or not removed or not change.text
