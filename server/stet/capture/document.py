"""What capture knows of one open document, and what a change does to it: text, open offer, spans, declined offers.

The order for each change: the text, then the judgement on the open offer, then every span and declined region, then
what the judgement makes of the offer. Signals and the clock are in `stet.capture.recorder`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from attrs import define, field

from stet.capture import declined as declining
from stet.capture.changes import normalised, tight
from stet.capture.declined import Declined
from stet.capture.effects import Effect, OfferEnded, SpanAccepted, SpanTouched
from stet.capture.guards import Guards, is_paste, is_scattered, non_blank
from stet.capture.landing import grow, is_redo, landed, pieces_undone, put_back, take_back
from stet.capture.offers import OpenOffer, Step, Verdict, agreement, judge, standing_length
from stet.capture.rules import CaptureRules
from stet.capture.settle import closed, settled
from stet.capture.spans import Source, Tracked, follow, trimmed
from stet.core.records import Outcome, SpanState
from stet.core.spans import Change, Span
from stet.core.text import TextBuffer

_REMEMBERED = 64


@define
class Document:
    """One open document."""

    buffer: TextBuffer
    offer: OpenOffer | None = None
    spans: dict[str, Tracked] = field(factory=dict)
    declined: dict[str, Declined] = field(factory=dict)
    guards: Guards = field(factory=Guards)
    ended: deque[str] = field(factory=lambda: deque(maxlen=_REMEMBERED))
    """Ids of offers that have their outcome: offered again, they get no second one."""
    opened_at: float = 0.0
    caret: int = 0
    """Where the last change ended: the writer's caret, as far as anybody knows."""

    def changed(self, changes: Sequence[Change], now: float, rules: CaptureRules, *, mass: bool) -> list[Effect]:
        """Make and follow the changes of one notification. `mass`: other documents are changing at the same time."""
        steps = normalised(changes, self.buffer, [self.offer.end, self.caret] if self.offer else [self.caret])
        scattered = len(steps) > 1 and is_scattered(steps)
        effects: list[Effect] = []
        near: dict[str, Tracked] = {}
        for change in steps:
            change = _clamped(change, len(self.buffer))
            effects += self._make(change, now, rules, near, scattered=scattered, mass=mass)
        for tracked in near.values():
            if tracked.id in self.spans and tracked.state is SpanState.LIVE:
                tracked.read(self.buffer, rules.context_characters)
                effects.append(SpanTouched(tracked.snapshot()))
        return effects

    def open(self, offer: OpenOffer) -> None:
        """Make `offer` the open one. Finds out how much of its text stands at its start already."""
        text, start = offer.text, offer.start
        known = self.spans.get(offer.suggestion.id)
        offer.ended_before = known is not None or offer.suggestion.id in self.ended
        standing = self.buffer.slice(start, start + len(text) + 16)
        suffix = offer.suggestion.context.suffix
        if not (suffix and standing[: len(suffix)] == suffix[: len(standing)]):
            offer.typed, length = agreement(text, standing)
            if offer.typed >= len(text):
                offer.typed = length = 0  # all of it stands there: it is offered once more behind it
            offer.end = start + length
        if known is not None and not known.reverted and len(known.owned) and known.first <= offer.typed:
            lead = standing_length(text, known.first, self.buffer.slice(start, offer.end))
            stands = self.buffer.slice(start + lead, offer.end)
            if stands.strip() and trimmed(start + lead, stands).start == known.edited.start:
                offer.span, offer.accepted = known, offer.typed
                known.pieces = [(offer.typed, stands)]
        self.offer = offer

    def end(self, outcome: Outcome, now: float, reason: str) -> list[Effect]:
        """End the open offer; what was accepted or typed through of it counts for more than `outcome`."""
        offer, self.offer = self.offer, None
        if offer is None or offer.ended_before:
            return []
        if offer.span is not None and outcome is not Outcome.ACCEPTED:
            outcome, reason = Outcome.PARTIALLY_ACCEPTED, offer.how
        elif offer.complete_at is not None and outcome is not Outcome.ACCEPTED:
            outcome, reason = Outcome.TYPED_THROUGH, "typed"
        self.ended.append(offer.suggestion.id)
        return [OfferEnded(offer.suggestion, outcome, now, reason)]

    def decline(self, now: float, outcome: Outcome | None) -> None:
        """Follow what is typed in the open offer's place from here on. With no outcome yet, the text decides it."""
        offer = self.offer
        if offer is not None and not offer.ended_before:
            self.declined[offer.suggestion.id] = Declined(offer.suggestion, offer.start, offer.end, now, now, outcome)

    def accept(self, verdict: Verdict, now: float, rules: CaptureRules) -> list[Effect]:
        """What `verdict` says was accepted becomes a span, or makes the offer's span longer."""
        offer = self.offer
        assert offer is not None, "only an open offer is accepted"
        offer.piece, offer.complete_at = None, None
        text = self.buffer.slice(verdict.at, verdict.at + verdict.length)
        if offer.span is None:
            if not text.strip():
                return []
            offer.span = self._land(offer, verdict, text, now)
        else:
            region = self.buffer.slice(offer.start, offer.end)
            start = offer.start + standing_length(offer.text, offer.span.first, region)
            grow(offer.span, verdict.until, start, self.buffer.slice(start, verdict.at + verdict.length))
        span = offer.span
        offer.accepted, offer.how = verdict.until, verdict.how
        full = verdict.until >= len(offer.text)
        span.outcome = Outcome.ACCEPTED if full else Outcome.PARTIALLY_ACCEPTED
        span.touched_at, span.state = now, SpanState.LIVE
        span.pending_since = span.pending_since if span.pending_since is not None else now
        span.read(self.buffer, rules.context_characters)
        effects: list[Effect] = [SpanAccepted(span.snapshot())]
        how = "menu" if offer.menu else verdict.how
        return effects + self.end(Outcome.ACCEPTED, now, how) if full else effects

    # -- one change ------------------------------------------------------------------------------------------------

    def _make(
        self, change: Change, now: float, rules: CaptureRules, near: dict[str, Tracked], *, scattered: bool, mass: bool
    ) -> list[Effect]:
        removed = self.buffer.apply(change)
        inner = tight(change, removed)
        effects: list[Effect] = []
        if self.offer is not None and self.offer.complete_at is not None and inner is not None:
            effects += self.end(Outcome.TYPED_THROUGH, now, "typed")
        verdict = Verdict(Step.AWAY)
        if self.offer is not None and inner is not None:
            trusted = self.offer.held is not None
            verdict = judge(self.offer, inner, self.buffer, trusted=trusted, scattered=scattered)
        source, guard = self._source(change, removed, inner, verdict, now, rules)
        self.guards.remember(change, removed)
        size = non_blank(change.text)
        sweeping = size > rules.mass_characters or (mass and size > 1)
        sweeping = sweeping and source is Source.FOREIGN and verdict.step is not Step.ACCEPTED
        letter_before = _is_letter(self.buffer.slice(change.span.start - 1, change.span.start))
        for tracked in list(self.spans.values()):
            if sweeping and _crosses(change, tracked.edited):
                del self.spans[tracked.id]
                effects += closed(tracked, "mass")
                continue
            effects += self._follow(tracked, change, removed, source, guard, letter_before, now, rules, near)
        for item in self.declined.values():
            if declining.follow(item, change, source, now):
                item.words = len(self.buffer.slice(item.start, item.end).split())
            if guard == "generated" and item.declined_at >= self.guards.burst_since:
                item.spoilt = guard
        self.caret = change.span.start + len(change.text)
        return effects + self._conclude(verdict, guard, now, rules)

    def _source(
        self, change: Change, removed: str, inner: Change | None, verdict: Verdict, now: float, rules: CaptureRules
    ) -> tuple[Source, str]:
        """Where the change's text comes from, and the guard that says it is not the writer's own; "" for none."""
        if verdict.step is Step.ACCEPTED:
            return Source.FOREIGN, ""
        if self.guards.step_back(change, removed):
            return Source.UNDO, "undo"
        if inner is None or not inner.text:
            return Source.TYPED, ""
        if verdict.step is not Step.TYPED and is_paste(inner, rules):
            return Source.FOREIGN, "pasted"
        if verdict.step is not Step.TYPED and self.guards.too_fast(inner, rules, now):
            return Source.FOREIGN, "generated"
        return Source.TYPED, ""

    def _follow(
        self,
        tracked: Tracked,
        change: Change,
        removed: str,
        source: Source,
        guard: str,
        letter_before: bool,
        now: float,
        rules: CaptureRules,
        near: dict[str, Tracked],
    ) -> list[Effect]:
        old = tracked.edited
        undone = 0 if tracked.reverted or change.text else pieces_undone(tracked, change, removed)
        back = is_redo(tracked, change)
        met = follow(tracked, change, removed, source, letter_before)
        if len(change.text) > 1 and not back and not len(tracked.edited):
            met = _follow_move(tracked, change) or met
        if (
            met
            and not tracked.reverted
            and guard in ("pasted", "generated")
            and old.start < change.span.start < old.end
        ):
            tracked.flags.add(guard)
        width, end = rules.context_characters, change.span.start + len(change.text)
        if met or (change.span.start <= tracked.edited.end + width and end >= tracked.edited.start - width):
            near[tracked.id] = tracked
        if not met:
            return []
        if undone:
            take_back(tracked, undone)
        if back:
            put_back(tracked, change.span.start, change.text)
        before = tracked.text
        tracked.read(self.buffer, width)
        if tracked.text != before or undone or back:
            tracked.state = SpanState.LIVE
            tracked.pending_since = now if tracked.pending_since is None else tracked.pending_since
        if tracked.state is SpanState.LIVE:
            tracked.touched_at = now
        return settled(tracked, now) if undone and tracked.reverted else []

    def _conclude(self, verdict: Verdict, guard: str, now: float, rules: CaptureRules) -> list[Effect]:
        offer = self.offer
        if offer is None or verdict.step is Step.AWAY:
            return []
        match verdict.step:
            case Step.ACCEPTED:
                offer.held = None
                return self.accept(verdict, now, rules)
            case Step.TYPED:
                offer.piece = (verdict.since, now) if verdict.until > verdict.since else None
                if offer.typed >= len(offer.text):
                    offer.complete_at = now
                return self.end(Outcome.PARTIALLY_ACCEPTED, now, offer.how) if offer.typed < offer.accepted else []
            case Step.DISAGREED if offer.span is None and not guard and not offer.ended_before:
                self.decline(now, None)
                self.declined[offer.suggestion.id].words = len(self.buffer.slice(offer.start, offer.end).split())
                self.offer = None
                return []
            case _:
                return self.end(Outcome.IGNORED, now, guard or "moved on")

    def _land(self, offer: OpenOffer, verdict: Verdict, text: str, now: float) -> Tracked:
        fresh = landed(offer.suggestion, verdict.since, verdict.until, verdict.at, text, now)
        known = self.spans.get(fresh.id)
        if known is not None:  # accepted before, and undone or deleted: the same record in a new version
            fresh.version, fresh.last_reading = known.version, known.last_reading
        self.spans[fresh.id] = fresh
        return fresh


def _follow_move(tracked: Tracked, change: Change) -> bool:
    """A span that was cut out whole and pasted elsewhere was moved: its region goes along. What is owned does not."""
    cut = tracked.cut
    text = cut.removed[cut.lead : cut.lead + cut.size] if cut is not None else ""
    found = change.text.find(text) if text.strip() else -1
    if found >= 0:
        put_back(tracked, change.span.start + found, text)
        tracked.flags.add("moved")
    return found >= 0


def _crosses(change: Change, span: Span) -> bool:
    at, cut_end = change.span.start, change.span.end
    return (at < span.end and cut_end > span.start) if len(change.span) else span.start < at < span.end


def _clamped(change: Change, length: int) -> Change:
    if change.span.end <= length:
        return change
    return Change(Span(min(change.span.start, length), length), change.text)


def _is_letter(character: str) -> bool:
    return character.isalnum() or character == "_"
