"""The whole loop with the real model: suggest, accept, edit, settle, record, train, promote, serve, roll back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stet.core.records import EditRecord
from stet.core.spans import Span
from tests.support.session import Session, session

pytestmark = pytest.mark.model

NAMES = (
    *("Ann", "Ben", "Cleo", "Dora", "Emil", "Fred", "Gus", "Hana", "Ida", "Jon", "Kai", "Lea"),
    *("Max", "Nils", "Ole", "Pia", "Rob", "Sue", "Tim", "Una", "Vera", "Will", "Xenia", "Yann"),
)
SUBJECTS = ("mill", "ferry", "choir", "chapel", "orchard", "station")
OPENING = "Dear {name},\n\nThank you for your letter about the {subject}. With"
HABIT = " warm regards from the archive, Marta"
SETTINGS = {
    "completion": {"maxTokens": 10, "prefixCharacters": 400},
    "capture": {"settleSeconds": 2},
    "learning": {"automatic": False, "minRecords": 20, "epochs": 4},
    "selection": {"exploration": 0},
}


async def write_a_letter(window: Session, number: int) -> str | None:
    """Write one letter; the id of the suggestion taken in it, if one was."""
    uri = f"untitled:letter-{number:02d}.txt"
    window.editor.open(uri)
    window.type(OPENING.format(name=NAMES[number % len(NAMES)], subject=SUBJECTS[number % len(SUBJECTS)]), uri)
    offered = await window.suggest(uri)
    taken = None
    if offered is None:
        window.type(HABIT, uri)
    else:
        at = len(window.editor.text(uri))
        assert await window.editor.accept(uri, at, offered)
        taken = offered[0]
        if offered[1] != HABIT:
            window.wait(1)
            window.editor.replace(uri, Span(at + 1, at + len(offered[1])), "")
            for offset, character in enumerate(HABIT[1:], start=at + 1):
                window.wait(0.15)
                window.editor.replace(uri, Span(offset, offset), character)
    window.wait(60)
    window.editor.close(uri)
    return taken


def stet(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stet", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "STET_DATA_DIR": str(data)},
        timeout=120,
    )


async def record_of(window: Session, offer: str | None) -> EditRecord:
    assert offer is not None, "nothing was suggested"
    await window.editor.ask_status()
    return next(record for record in await window.records() if record.id == offer)


async def test_the_whole_loop(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with session(data, engine=None, settings=SETTINGS) as window:
        await window.ready()
        first = await write_a_letter(window, 0)
        record = await record_of(window, first)
        assert (record.provenance.arm, record.provenance.adapter) == ("base", "")
        assert record.final.strip() == HABIT.strip()
        base_cost = record.cost
        for number in range(1, len(NAMES)):
            await write_a_letter(window, number)
        assert len(await window.records(20)) >= 20

        assert "started" in await window.editor.run("stet.train")
        assert "already" in await window.editor.run("stet.train")
        state = await window.until(lambda state: not state["training"], "the end of training", tries=6000)
        assert state["promoted"], state["lastTraining"]
        state = await window.until(lambda state: bool(state["adapter"]), "the switch")
        adapter = state["adapter"]

        record = await record_of(window, await write_a_letter(window, len(NAMES)))
        provenance = record.provenance
        assert (provenance.arm, provenance.adapter, provenance.propensity) == ("sft", adapter, 1.0)
        assert record.cost < base_cost, record.suggestion

        folder = data / "adapters" / adapter
        before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
        assert {"adapter.gguf", "adapter_model.safetensors", "adapter_config.json", "card.json"} <= set(before)
        card = json.loads(stet(data, "adapters", "show", adapter, "--json").stdout)["card"]
        held_out, learned = set(card["records"]["held_out"]), set(card["records"]["train"])
        assert held_out and learned and not held_out & learned

        answer = stet(data, "adapters", "rollback")
        assert answer.returncode == 0 and "base model" in answer.stdout, answer.stderr
        await window.until(lambda state: state["adapter"] == "", "the rollback")
        record = await record_of(window, await write_a_letter(window, len(NAMES) + 1))
        assert (record.provenance.arm, record.provenance.adapter) == ("base", "")
        assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before

        erased = json.loads(stet(data, "data", "list", "--json", "--newest", "1").stdout)[0]["id"]
        assert stet(data, "data", "delete", erased, "--yes").returncode == 0
        assert erased not in {record.id for record in await window.records()}


def test_the_demo_learns() -> None:
    """`stet demo --json`: the last line is the result, and the personal policy costs fewer edits than base."""
    answer = subprocess.run(
        [sys.executable, "-m", "stet", "demo", "--json"], capture_output=True, text=True, timeout=900
    )
    assert answer.returncode == 0, answer.stderr
    result = json.loads(answer.stdout.splitlines()[-1])
    assert result["promoted"] is True
    assert result["personal"]["edit_cost"] < result["base"]["edit_cost"]
    assert result["personal"]["keystrokes_saved"] > result["base"]["keystrokes_saved"]
    assert result["personal"]["bits_per_char"] < result["base"]["bits_per_char"]
    assert result["records"] >= 40 and result["train_seconds"] > 0
