"""How much of an accepted text still stands, by the formulas that other programs publish, so that figures compare.

`new` is the accepted text, `now` what stands in its place, `old` the text it replaced; lengths in code points. All
figures are in [0, 1]. Sources are the programs' own code, at the commits named.
"""

from __future__ import annotations

import re
from collections import Counter

from attrs import frozen
from rapidfuzz.distance import Indel, LCSseq, Levenshtein

READINGS = (15, 30, 120, 300, 600)
"""Seconds after the accept at which a span is read (Copilot's)."""
AT_SETTLE = 0
"""Stands for the reading when the span settled."""

_UNITS = re.compile(r"\w+|\W")
_LEXEMES = re.compile(r"\w+| +|[^\w ]")
_TOO_FAR = 512
"""Difference of two length changes, in code points, beyond which nothing counts as kept (Zed)."""
_STILL_THERE = 0.5


@frozen
class Retention:
    """One reading of one span."""

    seconds: int
    """After the accept; `AT_SETTLE` for the one at settle."""
    kept_rate: float
    four_gram: float
    no_revert: float
    untouched: float
    difference: float
    unchanged: float
    still_there: bool


def retention(seconds: int, new: str, now: str, old: str = "", around: str | None = None) -> Retention:
    """All figures of one reading; `around` is `now` with some text on either side, where `new` is looked for too."""
    return Retention(
        seconds,
        kept_rate=kept_rate(old, new, now),
        four_gram=four_gram(new, now),
        no_revert=no_revert(old, new, now),
        untouched=untouched(new, now),
        difference=difference(new, now),
        unchanged=unchanged(new, now),
        still_there=lexeme_fraction(new, now if around is None else around) <= _STILL_THERE,
    )


def kept_rate(old: str, new: str, now: str) -> float:
    """Zed (18f1046, `kept_rate.rs`): the new characters found again, and the deleted ones still gone, of all of them.

    Units are words and single other characters; an LCS with `old` tells the new units of `new` and of `now`.
    """
    if abs((len(new) - len(old)) - (len(now) - len(old))) > _TOO_FAR:
        return 0.0
    before, candidate, final = (_UNITS.findall(text) for text in (old, new, now))
    candidate_new, candidate_gone = _added_and_gone(before, candidate)
    final_new, final_gone = _added_and_gone(before, final)
    whole = sum(map(len, candidate_new)) + sum(len(before[index]) for index in candidate_gone)
    if not whole:
        return 1.0
    kept = sum(
        len(candidate_new[block.a + i]) for block in _blocks(candidate_new, final_new) for i in range(block.size)
    )
    return (kept + sum(len(before[index]) for index in candidate_gone & final_gone)) / whole


def four_gram(new: str, now: str) -> float:
    """Copilot (vscode-copilot-chat 31acd00, `editSurvivalTracker.ts`): likeness of the counts of 4-grams."""
    if len(new) < 4 or len(now) < 4:
        return 1.0 if new == now else 0.0
    mine, theirs = (Counter(text[i : i + 4] for i in range(len(text) - 3)) for text in (new, now))
    total = len(new) - 3 + len(now) - 3
    apart = sum(abs(mine[gram] - theirs[gram]) for gram in mine.keys() | theirs.keys())
    return (total - apart) / total


def no_revert(old: str, new: str, now: str) -> float:
    """Copilot (the same file): 1 less how far `now` went back to `old`; always 1 when nothing was replaced."""
    if not old:
        return 1.0
    apart = four_gram(new, old)
    return 1.0 if apart >= 1 else 1 - max(four_gram(now, old) - apart, 0.0) / (1 - apart)


def untouched(new: str, now: str) -> float:
    """Copilot (the same commit, `arcTracker.ts`): share of accepted characters that no edit has touched.

    Copilot composes all edits; here it is the longest common subsequence, never less and rarely more.
    """
    return LCSseq.similarity(new, now) / len(new) if new else 1.0


def difference(new: str, now: str) -> float:
    """Cody (dced3c1, `persistence-tracker`): Levenshtein distance over the longer length; 1 when nothing is left."""
    return Levenshtein.distance(new, now) / max(len(new), len(now), 1)


def unchanged(new: str, now: str) -> float:
    """Refact (3e63fac, `utils.rs`): equal characters, each line against the most similar line not yet taken."""
    lines, left = new.splitlines(), now.splitlines()
    whole = sum(map(len, lines))
    if not whole:
        return 1.0
    equal = 0
    for line in lines:
        if left:
            best = max(left, key=lambda other, line=line: Indel.normalized_similarity(line, other))  # type: ignore[misc]
            left.remove(best)
            equal += LCSseq.similarity(line, best)
    return equal / whole


def lexeme_fraction(new: str, now: str) -> float:
    """Copilot (the same commit, `postInsertion.ts`): lexeme edits of the best alignment, over the lexemes of `new`.

    Lexemes are words, runs of blanks, other characters; single blanks do not count. At most 0.5 is "still there".
    """
    wanted, there = _lexemes(new.strip()), _lexemes(now)
    if not wanted:
        return 0.0
    row = [0] * (len(there) + 1)  # text in front of the best alignment costs nothing, nor does text behind it
    for number, lexeme in enumerate(wanted, 1):
        before, row = row, [number]
        for index, other in enumerate(there, 1):
            row.append(min(before[index] + 1, row[-1] + 1, before[index - 1] + (lexeme != other)))
    return min(row) / len(wanted)


def _lexemes(text: str) -> list[str]:
    return [lexeme for lexeme in _LEXEMES.findall(text) if lexeme != " "]


def _added_and_gone(before: list[str], after: list[str]) -> tuple[list[str], set[int]]:
    """Units of `after` that are new, and indices of units of `before` that are gone."""
    blocks = _blocks(before, after)
    stayed = {block.a + i for block in blocks for i in range(block.size)}
    known = {block.b + i for block in blocks for i in range(block.size)}
    return [unit for index, unit in enumerate(after) if index not in known], set(range(len(before))) - stayed


def _blocks(left: list[str], right: list[str]) -> list[_Block]:
    opcodes = LCSseq.opcodes(left, right)
    return [_Block(c.src_start, c.dest_start, c.src_end - c.src_start) for c in opcodes if c.tag == "equal"]


@frozen
class _Block:
    a: int
    b: int
    size: int
