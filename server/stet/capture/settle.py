"""When a span's final text is read, and the reading: record and effects. Time is an argument."""

from __future__ import annotations

from stet.capture.classify import plain, record_of
from stet.capture.effects import Effect, SpanClosed, SpanRead, SpanSettled, SpanTouched
from stet.capture.rules import CaptureRules
from stet.capture.spans import Tracked
from stet.core.records import SpanState
from stet.core.retention import AT_SETTLE, READINGS, Retention, retention


def due(tracked: Tracked, rules: CaptureRules) -> float | None:
    """When the span is to be read next: quiet for the settle time, or at the cap; None when nothing is unread."""
    if tracked.pending_since is None:
        return None
    return min(tracked.touched_at + rules.settle_seconds, tracked.pending_since + rules.cap_seconds)


def settled(tracked: Tracked, now: float, *flags: str) -> list[Effect]:
    """A new version of the span's record, unless it says what the last one said. Texts as of the last `read`."""
    tracked.pending_since = None
    tracked.state = SpanState.SETTLED
    reserved = tuple(sorted({*tracked.flags, *flags, *(("reverted",) if tracked.reverted else ())}))
    reading = (tracked.accepted, plain(tracked.text), tracked.kept_text, reserved, tracked.outcome)
    known = tracked.last_reading
    if known is not None and known[:3] == reading[:3] and set(reserved) - {"early"} == set(known[3]) - {"early"}:
        return [SpanTouched(tracked.snapshot())]
    tracked.last_reading = reading
    tracked.version += 1
    record = record_of(
        tracked.suggestion,
        context=tracked.context(),
        accepted=tracked.accepted,
        final=tracked.text,
        version=tracked.version,
        outcome=tracked.outcome,
        now=now,
        flags=reserved,
    )
    return [SpanSettled(tracked.snapshot(), record), SpanRead(tracked.id, _reading(tracked, AT_SETTLE), now)]


def reading_due(tracked: Tracked) -> float | None:
    """When the next of the set readings is to be made; None after the last."""
    if tracked.readings >= len(READINGS):
        return None
    return tracked.accepted_at + READINGS[tracked.readings]


def read(tracked: Tracked, now: float) -> list[Effect]:
    """The set reading that is due. Texts as of the last `Tracked.read`."""
    seconds = READINGS[tracked.readings]
    tracked.readings += 1
    return [SpanRead(tracked.id, _reading(tracked, seconds), now)]


def _reading(tracked: Tracked, seconds: int) -> Retention:
    now = "" if tracked.reverted else plain(tracked.text)
    around = plain(tracked.before + tracked.text + tracked.after, strip=False)
    return retention(seconds, plain(tracked.accepted), now, around="" if tracked.reverted else around)


def closed(tracked: Tracked, reason: str) -> list[Effect]:
    """The span is not followed any more."""
    tracked.state = SpanState.CLOSED
    return [SpanClosed(tracked.snapshot(), reason)]
