"""Picking the arm for a document. Owns the stickiness of a choice; must not draw chance or read a clock itself."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field, frozen

from stet.core.records import BASE_ARM


@frozen
class Choice:
    """The arm picked and the probability in (0, 1] with which it was."""

    arm: str
    propensity: float


def choose(best: str, others: Sequence[str], exploration: float, chance: float) -> Choice:
    """`best` with probability 1 − exploration, the others sharing `exploration` evenly.

    `chance` is uniform in [0, 1). Without others `best` is certain.
    """
    if not others or exploration <= 0:
        return Choice(best, 1.0)
    if chance >= exploration:
        return Choice(best, 1.0 - exploration)
    index = min(int(chance / exploration * len(others)), len(others) - 1)
    return Choice(others[index], exploration / len(others))


@define
class Sticky:
    """Keeps a document on its arm for a while, so that the voice does not flicker within a page."""

    _held: dict[str, tuple[Choice, float]] = field(factory=dict)

    def choose(
        self, document: str, adapter_arm: str | None, *, exploration: float, minutes: float, now: float, chance: float
    ) -> Choice:
        """The arm for `document`: the one it has while younger than `minutes` and still served, else a new pick.

        `adapter_arm` is the arm of the active adapter, None while there is none. `now` is Unix time in seconds.
        """
        served = {BASE_ARM} if adapter_arm is None else {BASE_ARM, adapter_arm}
        held = self._held.get(document)
        if held is not None and held[0].arm in served and now - held[1] < minutes * 60:
            return held[0]
        best = adapter_arm or BASE_ARM
        choice = choose(best, sorted(served - {best}), exploration, chance)
        self._held[document] = (choice, now)
        return choice

    def forget(self) -> None:
        """Drop every held choice: the arms have changed."""
        self._held.clear()
