"""Adapters: one active at most, a way back, and what became of each; training runs and what is new since."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stet.core.errors import StoreError
from stet.core.records import AdapterStatus, RunStatus, TrainingRun
from stet.store import Database, adapters, open_store, records, runs
from tests.unit.store.lessons import adapter, record


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with open_store(tmp_path / "stet.db", 1000.0) as opened:
        yield opened


def promoted(database: Database, *ids: str, model: str = "tiny") -> None:
    for number, each in enumerate(ids):
        adapters.add(database, adapter(each, model=model, created=float(number)))
        adapters.promote(database, each, 10.0 + number, "better")


def active(database: Database, model: str = "tiny") -> str:
    found = adapters.active_adapter(database, model)
    return found.id if found else "base"


def statuses(database: Database) -> dict[str, str]:
    return {found.id: found.status.value for found in adapters.adapters(database)}


def test_adding_twice_changes_nothing(database: Database) -> None:
    promoted(database, "a")
    adapters.add(database, adapter("a"))
    assert active(database) == "a"
    assert adapters.get(database, "b") is None


def test_one_is_active_per_model(database: Database) -> None:
    promoted(database, "a", "b")
    promoted(database, "other", model="large")
    assert (active(database), active(database, "large"), active(database, "unknown")) == ("b", "other", "base")
    assert statuses(database) == {"a": "retired", "b": "active", "other": "active"}
    reasons = {found.id: found.reason for found in adapters.adapters(database)}
    assert reasons == {"a": "replaced by b", "b": "better", "other": "better"}


def test_the_file_itself_allows_only_one(database: Database) -> None:
    promoted(database, "a", "b")
    with pytest.raises(Exception, match="UNIQUE"), database.transaction() as sql:
        sql.execute("UPDATE adapters SET status = 'active' WHERE id = 'a'")


def test_promoting_twice_changes_nothing(database: Database) -> None:
    promoted(database, "a", "b")
    adapters.promote(database, "b", 30.0, "again")
    assert adapters.rollback(database, 40.0, "worse") is not None
    assert active(database) == "a"


def test_back_step_by_step_to_base(database: Database) -> None:
    promoted(database, "a", "b", "c")
    went = [adapters.rollback(database, 20.0 + step, "worse") for step in range(4)]
    assert [found.id if found else "base" for found in went] == ["b", "a", "base", "base"]
    assert statuses(database) == dict.fromkeys("abc", "retired")


def test_on_from_where_one_went_back_to(database: Database) -> None:
    promoted(database, "a", "b")
    adapters.rollback(database, 20.0, "worse")
    promoted(database, "c")
    assert adapters.rollback(database, 30.0, "worse") is not None
    assert active(database) == "a"


def test_one_that_was_removed_is_passed_over(database: Database) -> None:
    promoted(database, "a", "b", "c")
    adapters.set_status(database, "b", AdapterStatus.RETIRED, "removed by the writer", 20.0)
    adapters.rollback(database, 30.0, "worse")
    assert active(database) == "a"


def test_two_windows_go_back_one_step(database: Database) -> None:
    promoted(database, "a", "b")
    for _ in range(2):
        found = adapters.rollback(database, 20.0, "worse", adapter_id="b")
        assert found is not None and found.id == "a"


def test_which_model_is_meant(database: Database) -> None:
    promoted(database, "a")
    promoted(database, "big", model="large")
    assert adapters.rollback(database, 20.0, "worse", model="tiny") is None
    assert (active(database), active(database, "large")) == ("base", "big")
    assert adapters.rollback(database, 20.0, "worse") is None
    assert active(database, "large") == "base"


def test_a_refused_one_is_kept_and_never_served(database: Database) -> None:
    adapters.add(database, adapter("a"))
    adapters.set_status(database, "a", AdapterStatus.REFUSED, "repeats itself", 2.0)
    with pytest.raises(StoreError, match=r"refused \(repeats itself\)"):
        adapters.promote(database, "a", 3.0, "")
    assert statuses(database) == {"a": "refused"}


def test_an_unknown_one_is_said(database: Database) -> None:
    for act in (
        lambda: adapters.promote(database, "x", 1.0, ""),
        lambda: adapters.set_status(database, "x", AdapterStatus.REFUSED, "", 1.0),
        lambda: adapters.set_status(database, "x", AdapterStatus.ACTIVE, "", 1.0),
    ):
        with pytest.raises(StoreError, match=r"no adapter x; `stet adapters list`"):
            act()


def test_every_change_is_noted(database: Database) -> None:
    promoted(database, "a", "b")
    adapters.rollback(database, 20.0, "worse")
    with database.reading() as sql:
        noted = sql.execute("SELECT adapter, status, at FROM adapter_events ORDER BY number").fetchall()
    assert noted == [
        ("a", "active", 10.0),
        ("a", "retired", 11.0),
        ("b", "active", 11.0),
        ("b", "retired", 20.0),
        ("b", "withdrawn", 20.0),
        ("a", "active", 20.0),
    ]


def test_a_run_from_start_to_end(database: Database) -> None:
    run = TrainingRun("r", 50.0, records=("b", "a"))
    assert (runs.last_run(database), runs.runs(database)) == (None, [])
    runs.save(database, run)
    runs.save(database, run)
    assert (runs.last_run(database), runs.runs(database)) == (None, [run])
    runs.end(database, "r", RunStatus.DONE, 60.0, "")
    assert runs.last_run(database) == TrainingRun("r", 50.0, RunStatus.DONE, 60.0, ("b", "a"))


def test_what_is_new_since_the_last_run(database: Database) -> None:
    for number in range(6):
        records.add_record(database, record(str(number)))
    assert runs.records_since_last_run(database) == 6
    runs.save(database, TrainingRun("r", 50.0, records=("4", "5")))  # the older four were more than it takes
    assert runs.records_since_last_run(database) == 6
    records.add_record(database, record("6"))
    records.add_record(database, record("0", version=2))
    records.add_record(database, record("0", version=3))
    runs.save(database, TrainingRun("r", 50.0, records=("4", "5")))  # it goes on after a halt
    runs.end(database, "r", RunStatus.DONE, 60.0, "")
    assert runs.records_since_last_run(database) == 2
    runs.save(database, TrainingRun("halted", 70.0))
    runs.end(database, "halted", RunStatus.HALTED, 71.0, "")
    assert runs.records_since_last_run(database) == 2
