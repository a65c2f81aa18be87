"""`stet bench`: what Stet costs, against the plain way on the same work, in one run.

`capture` measures how long the event loop is held by one `textDocument/didChange`: from the parsed JSON to the end of
the handler, with live spans to follow and their journal going to a real store. The plain way is pygls' own document
store and the same spans moved one by one.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from attrs import define, field

from stet.cli.output import Json, fail, print_json, print_table
from stet.core.spans import Span

app = typer.Typer(name="bench", help="Measure what Stet costs.", no_args_is_help=True)

URI = "file:///bench/novel.txt"
TAKEN = " and this much of it was accepted from a suggestion."
WORDS = ("the", "archive", "holds", "letters", "of", "a", "century", "that", "nobody", "has", "read", "so", "far")
LINE = 80


@app.callback()
def bench() -> None:
    """Measure what Stet costs."""


@app.command("capture")
def capture(
    characters: Annotated[int, typer.Option(min=200_000, max=1_900_000, help="Length of the document.")] = 1_000_000,
    spans: Annotated[int, typer.Option(min=1, max=500, help="Live spans in it.")] = 200,
    changes: Annotated[int, typer.Option(min=10, help="Changes of each kind.")] = 500,
    json: Json = False,
) -> None:
    """Time didChange in a long document with many live spans."""
    if characters // 5 < 6 * LINE * spans:
        fail(f"{spans} spans need at least {30 * LINE * spans} characters; say --characters {30 * LINE * spans}.")
        raise typer.Exit(2)
    with tempfile.TemporaryDirectory(prefix="stet-bench-") as folder:
        short = asyncio.run(_Desk(Path(folder) / "short", characters // 5, spans).measure(changes))
        long = asyncio.run(_Desk(Path(folder) / "long", characters, spans).measure(changes))
    result: dict[str, Any] = {"characters": characters, "spans": spans, "changes": changes, **_figures(long)}
    for kind in ("away", "inside"):
        result[f"{kind}_ratio"] = round(result[f"plain_{kind}_median_ms"] / result[f"{kind}_median_ms"], 1)
    result["away_long_to_fifth"] = round(statistics.median(long["away"]) / statistics.median(short["away"]), 2)
    if json:
        print_json(result)
        return
    names = {
        "away": "a letter, away from spans",
        "inside": "a letter inside a span",
        "carets": "three letters at three carets",
        "plain_away": "the plain way, away from spans",
        "plain_inside": "the plain way, inside a span",
    }
    rows = [
        (label, f"{result[f'{key}_median_ms']:.3f}", f"{result[f'{key}_p95_ms']:.3f}") for key, label in names.items()
    ]
    print_table(
        f"{characters} characters, {spans} live spans", ("one didChange", "median ms", "95th percentile ms"), rows
    )
    print_table(
        "",
        ("ratio of medians", ""),
        [
            ("plain / ours, away", result["away_ratio"]),
            ("plain / ours, inside", result["inside_ratio"]),
            ("ours, in this document / in a fifth of it, away", result["away_long_to_fifth"]),
        ],
    )


def _figures(seconds: dict[str, list[float]]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for kind, times in seconds.items():
        figures[f"{kind}_median_ms"] = round(1000 * statistics.median(times), 4)
        figures[f"{kind}_p95_ms"] = round(1000 * statistics.quantiles(times, n=20)[-1], 4)
    return figures


@define
class _Desk:
    """A server without wires, one long document, and who types in it."""

    data: Path
    characters: int
    spans: int
    _now: float = 1_700_000_000.0
    _lines: list[str] = field(factory=list)
    _taken: list[int] = field(factory=list)
    """Numbers of the lines that end with an accepted span."""

    async def measure(self, changes: int) -> dict[str, list[float]]:
        """Seconds of each change, by kind."""
        server = await self._server()
        chance = random.Random(0)  # noqa: S311 -- places to type at, not a secret
        away = [number for number in range(len(self._lines)) if not {number - 1, number, number + 1} & {*self._taken}]
        try:
            begin = [self._letter(chance.choice(away), 5) for _ in range(changes)]
            inside = [
                self._letter(number, len(self._lines[number]) - 20) for number in chance.choices(self._taken, k=changes)
            ]
            carets = [
                [event for number in sorted(chance.sample(away, 3), reverse=True) for event in self._letter(number, 7)]
                for _ in range(changes)
            ]
            seconds = {
                kind: [await self._timed(server, events) for events in work]
                for kind, work in (("away", begin), ("inside", inside), ("carets", carets))
            }
        finally:
            await server.assistant.stop()
        return {**seconds, "plain_away": self._plain(begin), "plain_inside": self._plain(inside)}

    async def _server(self) -> Any:
        """A server with every span accepted and live."""
        from stet.assistant import Assistant
        from stet.completion.scripted import ScriptedPolicy
        from stet.lsp.server import create_server
        from stet.settings import Paths, parse

        server = create_server(
            lambda editor: Assistant(
                _Silence(),
                Paths(self.data, self.data),
                now=lambda: self._now,
                chance=lambda: 0.5,
                new_id=lambda: uuid.uuid4().hex,
                cores=1,
                script=ScriptedPolicy(TAKEN),
            )
        )
        tree = {"capture": {"consent": "yes"}, "learning": {"enabled": False}, "selection": {"exploration": 0}}
        server.protocol.set_writer(_Sink())
        hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {}}}
        server.protocol.handle_message(server.protocol.structure_message(hello))
        server.assistant.configure_early(*parse(tree))
        await server.assistant.start()
        words = itertools.cycle(WORDS)
        while sum(map(len, self._lines)) + len(self._lines) < self.characters:
            line = next(words)
            while len(line) < LINE:
                line += " " + next(words)
            self._lines.append(line)
        server.assistant.opened(URI, "novel.txt", "plaintext", "\n".join(self._lines))
        self._taken = [(2 * index + 1) * len(self._lines) // (2 * self.spans) for index in range(self.spans)]
        for number in self._taken:
            await self._accept(server, number)
        return server

    async def _accept(self, server: Any, number: int) -> None:
        assistant, line = server.assistant, self._lines[number]
        self._now += 5
        offered = await assistant.complete(URI, assistant.buffer(URI).offset(number, len(line)), invoked=False)
        self._handle(server, self._events(number, len(line), TAKEN))
        if not await assistant.accepted(offered.id):
            raise AssertionError("the benchmark's accept was not captured")
        self._lines[number] += TAKEN

    async def _timed(self, server: Any, events: list[dict[str, Any]]) -> float:
        self._now += 0.3
        await asyncio.sleep(0)
        began = time.perf_counter()
        self._handle(server, events)
        taken = time.perf_counter() - began
        server.assistant.tick()
        return taken

    def _handle(self, server: Any, events: list[dict[str, Any]]) -> None:
        identifier = {"uri": URI, "version": 1}
        params = {"textDocument": identifier, "contentChanges": events}
        message = {"jsonrpc": "2.0", "method": "textDocument/didChange", "params": params}
        server.protocol.handle_message(server.protocol.structure_message(message))

    def _plain(self, work: Sequence[list[dict[str, Any]]]) -> list[float]:
        from stet.lsp.plain import plain_seconds

        starts = list(itertools.accumulate((len(line) + 1 for line in self._lines), initial=0))
        ends = [starts[number] + len(self._lines[number]) for number in self._taken]
        return plain_seconds("\n".join(self._lines), [Span(end - len(TAKEN), end) for end in ends], work)

    def _letter(self, number: int, column: int) -> list[dict[str, Any]]:
        return self._events(number, column, "x")

    def _events(self, number: int, column: int, text: str) -> list[dict[str, Any]]:
        at = {"line": number, "character": column}
        return [{"range": {"start": at, "end": at}, "text": text}]


class _Sink:
    """A wire that leads nowhere. Implements pygls' writer."""

    def write(self, data: bytes) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class _Silence:
    """An editor's side that hears nothing. Implements `stet.assistant.editor.Editor`."""

    def show_status(self, status: Any) -> None:
        """Nothing."""

    def log(self, message: str, *, warning: bool = False) -> None:
        """Nothing."""

    def show(self, message: str) -> None:
        """Nothing."""

    async def ask(self, question: str, answers: tuple[str, ...]) -> str | None:
        """No answer."""
        return None

    def begin_progress(self, title: str, on_cancel: Callable[[], None]) -> Any:
        """Not asked for without an engine."""
        raise AssertionError(title)
