"""Picking arms: probabilities add up, a document keeps its arm, an arm that is no longer served is left."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stet.core.records import BASE_ARM
from stet.selection import Sticky, choose


def test_best_is_certain_without_others_or_exploration() -> None:
    assert choose("sft", [], 0.5, 0.0).propensity == 1.0
    assert choose("sft", ["base"], 0.0, 0.0).arm == "sft"


def test_exploration_is_shared_evenly() -> None:
    picks = [choose("sft", ["base", "early"], 0.2, chance) for chance in (0.05, 0.15, 0.5)]
    assert [pick.arm for pick in picks] == ["base", "early", "sft"]
    assert [round(pick.propensity, 6) for pick in picks] == [0.1, 0.1, 0.8]


@given(st.floats(0.01, 1.0), st.integers(1, 4), st.floats(0, 1, exclude_max=True))
def test_propensities_sum_to_one(exploration: float, others: int, chance: float) -> None:
    names = [f"arm{i}" for i in range(others)]
    picked = choose("best", names, exploration, chance)
    each = {
        choose("best", names, exploration, c / 1000).arm: choose("best", names, exploration, c / 1000)
        for c in range(1000)
    }
    assert picked.arm in {"best", *names}
    if len(each) == others + 1:
        assert abs(sum(choice.propensity for choice in each.values()) - 1) < 1e-9


def test_a_document_keeps_its_arm_while_it_is_fresh() -> None:
    sticky = Sticky()

    def pick(now: float, chance: float, adapter: str | None = "sft") -> str:
        return sticky.choose("a", adapter, exploration=0.5, minutes=10, now=now, chance=chance).arm

    assert pick(0, 0.9) == "sft"
    assert pick(599, 0.0) == "sft"
    assert pick(600, 0.0) == BASE_ARM
    assert pick(601, 0.9) == BASE_ARM


def test_a_retired_adapter_is_left_at_once() -> None:
    sticky = Sticky()
    held = sticky.choose("a", "sft", exploration=0, minutes=10, now=0, chance=0.5)
    after = sticky.choose("a", None, exploration=0, minutes=10, now=1, chance=0.5)
    assert (held.arm, after.arm, after.propensity) == ("sft", BASE_ARM, 1.0)
