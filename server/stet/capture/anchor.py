"""Finding a journalled span again in a text that may have changed while nobody looked. Searches; never guesses."""

from __future__ import annotations

from attrs import evolve, frozen
from diff_match_patch import diff_match_patch
from rapidfuzz.distance import Indel

from stet.capture.changes import text_changes
from stet.core.records import AcceptedSpan
from stet.core.spans import Span, rebase

_LEAST_CONTEXT = 16
"""Code points of context on one side that are enough when the other side has changed."""
_PATTERN = 32
"""Longest pattern that diff-match-patch's bitap search takes."""
_LIKENESS = 0.5
"""Least share of the span's text that must still stand between the places where its surroundings were found."""


@frozen
class Anchored:
    """Where a span was found; `span` is None when it was not, and `reason` says why."""

    span: AcceptedSpan | None
    reason: str = ""


def anchored(span: AcceptedSpan, text: str) -> Anchored:
    """`span` at its place in `text`: by exact search of the text with its surroundings, else by fuzzy match near it.

    A place is taken only if it is the only one, or if it is exactly where the span was.
    """
    whole = span.before + span.text + span.after
    at_start = len(span.before) == span.edited.start
    found = _only(text, whole, span.edited.start - len(span.before)) if whole else None
    if found is not None:
        return Anchored(_moved(span, found + len(span.before)))
    if whole and whole in text:
        return Anchored(None, "ambiguous")
    if span.text and (len(span.before) >= _LEAST_CONTEXT or at_start):
        found = _only(text, span.before + span.text, span.edited.start - len(span.before))
        if found is not None:
            return Anchored(_moved(span, found + len(span.before)))
    if span.text and len(span.after) >= _LEAST_CONTEXT:
        found = _only(text, span.text + span.after, span.edited.start)
        if found is not None:
            return Anchored(_moved(span, found))
    return _fuzzy(span, text)


def _only(text: str, pattern: str, expected: int) -> int | None:
    """Where `pattern` stands in `text`, if at one place only, or at the expected one."""
    first = text.find(pattern)
    if first < 0:
        return None
    if text.find(pattern, first + 1) < 0:
        return first
    return expected if expected >= 0 and text.startswith(pattern, expected) else None


def _fuzzy(span: AcceptedSpan, text: str) -> Anchored:
    """By the surroundings alone (diff-match-patch's match), the text between them being as like as it must be."""
    if not span.text:
        return Anchored(None, "not found")
    start, end = 0, len(text)
    if span.before:
        pattern = span.before[-_PATTERN:]
        at = _match(text, pattern, span.edited.start - len(pattern))
        if at < 0:
            return Anchored(None, "not found")
        start = at + len(pattern)
    if span.after:
        end = _match(text, span.after[:_PATTERN], start + len(span.text))
        if end < start:
            return Anchored(None, "not found")
    between = text[start:end]
    if len(between) > 4 * len(span.text) + 64 or Indel.normalized_similarity(span.text, between) < _LIKENESS:
        return Anchored(None, "changed too much")
    owned = _shift(span, start)
    for change in text_changes(span.text, between):
        change = evolve(change, span=change.span.moved(start))
        owned = rebase(owned, change)
    return Anchored(evolve(span, edited=Span(start, end), owned=owned, text=between))


def _match(text: str, pattern: str, near: int) -> int:
    matcher = diff_match_patch()
    return int(matcher.match_main(text, pattern, max(0, min(near, len(text)))))


def _shift(span: AcceptedSpan, start: int) -> Span:
    offset = span.owned.start - span.edited.start
    return Span(start + offset, start + offset + len(span.owned))


def _moved(span: AcceptedSpan, start: int) -> AcceptedSpan:
    edited = Span(start, start + len(span.edited))
    return evolve(span, edited=edited, owned=_shift(span, start))
