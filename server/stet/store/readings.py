"""Readings of accepted spans: how much of each still stood, so and so long after the accept."""

from __future__ import annotations

from stet.core.retention import Retention
from stet.store.database import Database
from stet.store.rows import from_json, to_json


def save_reading(database: Database, span_id: str, reading: Retention, at: float) -> None:
    """Enter a reading, instead of an older one of the same span and time; none of a span that was erased."""
    with database.transaction() as sql:
        sql.execute(
            "INSERT OR REPLACE INTO readings SELECT ?1, ?2, ?3, ?4 "
            "WHERE NOT EXISTS (SELECT 1 FROM erased WHERE id = ?1)",
            (span_id, reading.seconds, at, to_json(reading)),
        )


def readings(database: Database, span_id: str | None = None) -> dict[int, list[Retention]]:
    """Readings of one span or of all, by seconds after the accept."""
    with database.reading() as sql:
        rows = sql.execute(
            "SELECT seconds, body FROM readings WHERE ?1 IS NULL OR span = ?1 ORDER BY seconds, span", (span_id,)
        ).fetchall()
    found: dict[int, list[Retention]] = {}
    for seconds, body in rows:
        found.setdefault(seconds, []).append(from_json(body, Retention))
    return found
