"""What capture asks the assistant to write, and what a client may say of an offer. Frozen records, no behaviour."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen

from stet.core.records import AcceptedSpan, EditRecord, Outcome, Suggestion
from stet.core.retention import Retention


class SignalKind(StrEnum):
    """A client's word on an offer. The document says how much; a signal only says that and why."""

    SHOWN = "shown"
    """It was drawn."""
    ACCEPTED = "accepted"
    """The item's command ran."""
    PARTIALLY_ACCEPTED = "partially_accepted"
    """A head of it was put in."""
    REJECTED = "rejected"
    """It was dismissed by a key or command."""
    IGNORED = "ignored"
    """It went away by itself."""


@frozen
class Signal:
    """One word of a client."""

    kind: SignalKind
    accepted_length: int | None = None
    """Code points of the suggestion's text accepted so far, from its start; None when the client did not say."""


@frozen
class OfferEnded:
    """An offer has its one outcome."""

    suggestion: Suggestion
    outcome: Outcome
    at: float
    reason: str = ""
    """A word or two: full, menu, word, line, unknown, disagreed, elsewhere, newer, closed, unconfirmed."""

    @property
    def offer_id(self) -> str:
        return self.suggestion.id


@frozen
class SpanAccepted:
    """Text was accepted: must be durable before anything else. Comes again, with the whole span, when it grows."""

    span: AcceptedSpan


@frozen
class SpanTouched:
    """The newest state of a span or of the text around it; only the last one matters."""

    span: AcceptedSpan


@frozen
class SpanSettled:
    """A span's final text was read: the record, and the span as it was then."""

    span: AcceptedSpan
    record: EditRecord


@frozen
class SpanClosed:
    """A span is not followed any more; its state is CLOSED."""

    span: AcceptedSpan
    reason: str
    """closed, deleted, mass, lost."""


@frozen
class SpanRead:
    """How much of a span stood at one of the set times after its accept, or when it settled."""

    span_id: str
    reading: Retention
    at: float


@frozen
class RecordMade:
    """A record without a span: what was typed instead of a declined offer."""

    record: EditRecord


Effect = OfferEnded | SpanAccepted | SpanTouched | SpanSettled | SpanClosed | SpanRead | RecordMade


def document_of(effect: Effect) -> str:
    """URI of the document that the effect holds text of; "" when it holds none."""
    match effect:
        case OfferEnded():
            return effect.suggestion.context.document
        case RecordMade():
            return effect.record.context.document
        case SpanRead():
            return ""
        case _:
            return effect.span.document
