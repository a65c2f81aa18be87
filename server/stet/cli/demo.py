"""`stet demo`: the whole loop once, on a temporary data folder: write, be captured, train, gate, promote, compare.

Everything is real: a `stet serve` process over stdio, its engine, its store, its trainer. Only the writer is simulated,
and the time she takes (the server runs on the client's clock, so that a letter need not take minutes).
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from attrs import asdict

from stet.cli.output import Json, fail, print_json, print_table, say
from stet.core.errors import StetError, TrainingError
from stet.core.spans import Span
from stet.learning.launcher import missing_packages
from stet.settings import Paths, default_paths

SETTINGS: dict[str, Any] = {
    "completion": {"maxTokens": 12, "prefixCharacters": 400},
    "capture": {"consent": "ask", "settleSeconds": 2},
    "learning": {"automatic": False},
    "selection": {"exploration": 0},
}
SECONDS_A_KEY = 0.15
PAUSES_A_LETTER = 4
LOOK_UP_EVERY = 4
"""Words between two pauses of the replay."""


def demo(
    json: Json = False,
    svg: Annotated[Path | None, typer.Option(help="Also draw the table into this file.")] = None,
) -> None:
    """Play a writer with habits: she writes, Stet learns; held-out letters are compared before and after."""
    if missing := missing_packages():
        raise TrainingError(
            f"The demo trains, and {', '.join(missing)} is missing; run `pip install 'stet-ls[learn]'`."
        )
    with tempfile.TemporaryDirectory(prefix="stet-demo-") as folder:
        paths = Paths(Path(folder), default_paths(os.environ).models)
        result = asyncio.run(_Demo(paths, quiet=json).run())
    _print(result, svg)
    if json:
        print_json(result)
    if not result["promoted"]:
        raise typer.Exit(1)


class _Demo:
    """One run: the editor, the writer and what was measured."""

    def __init__(self, paths: Paths, *, quiet: bool) -> None:
        from stet.assistant.consent import YES
        from stet.lsp.client import EditorClient
        from stet.study.letter_writer import letters

        self._paths = paths
        self._quiet = quiet
        self._told = ""
        self._clock = 1_700_000_000.0
        self._chance = random.Random(0)  # noqa: S311 -- a writer's pauses, not a secret
        self._editor = EditorClient(lambda question: YES, self._tell)
        self._letters, self._held_out = letters()

    async def run(self) -> dict[str, Any]:
        """Raises StetError when the server does not come up."""
        from stet.lsp.messages import HALT
        from stet.study.letter_writer import summarise

        environ = {"STET_DATA_DIR": str(self._paths.data), "STET_MODELS_DIR": str(self._paths.models)}
        command = [sys.executable, "-m", "stet", "serve", "--clock", "client"]
        await self._editor.start(command, environ, SETTINGS)
        try:
            self._pass_time(0)
            await self._until_ready()
            characters = sum(map(len, self._held_out))
            self._editor.configure({**SETTINGS, "capture": {"consent": "no"}})
            self._tell(f"Reading {len(self._held_out)} held-out letters with the base model")
            before = summarise(await self._replay("before"), characters)
            self._editor.configure(SETTINGS)
            self._tell(f"Writing {len(self._letters)} letters")
            await self._write()
            started = time.monotonic()
            state = await self._train()
            seconds = time.monotonic() - started
            promoted = bool(state["adapter"])
            after = before
            if promoted:
                self._editor.configure({**SETTINGS, "capture": {"consent": "no"}})
                self._tell("Reading the held-out letters with the personal adapter")
                after = summarise(await self._replay("after"), characters)
            await self._editor.run(HALT)
        finally:
            await self._editor.stop()
        base_bits, personal_bits = self._bits(str(state["adapter"]))
        return {
            "base": {**asdict(before), "bits_per_char": base_bits},
            "personal": {**asdict(after), "bits_per_char": personal_bits},
            "records": state["records"],
            "train_seconds": round(seconds, 1),
            "promoted": promoted,
            "gate": state["lastTraining"],
        }

    async def _until_ready(self) -> None:
        for _ in range(600):
            state = await self._editor.ask_status()
            if state["kind"] == "Error":
                raise StetError(str(state["message"]))
            if state["model"] and state["consent"]:
                return
            await asyncio.sleep(0.1)
        raise StetError(f"The server was not ready within a minute: {self._editor.status} {self._editor.errors()}")

    async def _write(self) -> None:
        from stet.study.letter_writer import pauses

        for number, letter in enumerate(self._letters):
            uri = f"untitled:letter-{number:02d}.txt"
            self._editor.open(uri)
            places = self._chance.sample(pauses(letter, LOOK_UP_EVERY), PAUSES_A_LETTER)
            for place in [*sorted(places), len(letter)]:
                self._type_up_to(uri, letter[:place])
                if place < len(letter):
                    await self._pause(uri, letter, place)
            self._pass_time(60)
            self._editor.close(uri)
            self._pass_time(60)

    async def _pause(self, uri: str, letter: str, place: int) -> None:
        """She looks at the suggestion: takes it and puts it right, or writes on."""
        from stet.study.letter_writer import corrections, matching, meant, rest_of_line

        if len(self._editor.text(uri)) != place:
            return  # the last suggestion she took reached beyond this place
        offered = await self._editor.suggest(uri, place)
        rest = rest_of_line(letter, place)
        if offered is None or matching(offered[1], rest)[0] == 0:
            return
        await self._editor.accept(uri, place, offered)
        self._pass_time(1)
        for change in corrections(offered[1], meant(offered[1], rest), place):
            if len(change.span):
                self._editor.replace(uri, change.span, "")
            self._type(uri, change.span.start, change.text)

    def _type_up_to(self, uri: str, text: str) -> None:
        there = self._editor.text(uri)
        self._type(uri, len(there), text[len(there) :])

    def _type(self, uri: str, offset: int, text: str) -> None:
        for index, character in enumerate(text):
            self._pass_time(SECONDS_A_KEY)
            self._editor.replace(uri, Span(offset + index, offset + index), character)

    def _pass_time(self, seconds: float) -> None:
        self._clock += seconds
        self._editor.set_clock(self._clock)

    async def _train(self) -> dict[str, Any]:
        """Train, and wait until the verdict is there and a promoted adapter is served."""
        from stet.lsp.messages import TRAIN

        await self._editor.run(TRAIN)
        while True:
            state = await self._editor.ask_status()
            if not state["training"] and (state["adapter"] or not state["promoted"]):
                return state
            await asyncio.sleep(0.5)

    async def _replay(self, name: str) -> list[tuple[str, str]]:
        """(suggestion or "", rest of the line) at every pause of the held-out letters."""
        from stet.study.letter_writer import pauses, rest_of_line

        answers: list[tuple[str, str]] = []
        for number, letter in enumerate(self._held_out):
            uri = f"untitled:held-out-{name}-{number:02d}.txt"
            self._editor.open(uri)
            for place in pauses(letter, LOOK_UP_EVERY):
                there = len(self._editor.text(uri))
                self._editor.replace(uri, Span(there, there), letter[there:place])
                self._pass_time(5)
                offered = await self._editor.suggest(uri, place)
                answers.append((offered[1] if offered else "", rest_of_line(letter, place)))
            self._editor.close(uri)
        return answers

    def _bits(self, adapter: str) -> tuple[float, float]:
        """Bits per character of the held-out letters after their first line: base, and with the adapter."""
        from stet.learning.evaluation import score_texts
        from stet.models import from_settings
        from stet.settings import Settings

        self._tell("Scoring the held-out letters")
        model = from_settings(Settings().model, self._paths.models)
        pairs = [(head + "\n", rest) for head, _, rest in (letter.partition("\n") for letter in self._held_out)]
        base = score_texts(model.path, None, pairs)
        personal = score_texts(model.path, self._paths.adapters / adapter, pairs) if adapter else base
        return sum(base) / len(base), sum(personal) / len(personal)

    def _tell(self, message: str) -> None:
        if not self._quiet and message != self._told:
            self._told = message
            say(message)


def _print(result: dict[str, Any], svg: Path | None) -> None:
    names = {
        "edit_cost": "edit cost of a suggestion (lower is better)",
        "keystrokes_saved": "keystrokes saved",
        "bits_per_char": "bits per character (lower is better)",
        "shown": "suggestions shown",
    }
    rows = [
        (
            label,
            f"{result['base'][key]:.3f}".rstrip("0").rstrip("."),
            f"{result['personal'][key]:.3f}".rstrip("0").rstrip("."),
        )
        for key, label in names.items()
    ]
    title = f"{result['records']} edit records, trained in {result['train_seconds']:.0f} s"
    print_table(title, ("on held-out letters", "base", "personal"), rows, svg)
    if not result["promoted"]:
        fail(f"The adapter was not promoted: {result['gate']}")
