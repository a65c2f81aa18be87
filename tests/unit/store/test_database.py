"""Opening the store: rights, versions, damage, and the faults of a disk."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from pathlib import Path

import pytest

from stet.core.errors import StoreError
from stet.store import Database, open_store, records, runs, spans, transactions
from stet.store.database import MIGRATIONS
from tests.unit.store.lessons import LETTER, accepted, record

NOON = 1_700_049_600.0
"""2023-11-15, 12:00:00 UTC."""


def bytes_of(folder: Path) -> dict[str, bytes]:
    """What lies in a store's folder, without the lock and SQLite's shared memory, which hold no text."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith((".lock", "-shm"))}


def abandoned(path: Path, *, version: int | None = None) -> Path:
    """A folder as a killed process leaves it: with a span that stands only in the write-ahead log."""
    alive = path / "alive"
    with open_store(alive / "stet.db", NOON) as database:
        for number in range(100):
            spans.save_span(database, accepted(f"old-{number}"))
        database.scrub()
        if version is not None:
            with database.transaction() as sql:
                sql.execute(f"PRAGMA user_version = {version}")
        spans.save_span(database, accepted("new"))
        shutil.copytree(alive, path / "left")
    assert (path / "left" / "stet.db-wal").stat().st_size > 0
    return path / "left" / "stet.db"


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
def test_only_the_user_may_look(tmp_path: Path) -> None:
    path = tmp_path / "data" / "stet.db"
    with open_store(path, NOON) as database:
        spans.save_span(database, accepted("a"))
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
        assert modes == dict.fromkeys(("stet.db", "stet.db-wal", "stet.db-shm", "stet.db.lock"), 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o644)
    with open_store(path, NOON):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_commit_is_on_disk_before_it_returns(tmp_path: Path) -> None:
    with open_store(tmp_path / "stet.db", NOON) as database, database.reading() as sql:
        asked = ("journal_mode", "synchronous", "secure_delete")
        assert [sql.execute(f"PRAGMA {name}").fetchone()[0] for name in asked] == ["wal", 2, 1]


def test_what_was_written_is_there_for_the_next_one(tmp_path: Path) -> None:
    path = abandoned(tmp_path)
    (path.parent / "stet.db-shm").unlink()
    with open_store(path, NOON) as database:
        assert database.set_aside is None
        assert len(spans.live_spans(database)) == 101


@pytest.mark.parametrize("version", range(len(MIGRATIONS)))
def test_older_stores_are_brought_up_to_date(tmp_path: Path, version: int) -> None:
    path = tmp_path / "stet.db"
    with sqlite3.connect(path) as connection:
        for step in MIGRATIONS[:version]:
            connection.executescript(step)
        if version:
            connection.execute("INSERT INTO run_records (run, record) VALUES ('first', 'a')")
            connection.execute(
                "INSERT INTO runs (id, status, started, body) "
                "VALUES ('first', 'running', 1.0, '{\"id\":\"first\",\"started\":1.0}')"
            )
            connection.executemany(
                "INSERT INTO records VALUES (?, 1, '', 'edited', 1.0, 0.5, 1, 'base', '', '{}')", [("a",), ("b",)]
            )
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    with open_store(path, NOON) as database, open_store(tmp_path / "new.db", NOON) as new:
        assert schema(database) == schema(new)
        if version:
            with database.reading() as sql:
                assert sql.execute("SELECT id, seen FROM runs").fetchall() == [("first", int(version == 1))]
            assert records.count_records(database) == 2
            assert [run.id for run in runs.runs(database)] == ["first"]


