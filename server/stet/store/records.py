"""Edit records: append-only, a higher version supersedes; erased for good when the writer says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from stet.core.cost import word_tokens
from stet.core.records import EditRecord, RecordKind
from stet.store.adapters import retire_trained_on
from stet.store.database import Database
from stet.store.rows import from_json, key, to_json, to_plain

_NEWEST_VERSION = "version = (SELECT max(version) FROM records AS other WHERE other.id = records.id)"


def add_record(database: Database, record: EditRecord) -> None:
    """Enter a record; the same id and version a second time changes nothing, nor does an id that was erased."""
    provenance = record.provenance
    with database.transaction() as sql:
        sql.execute(
            "INSERT OR IGNORE INTO records SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 "
            "WHERE NOT EXISTS (SELECT 1 FROM erased WHERE id = ?1)",
            (
                record.id,
                record.version,
                key(record.context.document),
                record.kind.value,
                record.settled_at,
                record.cost,
                len(word_tokens(record.final)),
                provenance.arm,
                provenance.adapter,
                to_json(record),
            ),
        )


def records(
    database: Database,
    *,
    newest: int | None = None,
    kinds: Sequence[RecordKind] | None = None,
    document: str | None = None,
    since: float | None = None,
) -> list[EditRecord]:
    """The newest version of each record, oldest first; `since` is Unix time in seconds of settling."""
    wanted = [kind.value for kind in kinds] if kinds is not None else [kind.value for kind in RecordKind]
    uri = None if document is None else key(document)
    with database.reading() as sql:
        rows = sql.execute(
            f"SELECT body FROM records WHERE {_NEWEST_VERSION} AND kind IN ({','.join('?' * len(wanted))}) "  # noqa: S608
            "AND (? IS NULL OR document = ?) AND (? IS NULL OR settled_at >= ?) "
            "ORDER BY settled_at DESC, rowid DESC LIMIT ?",
            (*wanted, uri, uri, since, since, -1 if newest is None else newest),
        ).fetchall()
    return [from_json(row[0], EditRecord) for row in reversed(rows)]


def count_records(database: Database) -> int:
    """How many records there are, versions not counted apart."""
    with database.reading() as sql:
        return int(sql.execute("SELECT count(DISTINCT id) FROM records").fetchone()[0])


def count_words(database: Database) -> int:
    """Words and punctuation marks in all final texts, newest versions only."""
    with database.reading() as sql:
        query = f"SELECT coalesce(sum(words), 0) FROM records WHERE {_NEWEST_VERSION}"  # noqa: S608
        return int(sql.execute(query).fetchone()[0])


def delete_records(database: Database, ids: Iterable[str]) -> list[str]:
    """Erase records, and the offers and spans they came from; the ids of the adapters retired for it.

    The text is overwritten in the store's files, and a server that still follows an erased span cannot write it again.
    Contexts of other records may quote the text: `delete_document` erases those too. Raises StoreError when another
    process reads the store for so long that traces stay in its log.
    """
    gone = list(ids)
    with database.transaction() as sql:
        retired = retire_trained_on(database, gone)
        for table in ("records", "spans", "offers"):
            sql.executemany(f"DELETE FROM {table} WHERE id = ?", [(record_id,) for record_id in gone])  # noqa: S608
        sql.executemany("DELETE FROM readings WHERE span = ?", [(record_id,) for record_id in gone])
        sql.executemany("INSERT OR IGNORE INTO erased VALUES (?)", [(record_id,) for record_id in gone])
        sql.executemany("UPDATE run_records SET erased = 1 WHERE record = ?", [(record_id,) for record_id in gone])
    database.scrub()
    return retired


def delete_document(database: Database, document: str) -> list[str]:
    """Erase everything of one document; the ids of the adapters retired for it."""
    return _delete_where(database, "document = ?", (key(document),))


def delete_all(database: Database) -> list[str]:
    """Erase everything on record; the ids of the adapters retired for it."""
    return _delete_where(database, "1 = 1", ())


def export_records(database: Database) -> Iterator[dict[str, Any]]:
    """Every record, newest versions, complete, as plain values."""
    for record in records(database):
        yield to_plain(record)


def _delete_where(database: Database, condition: str, values: tuple[str, ...]) -> list[str]:
    with database.reading() as sql:
        query = " UNION ".join(f"SELECT id FROM {table} WHERE {condition}" for table in ("records", "spans", "offers"))  # noqa: S608
        ids = [row[0] for row in sql.execute(query, values * 3)]
    return delete_records(database, ids)
