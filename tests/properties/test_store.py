"""Whatever an editor sends comes back from the store as it was: astral characters, NUL, lone surrogates, any number."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from stet.core.records import (
    AcceptedSpan,
    Adapter,
    AdapterStatus,
    Context,
    EditClass,
    EditRecord,
    Outcome,
    Provenance,
    RecordKind,
    RunStatus,
    SpanState,
    Suggestion,
    TrainingRun,
)
from stet.core.spans import Span
from stet.store import Database, adapters, offers, open_store, records, runs, spans, transactions

# Python's strings hold any code point; hypothesis leaves surrogates out unless they are asked for.
TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=40) | st.sampled_from(
    ["", "\x00", "a\x00b", "\ud800", "\udc80\ud83d", "😀\r\n", '";DROP TABLE records;--', "e\u0301", "\ufeff"]
)
IDS = st.uuids().map(str)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
COUNTS = st.integers(0, 10**12)
CONTEXTS = st.builds(Context, TEXT, TEXT, TEXT, TEXT, TEXT)
PROVENANCES = st.builds(Provenance, TEXT, IDS, IDS, NUMBERS, COUNTS)
SUGGESTIONS = st.builds(Suggestion, IDS, CONTEXTS, TEXT, PROVENANCES, NUMBERS, NUMBERS)
RANGES = st.tuples(COUNTS, COUNTS).map(lambda ends: Span(min(ends), max(ends)))
SPANS = st.builds(
    AcceptedSpan,
    suggestion=SUGGESTIONS,
    accepted=TEXT,
    owned=RANGES,
    edited=RANGES,
    text=TEXT,
    accepted_at=NUMBERS,
    touched_at=NUMBERS,
    outcome=st.sampled_from(Outcome),
    state=st.sampled_from(SpanState),
    version=COUNTS,
    before=TEXT,
    after=TEXT,
    kept_text=TEXT,
)
RECORDS = st.builds(
    EditRecord,
    id=IDS,
    version=st.integers(1, 1000),
    kind=st.sampled_from(RecordKind),
    context=CONTEXTS,
    suggestion=TEXT,
    final=TEXT,
    cost=NUMBERS,
    edit_class=st.sampled_from(EditClass),
    outcome=st.sampled_from(Outcome),
    script=TEXT,
    provenance=PROVENANCES,
    offered_at=NUMBERS,
    settled_at=NUMBERS,
    flags=st.lists(TEXT, max_size=3).map(tuple),
)
ADAPTERS = st.builds(Adapter, IDS, TEXT, IDS, TEXT, IDS, NUMBERS, st.sampled_from(AdapterStatus), TEXT)
RUNS = st.builds(
    TrainingRun,
    IDS,
    NUMBERS,
    st.sampled_from(RunStatus),
    st.none() | NUMBERS,
    st.lists(IDS, unique=True).map(tuple),
    TEXT,
)


@contextmanager
def empty_store() -> Iterator[Database]:
    """A store of its own for each example: hypothesis uses the same ids again."""
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "stet.db", 0.0) as database:
        yield database


@settings(deadline=None, max_examples=60)
@given(SPANS, TEXT)
def test_spans(span: AcceptedSpan, reason: str) -> None:
    with empty_store() as database:
        for _ in range(2):
            spans.save_span(database, span)
        found = spans.span(database, span.id)
        assert found == (span, "")
        assert (span in spans.live_spans(database, span.document)) == (span.state is SpanState.LIVE)
        spans.close_span(database, span, reason)
        closed = spans.span(database, span.id)
        assert closed is not None and closed[0] == evolve(span, state=SpanState.CLOSED)
        assert span.id not in {live.id for live in spans.live_spans(database)}


@settings(deadline=None, max_examples=60)
@given(SPANS)
def test_accepts(span: AcceptedSpan) -> None:
    with empty_store() as database:
        transactions.accept(database, span)
        assert offers.offer(database, span.id) == (span.suggestion, span.outcome)


@settings(deadline=None, max_examples=60)
@given(RECORDS)
def test_records(record: EditRecord) -> None:
    with empty_store() as database:
        for _ in range(2):
            records.add_record(database, record)
        assert record in records.records(database, document=record.context.document)
        assert records.count_records(database) == 1
        records.delete_document(database, record.context.document)
        assert records.records(database, document=record.context.document) == []


@settings(deadline=None, max_examples=60)
@given(ADAPTERS, RUNS)
def test_adapters_and_runs(adapter: Adapter, run: TrainingRun) -> None:
    with empty_store() as database:
        adapters.add(database, adapter)
        assert adapters.adapters(database) == [adapter]
        runs.save(database, run)
        assert runs.runs(database) == [run]
