"""Whether a trained adapter may be served: figures in, verdict out. Pure; the seed of its resampling is an argument."""

from __future__ import annotations

import random
from collections.abc import Sequence

from attrs import frozen

CONFIDENCE = 0.9
"""One-sided confidence with which the candidate has to read the writer's text better."""
RESAMPLES = 2000
MIN_HELD_OUT = 4
"""Fewer held-out records decide nothing."""
LENGTH_BOUNDS = (0.5, 2.0)
"""Bounds of the candidate's mean suggestion length over the base model's."""
REPEATED_SHARE = 0.05
"""Share of suggestions that may repeat themselves, where the base model's share is not higher anyway."""


@frozen
class Bits:
    """How well a policy predicts one held-out final text."""

    record: str
    bits: float
    """−log₂ π(y′ | x)"""
    characters: int


@frozen
class Simulated:
    """What a policy would have offered for one held-out record, and what that would have cost."""

    record: str
    cost: float
    """≥ 0; see `stet.learning.evaluation.head_cost`."""
    words: int
    """Words offered; 0 when nothing was."""
    repeated: bool
    """Withheld because it repeats itself or the text before it."""


@frozen
class Verdict:
    """The gate's word, each reason a sentence."""

    promoted: bool
    reasons: tuple[str, ...]
    figures: dict[str, float]


def judge(
    base: Sequence[Bits],
    candidate: Sequence[Bits],
    base_offers: Sequence[Simulated],
    candidate_offers: Sequence[Simulated],
    incumbent: Sequence[Bits] = (),
    seed: int = 0,
) -> Verdict:
    """Promote when the candidate reads the held-out texts better than base (and than the incumbent, on the records it
    was measured on) with confidence, its offers cost less than base's, and it neither repeats itself nor grows long or
    short. Base and candidate cover the same records in the same order.
    """
    figures = {
        "held_out": float(len(base)),
        "bits_per_character_base": bits_per_character(base),
        "bits_per_character": bits_per_character(candidate),
        "cost_base": _mean([offer.cost for offer in base_offers]),
        "cost": _mean([offer.cost for offer in candidate_offers]),
        "words_base": _mean([offer.words for offer in base_offers]),
        "words": _mean([offer.words for offer in candidate_offers]),
        "repeated_base": _mean([offer.repeated for offer in base_offers]),
        "repeated": _mean([offer.repeated for offer in candidate_offers]),
        "confidence": confidence(base, candidate, seed),
        "cost_confidence": _cost_confidence(base_offers, candidate_offers, seed),
    }
    against: list[str] = []
    if len(base) < MIN_HELD_OUT:
        against.append(f"only {len(base)} records were held out, and {MIN_HELD_OUT} are needed to judge.")
    against += _reading(figures, "the base model", "_base", figures["confidence"])
    shared = {bits.record for bits in incumbent}
    if len(shared) >= MIN_HELD_OUT:
        same = [bits for bits in candidate if bits.record in shared]
        figures["bits_per_character_incumbent"] = bits_per_character(incumbent)
        figures["bits_per_character_beside_incumbent"] = bits_per_character(same)
        figures["incumbent_confidence"] = confidence(incumbent, same, seed)
        beside = figures | {"bits_per_character": figures["bits_per_character_beside_incumbent"]}
        against += _reading(beside, "the adapter in use", "_incumbent", figures["incumbent_confidence"])
    against += _offers(figures)
    if against:
        return Verdict(False, tuple(against), figures)
    reason = (
        f"it predicts your held-out text at {figures['bits_per_character']:.3f} bits per character instead of "
        f"{figures['bits_per_character_base']:.3f}, and its suggestions cost {figures['cost']:.2f} edits a word "
        f"instead of {figures['cost_base']:.2f} on {len(base_offers)} records."
    )
    return Verdict(True, (reason,), figures)


def bits_per_character(measured: Sequence[Bits]) -> float:
    """Bits of all texts over characters of all texts; 0 for none."""
    return sum(item.bits for item in measured) / max(1, sum(item.characters for item in measured))


def confidence(old: Sequence[Bits], new: Sequence[Bits], seed: int) -> float:
    """Share of paired bootstrap resamples of the records in which `new` needs fewer bits per character than `old`."""
    differences = [after.bits - before.bits for before, after in zip(old, new, strict=True)]
    return _bootstrap(differences, seed)


def _cost_confidence(old: Sequence[Simulated], new: Sequence[Simulated], seed: int) -> float:
    return _bootstrap([after.cost - before.cost for before, after in zip(old, new, strict=True)], seed)


def _bootstrap(differences: Sequence[float], seed: int) -> float:
    """Both sides of a pair have the same characters, so the sign of the summed differences decides a resample."""
    if not differences:
        return 0.0
    chance = random.Random(seed)  # noqa: S311 - no secret
    better = sum(sum(chance.choices(differences, k=len(differences))) < 0 for _ in range(RESAMPLES))
    return better / RESAMPLES


def _reading(figures: dict[str, float], other: str, suffix: str, sure: float) -> list[str]:
    mine, theirs = figures["bits_per_character"], figures[f"bits_per_character{suffix}"]
    if mine >= theirs:
        return [f"it predicts held-out text at {mine:.3f} bits per character, {other} at {theirs:.3f}."]
    if sure < CONFIDENCE:
        return [
            f"its {mine:.3f} bits per character against {theirs:.3f} of {other} hold in {sure:.0%} of resamples, and "
            f"{CONFIDENCE:.0%} are needed."
        ]
    return []


def _offers(figures: dict[str, float]) -> list[str]:
    against = []
    if figures["cost"] >= figures["cost_base"]:
        against.append(
            f"its suggestions cost {figures['cost']:.3f} edits a word, the base model's {figures['cost_base']:.3f}."
        )
    if figures["repeated"] > max(REPEATED_SHARE, figures["repeated_base"]):
        against.append(
            f"{figures['repeated']:.0%} of its suggestions repeat themselves, {figures['repeated_base']:.0%} of the "
            "base model's."
        )
    ratio = figures["words"] / max(figures["words_base"], 1e-9)
    low, high = LENGTH_BOUNDS
    if not low <= ratio <= high:
        against.append(
            f"its suggestions are {figures['words']:.1f} words long and the base model's {figures['words_base']:.1f}, "
            f"a ratio outside {low} to {high}."
        )
    return against


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
