"""Training runs and the records each of them saw."""

from __future__ import annotations

from attrs import evolve

from stet.core.records import RunStatus, TrainingRun
from stet.store.database import Database
from stet.store.rows import from_json, to_json


def save(database: Database, run: TrainingRun) -> None:
    """Enter a run or its newest state, and the records it sees."""
    with database.transaction() as sql:
        sql.execute(
            "INSERT INTO runs VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET status = excluded.status, "
            "body = excluded.body",
            (run.id, run.status.value, run.started, to_json(run)),
        )
        sql.executemany("INSERT OR IGNORE INTO run_records VALUES (?, ?)", [(run.id, record) for record in run.records])


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
    """Records that the last finished run did not see; all of them when there was none."""
    last = last_run(database)
    with database.reading() as sql:
        row = sql.execute(
            "SELECT count(DISTINCT id) FROM records WHERE id NOT IN (SELECT record FROM run_records WHERE run = ?)",
            (last.id if last else "",),
        ).fetchone()
    return int(row[0])
