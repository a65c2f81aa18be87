"""A declined offer: what the writer typed in its place, followed until it can be read. Makes no record itself."""

from __future__ import annotations

import re

from attrs import define

from stet.capture.rules import CaptureRules
from stet.capture.spans import Source
from stet.core.records import Outcome, Suggestion
from stet.core.spans import Change
from stet.core.text import TextBuffer

_WORD = re.compile(r"\S+")
_LONGEST = 4
"""A region grows to this many times the offer's length, and a bit: what comes later was not typed in its place."""


@define
class Declined:
    """The region [start, end) at an offer's place: everything in it was typed since the offer was made."""

    suggestion: Suggestion
    start: int
    end: int
    declined_at: float
    touched_at: float
    outcome: Outcome | None = None
    """The outcome it has already; None while the text decides between typed_instead and ignored."""
    frozen: bool = False
    """Nothing typed at the end belongs to it any more."""
    words: int = 0
    spoilt: str = ""
    """Why it is no y′ after all: generated."""

    @property
    def id(self) -> str:
        return self.suggestion.id


def follow(declined: Declined, change: Change, source: Source, now: float) -> bool:
    """Move the region over `change`; typed text at or in it belongs to it. True when the change met it."""
    at, cut_end, size = change.span.start, change.span.end, len(change.text)
    if at > declined.end:
        return False
    if at < declined.start:
        cut = max(0, min(declined.end, cut_end) - declined.start)
        front = min(declined.start, cut_end) - at
        declined.start += size - front
        declined.end += size - front - cut
        return cut > 0
    end = declined.end - max(0, min(declined.end, cut_end) - at)
    if at == end and declined.frozen:
        if at == declined.start:
            declined.start, declined.end = at + size, at + size
        else:
            declined.end = end
        return False
    if source is Source.TYPED:
        declined.end = end + size
    elif size:  # accepted or pasted: what was typed in front of it is all there will be
        declined.end, declined.frozen = at, True
    else:
        declined.end = end
    if declined.end - declined.start > _LONGEST * len(declined.suggestion.text) + 200:
        declined.frozen = True
    declined.touched_at = now
    return True


def due(declined: Declined, rules: CaptureRules) -> float:
    """When to read it: after the set time, or once more words were typed than were offered and it is quiet."""
    latest = declined.declined_at + rules.declined_seconds
    if declined.words > offered_words(declined.suggestion.text):
        return min(latest, declined.touched_at + rules.settle_seconds)
    return latest


def typed_instead(declined: Declined, buffer: TextBuffer, rules: CaptureRules, now: float, *, last: bool) -> str:
    """y′: what stands in the region, up to as many words as were offered; "" when there is nothing to learn.

    A word still being typed is left out, unless this is the `last` look. Begins with the white space that was typed.
    """
    if declined.spoilt:
        return ""
    text = buffer.slice(declined.start, declined.end)
    words = list(_WORD.finditer(text))
    if not words:
        return ""
    wanted = offered_words(declined.suggestion.text)
    if len(words) > wanted:
        return text[: words[wanted - 1].end()]
    goes_on = declined.frozen and buffer.slice(declined.end, declined.end + 1).strip() != ""
    quiet = last or now - declined.touched_at >= rules.settle_seconds
    if text[-1:].isspace() or (quiet and not goes_on):
        return text[: words[-1].end()]
    return text[: words[-2].end()] if len(words) > 1 else ""


def offered_words(text: str) -> int:
    """Words of an offer, at least 1."""
    return max(1, len(text.split()))
