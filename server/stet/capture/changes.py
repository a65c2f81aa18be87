"""A notification's changes as the writer meant them: pairs joined, whole texts turned into small changes.

Knows texts and offsets only: no offers, no spans. Each change is in the text that the one before it left.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rapidfuzz.distance import Indel

from stet.core.spans import Change, Span
from stet.core.text import TextBuffer, whole_text_change

_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")
_MOST_TOKENS = 4000
"""Beyond this many tokens on a side a whole-text change is not looked into: the table would take too much memory."""
_FARTHEST_SLIDE = 1000


def normalised(changes: Sequence[Change], buffer: TextBuffer, carets: Sequence[int]) -> list[Change]:
    """`changes` with insert-delete pairs made one replacement, and replacements of the whole text made small.

    `buffer` holds the text before the first one and is not changed. `carets` are the offsets where the writer may be,
    best first.
    """
    plain: list[Change] = []
    text: str | None = None
    length = len(buffer)
    for change in changes:
        if len(change.span) == length > 0 and change.text:
            if text is None:
                text = buffer.text
                for earlier in plain:
                    text = earlier.applied_to(text)
            plain += text_changes(text, change.text, carets)
            text = change.text
        else:
            plain.append(change)
            text = change.applied_to(text) if text is not None else None
        length += change.delta
    return joined(plain)


def joined(changes: Sequence[Change]) -> list[Change]:
    """Neighbouring pairs that are one replacement as one: insert, then delete behind it; delete, then insert there."""
    out: list[Change] = []
    for change in changes:
        if not change.text and not len(change.span):
            continue
        pair = _pair(out[-1], change) if out else None
        if pair is not None:
            out[-1] = pair
        else:
            out.append(change)
    return out


def text_changes(before: str, after: str, carets: Sequence[int] = ()) -> list[Change]:
    """Changes that turn `before` into `after`, left to right, each in the text the one before left.

    One change when there is one place of change; several when at least half of what lies between the first and the
    last place has stayed, or when one of the two texts between them stands whole in the other. Which of several equal
    characters was typed or deleted is not in the texts: `_slid` has the convention.
    """
    whole = whole_text_change(before, after)
    if whole is None:
        return []
    removed = before[whole.span.start : whole.span.end]
    if not removed or not whole.text:
        return [_slid(whole, before, carets)]
    return _around(whole, removed) or _parts(removed, whole.text, whole.span.start) or [whole]


def tight(change: Change, removed: str) -> Change | None:
    """`change` without the head and tail that it puts back as they were; None when it changes nothing."""
    inner = whole_text_change(removed, change.text)
    return None if inner is None else Change(inner.span.moved(change.span.start), inner.text)


def slid_insertion(change: Change, after: TextBuffer, target: int) -> Change | None:
    """The insertion `change`, already made in `after`, as one at `target` with the same result; None without one."""
    at, size = change.span.start, len(change.text)
    distance = abs(at - target)
    if len(change.span) or not distance or distance > min(_FARTHEST_SLIDE, 4 * size):
        return None
    low, high = min(at, target), max(at, target)
    # Sliding is possible when the text over both places repeats with the insertion's length as period.
    text = after.slice(low, high + size)
    if text[size:] != text[: len(text) - size]:
        return None
    return Change(Span(target, target), after.slice(target, target + size))


def _pair(first: Change, second: Change) -> Change | None:
    at = first.span.start
    if not len(first.span) and not second.text and second.span.start == at + len(first.text):
        return Change(Span(at, at + len(second.span)), first.text)
    if not first.text and not len(second.span) and second.span.start == at:
        return Change(first.span, second.text)
    behind = not len(first.span) and not len(second.span) and second.span.start == at + len(first.text)
    if behind and len(first.text) + len(second.text) > 2 and not (first.text.strip() and second.text.strip()):
        return Change(first.span, first.text + second.text)  # some editors put in line ends by themselves
    return None


def _slid(change: Change, before: str, carets: Sequence[int]) -> Change:
    """A pure insertion or deletion at the one of the places with the same result that is most likely.

    As text diffs have it, that is the last of them, behind all that stayed in front. But what can begin a line begins
    it, and of the repeated blanks at a line's end the one at a caret was deleted.
    """
    start, end, text = change.span.start, change.span.end, change.text
    lowest = start
    moving = text or before[start:end]
    size = len(moving)
    while lowest > 0 and start - lowest < _FARTHEST_SLIDE and before[lowest - 1] == moving[(lowest - start - 1) % size]:
        lowest -= 1
    if text:
        places = [lowest] if before[lowest - 1 : lowest] in ("", "\r", "\n") else []
    else:
        at_line_end = before[end : end + 1] in ("", "\r", "\n")
        places = [place for caret in carets for place in (caret - size, caret)] if at_line_end else []
    for place in places:
        if lowest <= place < start:
            back = (start - place) % size
            turned = text[size - back :] + text[: size - back] if text else ""
            return Change(Span(place, place + end - start), turned)
    return change


def _around(change: Change, removed: str) -> list[Change]:
    """`change` as two that leave the shorter of its texts standing inside the longer one; none where it is not."""
    at, put = change.span.start, change.text
    if (found := removed.find(put)) >= 0:
        parts = (Span(at, at + found), ""), (Span(at + len(put), at + len(removed) - found), "")
    elif (found := put.find(removed)) >= 0:
        behind = at + found + len(removed)
        parts = (Span(at, at), put[:found]), (Span(behind, behind), put[found + len(removed) :])
    else:
        return []
    return [Change(span, text) for span, text in parts if text or len(span)]


def _parts(removed: str, put: str, at: int) -> list[Change]:
    old, new = _TOKEN.findall(removed), _TOKEN.findall(put)
    if max(len(old), len(new)) > _MOST_TOKENS:
        return []
    codes = list(Indel.opcodes(old, new))
    kept = sum(len(token) for c in codes if c.tag == "equal" for token in old[c.src_start : c.src_end] if token.strip())
    if 2 * kept < max(len("".join(removed.split())), len("".join(put.split()))):
        return []
    parts: list[Change] = []
    for code in codes:
        gone, came = "".join(old[code.src_start : code.src_end]), "".join(new[code.dest_start : code.dest_end])
        if code.tag != "equal":
            parts.append(Change(Span(at, at + len(gone)), came))
        at += len(came)
    return joined(parts)
