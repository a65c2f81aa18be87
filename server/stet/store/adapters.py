"""Adapters and what became of them. At most one is active per model, and the store itself sees to that."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from attrs import evolve

from stet.core.records import Adapter, AdapterStatus
from stet.store.database import Database
from stet.store.rows import from_json, to_json

_WITHDRAWN = "withdrawn"
"""Event of an adapter that must not come back by a rollback."""


def add(database: Database, adapter: Adapter) -> None:
    """Enter an adapter; one that is there already stays as it is."""
    with database.transaction() as sql:
        sql.execute(
            "INSERT OR IGNORE INTO adapters VALUES (?, ?, ?, ?, ?)",
            (adapter.id, adapter.model, adapter.status.value, adapter.created, to_json(adapter)),
        )


def adapters(database: Database) -> list[Adapter]:
    """Every adapter, oldest first."""
    with database.reading() as sql:
        rows = sql.execute("SELECT body FROM adapters ORDER BY created, rowid").fetchall()
    return [from_json(row[0], Adapter) for row in rows]


def get(database: Database, adapter_id: str) -> Adapter | None:
    """An adapter by its whole id."""
    with database.reading() as sql:
        return _get(sql, adapter_id)


def active_adapter(database: Database, model: str) -> Adapter | None:
    """The incumbent of `model`; None while base alone is served."""
    with database.reading() as sql:
        return _active(sql, model)


def set_status(database: Database, adapter_id: str, status: AdapterStatus, reason: str, at: float) -> None:
    """Give an adapter a status and the reason for it."""
    with database.transaction() as sql:
        adapter = _get(sql, adapter_id)
        if adapter is not None:
            _set(sql, adapter, status, reason, at)


def promote(database: Database, adapter_id: str, at: float, reason: str) -> None:
    """Make a candidate the incumbent and retire the one before it; one that is active already stays so."""
    with database.transaction() as sql:
        adapter = _get(sql, adapter_id)
        if adapter is None or adapter.status is AdapterStatus.ACTIVE:
            return
        incumbent = _active(sql, adapter.model)
        if incumbent is not None:
            _set(sql, incumbent, AdapterStatus.RETIRED, f"replaced by {adapter_id}", at)
        _set(sql, adapter, AdapterStatus.ACTIVE, reason, at, replaced=incumbent.id if incumbent else "")


def rollback(database: Database, at: float, reason: str, *, model: str) -> Adapter | None:
    """Retire the incumbent of `model`; the one it replaced is active again, unless it was withdrawn.

    The adapter now active, or None when it is base.
    """
    with database.transaction() as sql:
        active = _active(sql, model)
        if active is None:
            return None
        row = sql.execute(
            "SELECT replaced FROM adapter_events WHERE adapter = ? AND status = 'active' ORDER BY number DESC LIMIT 1",
            (active.id,),
        ).fetchone()
        _set(sql, active, AdapterStatus.RETIRED, reason, at)
        _withdraw(sql, active, reason, at)
        former = _get(sql, row[0]) if row and row[0] else None
        if former is None or former.status is not AdapterStatus.RETIRED or _is_withdrawn(sql, former.id):
            return None
        _set(sql, former, AdapterStatus.ACTIVE, f"again, after {active.id} was rolled back", at)
        return _get(sql, former.id)


def retire_trained_on(database: Database, record_ids: Sequence[str], at: float = 0.0) -> list[str]:
    """Retire every adapter whose run learned from any of the records; their ids."""
    reason = "a record it learned from was deleted"
    with database.transaction() as sql:
        runs: set[str] = set()
        for record_id in record_ids:
            runs.update(row[0] for row in sql.execute("SELECT run FROM run_records WHERE record = ?", (record_id,)))
        retired: list[str] = []
        for adapter in adapters(database):
            if adapter.run in runs and not _is_withdrawn(sql, adapter.id):
                _set(sql, adapter, AdapterStatus.RETIRED, reason, at)
                _withdraw(sql, adapter, reason, at)
                retired.append(adapter.id)
    return retired


def _get(sql: sqlite3.Connection, adapter_id: str) -> Adapter | None:
    row = sql.execute("SELECT body FROM adapters WHERE id = ?", (adapter_id,)).fetchone()
    return None if row is None else from_json(row[0], Adapter)


def _active(sql: sqlite3.Connection, model: str) -> Adapter | None:
    row = sql.execute("SELECT body FROM adapters WHERE model = ? AND status = 'active'", (model,)).fetchone()
    return None if row is None else from_json(row[0], Adapter)


def _set(
    sql: sqlite3.Connection, adapter: Adapter, status: AdapterStatus, reason: str, at: float, replaced: str = ""
) -> None:
    changed = evolve(adapter, status=status, reason=reason)
    sql.execute("UPDATE adapters SET status = ?, body = ? WHERE id = ?", (status.value, to_json(changed), adapter.id))
    _enter_event(sql, adapter, status.value, reason, at, replaced)


def _withdraw(sql: sqlite3.Connection, adapter: Adapter, reason: str, at: float) -> None:
    _enter_event(sql, adapter, _WITHDRAWN, reason, at, "")


def _enter_event(sql: sqlite3.Connection, adapter: Adapter, status: str, reason: str, at: float, replaced: str) -> None:
    sql.execute(
        "INSERT INTO adapter_events (adapter, model, status, at, reason, replaced) VALUES (?, ?, ?, ?, ?, ?)",
        (adapter.id, adapter.model, status, at, reason, replaced),
    )


def _is_withdrawn(sql: sqlite3.Connection, adapter_id: str) -> bool:
    found = sql.execute("SELECT 1 FROM adapter_events WHERE adapter = ? AND status = ?", (adapter_id, _WITHDRAWN))
    return found.fetchone() is not None
