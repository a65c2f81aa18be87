"""A real `stet serve` as a subprocess, driven through pytest-lsp's client, on a data folder of its own.

The clock is the client's, so that a scenario takes the time it says and no test sleeps. The engine is a stand-in
llama-server, or with `engine=None` the real one with the default model.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from attrs import define, field
from pygls.protocol import default_converter
from pytest_lsp import LanguageClient

from stet.assistant.consent import YES
from stet.core.records import EditRecord
from stet.core.spans import Span
from stet.lsp.client import EditorClient, capabilities
from stet.store import open_store, records

KEY = "stand-in-key"
URI = "file:///tmp/letter.txt"


@define
class StandIn:
    """A llama-server stand-in answering from a script."""

    url: str
    process: asyncio.subprocess.Process


@asynccontextmanager
async def stand_in(folder: Path, answers: dict[str, str], default: str = "") -> AsyncIterator[StandIn]:
    """Answers by the end of the prompt: `{ends_with: completion}`."""
    script = folder / "script.json"
    rows = [{"ends_with": end, "text": text} for end, text in answers.items()]
    script.write_text(json.dumps([*rows, {"ends_with": "", "text": default}]), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.llama_stand_in", "--script", str(script), "--port", "0", "--key", KEY),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    port = json.loads(await process.stdout.readline())["port"]
    try:
        yield StandIn(f"http://127.0.0.1:{port}", process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@define
class Session:
    """One editor window on one server, and the hands of a writer."""

    editor: EditorClient
    data: Path
    now: float = 1_700_000_000.0
    questions: list[str] = field(factory=list)

    def wait(self, seconds: float) -> None:
        """Let time pass, on the server's clock."""
        self.now += seconds
        self.editor.set_clock(self.now)

    def type(self, text: str, uri: str = URI) -> None:
        """Type at the end of the document, letter by letter, six a second."""
        for character in text:
            self.wait(1 / 6)
            end = len(self.editor.text(uri))
            self.editor.replace(uri, Span(end, end), character)

    async def suggest(self, uri: str = URI) -> tuple[str, str] | None:
        """(id, text) offered at the end of the document."""
        return await self.editor.suggest(uri, len(self.editor.text(uri)))

    async def until(self, well: Callable[[dict[str, Any]], bool], what: str, tries: int = 600) -> dict[str, Any]:
        """Ask for the status until it is as wanted."""
        state: dict[str, Any] = {}
        for _ in range(tries):
            state = await self.editor.ask_status()
            if well(state):
                return state
            await asyncio.sleep(0.05)
        raise AssertionError(f"{what} did not happen: {state} {self.editor.log[-5:]} {self.editor.errors()}")

    async def ready(self) -> dict[str, Any]:
        """Wait for the engine and the answer about consent."""
        return await self.until(
            lambda state: bool(state["model"]) and state["consent"] is not None, "the server's being ready"
        )

    async def records(self, at_least: int = 0) -> list[EditRecord]:
        """Edit records in the store, once there are as many as expected."""
        for _ in range(200):
            database = open_store(self.data / "stet.db", self.now)
            found = records.records(database)
            database.close()
            if len(found) >= at_least:
                return found
            await asyncio.sleep(0.05)
        raise AssertionError(f"{len(found)} records of {at_least}: {self.editor.log[-5:]} {self.editor.errors()}")


@asynccontextmanager
async def session(
    data: Path,
    *,
    engine: StandIn | None,
    settings: dict[str, Any] | None = None,
    answer: str | None = YES,
    models: Path | None = None,
    pulled: dict[str, Any] | None = None,
    encoding: str = "utf-16",
    arguments: tuple[str, ...] = (),
) -> AsyncIterator[Session]:
    """Start a server with its data under `data`, and stop it again. `answer` is the reply to every question."""
    questions: list[str] = []

    def reply(question: str) -> str | None:
        questions.append(question)
        return answer

    client = LanguageClient(converter_factory=default_converter)
    client.capabilities = capabilities(pull=pulled is not None, encodings=[encoding])
    editor = EditorClient(reply, lambda message: None, client, encoding)
    editor.configuration = pulled
    environ = {"STET_DATA_DIR": str(data)}
    if models is not None or engine is not None:
        environ["STET_MODELS_DIR"] = str(models or data / "models")
    tree = dict(settings or {})
    if engine is not None:
        tree["engine"] = {"url": engine.url, "apiKey": KEY, **tree.get("engine", {})}
    command = [sys.executable, "-m", "stet", "serve", "--clock", "client", *arguments]
    await editor.start(command, environ, tree)
    opened = Session(editor, data, questions=questions)
    opened.wait(0)
    try:
        yield opened
    finally:
        await editor.stop()
