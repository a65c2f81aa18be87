"""The journal of accepted spans: what was accepted, where it stands, what it has become so far."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from stet.core.records import AcceptedSpan, SpanState
from stet.store.database import Database
from stet.store.rows import from_json, key, to_json


def save_span(database: Database, span: AcceptedSpan, reason: str = "") -> None:
    """Enter a span or its newest state; one that was erased stays away."""
    with database.transaction() as sql:
        sql.execute(
            "INSERT INTO spans (id, document, state, touched_at, reason, body, owner) "
            "SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE NOT EXISTS (SELECT 1 FROM erased WHERE id = ?1) "
            "ON CONFLICT (id) DO UPDATE SET document = excluded.document, state = excluded.state, "
            "touched_at = excluded.touched_at, reason = excluded.reason, body = excluded.body, owner = excluded.owner",
            (
                span.id,
                key(span.document),
                span.state.value,
                span.touched_at,
                key(reason),
                to_json(span),
                database.owner,
            ),
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


def take_over(
    database: Database,
    alive: Callable[[str], bool],
    *,
    document: str | None = None,
    untouched_since: float | None = None,
) -> list[AcceptedSpan]:
    """Live spans that no other living server follows, oldest first; they are `database.owner`'s from now on.

    `alive` tells of a server's name whether it runs. Of two servers that ask at the same time one gets each span.
    """
    wanted = None if document is None else key(document)
    with database.transaction() as sql:
        rows = sql.execute(
            "SELECT id, owner, body FROM spans WHERE state = 'live' AND (?1 IS NULL OR document = ?1) "
            "AND (?2 IS NULL OR touched_at < ?2) ORDER BY touched_at, id",
            (wanted, untouched_since),
        ).fetchall()
        others = {owner: alive(owner) for owner in {row[1] for row in rows} if owner not in ("", database.owner)}
        free = [row for row in rows if not others.get(row[1], False)]
        sql.executemany("UPDATE spans SET owner = ? WHERE id = ?", [(database.owner, row[0]) for row in free])
    return [from_json(row[2], AcceptedSpan) for row in free]


def span(database: Database, span_id: str) -> tuple[AcceptedSpan, str] | None:
    """A span and why it has its state, by id."""
    with database.reading() as sql:
        row = sql.execute("SELECT body, reason FROM spans WHERE id = ?", (span_id,)).fetchone()
    return None if row is None else (from_json(row[0], AcceptedSpan), row[1])


def close_span(database: Database, span: AcceptedSpan, reason: str) -> None:
    """Enter that a span is not followed any more, and why."""
    save_span(database, evolve(span, state=SpanState.CLOSED), reason)
