"""Writes that belong together: between them no kill can come."""

from __future__ import annotations

from stet.core.records import AcceptedSpan, EditRecord
from stet.store import offers, records, spans
from stet.store.database import Database


def accept(database: Database, span: AcceptedSpan) -> None:
    """An accepted span with its offer and the offer's outcome; again, with the whole span, when it has grown."""
    with database.transaction():
        offers.save_offer(database, span.suggestion, span.suggestion.created)
        offers.end_offer(database, span.id, span.outcome, span.touched_at)
        spans.save_span(database, span)


def settle(database: Database, record: EditRecord, span: AcceptedSpan) -> None:
    """A record with the state of the span that it was read from."""
    with database.transaction():
        records.add_record(database, record)
        spans.save_span(database, span)
