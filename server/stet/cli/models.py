"""`stet models`: which models there are, fetching, verifying and removing them."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from stet.cli.output import Json, Yes, confirm, print_json, print_table, say
from stet.models import CATALOGUE, ensure, fetch_model, installed, list_installed, remove, verify
from stet.models.fetch import Progress
from stet.settings import Settings, default_paths

app = typer.Typer(help="List, fetch, verify and remove language models.", no_args_is_help=True)
DEFAULT = Settings().model.name
Name = Annotated[str, typer.Argument(metavar="NAME", help="A catalogue name, or hf:OWNER/REPO:FILE.gguf.")]


@app.command("list")
def list_models(json: Json = False) -> None:
    """List the catalogue and what is installed."""
    folder = default_paths(os.environ).models
    there = {model.name: model for model in list_installed(folder)}
    rows = [
        {
            "name": name,
            "installed": name in there,
            "path": str(there[name].path) if name in there else "",
            "sha256": there[name].sha256 if name in there else "",
            "description": CATALOGUE[name].description if name in CATALOGUE else "",
            "licence": CATALOGUE[name].licence if name in CATALOGUE else "",
        }
        for name in [*CATALOGUE, *sorted(set(there) - set(CATALOGUE))]
    ]
    if json:
        print_json(rows)
        return
    columns = ("name", "installed", "licence", "description")
    print_table(f"Models in {folder}", columns, [[row[column] for column in columns] for row in rows])


@app.command()
def fetch(
    name: Name = DEFAULT,
    if_missing: Annotated[bool, typer.Option("--if-missing", help="Do nothing when it is there and whole.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Fetch it again over a damaged one.")] = False,
    json: Json = False,
) -> None:
    """Fetch a model, verify it and make it ready to serve."""
    from rich.progress import Progress as Bar

    folder = default_paths(os.environ).models
    with Bar(transient=True, disable=json) as bar:
        task = bar.add_task(f"Fetching {name}", total=1.0)

        def report(step: Progress) -> None:
            bar.update(task, completed=step.fraction, description=step.message)

        if if_missing and not force:
            model = ensure(folder, name, progress=report)
        else:
            model = fetch_model(folder, name, progress=report, force=force)
    if json:
        print_json({"name": model.name, "path": str(model.path), "sha256": model.sha256})
    else:
        say(f"{model.name} is ready: {model.path}")


@app.command("verify")
def verify_model(name: Name = DEFAULT, json: Json = False) -> None:
    """Check a model's file, byte by byte, against what was fetched."""
    model = verify(default_paths(os.environ).models, name)
    if json:
        print_json({"name": model.name, "path": str(model.path), "sha256": model.sha256, "whole": True})
    else:
        say(f"{model.name} is whole: sha256 {model.sha256}")


@app.command("remove")
def remove_model(name: Name, yes: Yes = False) -> None:
    """Delete a model's files for good."""
    folder = default_paths(os.environ).models
    installed(folder, name)
    confirm(f"Delete {name} from {folder}?", yes=yes)
    remove(folder, name)
    say(f"{name} is gone.")
