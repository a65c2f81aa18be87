"""One engine process: started with its configuration, watched, ended. Knows nothing of requests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import sys
from pathlib import Path
from typing import Any

from attrs import frozen

from stet.core.errors import EngineError

START_SECONDS = 120.0
STOP_SECONDS = 2.0


@frozen
class EngineConfig:
    """What an engine serves and with how much of the machine."""

    model: Path
    adapter: Path | None = None
    """A GGUF LoRA, or None for base alone."""
    threads: int = 1
    context_tokens: int = 2048
    """Per slot."""
    slots: int = 2
    """Prefix caches: one for base, one for the adapter."""


def default_threads(cores: int) -> int:
    """One core is left free: llama.cpp's threads spin while they wait; two on busy cores are far slower than one."""
    return max(1, cores - 1)


class EngineProcess:
    """A child that serves until `stop`, or until this process ends in whatever way."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, api_key: str) -> None:
        self._process = process
        self.url = url
        self.api_key = api_key

    @classmethod
    async def start(cls, config: EngineConfig) -> EngineProcess:
        """Start a child and wait until its model is loaded. Raises EngineError; then nothing is left running."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # or a `stet` or `json.py` in the editor's working folder would be run in its place
            "-m",
            "stet.engine",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        key = secrets.token_urlsafe(32)
        what = f"{config.model}" + (f" with {config.adapter}" if config.adapter else "")
        try:
            said = await asyncio.wait_for(_ask(process, config, key), START_SECONDS)
            if not said["ready"]:
                raise EngineError(f"The engine could not load {what} ({said['error']}); run `stet doctor`.")
            return cls(process, f"http://127.0.0.1:{int(said['port'])}", key)
        except BaseException as error:  # also when the caller is cancelled, nothing is left behind
            ended = await _end(process)
            if isinstance(error, TimeoutError):
                raise EngineError(f"The engine did not load {what} within {START_SECONDS:.0f} s.") from error
            if isinstance(error, ValueError | KeyError | TypeError | ConnectionError):
                raise EngineError(
                    f"The engine ended with code {ended} while it loaded {what}; run `stet doctor`."
                ) from error
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    async def wait(self) -> int:
        """Wait until the child has ended; its exit code."""
        return await self._process.wait()

    async def stop(self) -> None:
        """End the child and wait until it is gone."""
        await _end(self._process)


async def _ask(process: asyncio.subprocess.Process, config: EngineConfig, key: str) -> dict[str, Any]:
    """Hand over the configuration; the child's one line of answer, which is no JSON when the child has ended."""
    assert process.stdin is not None and process.stdout is not None
    line = {
        "model": str(config.model),
        "adapter": str(config.adapter) if config.adapter else None,
        "threads": config.threads,
        "context_tokens": config.context_tokens,
        "slots": config.slots,
        "api_key": key,
    }
    process.stdin.write(json.dumps(line).encode() + b"\n")
    said: dict[str, Any] = json.loads(await process.stdout.readline())
    return said


async def _end(process: asyncio.subprocess.Process) -> int:
    """Close its standard input, which it takes as the sign to go; kill it if it does not. Its exit code."""
    if process.returncode is None:
        assert process.stdin is not None
        process.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    return await process.wait()
