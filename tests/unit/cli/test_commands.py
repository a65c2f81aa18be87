"""The commands on a real store in a folder of their own: what they print, what they refuse, what they erase."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stet.core.records import Adapter, Context, EditClass, EditRecord, Outcome, Provenance, RecordKind, TrainingRun
from stet.store import adapters, open_store, records, runs


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three records, an adapter trained on the first two, and the one it replaced."""
    folder = tmp_path / "data"
    with open_store(folder / "stet.db", 1.0) as database:
        for number in range(3):
            records.add_record(database, record(number))
        for run, learned in (("r0", ("edit-2",)), ("r1", ("edit-0", "edit-1"))):
            runs.save(database, TrainingRun(run, 5.0, records=learned))
            adapters.add(database, Adapter(f"sft-{run}", "sft", "tiny", "0" * 64, run, 6.0))
            adapters.promote(database, f"sft-{run}", 7.0, "better on held-out text")
    return folder


def record(number: int) -> EditRecord:
    return EditRecord(
        f"edit-{number}",
        1,
        RecordKind.EDITED,
        Context(f"file:///{number}.txt", "I shall"),
        " gladly come.",
        f" gladly come at {number}. Canary{number}!",
        0.5,
        EditClass.REWRITE,
        Outcome.ACCEPTED,
        "",
        Provenance("tiny"),
        2.0,
        3.0 + number,
    )


def stet(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "STET_DATA_DIR": str(data), "STET_MODELS_DIR": str(data / "models"), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "stet", *arguments],
        capture_output=True,
        text=True,
        env=environ,
        stdin=subprocess.DEVNULL,
    )


def test_list_show_and_export(data: Path) -> None:
    listed = json.loads(stet(data, "data", "list", "--json").stdout)
    assert [row["id"] for row in listed] == ["edit-0", "edit-1", "edit-2"]
    assert "gladly come at 2" in stet(data, "data", "list").stdout
    shown = json.loads(stet(data, "data", "show", "edit-1", "--json").stdout)
    assert (shown["final"], shown["cost"], shown["arm"]) == (" gladly come at 1. Canary1!", 0.5, "base")
    exported = [json.loads(line) for line in stet(data, "data", "export").stdout.splitlines()]
    assert [row["final"] for row in exported] == [record(number).final for number in range(3)]


def test_erasing_a_record_erases_its_text_and_retires_what_learned_from_it(data: Path) -> None:
    refused = stet(data, "data", "delete", "edit-0")
    assert refused.returncode == 1 and "--yes" in refused.stderr
    answer = stet(data, "data", "delete", "edit-0", "--yes")
    assert answer.returncode == 0 and "sft-r1" in answer.stdout
    assert b"Canary0" not in b"".join(path.read_bytes() for path in data.glob("stet.db*"))
    statuses = {row["id"]: row["status"] for row in json.loads(stet(data, "adapters", "list", "--json").stdout)}
    assert statuses["sft-r1"] == "retired"
    assert [row["id"] for row in json.loads(stet(data, "data", "list", "--json").stdout)] == ["edit-1", "edit-2"]


def test_erasing_everything(data: Path) -> None:
    assert stet(data, "data", "delete", "--all", "--yes").returncode == 0
    assert json.loads(stet(data, "data", "list", "--json").stdout) == []
    assert b"Canary" not in b"".join(path.read_bytes() for path in data.glob("stet.db*"))


@pytest.mark.parametrize("arguments", [(), ("edit-0", "--all"), ("--document", "file:///0.txt", "--all")])
def test_what_to_erase_must_be_said_once(data: Path, arguments: tuple[str, ...]) -> None:
    answer = stet(data, "data", "delete", *arguments, "--yes")
    assert answer.returncode == 2 and "--document" in answer.stderr


def test_rollback_goes_back_to_the_adapter_before_and_then_to_base(data: Path) -> None:
    assert "sft-r0 is served" in stet(data, "adapters", "rollback").stdout
    assert "the base model is served" in stet(data, "adapters", "rollback").stdout
    answer = stet(data, "adapters", "rollback")
    assert answer.returncode == 1 and "nothing to roll back" in answer.stderr


def test_removing_an_adapter_deletes_its_files(data: Path) -> None:
    folder = data / "adapters" / "sft-r1"
    folder.mkdir(parents=True)
    (folder / "card.json").write_text('{"verdict": {"promoted": true}}')
    shown = json.loads(stet(data, "adapters", "show", "sft-r1", "--json").stdout)
    assert shown["status"] == "active" and shown["card"]["verdict"]["promoted"] is True
    assert stet(data, "adapters", "remove", "sft-r1", "--yes").returncode == 0
    assert not folder.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("data", "show", "nothing"), "stet data list"),
        (("adapters", "show", "nothing"), "stet adapters list"),
        (("models", "verify"), "stet models fetch"),
        (("models", "fetch", "no-such-model"), "stet models list"),
        (("train", "--settings", "{"), "--settings"),
        (("train",), "stet models fetch"),
    ],
)
def test_what_is_refused_says_what_mends_it(data: Path, arguments: tuple[str, ...], said: str) -> None:
    answer = stet(data, *arguments)
    assert answer.returncode in (1, 2)
    assert said in answer.stderr and "Traceback" not in answer.stderr


def test_doctor_names_each_ill_with_its_mend(data: Path) -> None:
    answer = stet(data, "doctor", "--json")
    found = {check["name"]: check for check in json.loads(answer.stdout)["checks"]}
    assert answer.returncode == 1
    assert not found["Model"]["well"] and "stet models fetch" in found["Model"]["found"]
    assert found["Store"]["well"] and "3 edit records" in found["Store"]["found"]


def test_bench_capture_compares_both_ways(tmp_path: Path) -> None:
    done = stet(tmp_path, "bench", "capture", "--characters", "200000", "--spans", "20", "--changes", "10", "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    kinds = ("away", "inside", "carets", "plain_away", "plain_inside")
    assert all(0 < figures[f"{kind}_median_ms"] <= figures[f"{kind}_p95_ms"] for kind in kinds)
    ratio = figures["plain_away_median_ms"] / figures["away_median_ms"]
    assert figures["away_ratio"] == pytest.approx(ratio, abs=0.06)


def test_retention_of_an_empty_store(tmp_path: Path) -> None:
    done = stet(tmp_path, "data", "retention", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {})
