"""Edit records: only added, found by what is asked, erased to the last byte."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve

from stet.core.errors import StoreError
from stet.core.records import AdapterStatus, RecordKind, TrainingRun
from stet.store import Database, adapters, offers, open_store, records, runs, spans, transactions
from tests.unit.store.lessons import LETTER, accepted, adapter, record, suggestion

OTHER = "file:///users/ada/diary.txt"
CANARY = "xylophone-canary"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with open_store(tmp_path / "stet.db", 1000.0) as opened:
        yield opened


def test_a_higher_version_supersedes(database: Database) -> None:
    for version, final in ((1, "one"), (3, "three"), (2, "two")):
        records.add_record(database, record("a", final, version))
    records.add_record(database, record("a", "again", 3))
    assert [found.final for found in records.records(database)] == ["three"]
    assert (records.count_records(database), records.count_words(database)) == (1, 1)


def test_words_of_final_texts(database: Database) -> None:
    records.add_record(database, record("a", "The sea. The sea!"))
    records.add_record(database, record("b", "don’t"))
    assert records.count_words(database) == 7


def test_what_is_asked_for(database: Database) -> None:
    records.add_record(database, record("old", settled_at=10.0))
    records.add_record(database, record("typed", settled_at=30.0, kind=RecordKind.TYPED_INSTEAD))
    records.add_record(database, record("diary", settled_at=20.0, document=OTHER))

    def ids(**asked: object) -> list[str]:
        return [found.id for found in records.records(database, **asked)]  # type: ignore[arg-type]

    assert ids() == ["old", "diary", "typed"]
    assert ids(newest=2) == ["diary", "typed"]
    assert ids(newest=0) == []
    assert ids(kinds=[RecordKind.TYPED_INSTEAD, RecordKind.DRAFT]) == ["typed"]
    assert ids(kinds=[]) == []
    assert ids(document=OTHER) == ["diary"]
    assert ids(since=20.0) == ["diary", "typed"]
    assert ids(since=20.0, document=LETTER, newest=5) == ["typed"]


def test_kinds_and_times_are_those_of_the_newest_version(database: Database) -> None:
    records.add_record(database, record("a", settled_at=10.0, kind=RecordKind.ACCEPTED))
    records.add_record(database, record("a", version=2, settled_at=20.0))
    assert records.records(database, kinds=[RecordKind.ACCEPTED]) == []
    assert [found.version for found in records.records(database, since=15.0)] == [2]


def test_an_export_is_complete_json(database: Database) -> None:
    kept = evolve(record("a", "caf\u00e9 \udc80 \x00 \U0001f600"), flags=("early", "restored"))
    records.add_record(database, kept)
    exported = json.loads(json.dumps(list(records.export_records(database))))
    assert exported == [
        {
            "id": "a",
            "version": 1,
            "kind": "edited",
            "context": {"document": LETTER, "prefix": "We went", "suffix": "", "language": "plaintext", "title": ""},
            "suggestion": " to the sea",
            "final": "caf\u00e9 \udc80 \x00 \U0001f600",
            "cost": kept.cost,
            "edit_class": "word_choice",
            "outcome": "accepted",
            "script": "=8\t-3\t+shore",
            "provenance": {"model": "tiny", "adapter": "", "arm": "base", "propensity": 1.0, "prompt_version": 0},
            "offered_at": 100.0,
            "settled_at": 120.0,
            "flags": ["early", "restored"],
        }
    ]


def remember(database: Database, offer_id: str, text: str, document: str = LETTER) -> None:
    span = accepted(offer_id, f" {text}", document)
    transactions.accept(database, span)
    for version in (1, 2):
        grown = evolve(span, text=f"{text} {version}" * version, before=text, version=version)
        transactions.settle(database, record(offer_id, grown.text, version, document=document), grown)


def test_erased_text_is_in_no_file(tmp_path: Path) -> None:
    """Among records that come and go, so that pages are split, joined and used again."""
    chance = random.Random(7)
    with open_store(tmp_path / "stet.db", 1000.0) as database:
        for number in range(150):
            secret = number % 5 == 0
            remember(database, str(number), (CANARY if secret else "ordinary") * chance.randint(1, 60))
            if number % 7 == 3:
                records.delete_records(database, [str(chance.randrange(number))])
        offers.save_offer(database, suggestion("shown", CANARY), 100.0)
        assert CANARY.encode() in everything(tmp_path)
        records.delete_records(database, [*(str(number) for number in range(0, 150, 5)), "shown"])
        assert CANARY.encode() not in everything(tmp_path)
        assert b"ordinary" in everything(tmp_path)
        assert 80 < records.count_records(database) < 120
        with database.reading() as sql:
            assert sql.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def test_a_document_is_erased_with_all_that_came_of_it(tmp_path: Path, database: Database) -> None:
    remember(database, "a", CANARY, OTHER)
    offers.save_offer(database, suggestion("never taken", CANARY, OTHER), 100.0)
    remember(database, "b", "ordinary")
    assert records.delete_document(database, OTHER) == []
    assert CANARY.encode() not in everything(tmp_path)
    assert [found.id for found in records.records(database)] == ["b"]


def test_what_was_erased_does_not_come_back(tmp_path: Path, database: Database) -> None:
    """A server that is running still follows the span, and writes when it is touched."""
    remember(database, "a", CANARY)
    with open_store(tmp_path / "stet.db", 1000.0) as command_line:
        records.delete_records(command_line, ["a"])
    spans.save_span(database, accepted("a", CANARY))
    transactions.accept(database, accepted("a", CANARY))
    transactions.settle(database, record("a", CANARY, 3), accepted("a", CANARY))
    assert (records.count_records(database), spans.live_spans(database), offers.offer(database, "a")) == (0, [], None)
    assert CANARY.encode() not in everything(tmp_path)


def test_a_reader_that_keeps_the_text_is_said(tmp_path: Path, database: Database) -> None:
    remember(database, "a", CANARY)
    reader = sqlite3.connect(tmp_path / "stet.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM records").fetchone()
    with database.reading() as sql:
        sql.execute("PRAGMA busy_timeout = 20")
    with pytest.raises(StoreError, match="close your editors"):
        records.delete_records(database, ["a"])
    reader.close()
    assert records.count_records(database) == 0


def test_adapters_that_learned_from_an_erased_record_are_retired(database: Database) -> None:
    for run, learned in (("first", "ab"), ("second", "bc"), ("third", "c")):
        runs.save(database, TrainingRun(run, 1.0, records=tuple(learned)))
        adapters.add(database, adapter(run, run=run))
        adapters.promote(database, run, 2.0, "better")
    remember(database, "b", "ordinary")
    assert records.delete_records(database, ["b"]) == ["first", "second"]
    assert records.delete_records(database, ["b"]) == []
    statuses = {found.id: found.status for found in adapters.adapters(database)}
    assert statuses["third"] is AdapterStatus.ACTIVE
    assert adapters.rollback(database, 3.0, "worse") is None
    with pytest.raises(StoreError, match="deleted"):
        adapters.promote(database, "second", 4.0, "better")


def test_an_adapter_that_was_in_training_meanwhile_is_not_served(database: Database) -> None:
    runs.save(database, TrainingRun("run", 1.0, records=("a", "b")))
    remember(database, "a", "ordinary")
    records.delete_records(database, ["a"])
    adapters.add(database, adapter("late"))
    adapters.set_status(database, "late", AdapterStatus.CANDIDATE, "", 2.0)
    assert adapters.get(database, "late").status is AdapterStatus.RETIRED  # type: ignore[union-attr]
    with pytest.raises(StoreError, match="stet train"):
        adapters.promote(database, "late", 3.0, "better")
    assert adapters.active_adapter(database, "tiny") is None


def test_all_is_erased(tmp_path: Path, database: Database) -> None:
    for number in range(20):
        remember(database, str(number), CANARY)
    runs.save(database, TrainingRun("run", 1.0, records=("3",)))
    adapters.add(database, adapter("one"))
    assert records.delete_all(database) == ["one"]
    assert CANARY.encode() not in everything(tmp_path)
    assert (records.count_records(database), records.count_words(database), offers.outcomes(database)) == (0, 0, {})
