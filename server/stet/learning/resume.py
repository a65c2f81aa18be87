"""Which run to go on with: an interrupted one is resumed only where everything it depends on is still the same.

Owns `runs/<run id>/inputs.json`, next to the run's checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from stet.completion.prompt import PROMPT_VERSION
from stet.core.records import EditRecord
from stet.settings import Settings

_NAME = "inputs.json"


def fingerprint(records: Sequence[EditRecord], settings: Settings, model_sha256: str) -> str:
    """Hex digest of all that decides the weights a run ends with: records, model, prompt and learning settings."""
    learning = settings.learning.model_dump(mode="json", exclude={"enabled", "automatic", "threads", "on_battery"})
    parts = [
        [[record.id, record.version] for record in records],
        learning,
        settings.completion.prefix_characters,
        model_sha256,
        PROMPT_VERSION,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def interrupted_run(runs: Path, inputs: str) -> str | None:
    """Id of the run under `runs` that began with the same `inputs` and did not end; None when there is none."""
    for file in sorted(runs.glob(f"*/{_NAME}")):
        if json.loads(file.read_text(encoding="utf-8"))["fingerprint"] == inputs:
            return file.parent.name
    return None


def begin(runs: Path, run: str, inputs: str) -> Path:
    """The folder of `run`, with its inputs written down; checkpoints of runs that cannot be resumed any more go."""
    for folder in runs.iterdir() if runs.exists() else ():
        if folder.name != run:
            shutil.rmtree(folder)
    folder = runs / run
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{_NAME}.tmp"
    temporary.write_text(json.dumps({"fingerprint": inputs}), encoding="utf-8")
    temporary.replace(folder / _NAME)
    return folder
