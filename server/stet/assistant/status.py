"""How Stet is, in a word and a sentence: the most pressing thing first. Decides nothing."""

from __future__ import annotations

from typing import Any

from stet.assistant.editor import Status, StatusKind
from stet.assistant.serving import Serving
from stet.assistant.training import Learner
from stet.core.records import BASE_ARM
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


def told(status: Status, serving: Serving, learner: Learner) -> dict[str, Any]:
    """Status, engine and learning as JSON."""
    served = serving.served
    return {
        "kind": status.kind.value,
        "message": status.message,
        "model": served.model if served else "",
        "adapter": served.adapter.id if served and served.adapter else "",
        "arm": served.adapter.objective if served and served.adapter else BASE_ARM,
        "training": learner.running,
        "trainingStep": learner.step,
        "lastTraining": learner.last,
        "promoted": learner.promoted,
        "whyNoTraining": learner.why_not,
    }
