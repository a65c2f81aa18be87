"""The gate: every rule can refuse by itself, its sentence has the figures, and nothing else is needed to pass."""

from __future__ import annotations

from attrs import evolve

from stet.learning.gate import Bits, Simulated, bits_per_character, confidence, judge

BASE = [Bits(f"r{n}", 100.0 + n, 50) for n in range(8)]
BETTER = [Bits(f"r{n}", 80.0 + n, 50) for n in range(8)]
OFFERS = [Simulated(f"r{n}", 0.8, 6, False) for n in range(8)]
CHEAPER = [Simulated(f"r{n}", 0.5, 6, False) for n in range(8)]


def test_better_on_both_passes() -> None:
    verdict = judge(BASE, BETTER, OFFERS, CHEAPER)
    assert verdict.promoted
    assert verdict.figures["bits_per_character"] == bits_per_character(BETTER) == (80 * 8 + 28) / 400
    assert "1.670 bits per character instead of 2.070" in verdict.reasons[0]


def test_each_rule_refuses_by_itself() -> None:
    worse_reading = [evolve(bits, bits=bits.bits + 1) for bits in BASE]
    unsure = [evolve(bits, bits=bits.bits + (-9 if n % 2 else 8)) for n, bits in enumerate(BASE)]
    dearer = [evolve(offer, cost=0.8) for offer in OFFERS]
    looping = [evolve(offer, cost=0.5, repeated=n == 0) for n, offer in enumerate(OFFERS)]
    chatty = [evolve(offer, words=13) for offer in CHEAPER]
    cases = {
        "predicts held-out text": judge(BASE, worse_reading, OFFERS, CHEAPER),
        "of resamples": judge(BASE, unsure, OFFERS, CHEAPER),
        "edits a word": judge(BASE, BETTER, OFFERS, dearer),
        "repeat themselves": judge(BASE, BETTER, OFFERS, looping),
        "words long": judge(BASE, BETTER, OFFERS, chatty),
        "the adapter in use": judge(BASE, BETTER, OFFERS, CHEAPER, incumbent=[evolve(b, bits=70.0) for b in BETTER]),
        "were held out": judge(BASE[:3], BETTER[:3], OFFERS[:3], CHEAPER[:3]),
    }
    for said, verdict in cases.items():
        assert not verdict.promoted, said
        assert len(verdict.reasons) == 1 and said in verdict.reasons[0], (said, verdict.reasons)


def test_confidence_is_the_share_of_better_resamples() -> None:
    assert confidence(BASE, BETTER, 0) == 1.0
    assert confidence(BETTER, BASE, 0) == 0.0
    mixed = [evolve(bits, bits=bits.bits + (-1 if n % 2 else 1)) for n, bits in enumerate(BASE)]
    assert 0.2 < confidence(BASE, mixed, 0) < 0.6
    assert confidence(BASE, mixed, 5) == confidence(BASE, mixed, 5)
