"""`stet train`: one training run in the foreground, with the same child process the server uses."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated

import typer
from attrs import asdict

from stet.cli.output import Json, fail, print_json, say
from stet.settings import Settings, default_paths, parse


def train(
    settings_json: Annotated[
        str, typer.Option("--settings", help="Settings as JSON, as an editor would send them.")
    ] = "",
    json: Json = False,
) -> None:
    """Train a personal adapter on the edit records now, and promote it if the gate lets it pass."""
    settings = Settings()
    if settings_json:
        settings, problems = parse(_json(settings_json))
        for problem in problems:
            fail(str(problem))
    raise typer.Exit(asyncio.run(_train(settings, json=json)))


async def _train(settings: Settings, *, json: bool) -> int:
    from rich.progress import Progress as Bar

    from stet.learning.launcher import Trainer

    with Bar(transient=True, disable=json) as bar:
        task = bar.add_task("starting", total=1.0)
        trainer = Trainer(
            default_paths(os.environ),
            settings,
            on_progress=lambda fraction, message: bar.update(task, completed=fraction, description=message),
        )
        result = await trainer.run()
    if json:
        print_json(asdict(result))
    else:
        say(result.reason)
    return 0 if result.promoted else 1


def _json(text: str) -> object:
    import json

    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        fail(f'--settings is not JSON ({error}); for instance --settings \'{{"learning": {{"epochs": 2}}}}\'.')
        raise typer.Exit(2) from error
