"""Following an accepted span through changes, under both conventions: what is owned, and what was made of it.

`owned` is pure rebasing (`stet.core.spans.rebase`). `edited`, the region of y′, also takes in what the writer typed in
the place of a tail or head that was cut, up to the end of the sentence, and the rest of a word that goes on at its end.
Decides nothing about when a span is settled and makes no records.
"""

from __future__ import annotations

import re
from enum import Enum

from attrs import define, evolve, field, frozen

from stet.core.records import AcceptedSpan, Context, Outcome, SpanState, Suggestion
from stet.core.spans import Change, Span, rebase
from stet.core.text import TextBuffer


class Source(Enum):
    """Where a change's text comes from."""

    TYPED = "typed"
    FOREIGN = "foreign"
    """Accepted or pasted text, or a machine's: never y′ at an edge."""
    UNDO = "undo"
    """A step back to text that stood before."""


class Tail(Enum):
    """What typing at the end of `edited` means."""

    CLOSED = "closed"
    """Only the rest of its last word belongs to it."""
    MARKS = "marks"
    """Closing punctuation was cut: other punctuation belongs to it."""
    WORDS = "words"
    """Words were cut: everything up to the end of the sentence belongs to it."""


@frozen
class Cut:
    """The last deletion that took something from `edited`, to know it again when it is undone."""

    removed: str
    lead: int
    """Code points of `removed` in front of the part that was the span's."""
    size: int
    at: int
    """Where it was."""


@define
class Tracked:
    """One accepted span, live or settled."""

    suggestion: Suggestion
    first: int
    """Offset in the suggestion's text where the accepted part begins."""
    accepted: str
    owned: Span
    edited: Span
    accepted_at: float
    touched_at: float
    outcome: Outcome
    pieces: list[tuple[int, str]]
    """Accept by accept: up to where in the suggestion's text, and the text that landed. What an undo takes away."""
    pending_since: float | None
    """Time of the accept or of the first touch since the last record; None when there is nothing to read."""
    before: str = ""
    after: str = ""
    text: str = ""
    kept_text: str = ""
    state: SpanState = SpanState.LIVE
    version: int = 0
    tail: Tail = Tail.CLOSED
    head_open: bool = False
    reverted: bool = False
    flags: set[str] = field(factory=set)
    cut: Cut | None = None
    readings: int = 0
    """How many of the set times after the accept have passed (`stet.core.retention.READINGS`)."""
    last_reading: tuple[str, str, str, tuple[str, ...], Outcome] | None = None
    """What the last record said, so that nothing is recorded twice."""

    @property
    def id(self) -> str:
        return self.suggestion.id

    def context(self) -> Context:
        """x as it was when the accepted part began: with what the writer had typed of the suggestion by then."""
        context = self.suggestion.context
        return evolve(context, prefix=context.prefix + self.suggestion.text[: self.first]) if self.first else context

    def read(self, buffer: TextBuffer, width: int) -> None:
        """Take over texts from `buffer`, with `width` code points on either side."""
        self.text = buffer.slice(self.edited.start, self.edited.end)
        self.kept_text = buffer.slice(self.owned.start, self.owned.end)
        self.before = buffer.slice(self.edited.start - width, self.edited.start)
        self.after = buffer.slice(self.edited.end, self.edited.end + width)

    def snapshot(self) -> AcceptedSpan:
        """The span as it is journalled; texts as of the last `read`."""
        return AcceptedSpan(
            suggestion=self.suggestion,
            accepted=self.accepted,
            owned=self.owned,
            edited=self.edited,
            text=self.text,
            accepted_at=self.accepted_at,
            touched_at=self.touched_at,
            outcome=self.outcome,
            state=self.state,
            version=self.version,
            before=self.before,
            after=self.after,
            kept_text=self.kept_text,
        )


_SENTENCE_END = re.compile(r"[.?!。？！]|(?=[\r\n])")
_WORD = re.compile(r"\w")
_WORD_HEAD = re.compile(r"\w+")
_MARKS_HEAD = re.compile(r"[^\w\s]+")


