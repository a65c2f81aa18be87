"""Spans of a former life: found again when their document is opened, put on record when nobody opens it any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from attrs import define

from stet.assistant.documents import Documents
from stet.assistant.journal import Journal
from stet.capture.recorder import Recorder
from stet.capture.secrets import MASK, mask

ORPHAN_SECONDS = 86_400.0
_TRIES = 5
"""How often a text is masked anew because the writer has typed meanwhile."""


@define
class Restorer:
    """Takes over what dead servers followed; what another window follows is left to it."""

    recorder: Recorder
    journal: Journal
    documents: Documents
    now: Callable[[], float]

    async def restore(self, uris: Iterable[str]) -> None:
        """Find journalled spans again in documents that are open now. Raises StoreError."""
        for uri in uris:
            known = {span.id for span in self.recorder.live(uri)}
            left = await self.journal.take_over(uri)
            left = [span for span in left if span.id not in known]
            buffer = self.recorder.buffer(uri)
            if not left or buffer is None:
                continue
            hidden = any(MASK in span.before + span.text + span.after for span in left)
            for _ in range(_TRIES if hidden else 1):
                text = buffer.text
                seen = await asyncio.to_thread(mask, text) if hidden else text
                if self.recorder.buffer(uri) is buffer and buffer.text == text:
                    self.journal.write(self.recorder.restore(left, uri, seen, self.now()))
                    break

    async def settle_orphans(self) -> None:
        """Spans whose document nobody has opened for a day: what was last known goes on record. Raises StoreError."""
        for span in await self.journal.take_over(None, untouched_since=self.now() - ORPHAN_SECONDS):
            if span.document not in self.documents:
                self.journal.write(self.recorder.restore([span], span.document, "", self.now()))
                self.journal.write(self.recorder.closed(span.document, self.now()))
