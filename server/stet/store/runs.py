"""Training runs and the records each of them saw."""

from __future__ import annotations

from attrs import evolve

from stet.core.records import RunStatus, TrainingRun
from stet.store.database import Database
from stet.store.rows import from_json, to_json


def save(database: Database, run: TrainingRun) -> None:
    """Enter a run or its newest state, and the records it learns from; what was there to see counts from the first."""
    with database.transaction() as sql:
        sql.execute(
            "INSERT INTO runs (id, status, started, body, seen) "
            "VALUES (?, ?, ?, ?, (SELECT coalesce(max(rowid), 0) FROM records)) "
            "ON CONFLICT (id) DO UPDATE SET status = excluded.status, body = excluded.body",
            (run.id, run.status.value, run.started, to_json(run)),
        )
        sql.executemany(
            "INSERT OR IGNORE INTO run_records (run, record, erased) "
            "VALUES (?1, ?2, EXISTS (SELECT 1 FROM erased WHERE id = ?2))",
            [(run.id, record) for record in run.records],
        )


def end(database: Database, run_id: str, status: RunStatus, at: float, reason: str) -> None:
    """Enter how a run ended."""
    with database.transaction() as sql:
        row = sql.execute("SELECT body FROM runs WHERE id = ?", (run_id,)).fetchone()
        if row is not None:
            save(database, evolve(from_json(row[0], TrainingRun), status=status, ended=at, reason=reason))


def runs(database: Database) -> list[TrainingRun]:
    """Every run, oldest first."""
    with database.reading() as sql:
        rows = sql.execute("SELECT body FROM runs ORDER BY started, rowid").fetchall()
    return [from_json(row[0], TrainingRun) for row in rows]


def last_run(database: Database) -> TrainingRun | None:
    """The newest run that came to its end, whatever the gate said of it."""
    return next((run for run in reversed(runs(database)) if run.status is RunStatus.DONE), None)


def records_since_last_run(database: Database) -> int:
    """Records with a version that came after the last finished run was entered; all of them when there was none.

    Those that a run had before it and left out, as too old or without a lesson, are not new.
    """
    last = last_run(database)
    with database.reading() as sql:
        row = sql.execute(
            "SELECT count(DISTINCT id) FROM records WHERE rowid > coalesce((SELECT seen FROM runs WHERE id = ?), 0)",
            (last.id if last else "",),
        ).fetchone()
    return int(row[0])
