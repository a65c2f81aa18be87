"""From a context to the text the model reads: the one versioned function that serving and training share.

Pure. It owns where the context is cut, which characters are cleaned and which are left to token healing; it must not
know tokens, engines or settings. Whoever changes what it returns raises `PROMPT_VERSION`.
"""

from __future__ import annotations

import re
import zlib

from attrs import frozen

from stet.core.records import Context

PROMPT_VERSION = 1

EMPTY_PROMPT = "\n"
"""What the model reads where no text precedes the completion: it needs one token, and a document begins on a line."""

MAX_FORCED = 32
"""Longest healed word, in code points; a longer run of letters is hardly a word that is being typed."""


@frozen
class Prompt:
    """What the engine goes on from. The completion begins with `forced`; the suggestion is what follows that."""

    text: str
    """Never empty."""
    forced: str
    """The word under the cursor with the one space before it, or that space alone, or ""."""
    version: int = PROMPT_VERSION


_SURROGATE = re.compile("[\ud800-\udfff]")
_PARAGRAPH = re.compile(r"\n[ \t]*\n+(?=\S)")
_SENTENCE = re.compile(r"[.!?…]+[\"'”’)\]]*\s+(?=\S)|[。！？]+|\n(?=\S)")
_WORD = re.compile(r"\s+(?=\S)")
# A word of letters that begins the text, or follows white space or opening punctuation: no numbers, no addresses.
_PARTIAL = re.compile(
    r"(?:^|(?P<space> )|(?<=[\s(\[{\"“‘«*_—–]))(?P<word>[^\W\d_]+(?:['’-][^\W\d_]+)*['’-]?)$",
)
# Scripts written without spaces: the run before the cursor is a clause, not a word.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)


def build_prompt(context: Context, budget: int) -> Prompt:
    """The prompt for `context`, of at most `budget` code points of its prefix, `forced` counted in.

    Where the prefix is longer it is cut at the start of a paragraph, else a sentence, else a word. The same start is
    chosen again for about budget / 4 keystrokes, so that the engine's prefix cache holds; this needs a prefix that is
    longer than the budget (twice as long is plenty) or whole. Text is LF only; half characters become U+FFFD.
    """
    text = _SURROGATE.sub("\ufffd", context.prefix).replace("\r\n", "\n").replace("\r", "\n")
    text = text[_start(text, budget) :]
    forced = _forced(text)
    return Prompt(text[: len(text) - len(forced)] or EMPTY_PROMPT, forced)


def _start(text: str, budget: int) -> int:
    """Where to cut: of the boundaries in the older half of the budget, the one whose following text hashes lowest.

    Choosing by what the text says and not by its distance from the cursor (content-defined chunking) keeps the choice
    while the cursor moves on, also when the caller's own cut moves along with it.
    """
    if len(text) <= budget:
        return 0
    first, last = len(text) - budget, len(text) - budget // 2
    for boundary in (_PARAGRAPH, _SENTENCE, _WORD):
        starts = [match.end() for match in boundary.finditer(text, first, last) if match.end() < last]
        if starts:
            return min(starts, key=lambda start: _hash(text, start))
    return min(range(first, last), key=lambda start: _hash(text, start), default=first)


def _hash(text: str, start: int) -> int:
    return zlib.crc32(text[start : start + 24].encode())


def _forced(text: str) -> str:
    if text.endswith(" "):
        return " "
    match = _PARTIAL.search(text, max(0, len(text) - MAX_FORCED - 1))
    if match is None or _UNSPACED.search(match["word"]):
        return ""
    cut_word = match.start() == len(text) - MAX_FORCED - 1 and match["space"] is None
    return "" if cut_word else match[0]
