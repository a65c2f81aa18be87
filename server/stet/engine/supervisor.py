"""Keeps an engine there: starts it, restarts it with back-off, switches adapters without losing a request, ends it.

With `Supervisor.remote` there is no process: the same client speaks to a llama-server elsewhere, and its loss shows in
the state just the same. A request that fails makes the engine be looked at at once; one that no longer answers counts
as lost, also when its process is still there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path

from attrs import evolve

from stet.core.errors import EngineError
from stet.engine.api import Completion, CompletionRequest
from stet.engine.client import LlamaServer
from stet.engine.process import EngineConfig, EngineProcess
from stet.engine.running import Running

FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
HEALTHY_SECONDS = 60.0
"""After this long without a fault the back-off starts over."""


class EngineState(StrEnum):
    """How the engine stands."""

    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    """It was lost and is being brought back."""
    FAILED = "failed"
    """It cannot be started; the reason says why."""
    STOPPED = "stopped"


class Supervisor:
    """Implements `stet.engine.api.Engine` over whichever engine is there now."""

    def __init__(
        self,
        config: EngineConfig | None,
        *,
        timeout_seconds: float = 10.0,
        on_state: Callable[[EngineState, str], None] = lambda state, reason: None,
        start: Callable[[EngineConfig], Awaitable[EngineProcess]] = EngineProcess.start,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_state` hears each change with its reason; `start`, `sleep` and `clock` are arguments for the tests."""
        self._config = config
        self._remote = ("", "")
        self._timeout_seconds = timeout_seconds
        self._on_state = on_state
        self._start = start
        self._sleep = sleep
        self._clock = clock
        self._current: Running | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._loading: asyncio.Task[Running] | None = None
        self._retiring: dict[asyncio.Task[None], Running] = {}
        self._changing = asyncio.Lock()
        self._wanted = False
        self.state = EngineState.STOPPED
        self.reason = ""

    @classmethod
    def remote(
        cls,
        url: str,
        api_key: str,
        *,
        timeout_seconds: float = 10.0,
        on_state: Callable[[EngineState, str], None] = lambda state, reason: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> Supervisor:
        """A supervisor of somebody else's llama-server: it is watched, never started or stopped."""
        supervisor = cls(None, timeout_seconds=timeout_seconds, on_state=on_state, sleep=sleep, clock=clock)
        supervisor._remote = (url, api_key)
        return supervisor

    @property
    def adapter(self) -> Path | None:
        """The adapter that is loaded now."""
        return self._config.adapter if self._config else None

    @property
    def pid(self) -> int | None:
        """Process id of the engine, where it is ours and there."""
        process = self._current.process if self._current else None
        return process.pid if process else None

    async def start(self) -> None:
        """Bring the engine up for the first time.

        Raises EngineError when it does not come; an engine of ours is not tried again then, a remote one is.
        """
        self._wanted = True
        async with self._changing:
            self._set(EngineState.STARTING)
            try:
                self._current = await self._bring_up(self._config)
            except EngineError as error:
                if self._wanted:
                    self._set(EngineState.FAILED, str(error))
                    if self._config is None:  # a remote one may come up any time
                        self._watch_anew()
                raise
            self._set(EngineState.READY)
            self._watch_anew()

    async def complete(self, request: CompletionRequest) -> Completion:
        """As `Engine.complete`. Raises EngineError at once while no engine is there."""
        running = self._current
        if running is None:
            raise EngineError(f"The engine is {self.state.value}; suggestions come back by themselves.")
        if running.process is None:
            request = evolve(request, slot=-1)  # how many prefix caches a remote one has is not known
        return await running.complete(request)

    async def switch(self, adapter: Path | None) -> None:
        """Serve `adapter`: a second engine is started and warmed up, then takes over; the first ends when it is idle.

        Returns as soon as the second has taken over. Raises EngineError and goes on as before when it does not come
        up. A remote engine cannot switch.
        """
        async with self._changing:
            if self._config is None:
                raise EngineError("The engine at stet.engine.url is not ours to load adapters into; clear the setting.")
            if not self._wanted:
                raise EngineError(f"The engine is stopped and loads no adapter {adapter}; start it first.")
            config = evolve(self._config, adapter=adapter)
            fresh = await self._bring_up(config)
            before, self._current, self._config = self._current, fresh, config
            self._watch_anew()
            self._set(EngineState.READY)
            if before is not None:
                self._retire(before, drain=True)

    async def stop(self) -> None:
        """End the engine, also one that is just being loaded; nothing is left running."""
        self._wanted = False
        for task in (self._loading, self._watcher):
            if task is not None:
                task.cancel()
        async with self._changing:
            watcher, self._watcher = self._watcher, None
            if watcher is not None:
                watcher.cancel()
                await asyncio.wait({watcher})
            running, self._current = self._current, None
            self._set(EngineState.STOPPED)
            if running is not None:
                self._retire(running, drain=False)
            for old in self._retiring.values():
                old.hasten()
            await asyncio.gather(*self._retiring)

    async def _bring_up(self, config: EngineConfig | None) -> Running:
        """A new engine that has answered; `stop` gives it up at any moment. Raises EngineError."""
        if not self._wanted:
            raise EngineError("The engine was stopped before it was loaded.")
        self._loading = asyncio.ensure_future(self._make(config))
        try:
            return await self._loading
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if self._wanted or (me is not None and me.cancelling()):
                raise
            raise EngineError("The engine was stopped while it was being loaded.") from None
        finally:
            self._loading = None

    async def _make(self, config: EngineConfig | None) -> Running:
        if config is None:
            url, key = self._remote
            running = Running(LlamaServer(url, key, timeout_seconds=self._timeout_seconds, has_adapter=False), None)
            first = running.client.health()
        else:
            process = await self._start(config)
            has = config.adapter is not None
            running = Running(
                LlamaServer(process.url, process.api_key, timeout_seconds=self._timeout_seconds, has_adapter=has),
                process,
            )
            first = running.warm_up(adapter=has)
        try:
            await first
        except BaseException:  # cancelled or failed: what was begun is ended
            await running.close(drain=False)
            raise
        return running

    def _retire(self, running: Running, *, drain: bool) -> None:
        """Close an engine in the background: nobody waits for the requests it still has."""
        task = asyncio.ensure_future(running.close(drain=drain))
        self._retiring[task] = running
        task.add_done_callback(lambda done: self._retiring.pop(done, None))

    def _watch_anew(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
        self._watcher = asyncio.ensure_future(self._watch())

    async def _watch(self) -> None:
        """Wait until the engine is lost, bring it back with growing delays, and so on."""
        delay = FIRST_DELAY
        while True:
            running = self._current
            if running is not None:
                since = self._clock()
                why = await self._lost(running)
                if self._clock() - since >= HEALTHY_SECONDS:
                    delay = FIRST_DELAY
                self._current = None
                self._set(EngineState.RESTARTING, why)
                self._retire(running, drain=False)
            await self._sleep(delay)
            delay = min(2 * delay, LONGEST_DELAY)
            async with self._changing:
                try:
                    self._current = await self._bring_up(self._config)
                except EngineError as error:
                    self._set(EngineState.FAILED, f"{error} Trying again in {delay:g} s.")
                    continue
                self._set(EngineState.READY)

    async def _lost(self, running: Running) -> str:
        """Returns, with a sentence, when the engine is gone or no longer answers."""
        while True:
            waiting: list[asyncio.Future[object]] = [asyncio.ensure_future(running.doubted.wait())]
            if running.process is not None:
                waiting.append(asyncio.ensure_future(running.process.wait()))
            else:
                waiting.append(asyncio.ensure_future(_nothing(self._sleep(LONGEST_DELAY))))
            try:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if running.process is not None and waiting[1].done():
                    return f"The engine ended with code {waiting[1].result()} and is being restarted."
                running.doubted.clear()
                await running.client.health()
            except EngineError as error:
                return str(error)
            finally:
                for task in waiting:
                    task.cancel()

    def _set(self, state: EngineState, reason: str = "") -> None:
        if (state, reason) != (self.state, self.reason):
            self.state, self.reason = state, reason
            self._on_state(state, reason)


async def _nothing(waited: Awaitable[None]) -> object:
    await waited
    return None
