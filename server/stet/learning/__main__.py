"""The trainer process: `python -m stet.learning --child`, started by `stet.learning.launcher` and by nothing else.

Owns the protocol with its parent and its own manners: lowest priority, a core left free, silence while the writer
types. Lines in: the configuration as JSON, then `halt` or `typing`; the end of input halts as well, for then the parent
is gone. Lines out: JSON with `event` "progress", and last "done", "halted" or "failed". No text of the writer is in
any line or log.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import psutil

from stet.core.errors import Halted, StetError
from stet.settings import Paths, parse

QUIET_SECONDS = 5.0
"""Rest after each sign that the writer types."""
EXTRA = ("torch", "transformers", "peft", "safetensors", "tokenizers")
"""What `stet-ls[learn]` brings."""


def main() -> int:
    """Run once; the exit code is 0 when a verdict was reached."""
    if sys.argv[1:] != ["--child"]:
        sys.stderr.write("This is the trainer process; run `stet train`.\n")
        return 2
    sys.excepthook = _report_crash
    say = _sayer()
    _lower_priority()
    config = json.loads(sys.stdin.readline() or "{}")
    if not config:
        return 1
    settings, _ = parse(config["settings"])
    threads = settings.learning.threads or max(1, _cores() - 1)
    os.environ["OMP_NUM_THREADS"] = str(threads)  # read once, when torch is imported
    parent = _Parent(time.monotonic)
    threading.Thread(target=parent.listen, args=(sys.stdin,), daemon=True).start()
    try:
        from stet.learning.worker import Outside, run_training
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRA:
            raise
        say(event="failed", reason=f"{error.name} is not installed; run `pip install 'stet-ls[learn]'`.")
        return 1
    _use_threads(threads)

    def progress(fraction: float, message: str, eta_seconds: float) -> None:
        say(event="progress", fraction=fraction, message=message, eta_seconds=eta_seconds)

    outside = Outside(threads, time.time, time.monotonic, progress, parent.halt.is_set, parent.pause)
    try:
        judged = run_training(
            Paths(Path(config["data"]), Path(config["models"])), settings, uuid.uuid4().hex[:12], outside
        )
    except Halted as error:
        say(event="halted", reason=str(error))
        return 1
    except StetError as error:
        say(event="failed", reason=str(error))
        return 1
    say(event="done", adapter=judged.adapter, promoted=judged.promoted, reason=judged.reason, figures=judged.figures)
    return 0


class _Parent:
    """What the parent said last."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._typed = -QUIET_SECONDS
        self.halt = threading.Event()

    def listen(self, lines: TextIO) -> None:
        """Read until the parent closes the pipe or is gone."""
        for line in lines:
            if line.strip() == "halt":
                break
            if line.strip() == "typing":
                self._typed = self._clock()
        self.halt.set()

    def pause(self) -> None:
        """Return once the writer has not typed for a while, or halted."""
        while (rest := self._typed + QUIET_SECONDS - self._clock()) > 0 and not self.halt.wait(rest):
            pass


def _sayer() -> Callable[..., None]:
    """Print JSON lines on what was the standard output; whatever a library prints goes to the log instead."""
    wire = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(**event: Any) -> None:
        try:
            wire.write(json.dumps(event) + "\n")
            wire.flush()
        except BrokenPipeError:
            pass  # the parent is gone: the end of its input halts the run

    return say


def _report_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Where and what kind, never the message: it may quote text of the writer."""
    sys.stderr.write("".join(traceback.format_tb(trace)) + kind.__name__ + "\n")


def _lower_priority() -> None:
    psutil.Process().nice(getattr(psutil, "IDLE_PRIORITY_CLASS", 19))  # the first on Windows only


def _cores() -> int:
    return len(psutil.Process().cpu_affinity()) if sys.platform == "linux" else os.cpu_count() or 1


def _use_threads(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)


if __name__ == "__main__":
    sys.exit(main())
