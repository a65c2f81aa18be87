"""Matching an open offer against a change: how far its text stands now, and by what kind of act it got there.

The region of an offer is what was put in at its place since it was made; text that stood there before is never in it.
Judges by the text alone, with a client's word (`trusted`) only to tell an accept from typing where the text cannot.
"""

from __future__ import annotations

import re
import unicodedata
from enum import Enum

from attrs import define, frozen

from stet.capture.changes import slid_insertion
from stet.capture.effects import Signal
from stet.capture.spans import Tracked
from stet.core.records import Suggestion
from stet.core.spans import Change
from stet.core.text import TextBuffer


class Step(Enum):
    """What a change did to an open offer."""

    AWAY = "away"
    """It was elsewhere."""
    TYPED = "typed"
    """The writer typed on along it, or back."""
    ACCEPTED = "accepted"
    DISAGREED = "disagreed"
    """Other text was put in its place."""
    BROKEN = "broken"
    """The text in front of it was taken away: there is nothing left to say about it."""


@frozen
class Verdict:
    """A step, and for an accept what was accepted: `text[since:until]`, standing at `at` for `length` code points."""

    step: Step
    since: int = 0
    until: int = 0
    at: int = 0
    length: int = 0
    how: str = ""
    """full, line, word or unknown; "" when it is no accept."""
    closer: bool = False
    """The editor added a closing bracket or quote of its own behind the region."""


@define
class OpenOffer:
    """The one offer of a document that has no outcome yet."""

    suggestion: Suggestion
    start: int
    end: int
    """The region [start, end)."""
    typed: int
    """Code points of the suggestion's text that the region agrees with."""
    offered_at: float
    span: Tracked | None = None
    """The span that word-by-word accepts have made so far."""
    accepted: int = 0
    """Offset in the suggestion's text up to which it was accepted."""
    how: str = ""
    held: Signal | None = None
    held_until: float = 0.0
    piece: tuple[int, float] | None = None
    """Where the last typed piece began in the text, and when it came: a client's word may still call it an accept."""
    menu: bool = False
    """It was an entry of a completion menu: its accept is kept apart."""
    ended_before: bool = False
    """It had its outcome, and was offered again after an undo or a cut: no second outcome is reported."""
    complete_at: float | None = None
    """When all of it had been typed: the end is held back for the client's word."""

    @property
    def text(self) -> str:
        return self.suggestion.text


_SPACELESS = re.compile(r"[぀-ヿ㐀-鿿豈-﫿฀-໿က-႟ក-៿\U00020000-\U0003ffff]+")
_ONE_WORD = re.compile(r"\s*(?:[^\w\s]*\w+(?:['’\-]\w+)*[^\w\s]*|[^\w\s]+)\s*")
_PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">", '"': '"', "'": "'", "`": "`", "“": "”", "‘": "’", "«": "»", "*": "*"}
_QUOTES = str.maketrans("“”„«»‘’‚", '"""""\'\'\'')
_MOST_COMPOSED = 4
"""Characters that an input method commits at once, in scripts without word spaces."""


def judge(offer: OpenOffer, change: Change, after: TextBuffer, *, trusted: bool, scattered: bool) -> Verdict:
    """What `change`, already made in `after`, did to `offer`; moves the offer's region along.

    `change` is tight. `trusted`: a client said that it was accepted. `scattered`: the notification made the same change
    at several places, as typing with several carets does.
    """
    slid = slid_insertion(change, after, offer.end)
    if slid is not None and (offer.text[offer.typed :].startswith(slid.text) or not _meets(offer, change)):
        change = slid
    at, cut_end, put = change.span.start, change.span.end, len(change.text)
    if not _meets(offer, change):
        if at < offer.start < cut_end or (at < offer.start == cut_end and not put):
            return Verdict(Step.BROKEN)
        if cut_end <= offer.start:
            offer.start, offer.end = offer.start + change.delta, offer.end + change.delta
        return Verdict(Step.AWAY)
    offer.end = offer.end + change.delta if cut_end <= offer.end else at + put
    region = after.slice(offer.start, offer.end)
    until, stands = agreement(offer.text, region)
    since = offer.typed
    if stands == len(region):
        offer.typed = until
        if until <= since or (scattered and until < len(offer.text)):
            return Verdict(Step.TYPED)
        if not trusted and is_keystroke(change.text):
            return Verdict(Step.TYPED, since, until)
        begins = standing_length(offer.text, since, region)
        return _accept(offer, since, until, offer.start + begins, stands - begins)
    return _stray(offer, change, region, since, until, stands)


