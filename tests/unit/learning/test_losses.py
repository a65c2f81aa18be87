"""The supervised loss by worked numbers, and against torch's own cross-entropy."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the learn extra is not installed")

from stet.learning.batches import Batch  # noqa: E402
from stet.learning.losses import sft_loss, token_logps  # noqa: E402


def batch(labels: list[int], weights: list[float], owners: list[int]) -> Batch:
    count = len(labels)
    return Batch(
        torch.zeros((1, count + 1), dtype=torch.long),
        torch.zeros(count, dtype=torch.long),
        torch.arange(count),
        torch.tensor(labels),
        torch.tensor(weights),
        torch.tensor(owners),
        tuple(f"r{owner}" for owner in sorted(set(owners))),
        (1,) * len(set(owners)),
    )


def test_worked_numbers() -> None:
    """Two examples: −(1·(−2) + 0.25·(−4)) = 3 and −(1·(−0.5)) = 0.5; mean of all nats (2 + 4 + 0.5) / 3."""
    logps = torch.tensor([-2.0, -4.0, -0.5])
    loss = sft_loss(logps, batch([5, 6, 7], [1.0, 0.25, 1.0], [0, 0, 1]))
    assert loss.per_example.tolist() == [3.0, 0.5]
    assert loss.diagnostics["nll"] == pytest.approx(6.5 / 3)


def test_with_weights_of_one_it_is_cross_entropy() -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(7, 11), torch.randint(0, 11, (7,))
    loss = sft_loss(token_logps(logits, labels), batch(labels.tolist(), [1.0] * 7, [0] * 7))
    expected = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
    assert float(loss.per_example.sum()) == pytest.approx(float(expected), abs=1e-5)


def test_gradients_flow_by_weight() -> None:
    logps = torch.tensor([-1.0, -1.0], requires_grad=True)
    sft_loss(logps, batch([1, 2], [1.0, 0.25], [0, 0])).per_example.sum().backward()
    assert logps.grad is not None and logps.grad.tolist() == [-1.0, -0.25]
