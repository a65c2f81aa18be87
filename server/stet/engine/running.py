"""One engine that is up: its client, its process where it is ours, and the requests under way on it."""

from __future__ import annotations

import asyncio
import contextlib

from stet.core.errors import EngineError
from stet.engine.api import Completion, CompletionRequest
from stet.engine.client import LlamaServer
from stet.engine.process import EngineProcess

DRAIN_SECONDS = 10.0
"""How long a replaced engine may go on with the requests it has."""


class Running:
    """A client with its process, and the requests under way on it."""

    def __init__(self, client: LlamaServer, process: EngineProcess | None) -> None:
        self.client = client
        self.process = process
        self.doubted = asyncio.Event()
        """Set when a request failed."""
        self._requests = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def complete(self, request: CompletionRequest) -> Completion:
        """As `LlamaServer.complete`; a failure sets `doubted`."""
        self._requests += 1
        self._idle.clear()
        try:
            return await self.client.complete(request)
        except EngineError:
            self.doubted.set()
            raise
        finally:
            self._requests -= 1
            if not self._requests:
                self._idle.set()

    async def warm_up(self, *, adapter: bool) -> None:
        """One token, so that what is slow the first time is over. Raises EngineError."""
        await self.client.complete(CompletionRequest("\n", max_tokens=1, adapter=adapter))

    def hasten(self) -> None:
        """Do not wait for requests any longer."""
        self._idle.set()

    async def close(self, *, drain: bool) -> None:
        """End client and process; with `drain` not before the requests are answered, within `DRAIN_SECONDS`."""
        if drain:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), DRAIN_SECONDS)
        await self.client.aclose()
        if self.process is not None:
            await self.process.stop()
