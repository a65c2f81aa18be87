"""Keeps an engine there: starts it, restarts it with back-off, switches adapters without losing a request, ends it.

With `Supervisor.remote` there is no process: the same client speaks to a llama-server elsewhere, and its loss shows in
the state just the same.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path

from attrs import evolve

from stet.core.errors import EngineError
from stet.engine.api import Completion, CompletionRequest
from stet.engine.client import LlamaServer
from stet.engine.process import EngineConfig, EngineProcess

FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
HEALTHY_SECONDS = 60.0
"""After this long without a fault the back-off starts over."""
DRAIN_SECONDS = 10.0


class EngineState(StrEnum):
    """How the engine stands."""

    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    """It was lost and is being brought back."""
    FAILED = "failed"
    """It cannot be started; the reason says why."""
    STOPPED = "stopped"


class _Running:
    """A client with its process, and the requests under way on it."""

    def __init__(self, client: LlamaServer, process: EngineProcess | None) -> None:
        self.client = client
        self.process = process
        self._requests = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def complete(self, request: CompletionRequest) -> Completion:
        self._requests += 1
        self._idle.clear()
        try:
            return await self.client.complete(request)
        finally:
            self._requests -= 1
            if not self._requests:
                self._idle.set()

    async def close(self, *, drain: bool) -> None:
        if drain:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), DRAIN_SECONDS)
        await self.client.aclose()
        if self.process is not None:
            await self.process.stop()


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
    ) -> None:
        """`on_state` hears each change with its reason; `start` and `sleep` are arguments for the tests."""
        self._config = config
        self._remote = ("", "")
        self._timeout_seconds = timeout_seconds
        self._on_state = on_state
        self._start = start
        self._sleep = sleep
        self._current: _Running | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._switching = asyncio.Lock()
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
    ) -> Supervisor:
        """A supervisor of somebody else's llama-server: it is watched, never started or stopped."""
        supervisor = cls(None, timeout_seconds=timeout_seconds, on_state=on_state, sleep=sleep)
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
        """Bring the engine up for the first time. Raises EngineError when it does not come; no retry is made then."""
        self._set(EngineState.STARTING)
        try:
            self._current = await self._make(self._config)
        except EngineError as error:
            self._set(EngineState.FAILED, str(error))
            if self._config is None:  # a remote one may come up any time
                self._watcher = asyncio.ensure_future(self._watch())
            raise
        self._set(EngineState.READY)
        self._watcher = asyncio.ensure_future(self._watch())

    async def complete(self, request: CompletionRequest) -> Completion:
        """As `Engine.complete`. Raises EngineError at once while no engine is there."""
        running = self._current
        if running is None:
            raise EngineError(f"The engine is {self.state.value}; suggestions come back by themselves.")
        return await running.complete(request)

    async def switch(self, adapter: Path | None) -> None:
        """Serve `adapter`: a second engine is started and warmed up, then takes over; the first ends when it is idle.

        Raises EngineError and goes on as before when the second does not come up. A remote engine cannot switch.
        """
        async with self._switching:
            if self._config is None:
                raise EngineError("The engine at stet.engine.url is not ours to load adapters into; clear the setting.")
            config = evolve(self._config, adapter=adapter)
            fresh = await self._make(config)
            try:
                await fresh.complete(CompletionRequest("\n", max_tokens=1, adapter=adapter is not None))
            except EngineError:
                await fresh.close(drain=False)
                raise
            before, self._current, self._config = self._current, fresh, config
            self._restart_watcher()
            self._set(EngineState.READY)
            if before is not None:
                await before.close(drain=True)

    async def stop(self) -> None:
        """End the engine; nothing is left running."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watcher
        async with self._switching:
            running, self._current = self._current, None
            self._set(EngineState.STOPPED)
            if running is not None:
                await running.close(drain=False)

    async def _make(self, config: EngineConfig | None) -> _Running:
        if config is None:
            url, key = self._remote
            client = LlamaServer(url, key, timeout_seconds=self._timeout_seconds, has_adapter=False)
            try:
                await client.health()
            except EngineError:
                await client.aclose()
                raise
            return _Running(client, None)
        process = await self._start(config)
        has_adapter = config.adapter is not None
        client = LlamaServer(
            process.url, process.api_key, timeout_seconds=self._timeout_seconds, has_adapter=has_adapter
        )
        return _Running(client, process)

    def _restart_watcher(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
        self._watcher = asyncio.ensure_future(self._watch())

    async def _watch(self) -> None:
        """Wait until the engine is lost, bring it back with growing delays, and so on."""
        delay = FIRST_DELAY
        loop = asyncio.get_running_loop()
        while True:
            since = loop.time()
            if self._current is not None:
                why = await self._lost(self._current)
                if loop.time() - since > HEALTHY_SECONDS:
                    delay = FIRST_DELAY
                lost, self._current = self._current, None
                self._set(EngineState.RESTARTING, why)
                await lost.close(drain=False)
            await self._sleep(delay)
            delay = min(2 * delay, LONGEST_DELAY)
            async with self._switching:
                try:
                    self._current = await self._make(self._config)
                except EngineError as error:
                    self._set(EngineState.FAILED, f"{error} Trying again in {delay:g} s.")
                    continue
                self._set(EngineState.READY)

    async def _lost(self, running: _Running) -> str:
        """Returns, with a sentence, when the engine is gone."""
        if running.process is not None:
            code = await running.process.wait()
            return f"The engine ended with code {code} and is being restarted."
        while True:
            await self._sleep(LONGEST_DELAY)
            try:
                await running.client.health()
            except EngineError as error:
                return str(error)

    def _set(self, state: EngineState, reason: str = "") -> None:
        if (state, reason) != (self.state, self.reason):
            self.state, self.reason = state, reason
            self._on_state(state, reason)
