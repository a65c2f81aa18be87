"""Small facts kept for good: the writer's consent."""

from __future__ import annotations

from stet.store.database import Database

_CONSENT = "consent"


def consent(database: Database) -> bool | None:
    """The writer's remembered answer; None when there is none."""
    with database.reading() as sql:
        row = sql.execute("SELECT value FROM meta WHERE key = ?", (_CONSENT,)).fetchone()
    return None if row is None else row[0] == "yes"


def set_consent(database: Database, given: bool, at: float) -> None:
    """Remember the writer's answer."""
    with database.transaction() as sql:
        sql.execute(
            "INSERT INTO meta VALUES (?, ?, ?) "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value, at = excluded.at",
            (_CONSENT, "yes" if given else "no", at),
        )
