"""Raw JSON to settings: every bad key is reported by its path, the good ones are kept."""

from __future__ import annotations

import copy
from typing import Any

from attrs import frozen
from pydantic import ValidationError

from stet.settings.tree import Settings


@frozen
class Problem:
    """One key that was not taken over."""

    path: str
    """Dotted wire path, `stet.` included."""
    reason: str

    def __str__(self) -> str:
        return f"setting {self.path} was ignored: {self.reason}"


def parse(raw: object) -> tuple[Settings, list[Problem]]:
    """Settings from a JSON value, and a problem for each key that is unknown or has a value out of bounds.

    A bad key falls back to its default; the others keep what was given. `raw` may be the tree itself or
    `{"stet": tree}`; null and {} mean all defaults.
    """
    if raw is None:
        return Settings(), []
    if not isinstance(raw, dict):
        return Settings(), [Problem("stet", f"an object was expected, not {type(raw).__name__}")]
    tree: dict[str, Any] = copy.deepcopy(raw["stet"] if set(raw) == {"stet"} else raw)
    problems: list[Problem] = []
    while True:
        try:
            return Settings.model_validate(tree, by_alias=True, by_name=False), problems
        except ValidationError as error:
            for item in error.errors(include_url=False):
                path = [str(part) for part in item["loc"]]
                problems.append(Problem(".".join(["stet", *path]), _reason(dict(item))))
                if not _remove(tree, path):
                    return Settings(), problems


def schema() -> dict[str, Any]:
    """JSON Schema of the settings, wire names, from which an editor's settings page is made."""
    return Settings.model_json_schema(by_alias=True)


def _reason(item: dict[str, Any]) -> str:
    if item["type"] == "extra_forbidden":
        return "there is no such setting"
    return f"{item['msg'][:1].lower()}{item['msg'][1:]}, not {item['input']!r:.80}"


def _remove(tree: Any, path: list[str]) -> bool:
    """Take the deepest key of `path` that a dict of `tree` holds out of it; False when there is none."""
    holder, key = None, ""
    for part in path:
        if not isinstance(tree, dict) or part not in tree:
            break
        holder, key, tree = tree, part, tree[part]
    if holder is None:
        return False
    holder.pop(key, None)
    return True
