"""How good a policy is on records that it did not learn from: how well it reads them, and what it would have offered.

Reading is measured in torch, offering through the engine and the very function that serves. Judging is the gate's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from stet.completion.filters import Reason
from stet.completion.suggest import propose
from stet.core.cost import edit_distance, word_tokens
from stet.core.records import EditRecord
from stet.engine.api import Engine
from stet.learning.base_model import Base, load_base
from stet.learning.batches import Row, by_length, collate, encode, merge
from stet.learning.examples import Example
from stet.learning.gate import Bits, Simulated
from stet.learning.training import MICRO_TOKENS, predicted_logps
from stet.settings.tree import CompletionSettings


def measure(model: Any, base: Base, rows: Sequence[Row], between: Callable[[], None] = lambda: None) -> list[Bits]:
    """−log₂ π(y′ | x) of every record of `rows`, in their order, over the tokens that hold characters of y′.

    `model` is the base's or a PEFT model, with the adapter that is to be measured switched on or off. `between` is
    called before each batch and may raise.
    """
    found: dict[str, Bits] = {}
    model.eval()
    with torch.inference_mode():
        for group in by_length(merge(rows), MICRO_TOKENS):
            between()
            batch = collate(group, base.device)
            nats = torch.zeros(len(batch.records), device=base.device)
            nats.index_add_(0, batch.owners, -predicted_logps(model, batch))
            for record, characters, value in zip(batch.records, batch.characters, nats.tolist(), strict=True):
                found[record] = Bits(record, value / math.log(2), characters)
    return [found[target.record] for row in rows for target in row.targets]


def head_cost(suggestion: str, final: str) -> float:
    """Edits a word of `suggestion` against the head of `final`, a number in [0, 1].

    A suggestion and a final text seldom end at the same place, and where one goes on the other says nothing. So both
    are cut to as many words as the shorter has (at least one) and compared: Levenshtein over words, divided by their
    number. A suggestion without words costs 1: the writer types everything.
    """
    offered, wanted = word_tokens(suggestion), word_tokens(final)
    size = min(len(offered), max(1, len(wanted)))
    if not size:
        return 1.0
    return edit_distance(" ".join(offered[:size]), " ".join(wanted[:size])) / size


async def simulate(
    engine: Engine,
    records: Sequence[EditRecord],
    settings: CompletionSettings,
    *,
    adapter: bool,
    between: Callable[[], None] = lambda: None,
) -> list[Simulated]:
    """What the policy would offer in the context of each record. Raises EngineError, and what `between` raises."""
    found: list[Simulated] = []
    for record in records:
        between()
        proposal = await propose(engine, record.context, settings, adapter=adapter)
        found.append(
            Simulated(
                record.id,
                head_cost(proposal.text, record.final),
                len(word_tokens(proposal.text)),
                proposal.reason is Reason.REPETITION,
            )
        )
    return found


def score_texts(model_path: Path, adapter_folder: Path | None, pairs: Sequence[tuple[str, str]]) -> list[float]:
    """Bits per character of each target given its prompt, for (prompt, target) pairs with non-empty targets.

    `adapter_folder` holds a PEFT adapter; None scores the base model. Targets are read to their first 256 tokens.
    Raises ModelError when the model cannot be read.
    """
    base = load_base(model_path)
    model = PeftModel.from_pretrained(base.model, str(adapter_folder)) if adapter_folder else base.model
    rows = [
        encode(Example(str(number), "", prompt, "", target, (), 0.0, 0.0), base.tokenizer, base.begin)
        for number, (prompt, target) in enumerate(pairs)
    ]
    return [bits.bits / max(1, bits.characters) for bits in measure(model, base, rows)]
