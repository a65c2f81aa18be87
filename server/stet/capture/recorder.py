"""All open documents of one editor window: offers, changes, signals and time in; effects for the store out.

Pure: no I/O, no clock, no randomness; `now` is Unix time in seconds and never goes backwards. What the effects say
is written by `stet.assistant`; whether a document may be captured at all is asked of `stet.capture.privacy` before an
offer is made. A document without offers costs no more than its text buffer.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from stet.capture import declined as declining
from stet.capture import settle
from stet.capture.anchor import anchored
from stet.capture.classify import plain, typed_instead_record
from stet.capture.declined import Declined
from stet.capture.document import Document
from stet.capture.effects import Effect, OfferEnded, RecordMade, Signal, SignalKind, SpanTouched
from stet.capture.landing import resumed
from stet.capture.offers import OpenOffer, Step, Verdict, how_far, standing_length
from stet.capture.reopening import RENAME_SECONDS, Shelf, adopted
from stet.capture.rules import CaptureRules
from stet.capture.spans import Tracked
from stet.core.cost import word_tokens
from stet.core.records import AcceptedSpan, Outcome, Suggestion
from stet.core.retention import READINGS
from stet.core.spans import Change, Span
from stet.core.text import TextBuffer


@frozen
class OfferView:
    """The open offer of a document, as the outside may see it."""

    suggestion: Suggestion
    start: int
    """Offset in the document where its text begins."""
    typed: int
    """Code points of its text that stand there by now, typed or accepted."""
    accepted: int
    """Code points of its text up to which it was accepted; 0 for none."""


class Recorder:
    """Holds every open document's text and what is being followed in it."""

    def __init__(self, rules: CaptureRules) -> None:
        """`rules` may be replaced at any time and hold from the next call on."""
        self.rules = rules
        self._documents: dict[str, Document] = {}
        self._changed_at: dict[str, float] = {}
        self._shelf = Shelf()

    # -- documents -------------------------------------------------------------------------------------------------

    def opened(self, document: str, text: str, now: float) -> list[Effect]:
        """Follow `document` from here on. One that is open already is taken to have been reloaded with `text`.

        Spans of a document that was closed come back with it, also under another name (renamed, saved as).
        """
        known = self._documents.get(document)
        if known is None:
            self._documents[document] = Document(TextBuffer(text), opened_at=now)
            old = self._shelf.take(document, text, now)
            return adopted(old, self._documents[document], document, text, now, self.rules) if old else []
        whole = Change(Span(0, len(known.buffer)), text)
        return self.changed(document, [whole], now)

    def closed(self, document: str, now: float) -> list[Effect]:
        """Stop following: live spans settle with the flag early, offers end. Unknown documents: no effect."""
        known = self._documents.pop(document, None)
        self._changed_at.pop(document, None)
        if known is None:
            return []
        effects = known.end(Outcome.IGNORED, now, "closed")
        for item in known.declined.values():
            effects += self._resolved(known, item, now, last=True)
        for tracked in known.spans.values():
            if not self.rules.settle_on_close and tracked.pending_since is not None:
                effects.append(SpanTouched(tracked.snapshot()))
                continue
            if tracked.pending_since is not None:
                effects += settle.settled(tracked, now, "early")
            effects += settle.closed(tracked, "closed")
        if not known.spans:
            return effects
        text = known.buffer.text
        for uri, other in self._documents.items():  # saved as: the new one was opened before the old one was closed
            if now - other.opened_at <= RENAME_SECONDS and not other.spans and other.buffer.text == text:
                return effects + adopted(known, other, uri, text, now, self.rules)
        self._shelf.put(document, known, now)
        return effects

    def saved(self, document: str, now: float) -> list[Effect]:
        """The document was saved: what waits to be read is read now, if the rules say so."""
        known = self._documents.get(document)
        if known is None or not self.rules.settle_on_save:
            return []
        effects: list[Effect] = []
        for tracked in list(known.spans.values()):
            if tracked.pending_since is not None:
                effects += self._settled(known, tracked, now)
        return effects

    def changed(self, document: str, changes: Sequence[Change], now: float) -> list[Effect]:
        """The changes of one notification, each in the text the one before left; offsets beyond the end are clamped.

        A whole new text is one change over everything. Unknown documents: no effect.
        """
        known = self._documents.get(document)
        if known is None:
            return []
        self._changed_at[document] = now
        busy = sum(now - at <= 1.0 for at in self._changed_at.values())
        return known.changed(changes, now, self.rules, mass=busy >= self.rules.other_documents)

    def buffer(self, document: str) -> TextBuffer | None:
        """The text of an open document, not to be changed by the caller; None for one that is not open."""
        known = self._documents.get(document)
        return known.buffer if known else None

    # -- offers ----------------------------------------------------------------------------------------------------

    def offered(self, suggestion: Suggestion, start: int, now: float, *, menu: bool = False) -> list[Effect]:
        """`suggestion`, whose text begins at `start`, was returned to the client; `menu`: for its completion menu.

        It ends an open offer of another id: superseded when at the same place, ignored when made elsewhere. The same id
        again keeps its progress. How much of the text stands at `start` already is read off the document.
        """
        known = self._documents.get(suggestion.context.document)
        if known is None or not suggestion.text.strip():
            return []
        offer = known.offer
        if offer is not None and offer.suggestion.id == suggestion.id and offer.complete_at is None:
            return []
        effects: list[Effect] = []
        if offer is not None:
            here = offer.start <= start <= offer.end
            effects = known.end(Outcome.SUPERSEDED if here else Outcome.IGNORED, now, "newer" if here else "elsewhere")
        again = known.declined.get(suggestion.id)
        if again is not None and again.outcome is not None:
            return effects
        known.declined.pop(suggestion.id, None)
        start = min(max(start, 0), len(known.buffer))
        known.open(OpenOffer(suggestion, start, start, 0, now, menu=menu))
        return effects

    def signal(self, offer_id: str, signal: Signal, now: float) -> list[Effect]:
        """A client's word. Unknown ids and repeats: no effect. Where it contradicts the text, the text wins.

        An accept is held until its change arrives, for at most `signal_hold_seconds`.
        """
        for known in self._documents.values():
            if known.offer is not None and known.offer.suggestion.id == offer_id:
                return self._heard(known, known.offer, signal, now)
            item = known.declined.get(offer_id)
            if item is not None and item.outcome is None and signal.kind is SignalKind.REJECTED:
                item.outcome = Outcome.REJECTED
                known.ended.append(item.id)
                return [OfferEnded(item.suggestion, Outcome.REJECTED, now, "dismissed")]
        return []

    def follows(self, offer_id: str) -> bool:
        """Whether the offer was accepted and its span is followed."""
        return any(offer_id in known.spans for known in self._documents.values())

    def knows(self, offer_id: str) -> bool:
        """Whether the offer is open, was accepted or declined, or ended not long ago in a document that is open."""
        return any(
            (known.offer is not None and known.offer.suggestion.id == offer_id)
            or offer_id in known.spans
            or offer_id in known.declined
            or offer_id in known.ended
            for known in self._documents.values()
        )

    def open_offer(self, document: str) -> OfferView | None:
        """The offer of `document` that has no outcome yet."""
        known = self._documents.get(document)
        if known is None or known.offer is None:
            return None
        offer = known.offer
        return OfferView(offer.suggestion, offer.start, offer.typed, offer.accepted)

    # -- time ------------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> list[Effect]:
        """Do what has come due by `now`."""
        effects: list[Effect] = []
        for known in self._documents.values():
            effects += self._expired(known, now)
            for item in [item for item in known.declined.values() if declining.due(item, self.rules) <= now]:
                del known.declined[item.id]
                effects += self._resolved(known, item, now, last=False)
            for tracked in list(known.spans.values()):
                while (at := settle.reading_due(tracked)) is not None and at <= now:
                    effects += settle.read(self._current(known, tracked), now)
                at = settle.due(tracked, self.rules)
                if at is not None and at <= now:
                    effects += self._settled(known, tracked, now)
        return effects

    def next_due(self, now: float) -> float | None:
        """When `tick` has something to do next, not before `now`; None while nothing waits."""
        times: list[float] = []
        for known in self._documents.values():
            offer = known.offer
            if offer is not None and offer.held is not None:
                times.append(offer.held_until)
            if offer is not None and offer.complete_at is not None:
                times.append(offer.complete_at + self.rules.signal_hold_seconds)
            times += [declining.due(item, self.rules) for item in known.declined.values()]
            times += [at for item in known.spans.values() if (at := settle.due(item, self.rules)) is not None]
            times += [at for item in known.spans.values() if (at := settle.reading_due(item)) is not None]
        return max(now, min(times)) if times else None

    # -- spans -----------------------------------------------------------------------------------------------------

    def live(self, document: str) -> list[AcceptedSpan]:
        """Spans followed in `document`, live and settled, oldest first."""
        known = self._documents.get(document)
        return [self._current(known, item).snapshot() for item in known.spans.values()] if known else []

    def restore(self, spans: Sequence[AcceptedSpan], document: str, text: str, now: float) -> list[Effect]:
        """Find `spans` of a former life again in `document`, whose text is `text`. Known ones are left alone.

        A span that is not found, or at several places, is closed as lost with the reason; so that nothing accepted is
        lost with it, its last journalled text becomes a record with the flag lost first.
        """
        if document not in self._documents:
            self.opened(document, text, now)
        known, effects = self._documents[document], list[Effect]()
        for span in spans:
            if span.id in known.spans:
                continue
            place = anchored(span, text)
            tracked = resumed(place.span or span)
            if place.span is None:
                effects += settle.settled(tracked, now, "lost")
                effects += settle.closed(tracked, f"lost: {place.reason}")
                continue
            tracked.flags.add("restored")
            tracked.readings = sum(tracked.accepted_at + seconds < now for seconds in READINGS)
            tracked.touched_at = now
            known.spans[span.id] = tracked
            effects.append(SpanTouched(self._current(known, tracked).snapshot()))
        return effects

    def _current(self, known: Document, tracked: Tracked) -> Tracked:
        tracked.read(known.buffer, self.rules.context_characters)
        return tracked

    def _settled(self, known: Document, tracked: Tracked, now: float) -> list[Effect]:
        effects = settle.settled(self._current(known, tracked), now)
        if not tracked.text and not tracked.reverted:
            del known.spans[tracked.id]
            effects += settle.closed(tracked, "deleted")
        return effects

    def _heard(self, known: Document, offer: OpenOffer, signal: Signal, now: float) -> list[Effect]:
        match signal.kind:
            case SignalKind.ACCEPTED | SignalKind.PARTIALLY_ACCEPTED:
                length = signal.accepted_length
                if length is None or length < 0 or signal.kind is SignalKind.ACCEPTED:
                    length = len(offer.text)
                length = min(length, len(offer.text))
                if length <= offer.accepted:
                    return []
                if offer.typed >= length and self._recent(offer, now):
                    return self._confirmed(known, offer, length, now)
                offer.held, offer.held_until = signal, now + self.rules.signal_hold_seconds
                return []
            case SignalKind.REJECTED:
                if offer.span is None and offer.complete_at is None:
                    known.decline(now, Outcome.REJECTED)
                return known.end(Outcome.REJECTED, now, "dismissed")
            case SignalKind.IGNORED:
                return known.end(Outcome.IGNORED, now, "client")
            case SignalKind.SHOWN:
                return []

    def _recent(self, offer: OpenOffer, now: float) -> bool:
        return offer.piece is not None and now - offer.piece[1] <= self.rules.signal_hold_seconds

    def _confirmed(self, known: Document, offer: OpenOffer, length: int, now: float) -> list[Effect]:
        """The piece that looked like typing was an accept, the client says."""
        assert offer.piece is not None, "asked only with a recent piece"
        since, until = offer.piece[0], min(length, offer.typed)
        region = known.buffer.slice(offer.start, offer.end)
        begins, ends = (standing_length(offer.text, at, region) for at in (since, until))
        how = how_far(offer.text, since, until)
        return known.accept(
            Verdict(Step.ACCEPTED, since, until, offer.start + begins, ends - begins, how), now, self.rules
        )

    def _expired(self, known: Document, now: float) -> list[Effect]:
        """Signals whose change never came, and offers typed to the end that no client claimed."""
        offer = known.offer
        if offer is None:
            return []
        if offer.complete_at is not None and now - offer.complete_at >= self.rules.signal_hold_seconds:
            return known.end(Outcome.TYPED_THROUGH, now, "typed")
        if offer.held is None or now < offer.held_until:
            return []
        kind, offer.held = offer.held.kind, None
        return known.end(Outcome.IGNORED, now, "unconfirmed") if kind is SignalKind.ACCEPTED else []

    def _resolved(self, known: Document, item: Declined, now: float, *, last: bool) -> list[Effect]:
        """Read what was typed in a declined offer's place: its outcome, if that was open, and its record, if any."""
        typed = declining.typed_instead(item, known.buffer, self.rules, now, last=last)
        same = bool(typed) and word_tokens(plain(typed)) == word_tokens(plain(item.suggestion.text))
        effects: list[Effect] = []
        outcome = item.outcome
        if outcome is None:
            outcome = Outcome.TYPED_THROUGH if same else Outcome.TYPED_INSTEAD if typed else Outcome.IGNORED
            reason = "corrected" if same else "disagreed"
            known.ended.append(item.id)
            effects.append(OfferEnded(item.suggestion, outcome, now, reason))
        if typed and not same:
            flags = ("early",) if last else ()
            effects.append(RecordMade(typed_instead_record(item.suggestion, typed, outcome, now, flags)))
        return effects
