"""The demo's writer: letters in one person's habits, and what she does with a suggestion. Reads them; else pure.

She has each letter in her head. Where she pauses she looks at the suggestion; if it begins with the word she was
about to write she takes it and puts the rest right, else she goes on writing.
"""

from __future__ import annotations

import re
from importlib import resources

from attrs import frozen
from rapidfuzz.distance import Levenshtein

from stet.core.cost import edit_cost
from stet.core.spans import Change, Span

_PIECE = re.compile(r"\s*\S+")
_LINE_START = re.compile(r"^(?=\S)", re.MULTILINE)


def letters() -> tuple[list[str], list[str]]:
    """(letters she writes, letters held out), in order."""
    text = (resources.files("stet.study") / "letters.txt").read_text(encoding="utf-8")
    written, held_out = text.strip().split("\n\n======\n\n")
    return written.split("\n\n---\n\n"), held_out.split("\n\n---\n\n")


def pauses(letter: str, every: int) -> list[int]:
    """Offsets where she looks up: line starts (after the first line) and before each `every`-th word of a line."""
    found: list[int] = []
    for line in _LINE_START.finditer(letter):
        end = letter.find("\n", line.start())
        words = [match.start() for match in re.finditer(r"\S+", letter[line.start() : end if end >= 0 else None])]
        found += [line.start() + start for start in words[::every]]
    return [offset for offset in found if offset > 0]


def rest_of_line(letter: str, offset: int) -> str:
    """What she is about to write on this line."""
    end = letter.find("\n", offset)
    return letter[offset : end if end >= 0 else len(letter)]


def meant(suggestion: str, rest: str) -> str:
    """What she makes of `suggestion`: as many words of `rest` as it has, at least one."""
    count = max(1, len(_PIECE.findall(suggestion)))
    return "".join(_PIECE.findall(rest)[:count])


def matching(suggestion: str, rest: str) -> tuple[int, int]:
    """(words, code points) of the head of `suggestion` that she would let stand as it is, word by word."""
    words = length = 0
    for offered, wanted in zip(_PIECE.findall(suggestion), _PIECE.findall(rest), strict=False):
        if offered != wanted:
            break
        words, length = words + 1, length + len(offered)
    return words, length


def corrections(suggestion: str, final: str, start: int) -> list[Change]:
    """Her edits, last one first, that turn `suggestion`, standing at `start`, into `final`: whole words replaced."""
    before, after = _PIECE.findall(suggestion), _PIECE.findall(final)
    changes: list[Change] = []
    for step in Levenshtein.opcodes(before, after):
        if step.tag != "equal":
            begin = start + sum(map(len, before[: step.src_start]))
            end = start + sum(map(len, before[: step.src_end]))
            changes.append(Change(Span(begin, end), "".join(after[step.dest_start : step.dest_end])))
    return changes[::-1]


@frozen
class Replay:
    """What held-out letters looked like under one policy."""

    pauses: int
    shown: int
    edit_cost: float
    """Mean over the suggestions shown of Δ(y, y′) / tokens of y, y′ as `meant` has it."""
    keystrokes_saved: float
    """Share of the letters' characters saved: those of matching words less one key for each word accepted."""


def summarise(answers: list[tuple[str, str]], characters: int) -> Replay:
    """Figures from (suggestion or "", rest of the line) at each pause; `characters` is the letters' total length."""
    shown = [(suggestion, rest) for suggestion, rest in answers if suggestion]
    costs = [edit_cost(suggestion, meant(suggestion, rest)) for suggestion, rest in shown]
    matches = [matching(suggestion, rest) for suggestion, rest in shown]
    saved = sum(length - words for words, length in matches)
    return Replay(len(answers), len(shown), sum(costs) / max(1, len(costs)), saved / max(1, characters))
