"""The way of effects to the store: one worker thread, in order, never the event loop. Secrets are masked on the way.

A fault of the store fails no completion: it is kept, reported once, and the effects wait in memory for the next try
(at most `PENDING_LIMIT`; beyond it new effects are refused and counted, so that memory stays bounded).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from attrs import evolve

from stet.assistant.presence import Presence
from stet.capture.effects import (
    Effect,
    OfferEnded,
    RecordMade,
    SpanAccepted,
    SpanClosed,
    SpanRead,
    SpanSettled,
    SpanTouched,
)
from stet.capture.secrets import mask, masked
from stet.core.errors import StoreError
from stet.core.records import AcceptedSpan, Outcome, Suggestion
from stet.store import Database, offers, open_store, readings, records, spans, transactions
from stet.store.database import translated

T = TypeVar("T")

PENDING_LIMIT = 10_000
TAUGHT = frozenset({Outcome.ACCEPTED, Outcome.PARTIALLY_ACCEPTED, Outcome.TYPED_INSTEAD, Outcome.REJECTED})
"""Outcomes whose offers are kept with their text; of the others only that they were made."""


class Journal:
    """Owns the store's worker thread and its connection."""

    def __init__(
        self, path: Path, now: Callable[[], float], on_fault: Callable[[str], None], presence: Presence
    ) -> None:
        """`on_fault` is called from the worker thread with a sentence when the store fails, and with "" on recovery.

        What is journalled is `presence`'s until it ends.
        """
        self._presence = presence
        self._path = path
        self._now = now
        self._on_fault = on_fault
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="stet-store")
        self._database: Database | None = None
        self._pending: deque[Effect] = deque()
        self._touched: dict[str, SpanTouched] = {}
        self._fault = ""

    async def open(self) -> Path | None:
        """Open the store; the path a corrupt one was set aside to, or None. Raises StoreError."""
        return await self.ask(lambda database: database.set_aside)

    def warm_up(self) -> None:
        """Load the detectors of secrets, so that the first accept need not wait for them."""
        self._thread.submit(mask, " ")

    def write(self, effects: Iterable[Effect]) -> Future[None] | None:
        """Queue `effects`. Touched spans are held back and coalesced until `flush` or the span's next effect."""
        batch: list[Effect] = []
        for effect in effects:
            if isinstance(effect, SpanTouched):
                self._touched[effect.span.id] = effect
                continue
            for key in _spans_of(effect):
                self._touched.pop(key, None)
            batch.append(effect)
        return self._thread.submit(self._apply, batch) if batch else None

    def flush(self) -> Future[None] | None:
        """Write the touched spans that were held back, and whatever waits for the store to recover."""
        touched: list[Effect] = list(self._touched.values())
        self._touched = {}
        if not touched and not self._pending:
            return None
        return self._thread.submit(self._apply, touched)

    async def ask(self, query: Callable[[Database], T]) -> T:
        """Run `query` on the worker thread, behind everything queued before it. Raises StoreError."""
        return await asyncio.wrap_future(self._thread.submit(lambda: query(self._connection())))

    async def take_over(self, document: str | None, untouched_since: float | None = None) -> list[AcceptedSpan]:
        """Live spans, of one document or of all, that no other living server follows; from now on they are ours.

        With `untouched_since` only those that nothing has changed since. Raises StoreError.
        """
        alive = self._presence.is_alive
        return await self.ask(
            lambda database: spans.take_over(database, alive, document=document, untouched_since=untouched_since)
        )

    async def settle(self) -> None:
        """Wait until everything queued so far is committed, or waiting for the store to recover."""
        await asyncio.wrap_future(self._thread.submit(lambda: None))

    async def close(self) -> None:
        """Flush, close the store and end the thread."""
        self.flush()
        await asyncio.wrap_future(self._thread.submit(self._close))
        self._thread.shutdown(wait=False)

    def _connection(self) -> Database:
        if self._database is None:
            self._database = open_store(self._path, self._now())
            with translated(self._path):
                self._presence.hold()
            self._database.owner = self._presence.name
        return self._database

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
            self._presence.end()

    def _apply(self, effects: list[Effect]) -> None:
        room = PENDING_LIMIT - len(self._pending)
        self._pending.extend(effects[:room])
        try:
            database = self._connection()
            while self._pending:
                write_effect(database, masked(self._pending[0]))
                self._pending.popleft()
        except StoreError as error:
            self._report(f"{error} {len(self._pending)} edits wait in memory.")
        else:
            self._report("")

    def _report(self, fault: str) -> None:
        if bool(fault) != bool(self._fault):
            self._on_fault(fault)
        self._fault = fault


def write_effect(database: Database, effect: Effect) -> None:
    """Write one effect in one transaction; doing it twice changes nothing. Raises StoreError."""
    match effect:
        case OfferEnded():
            suggestion = effect.suggestion if effect.outcome in TAUGHT else without_text(effect.suggestion)
            offers.save_offer(database, suggestion, suggestion.created)
            offers.end_offer(database, effect.suggestion.id, effect.outcome, effect.at, effect.reason)
        case SpanAccepted():
            transactions.accept(database, effect.span)
        case SpanTouched():
            spans.save_span(database, effect.span)
        case SpanSettled():
            transactions.settle(database, effect.record, effect.span)
        case SpanClosed():
            spans.close_span(database, effect.span, effect.reason)
        case SpanRead():
            readings.save_reading(database, effect.span_id, effect.reading, effect.at)
        case RecordMade():
            records.add_record(database, effect.record)


def without_text(suggestion: Suggestion) -> Suggestion:
    """The suggestion less the text around it: enough to count an offer that taught nothing."""
    return evolve(suggestion, context=evolve(suggestion.context, prefix="", suffix=""), text="")


def _spans_of(effect: Effect) -> tuple[str, ...]:
    match effect:
        case SpanAccepted() | SpanSettled() | SpanClosed():
            return (effect.span.id,)
        case _:
            return ()
