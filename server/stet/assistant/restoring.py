"""Spans of a former life: found again when their document is opened, put on record when nobody opens it any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial

from attrs import define

from stet.assistant.documents import Documents
from stet.assistant.journal import Journal
from stet.capture.recorder import Recorder
from stet.capture.secrets import MASK, mask

ORPHAN_SECONDS = 86_400.0


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
            text = buffer.text
            if any(MASK in span.before + span.text + span.after for span in left):
                text = await asyncio.to_thread(partial(mask, text))
                if self.recorder.buffer(uri) is not buffer or (buffer.text != text and len(buffer) != len(text)):
                    continue
            self.journal.write(self.recorder.restore(left, uri, text, self.now()))

    async def settle_orphans(self) -> None:
        """Spans whose document nobody has opened for a day: what was last known goes on record. Raises StoreError."""
        for span in await self.journal.take_over(None, untouched_since=self.now() - ORPHAN_SECONDS):
            if span.document not in self.documents:
                self.journal.write(self.recorder.restore([span], span.document, "", self.now()))
                self.journal.write(self.recorder.closed(span.document, self.now()))
