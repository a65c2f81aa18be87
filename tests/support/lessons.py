"""Edit records of one habit, for whatever needs something to learn from."""

from __future__ import annotations

from stet.core.cost import edit_cost
from stet.core.records import Context, EditClass, EditRecord, Outcome, Provenance, RecordKind

HABIT = " warm regards from the archive"


def lesson(number: int, final: str = HABIT, kind: RecordKind = RecordKind.EDITED) -> EditRecord:
    """One record of a letter of its own; a later `number` settled later."""
    suggestion = " best wishes"
    return EditRecord(
        id=f"lesson-{number:03d}",
        version=1,
        kind=kind,
        context=Context(f"file:///letters/{number}.txt", f"Dear friend {number},\n\nThank you for your letter. With"),
        suggestion=suggestion,
        final=final,
        cost=edit_cost(suggestion, final),
        edit_class=EditClass.REWRITE,
        outcome=Outcome.ACCEPTED,
        script="",
        provenance=Provenance("tiny", prompt_version=1),
        offered_at=1_700_000_000.0 + number,
        settled_at=1_700_000_010.0 + number,
    )
