"""Several processes on one store, killed at any moment (invariant 12)."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from stet.store import open_store, records, spans
from tests.unit.store.lessons import accepted, record

KILLS = 15


def writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.unit.store.writer", str(path), name, str(count)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )


def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path) -> None:
    chance = random.Random(12)
    path = tmp_path / "stet.db"
    said: set[tuple[str, str]] = set()
    for number in range(KILLS):
        process = writer(path, f"life{number}", 10_000)
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(chance.randrange(40))]
        process.kill()
        lines += process.stdout.readlines()
        process.wait()
        process.stdout.close()
        said |= {(what, offer_id) for what, offer_id in (line.split() for line in lines if line.endswith("\n"))}
    assert len(said) > KILLS
    with open_store(path, 200.0) as database:
        assert database.set_aside is None
        there = {span.id: span for span in spans.live_spans(database)}
        settled = {found.id: found for found in records.records(database)}
        with database.reading() as sql:
            assert sql.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            assert sql.execute("SELECT count(*) FROM spans WHERE id NOT IN (SELECT id FROM offers)").fetchone() == (0,)
    for what, offer_id in said:
        assert there[offer_id] == accepted(offer_id)
        assert what == "accepted" or settled[offer_id] == record(offer_id)


@pytest.mark.parametrize("damaged", [False, True])
def test_processes_share_a_store_from_its_first_moment(tmp_path: Path, damaged: bool) -> None:
    path = tmp_path / "stet.db"
    if damaged:
        path.write_bytes(b"no database" * 400)
    processes = [writer(path, name, 25) for name in "abc"]
    answers = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], answers
    with open_store(path, 200.0) as database:
        assert len(spans.live_spans(database)) == 75
    aside = [each.name for each in tmp_path.iterdir() if "corrupt" in each.name]
    assert len(aside) == (1 if damaged else 0)
