"""One file that holds everything a training run needs to go on after kill -9 as if nothing had happened.

A checkpoint replaces the one before it in one step, so that at any moment a whole one or none is on disk.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from attrs import frozen
from safetensors import safe_open
from safetensors.torch import save_file

NAME = "checkpoint.safetensors"


@frozen
class Progress:
    """How far a run is, besides the weights."""

    step: int = 0
    """Optimiser steps done."""
    tokens: int = 0
    """Tokens read so far."""
    seconds: float = 0.0
    """Time spent training so far."""
    losses: tuple[float, ...] = ()
    """Nats a token without weights, one a step."""
    tuned: tuple[float, ...] = ()
    """Loss on the tuning records after each epoch, where there are any."""
    best_epoch: int = 0
    """The epoch, from 1, whose weights are the best so far; 0 before the first."""


def save_checkpoint(
    folder: Path,
    progress: Progress,
    parameters: dict[str, torch.Tensor],
    optimiser: torch.optim.Optimizer,
    best: dict[str, torch.Tensor],
) -> None:
    """Write the trained weights, the optimiser's moments, the best weights and `progress` to `folder`, durably."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"now/{name}": value.detach().cpu().contiguous() for name, value in parameters.items()}
    tensors |= {f"best/{name}": value.cpu().contiguous() for name, value in best.items()}
    for name, parameter in parameters.items():
        for key, value in optimiser.state.get(parameter, {}).items():
            tensors[f"moment/{key}/{name}"] = torch.as_tensor(value).detach().cpu().contiguous()
    figures = {
        "step": progress.step,
        "tokens": progress.tokens,
        "seconds": progress.seconds,
        "losses": progress.losses,
        "tuned": progress.tuned,
        "best_epoch": progress.best_epoch,
    }
    temporary = folder / f"{NAME}.{os.getpid()}.tmp"
    save_file(tensors, temporary, metadata={"progress": json.dumps(figures)})
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(folder / NAME)


def load_checkpoint(
    folder: Path, parameters: dict[str, torch.Tensor], optimiser: torch.optim.Optimizer
) -> tuple[Progress, dict[str, torch.Tensor]]:
    """Put the checkpoint of `folder` into `parameters` and `optimiser`; (progress, best weights so far).

    Without a checkpoint nothing changes and the progress is that of a start.
    """
    path = folder / NAME
    if not path.is_file():
        return Progress(), {}
    moments: dict[str, dict[str, torch.Tensor]] = {}
    best: dict[str, torch.Tensor] = {}
    with safe_open(str(path), framework="pt") as file:
        for key in file.keys():  # noqa: SIM118 - not a dict
            kind, _, rest = key.partition("/")
            if kind == "now":
                with torch.no_grad():
                    parameters[rest].copy_(file.get_tensor(key))
            elif kind == "best":
                best[rest] = file.get_tensor(key)
            else:
                moment, _, name = rest.partition("/")
                moments.setdefault(name, {})[moment] = file.get_tensor(key)
        figures: dict[str, Any] = json.loads(file.metadata()["progress"])
    for name, state in moments.items():
        parameter = parameters[name]
        optimiser.state[parameter] = {
            key: value if key == "step" else value.to(parameter.device) for key, value in state.items()
        }
    return Progress(**(figures | {key: tuple(figures[key]) for key in ("losses", "tuned")})), best
