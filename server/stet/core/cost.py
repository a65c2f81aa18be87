"""The edit cost: word-level Levenshtein distance, as the paper counts it (arXiv 2601.19055, section 2)."""

from __future__ import annotations

import re

from rapidfuzz.distance import Levenshtein

_TOKEN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")


def word_tokens(text: str) -> list[str]:
    """Words (with inner apostrophes) and single punctuation marks of `text`, in order; white space separates."""
    return _TOKEN.findall(text)


def edit_distance(before: str, after: str) -> int:
    """Levenshtein distance over word tokens, a count ≥ 0."""
    return int(Levenshtein.distance(word_tokens(before), word_tokens(after)))


def edit_cost(suggestion: str, final: str) -> float:
    """c = Δ(y, y′) / tokens of y: 0 when nothing changed; above 1 when more was written than was offered.

    An empty suggestion costs 0 against an empty final text and the number of tokens typed against any other.
    """
    return edit_distance(suggestion, final) / max(1, len(word_tokens(suggestion)))
