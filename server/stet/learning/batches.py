"""Examples to token rows and rows to batches. Owns the layout that losses and scores read; knows no model.

A completion is tokenised as it is served: the prompt by itself, then forced + target by itself. It gets no end token:
y′ is a fragment, and the engine stops at a line's end or by length, never because a fragment is over.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import torch
from attrs import evolve, frozen
from tokenizers import Tokenizer

from stet.learning.examples import Example
from stet.learning.tokenizer import prompt_tokens

MAX_TOKENS = 640
"""Longest row. A prompt of 2,000 characters has about 450 tokens."""
MAX_TARGET = 256
"""Longest completion within it."""
COPIED_WEIGHT = 0.25
"""Weight of a token that repeats the suggestion (SALT, arXiv 2310.05857; FIGA, arXiv 2311.04072); 1 for the others."""

_CUT_STEP = 64  # a long prompt loses its head in steps, so that rows of one document keep a common one


@frozen
class Target:
    """Where in a row a record's y′ stands."""

    record: str
    start: int
    """Index in the row of the first token to predict, ≥ 1."""
    weights: tuple[float, ...]
    """One a token from `start` on, in [0, 1]; 0 where the token holds no character of y′ (it was typed already)."""
    characters: int
    """Code points of y′ that the tokens hold."""


@frozen
class Row:
    """Tokens, and the completions to learn in them."""

    tokens: tuple[int, ...]
    targets: tuple[Target, ...]


@frozen
class Batch:
    """Rows padded on the right; every predicted token flattened in the order of rows and targets."""

    tokens: torch.Tensor
    """[rows, length] int64"""
    at_row: torch.Tensor
    """[predicted] row of each predicted token"""
    at: torch.Tensor
    """[predicted] place of the token before it, whose hidden state predicts it"""
    labels: torch.Tensor
    """[predicted] the token itself"""
    weights: torch.Tensor
    """[predicted] float32"""
    owners: torch.Tensor
    """[predicted] index into `records`"""
    records: tuple[str, ...]
    characters: tuple[int, ...]
    """One a record."""

    @property
    def size(self) -> int:
        """Tokens, padding included."""
        return self.tokens.numel()


def encode(example: Example, tokenizer: Tokenizer, begin: Sequence[int] = ()) -> Row:
    """One example as a row with one target."""
    prompt = [*begin, *prompt_tokens(tokenizer, example.prompt)]
    completion = tokenizer.encode(example.forced + example.target, add_special_tokens=False)
    healed = len(example.forced)
    weights: list[float] = []
    end = 0
    for start, end in completion.offsets[:MAX_TARGET]:
        changed = any(part.start + healed < end and start < part.end + healed for part in example.changed)
        weights.append(0.0 if end <= healed else 1.0 if changed else COPIED_WEIGHT)
    over = len(prompt) + len(weights) - MAX_TOKENS
    if over > 0:
        prompt = prompt[min(-(-over // _CUT_STEP) * _CUT_STEP, len(prompt) - 1) :]
    target = Target(example.record, len(prompt), tuple(weights), max(0, end - healed))
    return Row((*prompt, *completion.ids[: len(weights)]), (target,))


def merge(rows: Sequence[Row]) -> list[Row]:
    """The same lessons in fewer tokens: a row that is the beginning of another is learned inside it.

    Consecutive records of one document have most of their prompt in common, and a causal model reads it once. The
    predictions are the same token for token. Rows come out sorted by their tokens.
    """
    ordered = sorted(rows, key=lambda row: (row.tokens, [target.record for target in row.targets]), reverse=True)
    merged: list[Row] = []
    for row in ordered:
        # Sorted backwards, a beginning stands right behind the last of the rows that it begins.
        if merged and merged[-1].tokens[: len(row.tokens)] == row.tokens:
            merged[-1] = evolve(merged[-1], targets=(*row.targets, *merged[-1].targets))
        else:
            merged.append(row)
    return merged


def collate(rows: Sequence[Row], device: torch.device | None = None) -> Batch:
    """Pad `rows` into one batch on `device`."""
    length = max(len(row.tokens) for row in rows)
    tokens = torch.zeros((len(rows), length), dtype=torch.long)
    at_row: list[int] = []
    at: list[int] = []
    labels: list[int] = []
    weights: list[float] = []
    owners: list[int] = []
    targets: list[Target] = []
    for index, row in enumerate(rows):
        tokens[index, : len(row.tokens)] = torch.tensor(row.tokens)
        for target in row.targets:
            places = [target.start + i for i, weight in enumerate(target.weights) if weight > 0]
            at_row += [index] * len(places)
            at += [place - 1 for place in places]
            labels += [row.tokens[place] for place in places]
            weights += [weight for weight in target.weights if weight > 0]
            owners += [len(targets)] * len(places)
            targets.append(target)
    return Batch(
        tokens.to(device),
        torch.tensor(at_row, device=device),
        torch.tensor(at, device=device),
        torch.tensor(labels, device=device),
        torch.tensor(weights, dtype=torch.float32, device=device),
        torch.tensor(owners, device=device),
        tuple(target.record for target in targets),
        tuple(target.characters for target in targets),
    )


def by_length(rows: Sequence[Row], most_tokens: int) -> Iterator[list[Row]]:
    """Groups of rows of like length, each of at most `most_tokens` padded tokens (or one row), in a fixed order."""
    group: list[Row] = []
    for row in sorted(rows, key=lambda row: (len(row.tokens), row.tokens)):
        if group and (len(group) + 1) * len(row.tokens) > most_tokens:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def epoch(rows: Sequence[Row], most_tokens: int, seed: int) -> list[list[Row]]:
    """One pass over `rows`: groups of like length in an order drawn from `seed`, all rows exactly once."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    shuffled = list(rows)
    chance.shuffle(shuffled)
    pool = max(1, len(shuffled) // 4)  # shuffled pools are sorted by themselves: batches differ between epochs
    groups = [group for i in range(0, len(shuffled), pool) for group in by_length(shuffled[i : i + pool], most_tokens)]
    chance.shuffle(groups)
    return groups
