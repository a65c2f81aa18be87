"""From offers, document changes, signals and time to effects. Pure: no I/O, no clock, no randomness, no asyncio."""

from stet.capture.effects import (
    Effect,
    OfferEnded,
    RecordMade,
    Signal,
    SignalKind,
    SpanAccepted,
    SpanClosed,
    SpanRead,
    SpanSettled,
    SpanTouched,
)
from stet.capture.privacy import refusal
from stet.capture.recorder import Recorder
from stet.capture.rules import CaptureRules

__all__ = [
    "CaptureRules",
    "Effect",
    "OfferEnded",
    "RecordMade",
    "Recorder",
    "Signal",
    "SignalKind",
    "SpanAccepted",
    "SpanClosed",
    "SpanRead",
    "SpanSettled",
    "SpanTouched",
    "refusal",
]
