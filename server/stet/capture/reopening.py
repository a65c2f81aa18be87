"""Documents that were closed a while ago: reopened, renamed or saved under another name, their spans come back.

A rename reaches a server as a close and an open, in either order, with the same text. What the spans' records said at
the close stands; a later edit makes a new version.
"""

from __future__ import annotations

from collections import OrderedDict

from attrs import define, evolve, field

from stet.capture import settle
from stet.capture.anchor import anchored
from stet.capture.document import Document
from stet.capture.effects import Effect, SpanTouched
from stet.capture.rules import CaptureRules
from stet.core.records import SpanState

RENAME_SECONDS = 30.0
"""Longest time between close and open of one document under two names."""
_MOST = 16
_MOST_CHARACTERS = 4_000_000
"""What is kept of closed documents, all together."""


@define
class Shelf:
    """Closed documents with spans, newest last."""

    _closed: OrderedDict[str, tuple[Document, float]] = field(factory=OrderedDict)

    def put(self, uri: str, document: Document, now: float) -> None:
        """Keep a document that was closed at `now`; old ones give way."""
        self._closed[uri] = document, now
        self._closed.move_to_end(uri)
        while (
            len(self._closed) > _MOST or sum(len(kept.buffer) for kept, _ in self._closed.values()) > _MOST_CHARACTERS
        ):
            self._closed.popitem(last=False)

    def take(self, uri: str, text: str, now: float) -> Document | None:
        """The document that was closed under `uri`, or a moment ago under another name with just this text."""
        if uri in self._closed:
            return self._closed.pop(uri)[0]
        for other, (document, closed_at) in reversed(self._closed.items()):
            if now - closed_at <= RENAME_SECONDS and document.buffer.text == text:
                del self._closed[other]
                return document
        return None


def adopted(old: Document, new: Document, uri: str, text: str, now: float, rules: CaptureRules) -> list[Effect]:
    """The spans of `old` go on in `new`, which was opened as `uri` with `text`.

    Where the text is another one they are looked for; one that is not found stays as it was left at the close.
    """
    effects: list[Effect] = []
    same = old.buffer.text == text
    for tracked in old.spans.values():
        waits = tracked.pending_since is not None
        if not same:
            found = anchored(tracked.snapshot(), text)
            if found.span is None:
                effects += [*settle.settled(tracked, now, "lost"), *settle.closed(tracked, "lost")] if waits else []
                continue
            tracked.owned, tracked.edited = found.span.owned, found.span.edited
            tracked.flags.add("restored")
        context = evolve(tracked.suggestion.context, document=uri)
        tracked.suggestion = evolve(tracked.suggestion, context=context)
        tracked.state = SpanState.LIVE if waits else SpanState.SETTLED
        tracked.read(new.buffer, rules.context_characters)
        new.spans[tracked.id] = tracked
        effects.append(SpanTouched(tracked.snapshot()))
    return effects
