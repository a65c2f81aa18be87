"""Rollback: only with enough records of both arms, and only when the adapter is worse beyond chance."""

from __future__ import annotations

from stet.selection import rollback_reason


def test_too_few_records_decide_nothing() -> None:
    assert rollback_reason([1.0] * 7, [0.0] * 40) is None
    assert rollback_reason([1.0] * 40, [0.0] * 7) is None


def test_a_worse_adapter_goes_and_the_sentence_has_the_figures() -> None:
    reason = rollback_reason([0.8, 0.9, 0.7, 0.8, 0.9, 1.0, 0.8, 0.7], [0.2, 0.1, 0.3, 0.2, 0.1, 0.2, 0.3, 0.2])
    assert reason is not None
    assert "0.82" in reason and "0.20" in reason


def test_a_better_or_equal_adapter_stays() -> None:
    worse, better = [0.8, 0.9, 0.7, 0.8] * 3, [0.2, 0.1, 0.3, 0.2] * 3
    assert rollback_reason(better, worse) is None
    assert rollback_reason(better, better) is None


def test_a_difference_within_the_noise_decides_nothing() -> None:
    assert rollback_reason([0.0, 1.0] * 5 + [1.0], [0.0, 1.0] * 5 + [0.0]) is None


def test_only_the_newest_count_and_costs_are_clipped() -> None:
    improved = [1.0] * 100 + [0.1, 0.2] * 20
    assert rollback_reason(improved, [0.5, 0.6] * 20) is None
    assert rollback_reason([0.5, 9.0] * 5, [0.5, 1.0] * 5) is None
