"""The one training loop. Which loss it minimises is an argument; what it learns from is rows.

It draws every random number from the seed and the step's number, so that a run that was killed and resumed ends with
the same weights, bit for bit on a CPU, as one that was not. It knows no records, no store and no gate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from attrs import evolve, frozen
from peft import PeftModel

from stet.core.errors import Halted, TrainingError
from stet.learning.base_model import Base, hidden_states, output_layer, with_lora
from stet.learning.batches import Batch, Row, by_length, collate, epoch
from stet.learning.checkpoint import Progress, load_checkpoint, save_checkpoint
from stet.learning.losses import LossFunction, token_logps
from stet.settings.tree import LearningSettings

MICRO_TOKENS = 1024
"""Most tokens read at once; a larger optimiser step is made of several."""
CHECKPOINT_STEPS = 20
"""Optimiser steps between checkpoints; there is one after every epoch too."""
WARMUP = 0.1
"""Share of the steps in which the learning rate rises."""
MAX_NORM = 1.0
"""Gradients longer than this are cut to it."""


@frozen
class Report:
    """What the loop says after each micro-batch."""

    done_tokens: int
    total_tokens: int
    loss: float
    """Nats a token, without weights, of the newest batch."""
    eta_seconds: float


@frozen
class Hooks:
    """What the loop asks and tells the world between micro-batches."""

    clock: Callable[[], float]
    """Seconds of a clock that never goes back."""
    halted: Callable[[], bool] = lambda: False
    pause: Callable[[], None] = lambda: None
    """Returns at once, or when the writer has stopped typing."""
    report: Callable[[Report], None] = lambda report: None


@frozen
class Trained:
    """A trained policy: `model` carries the weights of the best epoch."""

    model: PeftModel
    progress: Progress


def train(
    base: Base,
    rows: Sequence[Row],
    tune: Sequence[Row],
    settings: LearningSettings,
    loss: LossFunction,
    folder: Path,
    hooks: Hooks,
) -> Trained:
    """Train a fresh LoRA of `base` on `rows` for `settings.epochs`, checkpointing in `folder`, resuming what is there.

    AdamW, linear warm-up, cosine decay to zero. With `tune` the weights of the epoch with the lowest loss on it are
    kept, else the last ones. Raises Halted between two micro-batches once `hooks.halted()`, and TrainingError when
    the loss is no number.
    """
    torch.manual_seed(settings.seed)
    model = with_lora(base, settings)
    parameters = {name: value for name, value in model.named_parameters() if value.requires_grad}
    optimiser = torch.optim.AdamW(parameters.values(), lr=settings.learning_rate, weight_decay=0.0)
    plan = [epoch(rows, settings.batch_tokens, settings.seed * 1000 + number) for number in range(settings.epochs)]
    steps = [(number, group) for number, groups in enumerate(plan) for group in groups]
    total_tokens = sum(_tokens(group) for _, group in steps)
    progress, best = load_checkpoint(folder, parameters, optimiser)
    for step in range(progress.step, len(steps)):
        number, group = steps[step]
        started = hooks.clock()
        for setting in optimiser.param_groups:
            setting["lr"] = settings.learning_rate * rate(step, len(steps))
        torch.manual_seed(settings.seed * 1_000_003 + step)  # dropout: the step's own, however often it is tried
        nll = _step(model, base, group, loss, optimiser, hooks, step)
        progress = evolve(
            progress,
            step=step + 1,
            tokens=progress.tokens + _tokens(group),
            losses=(*progress.losses, nll),
            seconds=progress.seconds + hooks.clock() - started,
        )
        remaining = (total_tokens - progress.tokens) * progress.seconds / max(1, progress.tokens)
        hooks.report(Report(progress.tokens, total_tokens, nll, remaining))
        ended = step + 1 == len(steps) or steps[step + 1][0] != number
        if ended:
            progress, best = _after_epoch(model, base, tune, parameters, progress, best, number + 1, hooks)
        if ended or (step + 1) % CHECKPOINT_STEPS == 0:
            save_checkpoint(folder, progress, parameters, optimiser, best)
    with torch.no_grad():
        for name, value in best.items():
            parameters[name].copy_(value)
    model.eval()
    return Trained(model, progress)


def rate(step: int, steps: int) -> float:
    """Share of the peak learning rate at `step` of `steps`, in (0, 1]: linear warm-up, then a half cosine."""
    warm = max(1, round(steps * WARMUP))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def predicted_logps(model: PeftModel, batch: Batch) -> torch.Tensor:
    """log π [predicted] of the batch's predicted tokens; logits are made for these alone."""
    states = hidden_states(model, batch.tokens)[batch.at_row, batch.at]
    return token_logps(output_layer(model)(states), batch.labels)


def _step(
    model: PeftModel,
    base: Base,
    group: Sequence[Row],
    loss: LossFunction,
    optimiser: torch.optim.Optimizer,
    hooks: Hooks,
    step: int,
) -> float:
    model.train()
    optimiser.zero_grad(set_to_none=True)
    predicted = sum(weight > 0 for row in group for target in row.targets for weight in target.weights)
    nll = 0.0
    for rows in by_length(group, MICRO_TOKENS):
        _wait(hooks)
        batch = collate(rows, base.device)
        result = loss(predicted_logps(model, batch), batch)
        (result.per_example.sum() / predicted).backward()  # type: ignore[no-untyped-call]
        nll += result.diagnostics["nll"] * len(batch.labels) / predicted
    if not math.isfinite(nll):
        raise TrainingError(f"the loss became {nll} at step {step + 1}; try a lower setting stet.learning.learningRate")
    torch.nn.utils.clip_grad_norm_([p for setting in optimiser.param_groups for p in setting["params"]], MAX_NORM)
    optimiser.step()
    return nll


def _after_epoch(
    model: PeftModel,
    base: Base,
    tune: Sequence[Row],
    parameters: dict[str, torch.Tensor],
    progress: Progress,
    best: dict[str, torch.Tensor],
    number: int,
    hooks: Hooks,
) -> tuple[Progress, dict[str, torch.Tensor]]:
    if not tune:
        return evolve(progress, best_epoch=number), {}
    model.eval()
    nats = tokens = 0.0
    with torch.inference_mode():
        for rows in by_length(tune, MICRO_TOKENS):
            _wait(hooks)
            batch = collate(rows, base.device)
            nats -= float(predicted_logps(model, batch).sum())
            tokens += len(batch.labels)
    found = nats / max(1.0, tokens)
    if not progress.tuned or found < min(progress.tuned):
        best = {name: value.detach().clone() for name, value in parameters.items()}
        progress = evolve(progress, best_epoch=number)
    return evolve(progress, tuned=(*progress.tuned, found)), best


def _wait(hooks: Hooks) -> None:
    hooks.pause()
    if hooks.halted():
        raise Halted("training was halted; it goes on from its last checkpoint at the next `stet train`")


def _tokens(group: Sequence[Row]) -> int:
    return sum(len(row.tokens) for row in group)
