"""From a context to a proposal: prompt, engine, filters. Keeps no state; knows nothing of documents, offers or arms."""

from __future__ import annotations

from attrs import frozen

from stet.completion.filters import Reason, shape
from stet.completion.prompt import build_prompt
from stet.core.records import Context
from stet.engine.api import Completion, CompletionRequest, Engine
from stet.settings.tree import CompletionSettings


@frozen
class Proposal:
    """What the policy would say."""

    text: str
    """Text to stand at the cursor; "" when it is withheld."""
    confidence: float
    """Mean log-probability per generated token, ≤ 0; 0 when nothing was generated."""
    prompt_version: int
    reason: Reason | None = None
    """Why it is withheld."""


async def propose(
    engine: Engine, context: Context, settings: CompletionSettings, *, adapter: bool, slot: int = -1
) -> Proposal:
    """Ask the engine to go on from `context` and shape its answer.

    Generation starts before the word under the cursor and is forced through what is typed of it (token healing), so
    that a half-typed word is continued and not begun anew. Raises EngineError as the engine does.
    """
    if context.suffix[:1].isalnum():
        return Proposal("", 0.0, 0, Reason.INSIDE_WORD)
    prompt = build_prompt(context, settings.prefix_characters)
    completion = await engine.complete(
        CompletionRequest(prompt.text, forced=prompt.forced, max_tokens=settings.max_tokens, adapter=adapter, slot=slot)
    )
    shaped = shape(after_forced(completion.text, prompt.forced), context, cut_short=completion.stopped == "length")
    return Proposal(shaped.text, _confidence(completion), prompt.version, shaped.reason)


def after_forced(text: str, forced: str) -> str:
    """`text` less the forced head. A text that does not begin with it is of no use and gives ""."""
    return text[len(forced) :] if text.startswith(forced) else ""


def _confidence(completion: Completion) -> float:
    if not completion.tokens:
        return 0.0
    return sum(token.logprob for token in completion.tokens) / len(completion.tokens)
