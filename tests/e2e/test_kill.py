"""kill -9 of server, engine and trainer at random points, twenty times each: no accepted span is lost, nothing is left.

A slow machine accepts less between two kills; there the killing goes on until at least twenty accepts were at stake.
An accept counts from the moment its command was answered (`docs/architecture.md`, invariant 12). Seeds are fixed; the
points still differ from run to run, because they are points in time.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from pathlib import Path

import psutil
import pytest

from stet.core.records import Context, EditClass, EditRecord, Outcome, Provenance, RecordKind
from stet.store import open_store, records, spans
from tests.support.session import Session, session

pytestmark = pytest.mark.model

ROUNDS = 20
SETTINGS = {"completion": {"maxTokens": 8}, "capture": {"settleSeconds": 3}, "selection": {"exploration": 0}}
BEGINNINGS = (
    "The reading room",
    "I would like",
    "We have found",
    "Please let me",
    "The weather today",
    "Thank you for",
)


async def write(window: Session, accepted: set[str], number: int, stop: asyncio.Event) -> None:
    """Write until told to stop: suggestions accepted, some written on at, some left to settle."""
    uri = f"file:///tmp/kill-{number}.txt"
    window.editor.open(uri)
    for turn in itertools.count():
        if stop.is_set():
            return
        window.type(f"{BEGINNINGS[turn % len(BEGINNINGS)]}", uri)
        offered = await window.suggest(uri)
        if offered is None:
            window.type(" and so on.\n", uri)
            await asyncio.sleep(0)
            continue
        if await window.editor.accept(uri, len(window.editor.text(uri)), offered):
            accepted.add(offered[0])
        window.type(" indeed.\n" if turn % 2 else "\n", uri)
        window.wait(5 if turn % 3 == 0 else 1)


def children(process_id: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(process_id).children(recursive=True)
    return []


def all_gone(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=20)[1]


def missing(data: Path, accepted: set[str]) -> set[str]:
    """Accepted offers that are neither a span nor a record in the store."""
    with open_store(data / "stet.db", 0.0) as database:
        kept = {record.id for record in records.records(database)}
        return {offer for offer in accepted if offer not in kept and spans.span(database, offer) is None}


async def test_server(tmp_path: Path) -> None:
    chance, accepted = random.Random(1), set[str]()
    for number in itertools.count():
        if number >= ROUNDS and len(accepted) >= ROUNDS:
            break
        async with session(tmp_path / "data", engine=None, settings=SETTINGS) as window:
            await window.ready()
            writing = asyncio.ensure_future(write(window, accepted, number, asyncio.Event()))
            await asyncio.wait({writing}, timeout=chance.uniform(0.05, 2.0))
            family = children(window.editor.process_id)
            window.editor.kill()
            assert family and all_gone(family)
            with pytest.raises((RuntimeError, ConnectionError)):
                await writing
        assert missing(tmp_path / "data", accepted) == set()


async def test_engine(tmp_path: Path) -> None:
    """Four to a server, for each kill doubles the wait before the next restart."""
    chance, accepted, killed = random.Random(2), set[str](), 0
    while killed < ROUNDS or len(accepted) < ROUNDS:
        async with session(tmp_path / "data", engine=None, settings=SETTINGS) as window:
            await window.ready()
            stop = asyncio.Event()
            writing = asyncio.ensure_future(write(window, accepted, killed, stop))
            server = window.editor.process_id
            for _ in range(4):
                await asyncio.wait({writing}, timeout=chance.uniform(0.05, 1.0))
                family = children(server)
                assert len(family) == 1
                family[0].kill()
                assert all_gone(family)
                killed += 1
                await window.until(lambda state: bool(state["model"]), "the engine's return", tries=1000)
            assert not writing.done()
            stop.set()
            await writing
            family = children(server)
        assert all_gone(family)
        assert missing(tmp_path / "data", accepted) == set()


def lessons() -> list[EditRecord]:
    provenance = Provenance("smollm2-135m-instruct", prompt_version=1)
    habit = " warm regards from the archive, Marta"
    return [
        EditRecord(
            f"lesson-{number:02d}",
            1,
            RecordKind.EDITED,
            Context(f"file:///tmp/letter-{number}.txt", f"Dear friend {number},\n\nThank you for your letter. With"),
            " best wishes",
            habit,
            2.0,
            EditClass.REWRITE,
            Outcome.ACCEPTED,
            "",
            provenance,
            1_700_000_000.0 + number,
            1_700_000_010.0 + number,
        )
        for number in range(24)
    ]


async def test_trainer(tmp_path: Path) -> None:
    chance, accepted = random.Random(3), set[str]()
    data = tmp_path / "data"
    with open_store(data / "stet.db", 0.0) as database:
        for record in lessons():
            records.add_record(database, record)
    settings = {**SETTINGS, "learning": {"automatic": False, "minRecords": 20, "epochs": 2}}
    async with session(data, engine=None, settings=settings) as window:
        await window.ready()
        server = window.editor.process_id
        stop = asyncio.Event()
        writing = asyncio.ensure_future(write(window, accepted, 0, stop))
        for _ in range(ROUNDS):
            before = set(children(server))
            await window.editor.run("stet.train")
            while not (family := [child for child in children(server) if child not in before]):
                await window.editor.ask_status()
            await asyncio.wait({writing}, timeout=chance.uniform(0.1, 5.0))
            family = [child for child in children(server) if child not in before]
            for child in family[:1]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            await window.until(lambda state: not state["training"], "the end of the killed run", tries=2000)
            assert all_gone([child for child in family if "stet.learning" in name(child)])
        assert not writing.done()
        stop.set()
        await writing
        state = await window.editor.ask_status()
        assert state["model"] and state["kind"] == "Normal"
        family = children(server)
    assert all_gone(family)
    assert accepted and missing(data, accepted) == set()


def name(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.cmdline()
    return []
