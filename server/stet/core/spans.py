"""Half-open ranges of a text and how a change moves them. Offsets are Unicode code points.

Two conventions live side by side, because they answer different questions:

- *ownership* (`rebase`): which characters of the region still come from the suggestion. Text typed at either edge is
  outside; text that replaces the tail, the head or the whole is outside too. This is the convention of the CoAuthor
  answer key and the basis of every retention figure.
- *edit* (kept by `stet.capture`): what the writer put in the suggestion's place, which is the y′ to learn from.
"""

from __future__ import annotations

from attrs import field, frozen
from attrs.validators import ge


@frozen(order=True)
class Span:
    """Half-open range [start, end) in code points."""

    start: int = field(validator=ge(0))
    end: int = field(validator=ge(0))

    def __attrs_post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"span [{self.start}, {self.end}) ends before it starts")

    def __len__(self) -> int:
        return self.end - self.start

    def moved(self, by: int) -> Span:
        """The same range, `by` code points further on."""
        return Span(self.start + by, self.end + by)


@frozen
class Change:
    """One replacement: the text of `span` gives way to `text`. Offsets are those of the text before it."""

    span: Span
    text: str

    @property
    def delta(self) -> int:
        """Growth of the text in code points; negative when it shrinks."""
        return len(self.text) - len(self.span)

    def applied_to(self, text: str) -> str:
        """`text` after the change."""
        return text[: self.span.start] + self.text + text[self.span.end :]


def rebase_offset(offset: int, change: Change, *, after_insertion: bool = True) -> int:
    """Where `offset` stands after `change`.

    An offset inside the replaced range moves to the range's start, or behind the new text when `after_insertion`.
    An insertion exactly at the offset pushes it right when `after_insertion`.
    """
    start, end = change.span.start, change.span.end
    if offset < start or (offset == start and not (after_insertion and start == end)):
        return offset
    if offset >= end:
        return offset + change.delta
    return start + (len(change.text) if after_insertion else 0)


def rebase(span: Span, change: Change) -> Span:
    """`span` after `change` under the ownership convention (delete first, then insert at the same place).

    An insertion belongs to the span only when it lands strictly inside what is left of it.
    """
    at, cut_end = change.span.start, change.span.end
    start = span.start - max(0, min(span.start, cut_end) - at)
    end = span.end - max(0, min(span.end, cut_end) - at)
    size = len(change.text)
    if not size or at >= end:
        return Span(start, end)
    return Span(start, end + size) if at > start else Span(start + size, end + size)
