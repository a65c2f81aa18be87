"""`stet study`: experiments on recorded writing, through the real parts. So far `replay`, which checks capture.

A replay starts a real `stet serve` on an empty data folder and plays a recorded session to it, message by message, on
the recording's clock. The offers are the recording's, said by a scripted policy; everything after them is the product.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from attrs import define, field, frozen

from stet.cli.output import Json, print_json, print_table, say
from stet.core.errors import StetError
from stet.core.records import Outcome
from stet.study.coauthor import Answer, Log, changes_of, computed_key, read_key, read_logs

app = typer.Typer(name="study", help="Experiments on recorded writing.", no_args_is_help=True)

Client = Literal["signals", "silent", "whole-text"]

SETTINGS: dict[str, Any] = {
    "capture": {"consent": "yes"},
    "learning": {"enabled": False},
    "selection": {"exploration": 0},
}
DAY = 86_400.0
SYNC_EVERY = 500
"""Rows after which the server is waited for, so that messages do not pile up in front of it."""


@app.callback()
def study() -> None:
    """Experiments on recorded writing."""


@app.command("replay")
def replay(
    path: Annotated[Path, typer.Argument(exists=True, help="A file of keystroke logs, or a folder with such files.")],
    client: Annotated[
        Client,
        typer.Option(help="What the editor tells: ranges and signals, ranges alone, or only whole texts."),
    ] = "signals",
    show: Annotated[bool, typer.Option(help="Print every disagreement with the answer key.")] = False,
    json: Json = False,
) -> None:
    """Replay CoAuthor-format logs through a real server and compare what was captured with the answer key.

    The key is `answers.jsonl` beside the logs; where there is none it is computed from the text changes.
    """
    logs = read_logs(path)
    answers = read_key(path, logs)
    computed = answers is None
    if answers is None:
        answers = [answer for log in logs for answer in computed_key(log)]
    with tempfile.TemporaryDirectory(prefix="stet-replay-") as folder:
        heard, seconds = asyncio.run(_Replay(Path(folder), client).run(logs))
    result, disagreements = compare(answers, heard)
    result["events_per_s"] = round(sum(len(log.rows) for log in logs) / seconds)
    if show:
        for line in disagreements:
            say(line)
    if json:
        print_json(result)
    else:
        key = "the key computed from the text changes" if computed else "the answer key"
        rows = [(name.replace("_", " "), value) for name, value in result.items()]
        print_table(f"{len(logs)} logs, client: {client}, against {key}", ("", ""), rows)
    right = result["accepted"] == result["matched"] == result["final_text_equal"] and not result["false_accepts"]
    if not right:
        raise typer.Exit(1)


@frozen
class Heard:
    """What the store holds of one offer that was accepted."""

    log: str
    row: int
    """The row at which it was offered."""
    outcome: str
    final: str
    before: str


def compare(answers: list[Answer], heard: list[Heard]) -> tuple[dict[str, int], list[str]]:
    """The figures, and a line for every disagreement."""
    by_row = {(item.log, item.row): item for item in heard}
    expected = {(answer.log, answer.row) for answer in answers}
    lines: list[str] = []
    matched = equal = 0
    for answer in answers:
        item = by_row.get((answer.log, answer.row))
        place = f"{answer.log} row {answer.row}"
        if item is None or item.outcome != Outcome.ACCEPTED.value:
            lines.append(f"{place}: accepted by the key, {item.outcome if item else 'no span'} here: {answer.text!r}")
        matched += item is not None and item.outcome == Outcome.ACCEPTED.value
        if item is not None and item.final == answer.final:
            equal += 1
        elif item is not None:
            lines.append(f"{place}: after {item.before!r} the key has {answer.final!r}, here it is {item.final!r}")
    false = [item for item in heard if (item.log, item.row) not in expected]
    lines += [f"{item.log} row {item.row}: accepted here, not by the key: {item.final!r}" for item in false]
    figures = {
        "accepted": len(answers),
        "matched": matched,
        "final_text_equal": equal,
        "false_accepts": len(false),
    }
    return figures, lines


@define
class _Replay:
    """One run: the server, and which offer belongs to which row."""

    data: Path
    client: Client
    offers: dict[str, tuple[str, int]] = field(factory=dict)

    async def run(self, logs: list[Log]) -> tuple[list[Heard], float]:
        """What was captured, and the seconds that the rows took."""
        from stet.lsp.client import EditorClient

        editor = EditorClient(lambda question: None, lambda message: None)
        command = [sys.executable, "-m", "stet", "serve", "--clock", "client", "--suggestions", "client"]
        await editor.start(command, {"STET_DATA_DIR": str(self.data)}, SETTINGS)
        try:
            editor.set_clock(min(log.started for log in logs))
            await _until_ready(editor)
            began, clock = time.perf_counter(), 0.0
            for log in logs:
                clock = max(clock + DAY, log.started)  # the server's time never goes back
                clock = await self._play(editor, log, clock)
            await editor.ask_status()
            seconds = time.perf_counter() - began
        finally:
            await editor.stop()
        return self._heard(), seconds

    async def _play(self, editor: Any, log: Log, started: float) -> float:
        """Play one log, beginning at `started`; the time at which it ends."""
        uri, text, caret, now = f"file:///replay/{log.id}.txt", log.text, len(log.text.rstrip("\n")), started
        editor.set_clock(now)
        editor.open(uri, text)
        for number, row in enumerate(log.rows):
            now = max(now, started + row[1] / 1000)
            editor.set_clock(now)
            if row[0] == "o" and row[2]:
                await self._offer(editor, log, number, uri, caret, row[2][0])
            if row[0] not in ("u", "a"):
                continue
            changes, offered = changes_of(row[2], text), None
            if row[0] == "a":
                put = "".join(change.text for change in changes)
                offered = await self._offer(editor, log, number, uri, changes[0].span.start, put)
            editor.change(uri, changes, whole_text=self.client == "whole-text")
            for change in changes:
                text = change.applied_to(text)
            caret = changes[-1].span.start + len(changes[-1].text)
            if offered is not None and self.client == "signals":
                await editor.run("stet.accept", offered)
            if number % SYNC_EVERY == 0:
                await editor.ask_status()
        editor.close(uri)
        return now

    async def _offer(self, editor: Any, log: Log, row: int, uri: str, at: int, text: str) -> str | None:
        editor.set_suggestion(text)
        suggestion = await editor.suggest(uri, at)
        if suggestion is None:
            return None
        self.offers[suggestion[0]] = (log.id, row)
        if self.client == "signals":
            item = {"command": {"title": "", "command": "stet.accept", "arguments": [suggestion[0]]}}
            editor.notify("textDocument/didShowCompletion", {"item": item})
        return str(suggestion[0])

    def _heard(self) -> list[Heard]:
        from stet.store import offers, open_store, spans

        heard: list[Heard] = []
        with open_store(self.data / "stet.db", 0.0) as database:
            for name, (log, row) in self.offers.items():
                found = spans.span(database, name)
                if found is None:
                    continue
                ended = offers.offer(database, name)
                outcome = ended[1].value if ended and ended[1] else ""
                heard.append(Heard(log, row, outcome, found[0].kept_text, found[0].before[-40:]))
        return heard


async def _until_ready(editor: Any) -> None:
    for _ in range(600):
        if (await editor.ask_status())["consent"]:
            return
        await asyncio.sleep(0.05)
    raise StetError(f"The server was not ready within half a minute: {editor.errors()}")
