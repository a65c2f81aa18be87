"""Where things lie on disk. Nothing here creates a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import platformdirs
from attrs import frozen


@frozen
class Paths:
    """Folders of one user. Everything the writer made is under `data`; models can be fetched again."""

    data: Path
    models: Path

    @property
    def store(self) -> Path:
        return self.data / "stet.db"

    @property
    def adapters(self) -> Path:
        return self.data / "adapters"

    @property
    def runs(self) -> Path:
        """Checkpoints of training runs under way."""
        return self.data / "runs"

    @property
    def train_lock(self) -> Path:
        return self.data / "train.lock"

    @property
    def logs(self) -> Path:
        return self.data / "logs"


def default_paths(environ: Mapping[str, str]) -> Paths:
    """platformdirs' user folders, unless `STET_DATA_DIR` or `STET_MODELS_DIR` in `environ` say otherwise."""
    data = environ.get("STET_DATA_DIR") or platformdirs.user_data_dir("stet", appauthor=False)
    models = environ.get("STET_MODELS_DIR") or str(
        Path(platformdirs.user_cache_dir("stet", appauthor=False)) / "models"
    )
    return Paths(Path(data).expanduser(), Path(models).expanduser())
