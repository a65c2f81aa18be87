"""Edit classes, scripts and records in worked examples."""

from __future__ import annotations

import pytest
from diff_match_patch import diff_match_patch

from stet.capture.classify import edit_class, record_of, script, typed_instead_record
from stet.core.records import Context, EditClass, Outcome, Provenance, RecordKind, Suggestion

SUGGESTION = Suggestion("s", Context("d", "I like"), " cats and dogs. ", Provenance("m", "a1", "sft", 0.9, 3), 5.0)


@pytest.mark.parametrize(
    ("suggestion", "final", "expected"),
    [
        ("cats and dogs.", "cats and dogs.", EditClass.UNTOUCHED),
        ("cats and dogs.", "cats and dogs", EditClass.BOUNDARY),
        ("cats and dogs", "“cats and dogs”!", EditClass.BOUNDARY),
        ("cats and dogs.", "cats or dogs.", EditClass.WORD_CHOICE),
        ("cats and dogs.", "cats, and dogs.", EditClass.WORD_CHOICE),
        ("cats and dogs.", "mice or dogs.", EditClass.REWRITE),
        ("cats and dogs.", "", EditClass.DELETED),
    ],
)
def test_edit_class(suggestion: str, final: str, expected: EditClass) -> None:
    assert edit_class(suggestion, final) is expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("cats and dogs", "cats or dogs"),
        ("", "new"),
        ("old", ""),
        ("e\u0301 😀 a", "é 😀😀 %+ ü"),
        ("x" * 900, "y" * 900),
    ],
)
def test_script_turns_one_into_the_other(before: str, after: str) -> None:
    differ = diff_match_patch()
    parts = differ.diff_fromDelta(before, script(before, after))
    assert differ.diff_text2(parts) == after


def test_script_of_lone_surrogates() -> None:
    assert script("a\ud800", "b") == "-2\t+b"


def test_record_goes_on_from_the_context() -> None:
    record = record_of(
        SUGGESTION,
        context=SUGGESTION.context,
        accepted=" cats and dogs. ",
        final="cats\r\nor dogs.",
        version=2,
        outcome=Outcome.ACCEPTED,
        now=9.0,
        flags=("early",),
    )
    assert (record.suggestion, record.final) == (" cats and dogs.", " cats\nor dogs.")
    assert record.kind is RecordKind.EDITED
    assert record.cost == 0.25
    assert (record.version, record.flags, record.offered_at, record.settled_at) == (2, ("early",), 5.0, 9.0)
    assert record.provenance == SUGGESTION.provenance


def test_typed_instead() -> None:
    record = typed_instead_record(SUGGESTION, " old books ", Outcome.REJECTED, 9.0)
    assert (record.suggestion, record.final) == (" cats and dogs.", " old books")
    assert record.kind is RecordKind.TYPED_INSTEAD
    assert record.edit_class is EditClass.TYPED_INSTEAD
    assert record.cost == 1.0
    assert record.outcome is Outcome.REJECTED
