"""What was not typed: pastes, machines, steps back. Remembers the last steps of one document; judges nothing else."""

from __future__ import annotations

from collections import deque

from attrs import define, field

from stet.capture.rules import CaptureRules
from stet.core.spans import Change

_STEPS = 64
_GAP = 1.0
"""A pause of this many seconds ends a burst of typing."""


@define
class _Step:
    """What one act put in and took away, and where. Letters typed or deleted one after another make one step."""

    at: int
    put: str
    gone: str


@define
class Guards:
    """Memory of one document."""

    steps: deque[_Step] = field(factory=lambda: deque(maxlen=_STEPS))
    burst_since: float = 0.0
    burst_last: float = float("-inf")
    burst_characters: int = 0

    def step_back(self, change: Change, removed: str) -> bool:
        """Whether `change` is the inverse of a remembered step, by more than one character."""
        if len(change.text) + len(removed) < 2:
            return False
        return any(step.gone == change.text and step.put == removed for step in self.steps)

    def remember(self, change: Change, removed: str) -> None:
        """Take `change` into the memory."""
        at, last = change.span.start, self.steps[-1] if self.steps else None
        if last is not None and len(change.text) + len(removed) == 1:
            if change.text and not last.gone and at == last.at + len(last.put) and len(last.put) < 256:
                last.put += change.text
                return
            if removed and not last.put and at == last.at - 1 and len(last.gone) < 256:
                last.at, last.gone = at, removed + last.gone
                return
            if removed and not last.put and at == last.at and len(last.gone) < 256:
                last.gone += removed
                return
        self.steps.append(_Step(at, change.text, removed))

    def too_fast(self, change: Change, rules: CaptureRules, now: float) -> bool:
        """Count the change's characters; True when they come faster than anybody types."""
        if now - self.burst_last > _GAP:
            self.burst_since, self.burst_characters = now, 0
        self.burst_last = now
        self.burst_characters += non_blank(change.text)
        elapsed = now - self.burst_since
        return elapsed >= _GAP and self.burst_characters / elapsed > rules.paste_rate


def is_paste(change: Change, rules: CaptureRules) -> bool:
    """Whether one change puts in more than is typed at once."""
    return non_blank(change.text) > rules.paste_characters


def is_scattered(changes: list[Change]) -> bool:
    """Whether the same text was put in at several places of one notification, as with several carets."""
    texts = [change.text for change in changes if change.text]
    return len(texts) != len(set(texts))


def non_blank(text: str) -> int:
    """Characters of `text` that are not white space."""
    return len("".join(text.split()))
