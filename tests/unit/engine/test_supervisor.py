"""The supervisor over real child processes that stand in for llama-server: loss, back-off, switching, stopping."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from attrs import define, field

from stet.core.errors import EngineError
from stet.engine import CompletionRequest, EngineConfig, EngineProcess, EngineState, Supervisor
from tests.support.llama_stand_in import Rule, StandIn

ROOT = Path(__file__).parents[3]
ASK = CompletionRequest("Dear", slot=1)
SECONDS = 20.0
"""Longest wait for something that must happen."""


@define
class Stage:
    """Starts stand-ins in place of engines, and holds the time."""

    folder: Path
    broken: bool = False
    gate: asyncio.Event | None = None
    started: list[EngineProcess] = field(factory=list)
    delays: list[float] = field(factory=list)
    now: float = 0.0
    states: list[EngineState] = field(factory=list)
    reasons: list[str] = field(factory=list)
    changed: asyncio.Event = field(factory=asyncio.Event)

    async def start(self, config: EngineConfig) -> EngineProcess:
        """An engine whose answer is the name of its adapter."""
        if self.gate is not None:
            await self.gate.wait()
        if self.broken:
            raise EngineError("It is broken on purpose.")
        name = config.adapter.stem if config.adapter else "base"
        script = self.folder / f"{name}.json"
        if not script.exists():
            script.write_text(json.dumps([{"default": f" {name}"}]), encoding="utf-8")
        key = secrets.token_hex(8)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.llama_stand_in", "--script", str(script), "--key", key),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        assert process.stdout is not None
        port = json.loads(await process.stdout.readline())["port"]
        self.started.append(EngineProcess(process, f"http://127.0.0.1:{port}", key))
        self.changed.set()
        return self.started[-1]

    async def sleep(self, seconds: float) -> None:
        self.delays.append(seconds)
        self.changed.set()
        self.now += seconds
        await asyncio.sleep(0)

    def hear(self, state: EngineState, reason: str) -> None:
        self.states.append(state)
        self.reasons.append(reason)
        self.changed.set()

    async def until(self, well: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS):
            while not well():
                self.changed.clear()
                await self.changed.wait()

    def supervise(self, timeout_seconds: float = SECONDS) -> Supervisor:
        return Supervisor(
            EngineConfig(Path("model.gguf")),
            timeout_seconds=timeout_seconds,
            on_state=self.hear,
            start=self.start,
            sleep=self.sleep,
            clock=lambda: self.now,
        )


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def alive(processes: list[EngineProcess]) -> list[int]:
    return [process.pid for process in processes if psutil.pid_exists(process.pid)]


async def test_from_start_to_stop(stage: Stage) -> None:
    engine = stage.supervise()
    with pytest.raises(EngineError, match="stopped"):
        await engine.complete(ASK)
    await engine.start()
    assert (await engine.complete(ASK)).text == " base"
    assert (engine.adapter, engine.pid) == (None, stage.started[0].pid)
    await engine.stop()
    assert stage.states == [EngineState.STARTING, EngineState.READY, EngineState.STOPPED]
    assert alive(stage.started) == []
    with pytest.raises(EngineError, match="stopped"):
        await engine.complete(ASK)
    await engine.start()
    assert (await engine.complete(ASK)).text == " base"
    await engine.stop()
    assert alive(stage.started) == []


async def test_a_start_that_fails_says_why_and_is_not_tried_again(stage: Stage) -> None:
    stage.broken = True
    engine = stage.supervise()
    with pytest.raises(EngineError, match="on purpose"):
        await engine.start()
    assert (engine.state, engine.reason) == (EngineState.FAILED, "It is broken on purpose.")
    await engine.stop()
    assert stage.delays == []


async def test_a_killed_engine_comes_back_with_its_adapter(stage: Stage) -> None:
    engine = stage.supervise()
    await engine.start()
    await engine.switch(Path("a.gguf"))
    os.kill(stage.started[-1].pid, signal.SIGKILL)
    await stage.until(lambda: stage.states[-2:] == [EngineState.RESTARTING, EngineState.READY])
    assert "-9" in stage.reasons[-2]
    assert (await engine.complete(ASK)).text == " a"
    assert engine.adapter == Path("a.gguf")
    assert stage.delays == [0.5]
    await engine.stop()
    assert alive(stage.started) == []


async def test_an_engine_that_no_longer_answers_is_replaced(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stet.engine.client.HEALTH_SECONDS", 0.2)
    monkeypatch.setattr("stet.engine.process.STOP_SECONDS", 0.2)
    engine = stage.supervise(timeout_seconds=0.2)
    await engine.start()
    os.kill(stage.started[0].pid, signal.SIGSTOP)
    with pytest.raises(EngineError):
        await engine.complete(ASK)
    await stage.until(lambda: len(stage.started) == 2 and engine.state is EngineState.READY)
    await engine.stop()
    assert alive(stage.started) == []


async def test_a_refused_request_alone_loses_no_engine(stage: Stage) -> None:
    (stage.folder / "base.json").write_text(
        json.dumps([{"ends_with": "bad", "fault": "status"}, {"default": " base"}]), encoding="utf-8"
    )
    engine = stage.supervise()
    await engine.start()
    for _ in range(3):
        with pytest.raises(EngineError, match="500"):
            await engine.complete(CompletionRequest("bad"))
        assert (await engine.complete(ASK)).text == " base"
    assert stage.states == [EngineState.STARTING, EngineState.READY]
    await engine.stop()


async def test_the_delays_double_to_thirty_seconds_and_start_over_after_a_healthy_minute(stage: Stage) -> None:
    engine = stage.supervise()
    await engine.start()
    stage.broken = True
    os.kill(stage.started[0].pid, signal.SIGKILL)
    await stage.until(lambda: len(stage.delays) >= 9)
    assert stage.delays[:9] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert engine.state is EngineState.FAILED
    assert "Trying again in 30 s" in engine.reason
    with pytest.raises(EngineError, match="failed"):
        await engine.complete(ASK)
    stage.broken = False
    await stage.until(lambda: engine.state is EngineState.READY)
    for healthy, delay in ((59.0, 30.0), (60.0, 0.5), (0.0, 1.0)):
        stage.delays.clear()
        stage.now += healthy
        os.kill(stage.started[-1].pid, signal.SIGKILL)
        await stage.until(lambda: bool(stage.delays) and engine.state is EngineState.READY)
        assert stage.delays == [delay]
    await engine.stop()
    assert alive(stage.started) == []


async def test_switching_there_and_back(stage: Stage) -> None:
    engine = stage.supervise()
    await engine.start()
    await engine.switch(Path("a.gguf"))
    assert (await engine.complete(CompletionRequest("Dear", adapter=True))).text == " a"
    await engine.switch(None)
    assert (await engine.complete(ASK)).text == " base"
    with pytest.raises(EngineError, match="no adapter"):
        await engine.complete(CompletionRequest("Dear", adapter=True))
    assert engine.adapter is None
    await engine.stop()
    assert alive(stage.started) == []


async def test_no_request_is_lost_in_a_switch(stage: Stage) -> None:
    engine = stage.supervise()
    await engine.start()
    texts: list[str] = []
    done = False

    async def write() -> None:
        while not done:
            texts.append((await engine.complete(ASK)).text)
            stage.changed.set()

    writers = [asyncio.ensure_future(write()) for _ in range(4)]
    for adapter in ("a", "b", "c"):
        await engine.switch(Path(f"{adapter}.gguf"))
        await stage.until(lambda name=adapter: f" {name}" in texts)  # type: ignore[misc]
    done = True
    await asyncio.gather(*writers)
    assert {" base", " a", " b", " c"} == set(texts)
    await engine.stop()
    assert alive(stage.started) == []


async def test_a_request_under_way_is_answered_by_the_engine_it_began_on() -> None:
    rules: list[Rule] = [{"ends_with": "Dear", "text": " old", "fault": "hang"}, {"default": " new"}]
    with StandIn(lambda: rules, "k") as old, StandIn(lambda: [{"default": " new"}], "k") as new:
        urls = iter([old.url, new.url])

        async def start(config: EngineConfig) -> EngineProcess:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
            )
            return EngineProcess(process, next(urls), "k")

        engine = Supervisor(EngineConfig(Path("m")), start=start)
        await engine.start()
        asked = asyncio.ensure_future(engine.complete(ASK))
        assert await asyncio.to_thread(old.hanging.wait, SECONDS)
        old_pid = engine.pid
        await engine.switch(Path("a"))
        assert (await engine.complete(ASK)).text == " new"
        assert psutil.pid_exists(old_pid or 0)
        assert not asked.done()
        old.release.set()
        assert (await asked).text == " old"
        await engine.stop()
        assert not psutil.pid_exists(old_pid or 0)


async def test_a_switch_that_fails_keeps_what_was_served(stage: Stage) -> None:
    engine = stage.supervise()
    await engine.start()
    stage.broken = True
    with pytest.raises(EngineError, match="on purpose"):
        await engine.switch(Path("a.gguf"))
    stage.broken = False
    (stage.folder / "b.json").write_text(json.dumps([{"ends_with": "", "fault": "status"}]), encoding="utf-8")
    with pytest.raises(EngineError, match="500"):
        await engine.switch(Path("b.gguf"))
    assert (engine.adapter, engine.state) == (None, EngineState.READY)
    assert (await engine.complete(ASK)).text == " base"
    assert alive(stage.started) == [stage.started[0].pid]
    await engine.stop()


@pytest.mark.parametrize("during", ["start", "switch"])
async def test_stopping_while_an_engine_is_loading(stage: Stage, during: str) -> None:
    engine = stage.supervise()
    if during == "switch":
        await engine.start()
    stage.gate = asyncio.Event()
    loading = asyncio.ensure_future(engine.start() if during == "start" else engine.switch(Path("a.gguf")))
    await asyncio.sleep(0)
    async with asyncio.timeout(SECONDS):
        await engine.stop()
    with pytest.raises(EngineError, match="stopped"):
        await loading
    assert engine.state is EngineState.STOPPED
    assert alive(stage.started) == []


async def test_a_cancelled_switch_leaves_nothing_behind(stage: Stage) -> None:
    engine = stage.supervise()
    await engine.start()
    (stage.folder / "a.json").write_text(json.dumps([{"ends_with": "", "text": "x", "fault": "hang"}]), "utf-8")
    switching = asyncio.ensure_future(engine.switch(Path("a.gguf")))
    await stage.until(lambda: len(stage.started) == 2)
    switching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await switching
    assert alive(stage.started) == [stage.started[0].pid]
    assert (await engine.complete(ASK)).text == " base"
    await engine.stop()


async def test_stopping_while_it_is_coming_back(stage: Stage) -> None:
    engine = stage.supervise()
    await engine.start()
    stage.gate = asyncio.Event()
    os.kill(stage.started[0].pid, signal.SIGKILL)
    await stage.until(lambda: engine.state is EngineState.RESTARTING)
    await engine.stop()
    assert stage.states[-1] is EngineState.STOPPED
    assert alive(stage.started) == []


async def test_a_remote_engine_is_watched_and_its_return_noticed(stage: Stage) -> None:
    with StandIn(lambda: [{"default": " far"}], "k") as server:
        port = server.port
        engine = Supervisor.remote(server.url, "k", on_state=stage.hear, timeout_seconds=5)
        await engine.start()
        assert (await engine.complete(ASK)).text == " far"
        assert server.bodies[0]["id_slot"] == -1
        assert (engine.pid, engine.adapter) == (None, None)
        with pytest.raises(EngineError, match=r"stet\.engine\.url"):
            await engine.switch(Path("a.gguf"))
    with pytest.raises(EngineError):
        await engine.complete(ASK)
    await stage.until(lambda: engine.state in (EngineState.RESTARTING, EngineState.FAILED))
    with StandIn(lambda: [{"default": " back"}], "k", port=port):
        await stage.until(lambda: engine.state is EngineState.READY)
        assert (await engine.complete(ASK)).text == " back"
        await engine.stop()
    assert engine.state is EngineState.STOPPED


async def test_a_remote_engine_that_was_not_there_may_come_up(stage: Stage) -> None:
    with StandIn(list, "k") as server:
        port, url = server.port, server.url
    engine = Supervisor.remote(url, "k", on_state=stage.hear, timeout_seconds=5)
    with pytest.raises(EngineError, match="cannot be reached"):
        await engine.start()
    with StandIn(lambda: [{"default": " here"}], "k", port=port):
        await stage.until(lambda: engine.state is EngineState.READY)
        assert (await engine.complete(ASK)).text == " here"
    await engine.stop()
