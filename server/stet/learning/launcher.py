"""The server's and the command line's side of the trainer: a child process that is started, heard and stopped here.

Owns the process and the lines to and from it (`stet.learning.__main__` is the other end). Imports no torch.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import sys
from collections.abc import Callable
from typing import Any

import psutil
from attrs import field, frozen

from stet.core.errors import TrainingError
from stet.settings import Paths, Settings

_LINE_LIMIT = 1 << 20


@frozen
class TrainingResult:
    """How a run ended that did not fail."""

    adapter: str
    """Id of the adapter it wrote; "" when it was halted."""
    promoted: bool
    reason: str
    """The gate's reasons or what halted it, for the writer."""
    figures: dict[str, float] = field(factory=dict)
    """The gate's figures."""
    halted: bool = False


def missing_packages() -> list[str]:
    """Packages of the extra `learn` that this installation lacks; looked for, not imported."""
    return [name for name in ("torch", "transformers", "peft") if importlib.util.find_spec(name) is None]


class Trainer:
    """One run of the trainer in a child process. Make a new one for every run."""

    def __init__(
        self,
        paths: Paths,
        settings: Settings,
        *,
        on_progress: Callable[[float, str], None] = lambda fraction, message: None,
        python: str = sys.executable,
    ) -> None:
        """`on_progress` gets a share in [0, 1] and what is being done, on the event loop."""
        self._paths = paths
        self._settings = settings
        self._on_progress = on_progress
        self._python = python
        self._process: asyncio.subprocess.Process | None = None
        self._halted = False

    @property
    def pid(self) -> int | None:
        """The child's process id; None before it was started."""
        return self._process.pid if self._process else None

    async def run(self) -> TrainingResult:
        """Run to the end. Raises TrainingError with the child's reason; a cancelled call kills the child."""
        self._paths.logs.mkdir(parents=True, exist_ok=True)
        with (self._paths.logs / "trainer.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                self._python,
                "-m",
                "stet.learning",
                "--child",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                limit=_LINE_LIMIT,
                start_new_session=True,
            )
        try:
            self._say(json.dumps(self._config()))
            if self._halted:
                self._say("halt")
            result = await self._listen(self._process)
            await self._process.wait()
            return result
        finally:
            await self._end(self._process)

    def halt(self) -> None:
        """Ask the run to stop; it does within one batch, and `run` returns. Its checkpoint stays."""
        self._halted = True
        self._say("halt")

    def typing(self) -> None:
        """The writer types: the run rests for five seconds."""
        self._say("typing")

    def _config(self) -> dict[str, Any]:
        return {
            "data": str(self._paths.data),
            "models": str(self._paths.models),
            "settings": self._settings.model_dump(mode="json", by_alias=True),
        }

    def _say(self, line: str) -> None:
        stdin = self._process.stdin if self._process else None
        if stdin is not None and not stdin.is_closing():
            stdin.write(line.encode() + b"\n")

    async def _listen(self, process: asyncio.subprocess.Process) -> TrainingResult:
        assert process.stdout is not None
        async for line in process.stdout:
            event = json.loads(line)
            match event["event"]:
                case "progress":
                    self._on_progress(event["fraction"], event["message"])
                case "done":
                    return TrainingResult(event["adapter"], event["promoted"], event["reason"], event["figures"])
                case "halted":
                    return TrainingResult("", False, event["reason"], halted=True)
                case _:
                    raise TrainingError(event["reason"])
        code = await process.wait()
        raise TrainingError(
            f"the trainer ended with code {code} and without a word; {self._paths.logs / 'trainer.log'} says where, "
            "and `stet train` goes on from its last checkpoint"
        )

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """Leave nothing behind: neither the child nor an engine of its own."""
        if process.returncode is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                child = psutil.Process(process.pid)
                for each in [child, *child.children(recursive=True)]:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        each.kill()
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()
