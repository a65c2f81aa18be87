"""A policy that proposes what it was told, word for word: for replays of recorded writing. Asks no engine."""

from __future__ import annotations

from attrs import define

from stet.completion.suggest import Proposal
from stet.core.errors import EngineError
from stet.core.records import Context
from stet.engine.api import Completion, CompletionRequest, Engine
from stet.settings.tree import CompletionSettings


@define
class ScriptedPolicy:
    """Stands in for `stet.completion.suggest.propose`, filters and all."""

    text: str = ""
    """The next proposal; "" for none."""

    async def propose(
        self, engine: Engine, context: Context, settings: CompletionSettings, *, adapter: bool, slot: int = -1
    ) -> Proposal:
        """The text that was set, whatever the context."""
        return Proposal(self.text, confidence=0.0, prompt_version=0)


class NoEngine:
    """The engine of a server that has none. Implements `stet.engine.api.Engine`."""

    async def complete(self, request: CompletionRequest) -> Completion:
        """Raises EngineError."""
        raise EngineError("This server was started with --suggestions client and has no engine.")