def schema(database: Database) -> tuple[int, set[tuple[str, str]]]:
    with database.reading() as sql:
        version = sql.execute("PRAGMA user_version").fetchone()[0]
        tables = [row[0] for row in sql.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return version, {(table, row[1]) for table in tables for row in sql.execute(f"PRAGMA table_info({table})")}


def test_a_step_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "stet.db"
    with open_store(path, NOON) as database:
        before = schema(database)
    broken = (*MIGRATIONS, "CREATE TABLE half (id TEXT); CREATE TABLE half (id TEXT);")
    with monkeypatch.context() as patch:
        patch.setattr("stet.store.database.MIGRATIONS", broken)
        with pytest.raises(StoreError, match="already exists"):
            open_store(path, NOON)
    with open_store(path, NOON) as database:
        assert schema(database) == before


def test_a_newer_store_is_not_touched(tmp_path: Path) -> None:
    path = abandoned(tmp_path, version=9999)
    before = bytes_of(path.parent)
    with pytest.raises(StoreError, match=r"newer Stet \(version 9999.*pip install --upgrade"):
        open_store(path, NOON)
    assert bytes_of(path.parent) == before


def test_no_database_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "stet.db"
    for number, aside in enumerate(("stet.db.corrupt-20231115-120000", "stet.db.corrupt-20231115-120000-2")):
        path.write_bytes(b"dear diary %d, " % number * 500)
        with open_store(path, NOON) as database:
            assert database.set_aside == tmp_path / aside
            spans.save_span(database, accepted("a"))
        path.unlink()
    assert [path.read_bytes()[:13] for path in sorted(tmp_path.glob("*corrupt*"))] == [
        b"dear diary 0,",
        b"dear diary 1,",
    ]


def test_a_damaged_store_is_set_aside_with_its_log(tmp_path: Path) -> None:
    path = abandoned(tmp_path)
    content = bytearray(path.read_bytes())
    content[4096 * 5 : 4096 * 9] = b"\xff" * 4096 * 4
    path.write_bytes(content)
    before = bytes_of(path.parent)
    with open_store(path, NOON) as database:
        assert database.set_aside == path.with_name("stet.db.corrupt-20231115-120000")
        assert spans.live_spans(database) == []
        aside = {
            name.replace(".corrupt-20231115-120000", ""): text
            for name, text in bytes_of(path.parent).items()
            if "corrupt" in name
        }
    assert aside == before


def test_damage_met_at_work_is_said(tmp_path: Path) -> None:
    path = tmp_path / "stet.db"
    with open_store(path, NOON) as database:
        for number in range(100):
            spans.save_span(database, accepted(str(number)))
    with open_store(path, NOON) as database:
        content = bytearray(path.read_bytes())
        content[4096 * 3 :] = b"\xff" * (len(content) - 4096 * 3)
        path.write_bytes(content)
        with pytest.raises(StoreError, match="start Stet again"):
            for _ in range(2):
                spans.live_spans(database)
                spans.save_span(database, accepted("more"))


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")
    with pytest.raises(StoreError, match=r"data.*STET_DATA_DIR"):
        open_store(tmp_path / "data" / "stet.db", NOON)


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "stet.db").mkdir()
    with pytest.raises(StoreError, match=r"stet\.db.*STET_DATA_DIR"):
        open_store(tmp_path / "stet.db", NOON)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system that takes no files")
def test_a_place_that_takes_no_files() -> None:
    with pytest.raises(StoreError, match=r"/proc/stet.*STET_DATA_DIR"):
        open_store(Path("/proc/stet/stet.db"), NOON)


def test_a_full_disk_is_said_and_got_over(tmp_path: Path) -> None:
    with open_store(tmp_path / "stet.db", NOON) as database:
        spans.save_span(database, accepted("before"))
        with database.reading() as sql:
            pages = sql.execute("PRAGMA page_count").fetchone()[0]
            sql.execute(f"PRAGMA max_page_count = {pages}").fetchone()
        with pytest.raises(StoreError, match=r"full.*free some disk space"):
            for number in range(50):
                transactions.accept(database, accepted(f"{number}", "long " * 1000))
        with database.reading() as sql:
            sql.execute("PRAGMA max_page_count = 100000").fetchone()
        transactions.accept(database, accepted("after"))
        with open_store(tmp_path / "stet.db", NOON) as other:
            assert {"before", "after"} <= {span.id for span in spans.live_spans(other, LETTER)}


def test_a_commit_that_fails_takes_nothing_along(tmp_path: Path) -> None:
    """The transaction must not stay open: all that was accepted afterwards would wait in it, and be lost."""
    path = tmp_path / "stet.db"
    with open_store(path, NOON) as database:
        with database.transaction() as sql:
            sql.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
            sql.execute("CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)")
        with database.reading() as sql:
            sql.execute("PRAGMA foreign_keys = ON")
        with pytest.raises(sqlite3.IntegrityError), database.transaction() as sql:  # raised by COMMIT itself
            spans.save_span(database, accepted("lost"))
            sql.execute("INSERT INTO child VALUES (1)")
        spans.save_span(database, accepted("kept"))
        with open_store(path, NOON) as other:
            assert [span.id for span in spans.live_spans(other)] == ["kept"]


def test_an_inner_transaction_belongs_to_the_outer(tmp_path: Path) -> None:
    with open_store(tmp_path / "stet.db", NOON) as database:
        with pytest.raises(RuntimeError), database.transaction():
            transactions.settle(database, record("a"), accepted("a"))
            raise RuntimeError
        assert (records.count_records(database), spans.live_spans(database)) == (0, [])


def test_a_store_held_by_another_is_said(tmp_path: Path) -> None:
    path = tmp_path / "stet.db"
    with open_store(path, NOON) as database, open_store(path, NOON) as other:
        with database.reading() as sql:
            sql.execute("PRAGMA busy_timeout = 20")
        with other.transaction(), pytest.raises(StoreError, match="another program holds it"):
            spans.save_span(database, accepted("a"))
        spans.save_span(database, accepted("a"))
