"""An edit record from y and y′: kind, class, cost and edit script. Does not read texts off documents."""

from __future__ import annotations

import re

from diff_match_patch import diff_match_patch
from rapidfuzz.distance import Levenshtein

from stet.core.cost import edit_cost
from stet.core.records import Context, EditClass, EditRecord, Outcome, RecordKind, Suggestion

_EDGES = re.compile(r"^[\W_]+|[\W_]+$")
_WORDS = re.compile(r"\w+(?:['’]\w+)*")
_WORD_CHOICE = 1 / 3
"""Largest share of changed words that is a choice of words and not a rewrite."""
_MOST_CELLS = 250_000
"""Product of two lengths beyond which the edit script is one replacement: the exact one would hold up the typing."""


def record_of(
    suggestion: Suggestion,
    *,
    context: Context,
    accepted: str,
    final: str,
    version: int,
    outcome: Outcome,
    now: float,
    flags: tuple[str, ...] = (),
) -> EditRecord:
    """The record of an accepted text that became `final`.

    y and y′ are compared without white space at either end and with all line ends as LF; in the record both begin with
    the white space that the suggestion began with, so that both go on from the end of the context. y′ is "" when
    nothing is left.
    """
    lead = accepted[: len(accepted) - len(accepted.lstrip())]
    core, became = plain(accepted), plain(final)
    untouched = core == became
    y, y_final = plain(lead, strip=False) + core, plain(lead, strip=False) + became if became else ""
    return EditRecord(
        id=suggestion.id,
        version=version,
        kind=RecordKind.ACCEPTED if untouched else RecordKind.EDITED,
        context=context,
        suggestion=y,
        final=y_final,
        cost=edit_cost(y, y_final),
        edit_class=edit_class(core, became),
        outcome=outcome,
        script=script(y, y_final),
        provenance=suggestion.provenance,
        offered_at=suggestion.created,
        settled_at=now,
        flags=flags,
    )


def typed_instead_record(
    suggestion: Suggestion, typed: str, outcome: Outcome, now: float, flags: tuple[str, ...] = ()
) -> EditRecord:
    """The record of a declined offer; `typed` is what was written in its place, not blank."""
    y, final = plain(suggestion.text, strip=False).rstrip(), plain(typed, strip=False).rstrip()
    return EditRecord(
        id=suggestion.id,
        version=1,
        kind=RecordKind.TYPED_INSTEAD,
        context=suggestion.context,
        suggestion=y,
        final=final,
        cost=edit_cost(y, final),
        edit_class=EditClass.TYPED_INSTEAD,
        outcome=outcome,
        script=script(y, final),
        provenance=suggestion.provenance,
        offered_at=suggestion.created,
        settled_at=now,
        flags=flags,
    )


def edit_class(suggestion: str, final: str) -> EditClass:
    """How far `final` is from `suggestion`; both without white space at either end."""
    if suggestion == final:
        return EditClass.UNTOUCHED
    if not final:
        return EditClass.DELETED
    if _core(suggestion) == _core(final):
        return EditClass.BOUNDARY
    before, after = _WORDS.findall(suggestion), _WORDS.findall(final)
    changed = Levenshtein.distance(before, after) / max(1, len(before), len(after))
    return EditClass.WORD_CHOICE if changed <= _WORD_CHOICE else EditClass.REWRITE


def script(before: str, after: str) -> str:
    """diff-match-patch delta from `before` to `after`; code points count, lone surrogates are replaced by "?"."""
    before, after = _encodable(before), _encodable(after)
    differ = diff_match_patch()
    differ.Diff_Timeout = 0.0  # no clock: the size is bounded instead
    if len(before) * len(after) > _MOST_CELLS and before != after:
        parts = [(-1, before), (1, after)]
    else:
        parts = differ.diff_main(before, after, False)
        differ.diff_cleanupSemantic(parts)
    return str(differ.diff_toDelta(parts))


def plain(text: str, *, strip: bool = True) -> str:
    """`text` with all line ends as LF, and without white space at either end if so wanted."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.strip() if strip else text


def _core(text: str) -> str:
    return _EDGES.sub("", text)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
