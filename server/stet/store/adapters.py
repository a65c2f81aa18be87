"""Adapters and what became of them. At most one is active per model, and the store itself sees to that."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from attrs import evolve

from stet.core.errors import StoreError
from stet.core.records import Adapter, AdapterStatus
from stet.store.database import Database
from stet.store.rows import from_json, to_json

_WITHDRAWN = "withdrawn"
"""Event of an adapter that must not be served again."""

_FORGOTTEN = "a record it learned from was deleted"


def add(database: Database, adapter: Adapter) -> None:
    """Enter an adapter; one that is there already stays as it is.

    When a record that its run learned from was erased in the meantime, it is retired for good at once.
    """
    with database.transaction() as sql:
        added = sql.execute(
            "INSERT OR IGNORE INTO adapters VALUES (?, ?, ?, ?, ?)",
            (adapter.id, adapter.model, adapter.status.value, adapter.created, to_json(adapter)),
        )
        forgotten = sql.execute("SELECT 1 FROM run_records WHERE run = ? AND erased = 1", (adapter.run,)).fetchone()
        if added.rowcount and forgotten:
            _set(sql, adapter, AdapterStatus.RETIRED, _FORGOTTEN, adapter.created)
            _withdraw(sql, adapter, _FORGOTTEN, adapter.created)


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
    """Give an adapter a status and the reason for it. RETIRED is for good; a withdrawn adapter keeps that status.

    Raises StoreError for an unknown id. ACTIVE is what `promote` gives.
    """
    if status is AdapterStatus.ACTIVE:
        promote(database, adapter_id, at, reason)
        return
    with database.transaction() as sql:
        adapter = _known(sql, adapter_id)
        if _is_withdrawn(sql, adapter_id):
            return
        _set(sql, adapter, status, reason, at)
        if status is AdapterStatus.RETIRED:
            _withdraw(sql, adapter, reason, at)


def promote(database: Database, adapter_id: str, at: float, reason: str) -> None:
    """Make a candidate the incumbent and retire the one before it; one that is active already stays so.

    Raises StoreError for an unknown, a refused and a withdrawn adapter.
    """
    with database.transaction() as sql:
        adapter = _known(sql, adapter_id)
        if adapter.status is AdapterStatus.ACTIVE:
            return
        if adapter.status is AdapterStatus.REFUSED or _is_withdrawn(sql, adapter_id):
            raise StoreError(
                f"Adapter {adapter_id} cannot be served, because it is {adapter.status} ({adapter.reason}); "
                "`stet train` makes another one."
            )
        incumbent = _active(sql, adapter.model)
        if incumbent is not None:
            _set(sql, incumbent, AdapterStatus.RETIRED, f"replaced by {adapter_id}", at)
        _set(sql, adapter, AdapterStatus.ACTIVE, reason, at, replaced=incumbent.id if incumbent else "")


def rollback(
    database: Database, at: float, reason: str, *, model: str | None = None, adapter_id: str | None = None
) -> Adapter | None:
    """Retire the incumbent for good; the latest one before it that was not withdrawn is active again.

    `model` says whose incumbent is meant; without it, the one promoted last. With `adapter_id` nothing happens unless
    that one is active: two windows that both find it bad must not go back two steps. The adapter now active, or None
    when it is base.
    """
    with database.transaction() as sql:
        row = sql.execute(
            "SELECT id FROM adapters WHERE status = 'active' AND (?1 IS NULL OR model = ?1) "
            "ORDER BY (SELECT max(number) FROM adapter_events WHERE adapter = adapters.id) DESC LIMIT 1",
            (model,),
        ).fetchone()
        if row is None:
            return None
        active = _known(sql, row[0])
        if adapter_id not in (None, active.id):
            return active
        _set(sql, active, AdapterStatus.RETIRED, reason, at)
        _withdraw(sql, active, reason, at)
        former = _replaced_by(sql, active.id)
        while former is not None and _is_withdrawn(sql, former):
            former = _replaced_by(sql, former)
        if former is None:
            return None
        again = f"again, after {active.id} was rolled back"
        _set(sql, _known(sql, former), AdapterStatus.ACTIVE, again, at, replaced=_replaced_by(sql, former) or "")
        return _known(sql, former)


def retire_trained_on(database: Database, record_ids: Sequence[str], at: float | None = None) -> list[str]:
    """Retire for good every adapter whose run learned from any of the records; their ids.

    `at` is Unix time in seconds; by default when the store was opened.
    """
    at = database.opened_at if at is None else at
    with database.transaction() as sql:
        runs: set[str] = set()
        for record_id in record_ids:
            runs.update(row[0] for row in sql.execute("SELECT run FROM run_records WHERE record = ?", (record_id,)))
        retired: list[str] = []
        for adapter in adapters(database):
            if adapter.run in runs and not _is_withdrawn(sql, adapter.id):
                _set(sql, adapter, AdapterStatus.RETIRED, _FORGOTTEN, at)
                _withdraw(sql, adapter, _FORGOTTEN, at)
                retired.append(adapter.id)
    return retired


def _get(sql: sqlite3.Connection, adapter_id: str) -> Adapter | None:
    row = sql.execute("SELECT body FROM adapters WHERE id = ?", (adapter_id,)).fetchone()
    return None if row is None else from_json(row[0], Adapter)


def _known(sql: sqlite3.Connection, adapter_id: str) -> Adapter:
    adapter = _get(sql, adapter_id)
    if adapter is None:
        raise StoreError(f"There is no adapter {adapter_id}; `stet adapters list` shows those there are.")
    return adapter


def _replaced_by(sql: sqlite3.Connection, adapter_id: str) -> str | None:
    """The incumbent that this one took the place of when it last became active."""
    row = sql.execute(
        "SELECT replaced FROM adapter_events WHERE adapter = ? AND status = 'active' ORDER BY number DESC LIMIT 1",
        (adapter_id,),
    ).fetchone()
    return row[0] if row and row[0] else None


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