def agreement(text: str, standing: str) -> tuple[int, int]:
    """(m, n): the longest head of `text`, m code points, that agrees with a head of `standing`, n code points.

    Line ends of any kind agree, indentation after one agrees with any other, and straight quotes with curly ones.
    """
    if text.startswith(standing):
        return len(standing), len(standing)
    i = j = 0
    while i < len(text) and j < len(standing):
        mine, theirs = text[i], standing[j]
        if mine in "\r\n" and theirs in "\r\n":
            i, j = _after_line_end(text, i), _after_line_end(standing, j)
            after_mine, after_theirs = _after_blanks(text, i), _after_blanks(standing, j)
            whole = after_theirs < len(standing) or after_mine - i <= after_theirs - j
            i, j = after_mine if whole else i + after_theirs - j, after_theirs
        elif mine == theirs or mine.translate(_QUOTES) == theirs.translate(_QUOTES):
            i, j = i + 1, j + 1
        else:
            break
    return i, j


def standing_length(text: str, until: int, standing: str) -> int:
    """Code points of `standing` that `text[:until]` agrees with; `standing` agrees with `text` at least that far."""
    return until if text.startswith(standing) else agreement(text[:until], standing)[1]


def is_keystroke(text: str) -> bool:
    """Whether one keystroke, or one commit of an input method, may have put in `text`.

    One grapheme; a line end with its indentation; blanks (a tab); 2 to 4 characters of a script without word spaces.
    """
    if len(text) <= 1 or not text.strip():
        return True
    if len(text) <= _MOST_COMPOSED and _SPACELESS.fullmatch(text):
        return True
    return len(text) <= 16 and _is_one_grapheme(text)


def how_far(text: str, since: int, until: int) -> str:
    """What kind of accept took `text[since:until]`: full, line, word or unknown."""
    if until >= len(text):
        return "full"
    if text[until - 1] in "\r\n" or text[until] in "\r\n":
        return "line"
    return "word" if _ONE_WORD.fullmatch(text[since:until]) else "unknown"


def _accept(offer: OpenOffer, since: int, until: int, at: int, length: int) -> Verdict:
    return Verdict(Step.ACCEPTED, since, until, at, length, how_far(offer.text, since, until))


def _stray(offer: OpenOffer, change: Change, region: str, since: int, until: int, stands: int) -> Verdict:
    """The region holds something that does not agree: letters that survived an accept, the editor's closer, or a no."""
    if len(change.text) > 1:
        for begin in dict.fromkeys((since, 0)):
            rest = offer.text[begin:]
            if len(rest) > 1 and agreement(rest, change.text) == (len(rest), len(change.text)):
                offer.typed = len(offer.text)
                return _accept(offer, begin, len(offer.text), change.span.start, len(change.text))
    rest = region[stands:]
    opener = region[stands - 1] if stands else ""
    if (
        len(rest) == 1
        and _PAIRS.get(opener) == rest
        and change.text in (rest, opener + rest)
        and until in (since, since + 1)
    ):
        offer.typed, offer.end = until, offer.start + stands
        return Verdict(Step.TYPED, since, until, closer=True)
    return Verdict(Step.DISAGREED, since, until)


def _meets(offer: OpenOffer, change: Change) -> bool:
    """Whether the change lies at the region, and not in front of it; a deletion just behind it does not."""
    at, cut_end = change.span.start, change.span.end
    if at < offer.start or at > offer.end:
        return False
    return bool(change.text) or at < offer.end or at == cut_end


def _is_one_grapheme(text: str) -> bool:
    joined = False
    for index, character in enumerate(text):
        extends = unicodedata.category(character) in ("Mn", "Me", "Mc") or "\U0001f3fb" <= character <= "\U0001f3ff"
        flag = "\U0001f1e6" <= character <= "\U0001f1ff" and len(text) == 2
        if index and not (extends or joined or flag or character in "\u200d\ufe0f"):
            return False
        joined = character == "\u200d"
    return True


def _after_line_end(text: str, at: int) -> int:
    return at + (2 if text.startswith("\r\n", at) else 1)


def _after_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t":
        at += 1
    return at
