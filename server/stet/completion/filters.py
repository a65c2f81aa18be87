"""Raw completion to suggestion text: what is cut off it, and when nothing is left worth showing. Pure."""

from __future__ import annotations

import re
from enum import StrEnum

from attrs import frozen

from stet.core.records import Context


class Reason(StrEnum):
    """Why a generated text was withheld."""

    EMPTY = "empty"
    """The model had nothing to add on this line."""
    REPETITION = "repetition"
    """It repeats itself, or what stands just before the cursor."""
    REPEATS_SUFFIX = "repeats_suffix"
    """All of it already stands behind the cursor."""
    INSIDE_WORD = "inside_word"
    """A letter follows the cursor: whatever is put in would run into it."""
    BROKEN = "broken"
    """It holds control characters or half a character."""


@frozen
class Shaped:
    """The text to show, or "" and the reason why not."""

    text: str
    reason: Reason | None = None


# A full stop behind three letters or fewer may end an abbreviation (Mr., e.g., No.): the sentence is taken to go on.
_SENTENCE_END = re.compile(r"(?:(?<=\w{4})\.|[!?…]+)[\"'”’)\]]*(?=\s)|[。！？]")
_PARTIAL_WORD = re.compile(r"\s*[^\s]*$")
_BROKEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd\ud800-\udfff]")
_WORD = re.compile(r"\w+")


def shape(raw: str, context: Context, *, cut_short: bool) -> Shaped:
    """The part of `raw` that may stand at the cursor of `context`.

    `raw` follows the prefix directly. `cut_short` says that generation ended by length, so that the last word may be
    half a word. One line only; at most to the end of its first sentence.
    """
    text = raw.replace("\r", "").split("\n", 1)[0]
    if _BROKEN.search(text):
        return Shaped("", Reason.BROKEN)
    if context.suffix[:1].isalnum():
        return Shaped("", Reason.INSIDE_WORD)
    text, ended = _first_sentence(text)
    if cut_short and not ended:
        text = _PARTIAL_WORD.sub("", text) if re.search(r"\S\s", text) else ""
    if context.prefix[-1:].isspace() or not context.prefix:
        text = text.lstrip()
    text = text.rstrip()
    if not text.strip():
        return Shaped("", Reason.EMPTY)
    text = _without_suffix(text, context.suffix)
    if not text.strip():
        return Shaped("", Reason.REPEATS_SUFFIX)
    if _repeats(text, context.prefix):
        return Shaped("", Reason.REPETITION)
    return Shaped(text)


def _first_sentence(text: str) -> tuple[str, bool]:
    match = _SENTENCE_END.search(text)
    return (text[: match.end()], True) if match else (text, False)


def _without_suffix(text: str, suffix: str) -> str:
    """`text` less the longest tail with which what follows on the line begins."""
    line = suffix.split("\n", 1)[0].rstrip()
    if not line:
        return text
    if text.strip() and line.lstrip().startswith(text.strip()):
        return ""
    for size in range(min(len(text), len(line)), 0, -1):
        if text.endswith(line[:size]):
            return text[:-size]
    return text


def _repeats(text: str, prefix: str) -> bool:
    """Whether a run of words comes three times, or the text only says again what the line before it says."""
    words = [word.lower() for word in _WORD.findall(text)]
    for size in (1, 2, 3, 4):
        for at in range(len(words) - 3 * size + 1):
            run = words[at : at + size]
            if words[at + size : at + 2 * size] == run and words[at + 2 * size : at + 3 * size] == run:
                return True
    before = [word.lower() for word in _WORD.findall(prefix[-400:])]
    return len(words) >= 3 and before[-len(words) :] == words
