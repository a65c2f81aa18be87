"""When training starts by itself: each condition refuses with its own sentence, and with all met nothing does."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from stet.learning.schedule import TrainingState, why_not_train
from stet.settings import Settings

FIRST = TrainingState(records=40, new_records=40, new_words=500, has_run=False)
AGAIN = TrainingState(records=60, new_records=12, new_words=900, has_run=True)


def why_not(state: TrainingState, idle: float = 100.0, mains: bool = True, **learning: Any) -> str | None:
    settings = Settings().learning.model_copy(update=learning)
    return why_not_train(settings, state, idle_seconds=idle, on_mains=mains)


def test_with_all_met_it_starts() -> None:
    assert why_not(FIRST) is None
    assert why_not(AGAIN) is None


@pytest.mark.parametrize(
    ("state", "more", "said"),
    [
        (FIRST, {"enabled": False}, "stet.learning.enabled"),
        (FIRST, {"automatic": False}, "stet.learning.automatic"),
        (evolve(FIRST, records=29), {}, "29 of the 30 edits"),
        (evolve(FIRST, new_words=299), {}, "299 of the 300 words"),
        (evolve(AGAIN, new_records=9, records=60), {}, "9 of the 11 new edits"),
        (FIRST, {"idle": 59.0}, "You typed 59 s ago"),
        (FIRST, {"mains": False}, "stet.learning.onBattery"),
    ],
)
def test_each_condition_refuses(state: TrainingState, more: dict[str, Any], said: str) -> None:
    reason = why_not(state, **more)
    assert reason is not None and said in reason


def test_on_battery_when_allowed() -> None:
    assert why_not(FIRST, mains=False, on_battery=True) is None
