"""How a span comes to be and to be again: it lands, grows piece by piece, is undone and redone, and outlives a restart.

Knows spans and texts, not offers; makes no effects.
"""

from __future__ import annotations

from stet.capture.spans import Tail, Tracked, trimmed
from stet.core.records import AcceptedSpan, Outcome, SpanState, Suggestion
from stet.core.spans import Change, Span


def landed(suggestion: Suggestion, since: int, until: int, start: int, text: str, now: float) -> Tracked:
    """A fresh span for `suggestion.text[since:until]`, which stands at `start` as `text`.

    White space at either end is not part of the span. `text` must hold more than white space.
    """
    span = trimmed(start, text)
    return Tracked(
        suggestion=suggestion,
        first=since,
        accepted=suggestion.text[since:until],
        owned=span,
        edited=span,
        accepted_at=now,
        touched_at=now,
        outcome=Outcome.PARTIALLY_ACCEPTED,
        pieces=[(until, text)],
        pending_since=now,
    )


def grow(tracked: Tracked, until: int, start: int, text: str) -> None:
    """A further accept, up to `until` in the suggestion's text: all of it stands at `start` as `text`."""
    known = sum(len(piece) for _, piece in tracked.pieces)
    tracked.pieces.append((until, text[known:]))
    tracked.accepted = tracked.suggestion.text[tracked.first : until]
    tracked.owned = tracked.edited = trimmed(start, text)
    tracked.tail, tracked.head_open, tracked.cut = Tail.CLOSED, False, None


def pieces_undone(tracked: Tracked, change: Change, removed: str) -> int:
    """Before `change` is followed: how many of the newest accepts it is the exact inverse of; 0 for none."""
    text = "".join(piece for _, piece in tracked.pieces)
    start = tracked.edited.start - (len(text) - len(text.lstrip()))
    if change.text or not removed or start < 0 or tracked.edited != trimmed(start, text):
        return 0
    for count in range(1, len(tracked.pieces) + 1):
        if removed == "".join(piece for _, piece in tracked.pieces[-count:]):
            return count if change.span.end == start + len(text) else 0
    return 0


def take_back(tracked: Tracked, count: int) -> None:
    """After the change was followed: the newest `count` accepts did not happen. With none left it is `reverted`."""
    tracked.tail, tracked.head_open = Tail.CLOSED, False
    if count < len(tracked.pieces):
        del tracked.pieces[-count:]
        tracked.accepted = tracked.suggestion.text[tracked.first : tracked.pieces[-1][0]]
        tracked.outcome, tracked.cut = Outcome.PARTIALLY_ACCEPTED, None
    else:
        tracked.reverted = True


def is_redo(tracked: Tracked, change: Change) -> bool:
    """Before `change` is followed: whether it puts back what an undo took."""
    cut = tracked.cut
    return tracked.reverted and cut is not None and (change.text, change.span.start) == (cut.removed, cut.at)


def put_back(tracked: Tracked, start: int, text: str) -> None:
    """After the change was followed: `text`, accepted once and taken away, stands at `start` again.

    What is owned stays empty: under the ownership convention, text that was restored is new text.
    """
    tracked.edited = trimmed(start, text)
    tracked.owned = Span(tracked.edited.start, tracked.edited.start)
    tracked.reverted, tracked.cut = False, None


def resumed(span: AcceptedSpan) -> Tracked:
    """A journalled span as one that is followed again. How it was put in, piece by piece, is not known any more."""
    return Tracked(
        suggestion=span.suggestion,
        first=max(0, span.suggestion.text.find(span.accepted)),
        accepted=span.accepted,
        owned=span.owned,
        edited=span.edited,
        accepted_at=span.accepted_at,
        touched_at=span.touched_at,
        outcome=span.outcome,
        pieces=[],
        pending_since=None if span.state is SpanState.SETTLED else span.touched_at,
        before=span.before,
        after=span.after,
        text=span.text,
        kept_text=span.kept_text,
        state=span.state,
        version=span.version,
    )
