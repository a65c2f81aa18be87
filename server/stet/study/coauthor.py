"""Keystroke logs in the format of the CoAuthor sample, and their answer key. Reads and computes; replays nothing.

A log is one JSON object a line: `id`, `t0` (Unix ms), `doc` (initial text) and `ev`, rows of a letter, ms since t0 and
what happened; "u" and "a" rows hold text changes `[position, deleted, inserted]` in UTF-16 units, by the writer and by
accepting a suggestion, and "o" rows the suggestions that were listed. CoAuthor: Lee, Liang and Yang, CHI 2022.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from stet.core.errors import StetError
from stet.core.spans import Change, Span

KEY_FILE = "answers.jsonl"


@frozen
class Log:
    """One recorded writing session."""

    id: str
    started: float
    """Unix time in seconds."""
    text: str
    rows: tuple[list[Any], ...]


@frozen
class Answer:
    """What became of one accepted suggestion, by the key."""

    log: str
    row: int
    """Index of the accepting row."""
    text: str
    """What was accepted, without white space at either end."""
    final: str
    """What is left of it after the last row, by ownership: text typed at either edge is outside."""


def read_logs(path: Path) -> list[Log]:
    """Every log of a file, or of a folder's files. Raises StetError when there is none, or it is of another form."""
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    logs = [_log(row, file) for file in files if file.name != KEY_FILE for row in _rows(file)]
    if not logs:
        raise StetError(f"{path} holds no keystroke logs; give a .jsonl file of them, or a folder with such files.")
    return logs


def read_key(path: Path, logs: Sequence[Log]) -> list[Answer] | None:
    """The answers to `logs` from the key file beside them; None when there is no such file."""
    file = (path if path.is_dir() else path.parent) / KEY_FILE
    if not file.is_file():
        return None
    known = {log.id for log in logs}
    try:
        rows = [Answer(row["session"], row["ev"], row["text"], row["final"]) for row in _rows(file)]
    except KeyError as error:
        raise StetError(f"{file} is no answer key: a row lacks {error}.") from error
    return [answer for answer in rows if answer.log in known]


def computed_key(log: Log) -> list[Answer]:
    """The answers to a log, by marking for every UTF-16 unit the suggestions it belongs to; follows no ranges.

    The convention: an insertion belongs to a suggestion when units of it stand on both sides; a row that inserts and
    then deletes right behind replaces; text once gone is not the suggestion's when it comes back.
    """
    text = _units(log.text)
    marks: dict[int, bytearray] = {}
    landed: dict[int, str] = {}
    for number, row in enumerate(log.rows):
        if row[0] not in ("u", "a"):
            continue
        for at, removed, put in _as_replacements(row[2]):
            new = _units(put)
            text = text[:at] + new + text[at + removed :]
            for name, mark in marks.items():
                head, tail = mark[:at], mark[at + removed :]
                marks[name] = head + bytes([1 in head and 1 in tail]) * len(new) + tail
            if row[0] == "a" and put.strip():
                start, size = at + len(_units(put[: len(put) - len(put.lstrip())])), len(_units(put.strip()))
                marks[number] = bytearray(len(text))
                marks[number][start : start + size] = b"\1" * size
                landed[number] = put.strip()
    finals = {
        number: _text("".join(unit for unit, of in zip(text, mark, strict=True) if of))
        for number, mark in marks.items()
    }
    return [Answer(log.id, number, landed[number], final) for number, final in finals.items()]


def changes_of(ops: Sequence[Sequence[Any]], text: str) -> list[Change]:
    """A row's text changes in code points, each in the text the one before left; `text` is the one before the first.

    A change that cuts a character in halves, as a log of UTF-16 units may hold it, takes in the whole character.
    """
    changes: list[Change] = []
    for at, removed, put in ops:
        if text.isascii() or max(text) <= "\uffff":
            change = Change(Span(at, at + removed), put)
        else:
            units = _units(text)
            start, end, after = at, at + removed, units[:at] + _units(put) + units[at + removed :]
            while (start > 0 and _is_low(units[start : start + 1])) or _is_low(after[start : start + 1]):
                start -= 1
            while _is_low(units[end : end + 1]):
                end += 1
            put = _text(after[start : end + len(after) - len(units)])
            begins = len(_text(units[:start]))
            change = Change(Span(begins, begins + len(_text(units[start:end]))), put)
        changes.append(change)
        text = change.applied_to(text)
    return changes


def _as_replacements(ops: Sequence[Sequence[Any]]) -> Iterator[tuple[int, int, str]]:
    """An insertion with a deletion right behind it, in one row, is typing over a selection."""
    rest = [(int(at), int(removed), str(put)) for at, removed, put in ops]
    while rest:
        at, removed, put = rest.pop(0)
        if rest and put and not removed and not rest[0][2] and rest[0][0] == at + len(_units(put)):
            removed = rest.pop(0)[1]
        yield at, removed, put


def _log(row: dict[str, Any], file: Path) -> Log:
    try:
        return Log(str(row["id"]), float(row["t0"]) / 1000, str(row["doc"]), tuple(row["ev"]))
    except (KeyError, TypeError, ValueError) as error:
        raise StetError(f"{file} is no keystroke log: a row lacks {error}.") from error


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        yield from (json.loads(line) for line in lines if line.strip())
    except (OSError, ValueError) as error:
        raise StetError(f"{file} cannot be read as JSON lines ({error}).") from error


def _units(text: str) -> str:
    """`text` with one code point for every UTF-16 unit."""
    if text.isascii() or max(text) <= "\uffff":
        return text
    raw = text.encode("utf-16-le", "surrogatepass")
    return "".join(chr(low | high << 8) for low, high in zip(raw[::2], raw[1::2], strict=True))


def _text(units: str) -> str:
    return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _is_low(unit: str) -> bool:
    return "\udc00" <= unit <= "\udfff"
