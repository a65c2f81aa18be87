"""Skeleton: replaced within the hour."""

from __future__ import annotations

from collections.abc import Sequence

from stet.capture.effects import Effect, Signal
from stet.capture.rules import CaptureRules
from stet.core.records import AcceptedSpan, Suggestion
from stet.core.spans import Change
from stet.core.text import TextBuffer


class Recorder:
    """All open documents of one editor window."""

    def __init__(self, rules: CaptureRules) -> None:
        self.rules = rules

    def buffer(self, document: str) -> TextBuffer | None:
        raise NotImplementedError

    def opened(self, document: str, text: str, now: float) -> list[Effect]:
        raise NotImplementedError

    def closed(self, document: str, now: float) -> list[Effect]:
        raise NotImplementedError

    def changed(self, document: str, changes: Sequence[Change], now: float) -> list[Effect]:
        raise NotImplementedError

    def offered(self, suggestion: Suggestion, start: int, now: float) -> list[Effect]:
        raise NotImplementedError

    def signal(self, offer_id: str, signal: Signal, now: float) -> list[Effect]:
        raise NotImplementedError

    def tick(self, now: float) -> list[Effect]:
        raise NotImplementedError

    def next_due(self, now: float) -> float | None:
        raise NotImplementedError

    def restore(self, spans: Sequence[AcceptedSpan], document: str, text: str, now: float) -> list[Effect]:
        raise NotImplementedError

    def live(self, document: str) -> list[AcceptedSpan]:
        raise NotImplementedError
