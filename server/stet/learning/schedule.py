"""When training starts by itself. Pure: time, power and counts are arguments."""

from __future__ import annotations

import math

from attrs import frozen

from stet.settings.tree import LearningSettings


@frozen
class TrainingState:
    """What the idle rule looks at."""

    records: int
    """Settled edit records there are."""
    new_records: int
    """Those of them that the last finished run did not see."""
    new_words: int
    """Words in the final texts of all of them."""
    has_run: bool
    """Whether a run has ever finished."""


def why_not_train(
    settings: LearningSettings, state: TrainingState, *, idle_seconds: float, on_mains: bool
) -> str | None:
    """A sentence with the first reason why no training starts by itself now, or None when it should.

    `idle_seconds` is the time since the writer's last change; `on_mains` is true of a machine without a battery.
    """
    if not settings.enabled:
        return "Learning is turned off (setting stet.learning.enabled)."
    if not settings.automatic:
        return "Training starts only on command (setting stet.learning.automatic)."
    if state.records < settings.min_records:
        return f"{state.records} of the {settings.min_records} edits needed for a first training are there."
    if not state.has_run and state.new_words < settings.min_new_words:
        return f"{state.new_words} of the {settings.min_new_words} words needed for a first training are there."
    needed = max(1, math.ceil(settings.new_fraction * (state.records - state.new_records)))
    if state.has_run and state.new_records < needed:
        return f"{state.new_records} of the {needed} new edits needed for another training are there."
    if not on_mains and not settings.on_battery:
        return "The machine runs on battery (setting stet.learning.onBattery)."
    if idle_seconds < settings.idle_seconds:
        return f"You typed {idle_seconds:.0f} s ago; training waits for {settings.idle_seconds:.0f} s of quiet."
    return None
