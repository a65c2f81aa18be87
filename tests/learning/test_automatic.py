"""Training that starts by itself: in a real server, by the idle rule, once, and not again after a halt."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the learn extra is not installed")

from stet.settings import Paths
from tests.support.session import session

LEARNING = {"minRecords": 8, "minNewWords": 10, "idleSeconds": 30, "learningRate": 0.01}


async def test_the_idle_rule_starts_a_run_once(paths: Paths, tiny: Path) -> None:
    settings = {"model": {"path": str(tiny)}, "engine": {"contextTokens": 512}, "learning": {**LEARNING, "epochs": 1}}
    async with session(paths.data, engine=None, settings=settings) as window:
        await window.ready()
        await window.until(lambda state: state["training"], "the start by itself")
        state = await window.until(lambda state: not state["training"], "the end", tries=2000)
        assert "romoted" in state["lastTraining"]
        state = await window.until(lambda state: "new edits" in state["whyNoTraining"], "the next reason")
        assert not state["training"]


async def test_a_halted_run_does_not_start_again_by_itself(paths: Paths, tiny: Path) -> None:
    settings = {"model": {"path": str(tiny)}, "engine": {"contextTokens": 512}, "learning": {**LEARNING, "epochs": 50}}
    async with session(paths.data, engine=None, settings=settings) as window:
        await window.ready()
        await window.until(lambda state: state["trainingStep"].startswith("learning"), "the first step", tries=2000)
        assert "stopped" in await window.editor.run("stet.halt")
        window.wait(120)
        state = await window.until(lambda state: "came to nothing" in state["whyNoTraining"], "the reason")
        assert not state["training"] and "halted" in state["lastTraining"]