def follow(tracked: Tracked, change: Change, removed: str, source: Source, letter_before: bool) -> bool:
    """Move `tracked` over `change`, which took `removed` away. True when it met the span inside or at an edge.

    `letter_before` says whether a word character stands in front of the change's place.
    """
    at, cut_end, old = change.span.start, change.span.end, tracked.edited
    if at > old.end:
        if change.text and source is not Source.UNDO:
            tracked.tail = Tail.CLOSED  # the writer has moved on
        return False
    if cut_end < old.start or (cut_end == old.start and at < cut_end and not change.text):
        tracked.owned, tracked.edited = rebase(tracked.owned, change), rebase(old, change)
        if tracked.cut is not None:
            tracked.cut = evolve(tracked.cut, at=tracked.cut.at + change.delta)
        return False
    lost = removed[max(0, old.start - at) : max(0, old.end - at)]
    undone = _undone(tracked, change) if source is Source.UNDO else None
    tracked.owned = rebase(tracked.owned, change)
    if undone is not None:
        tracked.edited, tracked.cut = undone, None
    else:
        if lost:
            _note_cut(tracked, change, removed, lost)
        tracked.edited = rebase(old, change)
        if change.text:
            tracked.edited = _with_typed_edge(tracked, old, change, source, letter_before)
    if not len(tracked.owned):  # an empty one stays empty, and within the region
        place = min(max(tracked.owned.start, tracked.edited.start), tracked.edited.end)
        tracked.owned = Span(place, place)
    return True


def trimmed(start: int, text: str) -> Span:
    """The range of `text`, which stands at `start`, without white space at either end."""
    lead = len(text) - len(text.lstrip())
    return Span(start + lead, start + max(lead, len(text.rstrip())))


def _note_cut(tracked: Tracked, change: Change, removed: str, lost: str) -> None:
    """Open the edges that `change` cut: what is typed there now takes the place of what was the span's."""
    at, old = change.span.start, tracked.edited
    lead = max(0, old.start - at)
    tracked.cut = Cut(removed, lead, len(lost), at)
    whole = len(lost) == len(old)
    if whole and _WORD.search(removed[:lead] + removed[lead + len(lost) :]):
        tracked.tail, tracked.head_open = Tail.CLOSED, False  # a larger piece went: what replaces it is not the span's
        return
    if change.span.end >= old.end:
        tracked.tail = Tail.WORDS if tracked.tail is Tail.WORDS or _WORD.search(lost) else Tail.MARKS
    if at <= old.start and not _WORD.search(removed[:lead]):
        tracked.head_open = True


def _with_typed_edge(tracked: Tracked, old: Span, change: Change, source: Source, letter_before: bool) -> Span:
    """The rebased region with as much of the inserted text as was typed in place of a cut edge."""
    new, at, size = tracked.edited, change.span.start, len(change.text)
    if source is Source.FOREIGN:
        if at == new.end:
            tracked.tail = Tail.CLOSED
        return new
    if at == new.end:
        return Span(new.start, new.end + _taken(tracked, change.text, letter_before and len(new) > 0))
    if at == old.start and at + size == new.start and tracked.head_open:
        return Span(at, new.end)
    return new


def _taken(tracked: Tracked, text: str, word_goes_on: bool) -> int:
    """Code points of `text`, typed at the end of the region, that belong to it."""
    if tracked.tail is Tail.WORDS:
        end = _SENTENCE_END.search(text)
        if end is None:
            return len(text)
        tracked.tail = Tail.CLOSED
        return end.end()
    marks = _MARKS_HEAD.match(text) if tracked.tail is Tail.MARKS else None
    if marks is not None:
        return marks.end()
    tracked.tail = Tail.CLOSED
    word = _WORD_HEAD.match(text) if word_goes_on else None
    return word.end() if word else 0


def _undone(tracked: Tracked, change: Change) -> Span | None:
    """The region when `change` puts back what the last cut took; None when it does something else."""
    cut, at = tracked.cut, change.span.start
    if cut is None or change.text != cut.removed or cut.at != at:
        return None
    rest = rebase(tracked.edited, Change(change.span, ""))
    mine = Span(at + cut.lead, at + cut.lead + cut.size)
    if rest.end < at or rest.start > at:
        return None
    # What is left of the region lies in front of the place, behind it, or on both sides.
    start = rest.start if rest.start < at else mine.start
    end = rest.end + len(change.text) if rest.end > at else mine.end
    return Span(start, end)
