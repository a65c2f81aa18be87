"""An engine in this process that answers from a function: slow, failing or counting, as a test wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from attrs import define, field

from stet.core.errors import EngineError
from stet.engine.api import Completion, CompletionRequest, Token


@define
class ScriptedEngine:
    """Answers `answer(prompt + forced)` behind the forced text; implements `stet.engine.api.Engine`."""

    answer: Callable[[str], str]
    gate: asyncio.Event | None = None
    """When given, each answer waits for it."""
    broken: bool = False
    requests: list[CompletionRequest] = field(factory=list)
    cancelled: int = 0

    async def complete(self, request: CompletionRequest) -> Completion:
        self.requests.append(request)
        if self.broken:
            raise EngineError("The scripted engine is broken on purpose.")
        if self.gate is not None:
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        text = request.forced + self.answer(request.prompt + request.forced)
        return Completion(text, (Token(text, -0.5),), "end")
