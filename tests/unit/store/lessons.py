"""Made-up suggestions, spans, records and adapters for the store's tests; only what a test names differs."""

from __future__ import annotations

from stet.core.cost import edit_cost
from stet.core.records import (
    AcceptedSpan,
    Adapter,
    Context,
    EditClass,
    EditRecord,
    Outcome,
    Provenance,
    RecordKind,
    Suggestion,
)
from stet.core.spans import Span

LETTER = "file:///users/ada/letter.txt"


def suggestion(offer_id: str, text: str = " to the sea", document: str = LETTER) -> Suggestion:
    return Suggestion(offer_id, Context(document, "We went"), text, Provenance("tiny"), created=100.0)


def accepted(offer_id: str, text: str = " to the sea", document: str = LETTER) -> AcceptedSpan:
    where = Span(7, 7 + len(text))
    return AcceptedSpan(suggestion(offer_id, text, document), text, where, where, text, 101.0, 101.0, kept_text=text)


def record(
    offer_id: str,
    final: str = " to the shore",
    version: int = 1,
    *,
    settled_at: float = 120.0,
    document: str = LETTER,
    kind: RecordKind = RecordKind.EDITED,
) -> EditRecord:
    text = " to the sea"
    return EditRecord(
        *(offer_id, version, kind, Context(document, "We went"), text, final, edit_cost(text, final)),
        *(EditClass.WORD_CHOICE, Outcome.ACCEPTED, "=8\t-3\t+shore", Provenance("tiny"), 100.0, settled_at),
    )


def adapter(adapter_id: str, *, model: str = "tiny", run: str = "run", created: float = 1.0) -> Adapter:
    return Adapter(adapter_id, "sft", model, "ab" * 32, run, created)
