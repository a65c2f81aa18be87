"""How Stet is, in a word and a sentence: the most pressing thing first. Decides nothing."""

from __future__ import annotations

from stet.assistant.editor import Status, StatusKind
from stet.assistant.serving import Serving
from stet.settings import Settings


def overall(settings: Settings, paused: bool, serving: Serving, store_fault: str, *, learns: bool) -> Status:
    """Off and paused come before faults, faults before work."""
    if not settings.enabled:
        return Status(StatusKind.INACTIVE, "Stet is turned off (setting stet.enabled).")
    if paused:
        return Status(StatusKind.INACTIVE, "Stet is paused (command stet.resume).")
    if serving.problem:
        return Status(StatusKind.ERROR, serving.problem)
    if store_fault:
        return Status(StatusKind.WARNING, store_fault)
    if serving.served is None:
        return Status(StatusKind.WARNING, "The engine is starting.", busy=True)
    if learns:
        return Status(StatusKind.NORMAL, "Stet learns from your edits.", busy=True)
    return Status(StatusKind.NORMAL)
