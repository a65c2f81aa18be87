"""When an active adapter has to go: its edits cost the writer more than the base model's did."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, variance

WINDOW = 40
"""Newest records of each arm that are compared."""
MIN_RECORDS = 8
"""Fewer of either arm decide nothing."""
Z = 1.645
"""One-sided 95 % point of the normal distribution."""


def rollback_reason(active: Sequence[float], base: Sequence[float]) -> str | None:
    """A sentence when the active adapter's edit costs exceed base's with confidence, else None.

    Costs are in order of time and clipped to [0, 1]. The test is Welch's: the difference of the means of the newest
    `WINDOW` costs must exceed `Z` standard errors.
    """
    worse, usual = _clipped(active), _clipped(base)
    if len(worse) < MIN_RECORDS or len(usual) < MIN_RECORDS:
        return None
    difference = fmean(worse) - fmean(usual)
    error = math.sqrt(variance(worse) / len(worse) + variance(usual) / len(usual))
    if difference <= 0 or difference <= Z * error:
        return None
    return (
        f"its suggestions cost {fmean(worse):.2f} edits a word over the last {len(worse)} records, "
        f"the base model's {fmean(usual):.2f}"
    )


def _clipped(costs: Sequence[float]) -> list[float]:
    return [min(max(cost, 0.0), 1.0) for cost in costs[-WINDOW:]]
