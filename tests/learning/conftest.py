"""A tiny model, and a data folder with lessons, for tests that run the trainer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stet.settings import Paths, Settings, parse
from stet.store import open_store, records
from tests.support.lessons import lesson
from tests.support.tiny_model import write_tiny_model


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A store with 24 lessons of one habit."""
    found = Paths(tmp_path / "data", tmp_path / "models")
    with open_store(found.store, 1.0) as database:
        for number in range(24):
            records.add_record(database, lesson(number))
    return found


def settings_for(tiny: Path, **learning: Any) -> Settings:
    tree = {
        "model": {"path": str(tiny)},
        "engine": {"contextTokens": 512},
        "learning": {"minRecords": 8, "epochs": 3, "learningRate": 0.01, "batchTokens": 256, **learning},
    }
    settings, problems = parse(tree)
    assert problems == []
    return settings
