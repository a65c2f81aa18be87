"""What is minimised: pure functions from log-probabilities to a loss. No model, no optimiser, no state.

A loss takes the log-probability of every predicted token of a batch and the batch itself, and gives one value an
example, not yet divided by anything: the training loop divides by the predicted tokens of the whole optimiser step, so
that it does not matter how a step is cut into batches.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from attrs import frozen

from stet.learning.batches import Batch


@frozen
class Loss:
    """A batch's loss."""

    per_example: torch.Tensor
    """[examples] float32, with gradients"""
    diagnostics: dict[str, float]
    """Plain figures for the progress line and the card."""


LossFunction = Callable[[torch.Tensor, Batch], Loss]
"""(log-probabilities [predicted], batch) → loss."""


def token_logps(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """log π(label | …) from `logits` [predicted, vocabulary] and `labels` [predicted]; natural, float32."""
    logits = logits.float()
    chosen: torch.Tensor = logits.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    return chosen - logits.logsumexp(-1)


def sft_loss(logps: torch.Tensor, batch: Batch) -> Loss:
    """Weighted supervised fine-tuning: −Σ w_i log π(y′_i | x, y′_<i) an example.

    The paper's Eq. 3 (arXiv 2601.19055) where every weight is 1; tokens that only repeat the suggestion weigh less
    (SALT, arXiv 2310.05857). Diagnostics: `nll`, nats a token without the weights.
    """
    weighted = -logps * batch.weights
    per_example = torch.zeros(len(batch.records), device=logps.device).index_add(0, batch.owners, weighted)
    return Loss(per_example, {"nll": float(-logps.detach().mean())})
