"""The journal of accepted spans: what was accepted, where it stands, what it has become so far."""

from __future__ import annotations

from attrs import evolve

from stet.core.records import AcceptedSpan, SpanState
from stet.store.database import Database
from stet.store.rows import from_json, key, to_json


def save_span(database: Database, span: AcceptedSpan, reason: str = "") -> None:
    """Enter a span or its newest state; one that was erased stays away."""
    with database.transaction() as sql:
        sql.execute(
            "INSERT INTO spans SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE NOT EXISTS (SELECT 1 FROM erased WHERE id = ?1) "
            "ON CONFLICT (id) DO UPDATE SET document = excluded.document, state = excluded.state, "
            "touched_at = excluded.touched_at, reason = excluded.reason, body = excluded.body",
            (span.id, key(span.document), span.state.value, span.touched_at, key(reason), to_json(span)),
        )


def live_spans(database: Database, document: str | None = None) -> list[AcceptedSpan]:
    """Spans that were being followed, of one document or of all, oldest first."""
    wanted = None if document is None else key(document)
    with database.reading() as sql:
        rows = sql.execute(
            "SELECT body FROM spans WHERE state = 'live' AND (? IS NULL OR document = ?) ORDER BY touched_at, id",
            (wanted, wanted),
        ).fetchall()
    return [from_json(row[0], AcceptedSpan) for row in rows]


def span(database: Database, span_id: str) -> tuple[AcceptedSpan, str] | None:
    """A span and why it has its state, by id."""
    with database.reading() as sql:
        row = sql.execute("SELECT body, reason FROM spans WHERE id = ?", (span_id,)).fetchone()
    return None if row is None else (from_json(row[0], AcceptedSpan), row[1])


def close_span(database: Database, span: AcceptedSpan, reason: str) -> None:
    """Enter that a span is not followed any more, and why."""
    save_span(database, evolve(span, state=SpanState.CLOSED), reason)
