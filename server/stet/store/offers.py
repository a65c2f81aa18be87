"""Offers and their one outcome each."""

from __future__ import annotations

from stet.core.records import Outcome, Suggestion
from stet.store.database import Database
from stet.store.rows import from_json, key, to_json


def save_offer(database: Database, suggestion: Suggestion, offered_at: float) -> None:
    """Enter an offer; one that is there already stays as it is, one that was erased stays away."""
    provenance = suggestion.provenance
    with database.transaction() as sql:
        sql.execute(
            "INSERT OR IGNORE INTO offers (id, document, offered_at, arm, adapter, body) SELECT ?1, ?2, ?3, ?4, ?5, ?6 "
            "WHERE NOT EXISTS (SELECT 1 FROM erased WHERE id = ?1)",
            (
                suggestion.id,
                key(suggestion.context.document),
                offered_at,
                provenance.arm,
                provenance.adapter,
                to_json(suggestion),
            ),
        )


def end_offer(database: Database, offer_id: str, outcome: Outcome, at: float, reason: str = "") -> bool:
    """Give an offer its outcome; False when it has one already.

    Only a partial accept may still become a full one, and an outcome without a reason may get one.
    """
    with database.transaction() as sql:
        changed = sql.execute(
            "UPDATE offers SET outcome = ?1, ended_at = ?2, reason = ?3 WHERE id = ?4 AND (outcome IS NULL "
            "OR (outcome = 'partially_accepted' AND ?1 = 'accepted') OR (outcome = ?1 AND reason = '' AND ?3 <> ''))",
            (outcome.value, at, key(reason), offer_id),
        ).rowcount
    return changed > 0


def offer(database: Database, offer_id: str) -> tuple[Suggestion, Outcome | None] | None:
    """An offer and its outcome, by id."""
    with database.reading() as sql:
        row = sql.execute("SELECT body, outcome FROM offers WHERE id = ?", (offer_id,)).fetchone()
    return None if row is None else (from_json(row[0], Suggestion), Outcome(row[1]) if row[1] else None)


def outcomes(database: Database) -> dict[str, int]:
    """How many offers ended how."""
    with database.reading() as sql:
        rows = sql.execute("SELECT outcome, count(*) FROM offers WHERE outcome IS NOT NULL GROUP BY outcome").fetchall()
    return dict(rows)
