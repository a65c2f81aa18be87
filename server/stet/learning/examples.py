"""Edit records to training examples, and which of them are never trained on. Pure; knows no tokens and no torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from attrs import frozen
from rapidfuzz.distance import Levenshtein

from stet.completion.prompt import build_prompt
from stet.core.cost import word_tokens
from stet.core.records import EditRecord, RecordKind
from stet.core.spans import Span

LESSONS = frozenset(RecordKind)
"""Kinds of records that hold a y′ of the writer's own."""

EXCLUDED_FLAGS = frozenset({"reverted", "pasted", "generated", "machine", "masked"})
"""Reservations under which the final text is not the writer's word: undone, pasted whole, a machine's, or a secret."""

PASSAGE = 80
"""Code points before a text that make it the same passage when they are the same too."""

TUNE_SHARE = 0.1
"""Share of the records learned from that only say after which epoch to stop."""
TUNE_FROM = 40
"""With fewer records to learn from than this, none is spared for that."""


@frozen
class Example:
    """What the model is to say after a prompt: (prompt, forced + target), with the parts that matter most."""

    record: str
    """Id of the edit record."""
    document: str
    prompt: str
    forced: str
    """Head of the completion that the writer had typed already: read, not learned."""
    target: str
    """y′, not empty."""
    changed: tuple[Span, ...]
    """Ranges of `target`, in code points, where it says something else than the suggestion did."""
    cost: float
    """Edit cost of the suggestion, ≥ 0."""
    settled_at: float


@frozen
class Split:
    """One run's examples. No document is both learned from and held out, where there are documents enough."""

    train: tuple[Example, ...]
    tune: tuple[Example, ...]
    """Not learned from: decide after which epoch to stop."""
    held_out: tuple[Example, ...]
    """Never learned from and never looked at before the gate."""


def usable(records: Iterable[EditRecord], max_records: int) -> list[EditRecord]:
    """The newest `max_records` records that hold a lesson, oldest first, the newest version of each, no two the same.

    Left out: final texts of white space only, and those under a flag of `EXCLUDED_FLAGS`.
    """
    newest: dict[str, EditRecord] = {}
    for record in records:
        if record.id not in newest or newest[record.id].version < record.version:
            newest[record.id] = record
    lessons: dict[tuple[str, str], EditRecord] = {}
    for record in sorted(newest.values(), key=_by_time):
        if record.kind in LESSONS and record.final.strip() and not EXCLUDED_FLAGS.intersection(record.flags):
            lessons[record.context.prefix, record.final] = record
    return sorted(lessons.values(), key=_by_time)[-max_records:]


def to_example(record: EditRecord, budget: int) -> Example:
    """The example of one record; `budget` is the prompt's, in code points, the same as in serving."""
    prompt = build_prompt(record.context, budget)
    final = record.final.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode("utf-8")
    if record.kind is RecordKind.ACCEPTED:
        changed: tuple[Span, ...] = ()
    elif record.kind is RecordKind.TYPED_INSTEAD:
        changed = (Span(0, len(final)),)
    else:
        changed = changed_parts(record.suggestion, final)
    return Example(
        record.id, record.context.document, prompt.text, prompt.forced, final, changed, record.cost, record.settled_at
    )


def changed_parts(before: str, after: str) -> tuple[Span, ...]:
    """The words of `after` (as ranges in code points) that the word-level edit script from `before` puts in.

    A deletion leaves no word behind; there, the word that follows it is the decision, and counts as changed.
    """
    words = _word_spans(after)
    changed: set[int] = set()
    for part in Levenshtein.opcodes(word_tokens(before), word_tokens(after)):
        if part.tag == "delete":
            changed.add(part.dest_start)
        elif part.tag != "equal":
            changed.update(range(part.dest_start, part.dest_end))
    return tuple(word for index, word in enumerate(words) if index in changed)


def split(examples: Sequence[Example], held_out: float) -> Split:
    """Hold out the documents last written in, newest first, until the share `held_out` of the examples is reached.

    A document that would take more than half as much again is cut by time, so that one long document, or one alone,
    still leaves both sides filled. A passage that is held out and was written before, with the same text in front of
    it, is not learned from; a phrase the writer uses again and again is, for that is her habit. Deterministic.
    """
    rest, held = _cut(examples, max(1, round(len(examples) * held_out)))
    passages = {_passage(example) for example in held}
    rest = [example for example in rest if _passage(example) not in passages]
    if len(rest) < TUNE_FROM:
        return Split(tuple(rest), (), tuple(held))
    train, tune = _cut(rest, math.ceil(len(rest) * TUNE_SHARE))
    return Split(tuple(train), tuple(tune), tuple(held))


def _cut(examples: Sequence[Example], wanted: int) -> tuple[list[Example], list[Example]]:
    """(older, newer) with about `wanted` examples in newer, whole documents as far as that goes."""
    documents: dict[str, list[Example]] = {}
    for example in sorted(examples, key=_age):
        documents.setdefault(example.document, []).append(example)
    newer: list[Example] = []
    older: list[Example] = []
    for group in sorted(documents.values(), key=lambda group: _age(group[-1]), reverse=True):
        room = wanted - len(newer)
        if room <= 0:
            older += group
        elif len(group) <= max(room, wanted // 2 + room):
            newer += group
        else:
            older += group[:-room]
            newer += group[-room:]
    return sorted(older, key=_age), sorted(newer, key=_age)


def _passage(example: Example) -> tuple[str, str]:
    return example.prompt[-PASSAGE:], example.target.strip()


def _age(example: Example) -> tuple[float, str]:
    return example.settled_at, example.record


def _word_spans(text: str) -> list[Span]:
    spans: list[Span] = []
    end = 0
    for word in word_tokens(text):
        start = text.index(word, end)
        end = start + len(word)
        spans.append(Span(start, end))
    return spans


def _by_time(record: EditRecord) -> tuple[float, str]:
    return record.settled_at, record.id
