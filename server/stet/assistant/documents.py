"""The open documents as far as the recorder does not know them, and whether each may be read at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from attrs import define, field

from stet.assistant.file_facts import file_facts
from stet.capture.privacy import FileFacts, refusal
from stet.capture.rules import CaptureRules

LOOK_SECONDS = 2.0


@define(eq=False)
class OpenDocument:
    """One open document."""

    uri: str
    title: str
    language: str
    length: int
    """Code points, as of opening or the last change of the settings."""
    binary: str = ""
    """"\0" when its text held NUL bytes."""
    version: int = 0
    """Number of its changes."""
    facts: FileFacts | None = None
    refused: str | None = None
    looked_at: asyncio.Event = field(factory=asyncio.Event)
    """Set once the disk was asked about its file: before that nothing is offered."""

    async def is_allowed(self) -> bool:
        """Whether it may be read; no, when the disk takes too long to say."""
        try:
            await asyncio.wait_for(self.looked_at.wait(), LOOK_SECONDS)
        except TimeoutError:
            return False
        return self.refused is None


class Documents:
    """All of one editor window."""

    def __init__(self) -> None:
        self._open: dict[str, OpenDocument] = {}

    def __contains__(self, uri: str) -> bool:
        return uri in self._open

    @property
    def uris(self) -> list[str]:
        """Addresses of the open documents."""
        return list(self._open)

    def get(self, uri: str) -> OpenDocument | None:
        """An open document."""
        return self._open.get(uri)

    def open(self, uri: str, title: str, language: str, text: str, rules: CaptureRules) -> OpenDocument:
        """Enter a document, instead of an older one of that address."""
        document = OpenDocument(uri, title, language, len(text), "\0" if "\0" in text else "")
        self._open[uri] = document
        self._judge(document, rules)
        return document

    def close(self, uri: str) -> None:
        """Forget a document."""
        self._open.pop(uri, None)

    async def look_at(self, document: OpenDocument, rules: CaptureRules, *, gitignore: bool) -> None:
        """Ask the disk about the document's file, on another thread, and judge again."""
        document.facts = await asyncio.to_thread(partial(file_facts, document.uri, gitignore=gitignore))
        self._judge(document, rules)
        document.looked_at.set()

    def refuses(self, uri: str) -> bool:
        """Whether the document is open and may not be read."""
        document = self._open.get(uri)
        return document is not None and document.refused is not None

    def judge_again(self, rules: CaptureRules, length: Callable[[str], int]) -> list[OpenDocument]:
        """After the rules have changed; `length` of a document's text by address."""
        for document in self._open.values():
            document.length = length(document.uri)
            self._judge(document, rules)
        return list(self._open.values())

    def _judge(self, document: OpenDocument, rules: CaptureRules) -> None:
        document.refused = refusal(
            document.uri, document.language, document.length, rules, text=document.binary, facts=document.facts
        )
