"""What the rest of Stet asks of an engine. Nothing here knows llama.cpp."""

from __future__ import annotations

from typing import Protocol

from attrs import field, frozen


@frozen
class CompletionRequest:
    """One greedy completion. Closing the call (task cancellation) stops generation within a token."""

    prompt: str
    """Text before the completion. Text in it that looks like a special token is read as plain text."""
    forced: str = ""
    """Text the completion must begin with (token healing): the tokens are chosen freely, the characters are not."""
    max_tokens: int = 24
    stop: tuple[str, ...] = field(default=("\n",), converter=tuple)
    adapter: bool = False
    """Use the adapter the engine was started with; otherwise the base model alone answers."""
    slot: int = -1
    """Prefix cache to use; -1 lets the engine pick the best match."""


@frozen
class Token:
    """One generated token."""

    text: str
    logprob: float
    """Natural logarithm of its probability, ≤ 0."""


@frozen
class Completion:
    """Raw text the engine generated, `forced` included."""

    text: str
    tokens: tuple[Token, ...]
    stopped: str
    """Why it ended: "stop" (stop text), "end" (end-of-text token) or "length"."""
    prompt_tokens: int = 0
    """Tokens of prompt that were evaluated, cached ones left out."""
    prompt_ms: float = 0.0
    predicted_ms: float = 0.0


class Engine(Protocol):
    """An engine that can be asked; implemented by the llama-server client and by the scripted engine of the tests."""

    async def complete(self, request: CompletionRequest) -> Completion:
        """Complete a prompt. Raises EngineError when the engine is gone, refuses, or is too slow."""
        ...
