"""Whole training runs on a tiny model: a real store, a real child process, real files, real kills."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import random
from pathlib import Path

import psutil
import pytest

pytest.importorskip("torch", reason="the learn extra is not installed")

from stet.core.errors import TrainingError
from stet.core.records import AdapterStatus, RunStatus
from stet.learning.launcher import Trainer
from stet.settings import Paths
from stet.store import adapters, open_store, runs
from tests.learning.conftest import settings_for


def weights(paths: Paths, adapter: str) -> str:
    return hashlib.sha256((paths.adapters / adapter / "adapter_model.safetensors").read_bytes()).hexdigest()


async def test_a_run_leaves_a_judged_adapter(paths: Paths, tiny: Path) -> None:
    heard: list[float] = []
    result = await Trainer(paths, settings_for(tiny), on_progress=lambda share, _: heard.append(share)).run()
    folder = paths.adapters / result.adapter
    names = {path.name for path in folder.iterdir()}
    assert names == {"adapter.gguf", "adapter_config.json", "adapter_model.safetensors", "card.json"}
    card = json.loads((folder / "card.json").read_text())
    held_out, learned = set(card["records"]["held_out"]), set(card["records"]["train"])
    assert len(held_out) >= 4 and len(learned) >= 10 and not held_out & learned
    assert card["training"]["losses"][-1] < card["training"]["losses"][0]
    assert card["verdict"]["figures"]["bits_per_character"] < card["verdict"]["figures"]["bits_per_character_base"]
    assert heard == sorted(heard) and heard[-1] > 0.8
    with open_store(paths.store, 2.0) as database:
        (adapter,) = adapters.adapters(database)
        (run,) = runs.runs(database)
    assert adapter.status is (AdapterStatus.ACTIVE if result.promoted else AdapterStatus.REFUSED)
    assert adapter.reason and adapter.reason in result.reason
    assert run.status is RunStatus.DONE
    assert list(paths.runs.iterdir()) == []


async def test_the_same_run_twice_gives_the_same_weights_and_new_folders_only(paths: Paths, tiny: Path) -> None:
    first = await Trainer(paths, settings_for(tiny)).run()
    before = {path: path.stat().st_mtime_ns for path in paths.adapters.rglob("*")}
    second = await Trainer(paths, settings_for(tiny)).run()
    assert first.adapter != second.adapter
    assert weights(paths, first.adapter) == weights(paths, second.adapter)
    assert {path: path.stat().st_mtime_ns for path in before if path.is_file()} == {
        path: at for path, at in before.items() if path.is_file()
    }


async def test_killed_at_random_points_it_ends_as_a_straight_run(paths: Paths, tiny: Path) -> None:
    """kill -9 again and again; the run that is left alone at last ends with the straight run's weights, bit for bit."""
    straight = await Trainer(paths, settings_for(tiny, epochs=12)).run()
    expected = weights(paths, straight.adapter)
    chance, killed = random.Random(4), 0
    while killed < 5:
        started = asyncio.Event()
        trainer = Trainer(paths, settings_for(tiny, epochs=12), on_progress=lambda share, _, s=started: s.set())
        running = asyncio.ensure_future(trainer.run())
        waiting = asyncio.ensure_future(started.wait())
        await asyncio.wait({running, waiting}, return_when="FIRST_COMPLETED")
        waiting.cancel()
        await asyncio.wait({running}, timeout=chance.uniform(0.0, 1.5))
        assert trainer.pid is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(trainer.pid).kill()
        try:
            await running
        except TrainingError as error:
            assert "without a word" in str(error)
            killed += 1
        else:
            break  # it had ended just before
    assert killed >= 2
    result = await Trainer(paths, settings_for(tiny, epochs=12)).run()
    assert weights(paths, result.adapter) == expected


async def test_halt_stops_it_and_the_next_run_goes_on(paths: Paths, tiny: Path) -> None:
    trainer = Trainer(paths, settings_for(tiny, epochs=40))
    heard: list[str] = []

    def halt_when_learning(share: float, message: str) -> None:
        heard.append(message)
        if message.startswith("learning"):
            trainer.halt()

    trainer._on_progress = halt_when_learning
    result = await trainer.run()
    assert result.halted and not result.promoted
    assert sum(message.startswith("learning") for message in heard) <= 3
    with open_store(paths.store, 2.0) as database:
        assert [run.status for run in runs.runs(database)] == [RunStatus.HALTED]
        assert adapters.adapters(database) == []


async def test_a_second_trainer_is_refused_with_the_reason(paths: Paths, tiny: Path) -> None:
    started = asyncio.Event()
    first = Trainer(paths, settings_for(tiny, epochs=50), on_progress=lambda share, message: started.set())
    running = asyncio.ensure_future(first.run())
    await started.wait()
    with pytest.raises(TrainingError, match=r"train\.lock"):
        await Trainer(paths, settings_for(tiny)).run()
    first.halt()
    assert (await running).halted


async def test_too_few_edits_are_counted_in_the_refusal(paths: Paths, tiny: Path) -> None:
    with pytest.raises(TrainingError, match="24 edits to learn from and 30 are needed"):
        await Trainer(paths, settings_for(tiny, minRecords=30)).run()


async def test_a_model_of_another_kind_is_refused(paths: Paths, tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(64))
    with pytest.raises(TrainingError, match=r"broken\.gguf"):
        await Trainer(paths, settings_for(tmp_path / "broken.gguf")).run()
