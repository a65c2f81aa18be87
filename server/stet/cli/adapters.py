"""`stet adapters`: what was learned, on what evidence; go back; remove."""

from __future__ import annotations

import json as jsonlib
import os
import shutil
import time
from typing import Annotated, Any

import typer

from stet.cli.data import opened_store
from stet.cli.output import Json, Yes, confirm, fail, print_json, print_table, say, when
from stet.core.records import Adapter, AdapterStatus
from stet.settings import default_paths
from stet.store import Database
from stet.store import adapters as table

app = typer.Typer(help="See, roll back and remove personal adapters.", no_args_is_help=True)


@app.command("list")
def list_adapters(json: Json = False) -> None:
    """List every adapter, newest last."""
    with opened_store() as database:
        found = table.adapters(database)
    if json:
        print_json([_summary(adapter) for adapter in found])
        return
    rows = [(a.id, when(a.created), a.objective, a.model, a.status, a.reason) for a in found]
    print_table(f"{len(found)} adapters", ("id", "made", "objective", "model", "status", "why"), rows)


@app.command()
def show(adapter_id: Annotated[str, typer.Argument(metavar="ID")], json: Json = False) -> None:
    """Show an adapter's run card: the gate's verdict and every figure behind it."""
    with opened_store() as database:
        adapter = _one(database, adapter_id)
    card = default_paths(os.environ).adapters / adapter.id / "card.json"
    figures = jsonlib.loads(card.read_text(encoding="utf-8")) if card.exists() else {}
    if json:
        print_json({**_summary(adapter), "card": figures})
        return
    for name, value in _summary(adapter).items():
        say(f"{name:12} {value}")
    say(jsonlib.dumps(figures, indent=2, ensure_ascii=False))


@app.command()
def rollback() -> None:
    """Stop serving the active adapter; serve the one before it, or the base model. Editors follow within seconds."""
    with opened_store() as database:
        active = [a for a in table.adapters(database) if a.status is AdapterStatus.ACTIVE]
        if not active:
            fail("No adapter is active; there is nothing to roll back.")
            raise typer.Exit(1)
        now = table.rollback(database, time.time(), "rolled back by the writer", model=active[-1].model)
    say(f"{active[-1].id} is retired; {now.id if now else 'the base model'} is served.")


@app.command()
def remove(adapter_id: Annotated[str, typer.Argument(metavar="ID")], yes: Yes = False) -> None:
    """Delete an adapter's files for good; an active one is rolled back first."""
    with opened_store() as database:
        adapter = _one(database, adapter_id)
        confirm(f"Delete adapter {adapter.id} and its files?", yes=yes)
        if adapter.status is AdapterStatus.ACTIVE:
            table.rollback(database, time.time(), "removed by the writer", model=adapter.model)
        table.set_status(database, adapter.id, AdapterStatus.RETIRED, "removed by the writer", time.time())
    folder = default_paths(os.environ).adapters / adapter.id
    if folder.exists():
        shutil.rmtree(folder)
    say(f"{adapter.id} is gone.")


def _one(database: Database, adapter_id: str) -> Adapter:
    found = [adapter for adapter in table.adapters(database) if adapter.id.startswith(adapter_id)]
    if len(found) != 1:
        fail(f"{len(found)} adapters begin with {adapter_id!r}; `stet adapters list` shows their ids.")
        raise typer.Exit(1)
    return found[0]


def _summary(adapter: Adapter) -> dict[str, Any]:
    return {
        "id": adapter.id,
        "made": when(adapter.created),
        "objective": adapter.objective,
        "model": adapter.model,
        "run": adapter.run,
        "status": adapter.status.value,
        "reason": adapter.reason,
    }
