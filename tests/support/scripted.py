"""An engine in this process that answers from a script: slow, failing or counting, as a test wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from attrs import define, field

from stet.core.errors import EngineError
from stet.engine.api import Completion, CompletionRequest, Token


@define
class ScriptedEngine:
    """Answers behind the forced text; implements `stet.engine.api.Engine`.

    `answer` is called with prompt and forced text, or maps ends of them to answers; the longest end that fits wins and
    no end gives "".
    """

    answer: Callable[[str], str] | Mapping[str, str]
    gate: asyncio.Event | None = None
    """When given, each answer waits for it."""
    broken: bool = False
    requests: list[CompletionRequest] = field(factory=list)
    cancelled: int = 0
    """Calls that were cancelled while they waited for the gate."""

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
        text = request.forced + self._answer(request.prompt + request.forced)
        return Completion(text, (Token(text, -0.5),), "end")

    def _answer(self, asked: str) -> str:
        if not isinstance(self.answer, Mapping):
            return self.answer(asked)
        ends = [end for end in self.answer if asked.endswith(end)]
        return self.answer[max(ends, key=len)] if ends else ""
