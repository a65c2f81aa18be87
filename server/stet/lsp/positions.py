"""Positions of the wire to offsets and back. UTF-8, UTF-16 and UTF-32 columns exist only here."""

from __future__ import annotations

from lsprotocol import types

from stet.core.spans import Change, Span
from stet.core.text import TextBuffer

Encoding = types.PositionEncodingKind


def unit_length(text: str, encoding: str) -> int:
    """Length of `text` in units of `encoding`. A lone surrogate counts as one UTF-16 unit and three UTF-8 units."""
    if text.isascii() or encoding == Encoding.Utf32:
        return len(text)
    if encoding == Encoding.Utf8:
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def column_to_code_points(line: str, column: int, encoding: str) -> int:
    """Code points of `line` in front of `column` units, clamped; inside a character counts as before it."""
    if column <= 0:
        return 0
    if encoding == Encoding.Utf32 or line.isascii():
        return min(column, len(line))
    used = 0
    for index, character in enumerate(line):
        used += unit_length(character, encoding)
        if used > column:
            return index
    return len(line)


def to_offset(buffer: TextBuffer, position: types.Position, encoding: str) -> int:
    """Offset of a position of the wire in `buffer`, clamped to the line and to the text."""
    line = max(position.line, 0)
    return buffer.offset(line, column_to_code_points(buffer.line(line), position.character, encoding))


def to_position(buffer: TextBuffer, offset: int, encoding: str) -> types.Position:
    """Position on the wire of `offset`, clamped to the text."""
    line, column = buffer.position(offset)
    return types.Position(line=line, character=unit_length(buffer.line(line)[:column], encoding))


def to_changes(buffer: TextBuffer, events: list[types.TextDocumentContentChangeEvent], encoding: str) -> list[Change]:
    """The content changes of one notification as code-point changes, each in the text the one before left.

    A whole-text event is a change of the whole text; the recorder finds out what is new in it. `buffer` holds the text
    before the first event and is not changed.
    """
    if len(events) == 1 and isinstance(events[0], types.TextDocumentContentChangePartial):
        return [_partial(buffer, events[0], encoding)]
    changes: list[Change] = []
    scratch = buffer.copy()
    for event in events:
        if isinstance(event, types.TextDocumentContentChangePartial):
            change = _partial(scratch, event, encoding)
        else:
            change = Change(Span(0, len(scratch)), event.text)
        scratch.apply(change)
        changes.append(change)
    return changes


def utf16_prefix(text: str, units: int) -> str:
    """The head of `text` that is `units` UTF-16 units long; half a character is left out."""
    return text[: column_to_code_points(text, units, Encoding.Utf16)]


def _partial(buffer: TextBuffer, event: types.TextDocumentContentChangePartial, encoding: str) -> Change:
    start = to_offset(buffer, event.range.start, encoding)
    end = to_offset(buffer, event.range.end, encoding)
    return Change(Span(min(start, end), max(start, end)), event.text)
