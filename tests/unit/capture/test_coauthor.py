"""Replay of real keystroke logs against their answer key, in process, in three client disguises.

CoAuthor, Lee, Liang and Yang 2022, CC BY-SA 4.0, sampled and compacted.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rapidfuzz.distance import Levenshtein

from stet.capture import (
    CaptureRules,
    Effect,
    Recorder,
    Signal,
    SignalKind,
    SpanAccepted,
    SpanClosed,
)
from stet.core.records import AcceptedSpan, Context, Outcome, Provenance, Suggestion
from stet.core.spans import Change, Span

DATA = Path(os.environ.get("STET_DATA") or Path(__file__).parents[4] / "shared" / "data") / "coauthor"
FINAL_DOCUMENTS = "cefd433b1733357c8ae1730b22c48ce52e41055d665dde0896a84c9c8d168617"


@pytest.fixture(scope="module")
def sessions() -> list[dict[str, Any]]:
    return _rows("sample60.jsonl")


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, int], dict[str, Any]]:
    return {(row["session"], row["ev"]): row for row in _rows("answers.jsonl")}


@pytest.mark.parametrize(
    ("signals", "whole_text"),
    [(True, False), (False, False), (False, True)],
    ids=["signals and ranges", "silent, ranges", "silent, whole text"],
)
def test_every_accept_and_every_final_text(
    sessions: list[dict[str, Any]], answers: dict[tuple[str, int], dict[str, Any]], signals: bool, whole_text: bool
) -> None:
    found: dict[tuple[str, int], AcceptedSpan] = {}
    outcomes: dict[tuple[str, int], Outcome] = {}
    texts: list[str] = []
    rows, began = 0, time.perf_counter()
    for session in sessions:
        text, effects = replay(session, signals=signals, whole_text=whole_text)
        texts.append(text)
        rows += len(session["ev"])
        for effect in effects:
            if isinstance(effect, SpanClosed | SpanAccepted):
                found[session["id"], int(effect.span.id)] = effect.span
            if isinstance(effect, SpanAccepted):
                outcomes[session["id"], int(effect.span.id)] = effect.span.outcome
    seconds = time.perf_counter() - began
    wrong = [
        (key, row["outcome"], row["text"], row["final"], found[key].kept_text)
        for key, row in answers.items()
        if key in found and found[key].kept_text != row["final"]
    ]
    figures = {
        "accepted": len(answers),
        "matched": sum(outcomes.get(key) is Outcome.ACCEPTED for key in answers),
        "final_text_equal": sum(key in found for key in answers) - len(wrong),
        "false_accepts": len(set(found) - set(answers)),
        "events_per_s": round(rows / seconds),
    }
    print(figures, *wrong, sep="\n")
    assert hashlib.sha256("\0".join(texts).encode()).hexdigest() == FINAL_DOCUMENTS
    assert figures["matched"] == len(answers) == 442
    assert figures["false_accepts"] == 0
    assert figures["final_text_equal"] == 442
    for key, row in answers.items():
        span = found[key]
        assert _outcome(row["text"], span.kept_text) == row["outcome"]
        assert Levenshtein.distance(row["text"], span.kept_text) == row["lev"]


def test_offers_that_were_declined_are_never_accepted(sessions: list[dict[str, Any]]) -> None:
    """Every list that was shown offers its first candidate; only those that were really selected may be accepted."""
    false, offered = 0, 0
    for session in sessions:
        recorder, caret = Recorder(CaptureRules()), len(session["doc"].rstrip("\n"))
        recorder.opened("d", session["doc"], 0.0)
        for number, row in enumerate(session["ev"]):
            now = row[1] / 1000
            if row[0] == "o" and row[2]:
                recorder.offered(_suggestion(f"{number}", row[2][0], recorder, caret, now), caret, now)
                offered += 1
            if row[0] in "ua":
                effects = recorder.changed("d", list(_changes(row[2])), now)
                false += row[0] == "u" and any(isinstance(effect, SpanAccepted) for effect in effects)
                at, _, put = row[2][-1]
                caret = at + len(put)
    assert offered > 400
    assert false == 0


def replay(session: dict[str, Any], *, signals: bool, whole_text: bool) -> tuple[str, list[Effect]]:
    """The final text of a session, and all effects; the id of an offer is the number of its row."""
    recorder, effects, now = Recorder(CaptureRules()), list[Effect](), 0.0
    effects += recorder.opened("d", session["doc"], now)
    text: str = session["doc"]
    for number, row in enumerate(session["ev"]):
        if row[0] not in "ua":
            continue
        now = row[1] / 1000
        changes = list(_changes(row[2]))
        effects += recorder.tick(now)
        if row[0] == "a":
            start, put = changes[0].span.start, "".join(change.text for change in changes)
            effects += recorder.offered(_suggestion(str(number), put, recorder, start, now), start, now)
        if whole_text:
            before = len(text)
            for change in changes:
                text = change.applied_to(text)
            changes = [Change(Span(0, before), text)]
        effects += recorder.changed("d", changes, now)
        if signals and row[0] == "a":
            effects += recorder.signal(str(number), Signal(SignalKind.ACCEPTED), now + 0.01)
    buffer = recorder.buffer("d")
    assert buffer is not None
    final = buffer.text
    return final, effects + recorder.closed("d", now)


def _changes(ops: list[tuple[int, int, str]]) -> Iterator[Change]:
    for at, removed, put in ops:
        yield Change(Span(at, at + removed), put)


def _suggestion(name: str, text: str, recorder: Recorder, at: int, now: float) -> Suggestion:
    buffer = recorder.buffer("d")
    assert buffer is not None
    context = Context("d", prefix=buffer.slice(at - 200, at), suffix=buffer.slice(at, at + 50))
    return Suggestion(name, context, text, Provenance("gpt-3"), now)


def _outcome(text: str, final: str) -> str:
    return "untouched" if final == text else "edited" if final else "deleted"


def _rows(name: str) -> list[dict[str, Any]]:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path.name} of the CoAuthor sample was looked for at {path}; set STET_DATA")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
