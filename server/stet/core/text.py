"""A document's text, held so that a keystroke in a long document costs as little as in a short one.

Lines sit in blocks; a change touches the blocks it meets and no other, and a place is looked up by bisection over the
blocks. Offsets and columns are Unicode code points; the
conversion from an editor's UTF-8, UTF-16 or UTF-32 columns happens in `stet.lsp`. Lines end at LF, CR LF or CR, and
nowhere else, as the Language Server Protocol has it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate

from stet.core.spans import Change, Span

BLOCK_LINES = 256
"""Lines in a fresh block; a block is split when it has grown to twice as many."""

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")


def split_lines(text: str) -> list[str]:
    """Lines of `text` with their ends; the last one is what follows the last line end, "" when nothing does."""
    lines = _LINE.findall(text)
    if not lines or lines[-1][-1] in "\r\n":
        lines.append("")
    return lines


class _Block:
    __slots__ = ("lines", "size")

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.size = sum(map(len, lines))


class TextBuffer:
    """Mutable text with line look-up. `len()` is its length in code points."""

    def __init__(self, text: str = "") -> None:
        self._blocks = _blocks_of(split_lines(text))
        self._length = len(text)
        self._starts: list[tuple[int, ...]] | None = None

    def __len__(self) -> int:
        return self._length

    def copy(self) -> TextBuffer:
        """Another buffer with the same text; costs a step for each block, for blocks are shared and never changed."""
        other = TextBuffer()
        other._blocks, other._length = list(self._blocks), self._length
        return other

    @property
    def text(self) -> str:
        """The whole text, joined: linear in its length, so not for every keystroke."""
        return "".join(line for block in self._blocks for line in block.lines)

    @property
    def line_count(self) -> int:
        """Number of lines; at least 1."""
        return self._index()[1][-1]

    def line(self, number: int) -> str:
        """Line `number` (from 0) without its line end; "" beyond the last line."""
        found = self._find_line(number)
        return found[0].rstrip("\r\n") if found else ""

    def offset(self, line: int, column: int) -> int:
        """Offset of a position, clamped: past a line's end is its end, past the last line is the text's end."""
        found = self._find_line(max(line, 0))
        if found is None:
            return self._length
        text, start = found
        return start + min(max(column, 0), len(text.rstrip("\r\n")))

    def position(self, offset: int) -> tuple[int, int]:
        """(line, column) of `offset`, clamped to the text."""
        offset = min(max(offset, 0), self._length)
        index, at = self._find_block(offset)
        lines, remaining = self._blocks[index].lines, offset - at
        for number, line in enumerate(lines):
            if remaining < len(line) or number == len(lines) - 1:
                return self._index()[1][index] + number, remaining
            remaining -= len(line)
        raise AssertionError("a block always has a line")

    def slice(self, start: int, end: int) -> str:
        """Text of [start, end), clamped."""
        start, end = max(start, 0), min(end, self._length)
        if start >= end:
            return ""
        index, at = self._find_block(start)
        parts: list[str] = []
        while at < end:
            block = self._blocks[index]
            parts.append("".join(block.lines)[max(0, start - at) : end - at])
            index, at = index + 1, at + block.size
        return "".join(parts)

    def apply(self, change: Change) -> str:
        """Make `change` and return the text that it removed. The span is clamped to the text."""
        start = min(change.span.start, self._length)
        end = min(change.span.end, self._length)
        first, first_at = self._find_block(start)
        last, _ = self._find_block(end)
        # An LF put behind a CR that ends the block before makes one line end of the two: take that block along.
        if first > 0 and start == first_at:
            first -= 1
            first_at -= self._blocks[first].size
        old = "".join(line for block in self._blocks[first : last + 1] for line in block.lines)
        removed = old[start - first_at : end - first_at]
        new = old[: start - first_at] + change.text + old[end - first_at :]
        lines = split_lines(new)
        if last + 1 < len(self._blocks):
            lines.pop()  # what follows the last line end is the next block's first line
        self._blocks[first : last + 1] = _blocks_of(lines)
        self._length += len(change.text) - (end - start)
        self._starts = None
        return removed

    def _index(self) -> list[tuple[int, ...]]:
        """Offsets, and numbers of lines, at which the blocks begin and the last one ends."""
        if self._starts is None:
            sizes, counts = [block.size for block in self._blocks], [len(block.lines) for block in self._blocks]
            self._starts = [tuple(accumulate(sizes, initial=0)), tuple(accumulate(counts, initial=0))]
        return self._starts

    def _find_line(self, number: int) -> tuple[str, int] | None:
        offsets, numbers = self._index()
        index = bisect_right(numbers, number) - 1
        if index >= len(self._blocks):
            return None
        lines, within = self._blocks[index].lines, number - numbers[index]
        return lines[within], offsets[index] + sum(map(len, lines[:within]))

    def _find_block(self, offset: int) -> tuple[int, int]:
        offsets = self._index()[0]
        index = min(bisect_right(offsets, offset), len(self._blocks)) - 1
        return index, offsets[index]


def whole_text_change(before: str, after: str) -> Change | None:
    """The one replacement that turns `before` into `after`, by their common head and tail; None when they are equal."""
    if before == after:
        return None
    head = _common_head(before, after)
    limit = min(len(before), len(after)) - head
    tail = _common_head(before[::-1][:limit], after[::-1][:limit])
    return Change(Span(head, len(before) - tail), after[head : len(after) - tail])


def _common_head(left: str, right: str) -> int:
    low, high = 0, min(len(left), len(right))
    while low < high:
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _blocks_of(lines: list[str]) -> list[_Block]:
    if len(lines) <= 2 * BLOCK_LINES:
        return [_Block(lines)] if lines else []
    return [_Block(lines[i : i + BLOCK_LINES]) for i in range(0, len(lines), BLOCK_LINES)]
