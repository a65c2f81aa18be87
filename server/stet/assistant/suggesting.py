"""From a request to an offer: arm, context, proposal, staleness. Owns what is shown per document; writes nothing.

What is inserted equals what was shown (invariant 11): an answer for a text that has changed since is never returned.
It is kept, and when the writer has typed on along it, the next request is answered from it without the engine.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from attrs import define, field, frozen

from stet.completion.suggest import Proposal, propose
from stet.core.records import BASE_ARM, Adapter, Context, Provenance, Suggestion
from stet.core.text import TextBuffer
from stet.engine import Engine
from stet.selection import Choice, Sticky
from stet.settings import Settings
from stet.settings.tree import CompletionSettings

ANCHOR = 200
"""Code points before a shown suggestion that must still stand for it to be offered again."""
BASE_SLOT, ADAPTER_SLOT = 0, 1


class Propose(Protocol):
    """The policy: `stet.completion.suggest.propose`, or a script."""

    async def __call__(
        self, engine: Engine, context: Context, settings: CompletionSettings, *, adapter: bool, slot: int = -1
    ) -> Proposal:
        """What the policy would say. Raises EngineError."""
        ...


@frozen
class Offered:
    """What goes out: text to insert at an offset of the document."""

    id: str
    document: str
    offset: int
    text: str


@frozen
class Served:
    """The engine and what it serves at the moment of a request."""

    engine: Engine
    model: str
    adapter: Adapter | None


@define
class Suggester:
    """Answers requests, one at a time per document: the newest wins."""

    now: Callable[[], float]
    chance: Callable[[], float]
    new_id: Callable[[], str]
    policy: Propose = propose
    withheld: Counter[str] = field(factory=Counter)
    """How often nothing was shown, by reason."""
    _shown: dict[str, Suggestion] = field(factory=dict)
    _running: dict[str, asyncio.Task[Proposal]] = field(factory=dict)
    _arms: Sticky = field(factory=Sticky)

    async def complete(
        self,
        document: str,
        buffer: TextBuffer,
        offset: int,
        served: Served,
        settings: Settings,
        *,
        language: str,
        title: str,
        version: Callable[[], int],
    ) -> tuple[Suggestion, Offered] | None:
        """The suggestion for `offset`, and the part of it to show there; None when there is nothing to show.

        `version` counts the document's changes. Raises EngineError as the engine does.
        """
        context = context_at(document, buffer, offset, settings, language=language, title=title)
        self._stop(document)
        again = self._continued(context)
        if again is not None:
            suggestion, typed = again
            return suggestion, Offered(suggestion.id, document, offset, suggestion.text[typed:])
        choice = self._arms.choose(
            document,
            served.adapter.objective if served.adapter else None,
            exploration=settings.selection.exploration,
            minutes=settings.selection.sticky_minutes,
            now=self.now(),
            chance=self.chance(),
        )
        asked_at = version()
        proposal = await self._propose(document, context, served, settings, adapter=choice.arm != BASE_ARM)
        if proposal is None or not proposal.text:
            if proposal is not None and proposal.reason is not None:
                self.withheld[proposal.reason.value] += 1
            return None
        suggestion = self._suggestion(context, proposal, choice, served)
        self._shown[document] = suggestion
        if version() != asked_at:
            return None
        return suggestion, Offered(suggestion.id, document, offset, suggestion.text)

    def forget(self, document: str | None = None) -> None:
        """Drop what is shown in a document that was closed, or everywhere when the arms have changed."""
        if document is None:
            self._arms.forget()
            self._shown.clear()
        else:
            self._stop(document)
            self._shown.pop(document, None)

    def dismissed(self, offer_id: str) -> None:
        """The writer does not want this suggestion: it is not offered again."""
        for document, shown in list(self._shown.items()):
            if shown.id == offer_id:
                del self._shown[document]

    def text_of(self, offer_id: str) -> str | None:
        """Full text of a suggestion shown now, by id."""
        return next((shown.text for shown in self._shown.values() if shown.id == offer_id), None)

    async def _propose(
        self, document: str, context: Context, served: Served, settings: Settings, *, adapter: bool
    ) -> Proposal | None:
        """The proposal, or None when a newer request took over. Cancelling this call stops generation."""
        slot = ADAPTER_SLOT if adapter else BASE_SLOT
        task = asyncio.ensure_future(
            self.policy(served.engine, context, settings.completion, adapter=adapter, slot=slot)
        )
        self._running[document] = task
        try:
            return await task
        except asyncio.CancelledError:
            if self._running.get(document) is task:
                raise  # cancelled from outside: the client withdrew the request
            return None
        finally:
            if self._running.get(document) is task:
                del self._running[document]
            task.cancel()

    def _stop(self, document: str) -> None:
        task = self._running.pop(document, None)
        if task is not None:
            task.cancel()

    def _continued(self, context: Context) -> tuple[Suggestion, int] | None:
        """The shown suggestion and how much of it stands before the cursor, when there is some left of it to show."""
        shown = self._shown.get(context.document)
        if shown is None or shown.context.suffix != context.suffix:
            return None
        anchor = shown.context.prefix[-ANCHOR:]
        for typed in range(len(shown.text) - 1, -1, -1):
            head = anchor + shown.text[:typed]
            whole = len(shown.context.prefix) <= ANCHOR
            if context.prefix == head if whole else context.prefix.endswith(head):
                return shown, typed
        return None

    def _suggestion(self, context: Context, proposal: Proposal, choice: Choice, served: Served) -> Suggestion:
        adapter = served.adapter.id if served.adapter and choice.arm != BASE_ARM else ""
        provenance = Provenance(served.model, adapter, choice.arm, choice.propensity, proposal.prompt_version)
        return Suggestion(self.new_id(), context, proposal.text, provenance, self.now(), proposal.confidence)


def context_at(
    document: str, buffer: TextBuffer, offset: int, settings: Settings, *, language: str, title: str
) -> Context:
    """x at `offset`: as much text on either side as the settings allow."""
    completion = settings.completion
    return Context(
        document,
        prefix=buffer.slice(offset - 2 * completion.prefix_characters, offset),
        suffix=buffer.slice(offset, offset + completion.suffix_characters),
        language=language,
        title=title,
    )
