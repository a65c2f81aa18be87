"""The plain way to follow spans in a document, for `stet bench` to compare with: pygls' document, and a loop."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from lsprotocol import types
from pygls.protocol import default_converter
from pygls.workspace import TextDocument

from stet.core.spans import Change, Span, rebase


def plain_seconds(text: str, spans: Sequence[Span], work: Sequence[Sequence[dict[str, Any]]]) -> list[float]:
    """Seconds that each notification of `work`, a list of content changes in ASCII, takes in `text` with `spans`."""
    document, followed = TextDocument("file:///plain.txt", text), list(spans)
    converter: Any = default_converter  # it has no types
    structure = converter().structure
    seconds: list[float] = []
    for events in work:
        began = time.perf_counter()
        for event in events:
            change = structure(event, types.TextDocumentContentChangePartial)
            at, end = document.offset_at_position(change.range.start), document.offset_at_position(change.range.end)
            document.apply_change(change)
            followed = [rebase(span, Change(Span(at, end), change.text)) for span in followed]
        seconds.append(time.perf_counter() - began)
    return seconds
