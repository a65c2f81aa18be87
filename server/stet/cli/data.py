"""`stet data`: what is on record, in full; erase any of it; take it elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from stet.cli.output import Json, Yes, confirm, fail, print_json, print_table, say, when
from stet.core.records import EditRecord
from stet.core.retention import AT_SETTLE
from stet.settings import default_paths
from stet.store import Database, open_store, readings, records

app = typer.Typer(help="See, erase and export the edits that Stet has on record.", no_args_is_help=True)


@contextmanager
def opened_store() -> Iterator[Database]:
    """The user's store, closed again at the end. Raises StoreError."""
    database = open_store(default_paths(os.environ).store, time.time())
    try:
        if database.set_aside is not None:
            fail(f"The store was damaged and was set aside as {database.set_aside}; a new one was made.")
        yield database
    finally:
        database.close()


@app.command("list")
def list_records(
    newest: Annotated[int, typer.Option(help="How many to list.")] = 20,
    json: Json = False,
) -> None:
    """List the newest edit records."""
    with opened_store() as database:
        found = records.records(database, newest=newest)
    if json:
        print_json([_summary(record) for record in found])
        return
    rows = [
        (record.id[:12], when(record.settled_at), record.kind, f"{record.cost:.2f}", _short(record.final))
        for record in found
    ]
    print_table(f"{len(found)} edit records", ("id", "settled", "kind", "cost", "final text"), rows)


@app.command()
def show(record_id: Annotated[str, typer.Argument(metavar="ID")], json: Json = False) -> None:
    """Show everything on record of one edit."""
    with opened_store() as database:
        record = _one(database, record_id)
    if json:
        print_json(_summary(record))
        return
    for name, value in _summary(record).items():
        say(f"{name:12} {value!r}")


@app.command()
def delete(
    record_id: Annotated[str, typer.Argument(metavar="ID", help="An edit record.")] = "",
    document: Annotated[str, typer.Option(help="Erase everything of this document (its URI).")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Erase everything on record.")] = False,
    yes: Yes = False,
) -> None:
    """Erase edit records for good, and retire the adapters that learned from them."""
    if sum((bool(record_id), bool(document), everything)) != 1:
        fail("Say what to erase: an ID, --document URI, or --all.")
        raise typer.Exit(2)
    with opened_store() as database:
        if record_id:
            found = _one(database, record_id)
            confirm(f"Erase record {found.id}?", yes=yes)
            retired = records.delete_records(database, [found.id])
        elif document:
            confirm(f"Erase every record of {document}?", yes=yes)
            retired = records.delete_document(database, document)
        else:
            confirm("Erase every record?", yes=yes)
            retired = records.delete_all(database)
    say("Erased.")
    for adapter in retired:
        say(f"Adapter {adapter} learned from it and is retired; `stet train` makes one without it.")


@app.command()
def retention(json: Json = False) -> None:
    """Show how much of what was accepted still stood after a while, by several programs' formulas."""
    with opened_store() as database:
        found = readings.readings(database)
    names = ("kept_rate", "untouched", "four_gram", "unchanged", "difference", "still_there")
    table = {
        "at settle" if seconds == AT_SETTLE else f"after {seconds} s": {
            "spans": len(rows),
            **{name: round(sum(getattr(row, name) for row in rows) / len(rows), 3) for name in names},
        }
        for seconds, rows in found.items()
    }
    if json:
        print_json(table)
        return
    columns = ("reading", "spans", *(name.replace("_", " ") for name in names))
    print_table("Kept of accepted text, means", columns, [(name, *row.values()) for name, row in table.items()])


@app.command()
def export() -> None:
    """Print every edit record, complete, one JSON object a line."""
    with opened_store() as database:
        for record in records.export_records(database):
            print_json(record)
    sys.stdout.flush()


def _one(database: Database, record_id: str) -> EditRecord:
    found = [record for record in records.records(database) if record.id.startswith(record_id)]
    if len(found) != 1:
        fail(f"{len(found)} records begin with {record_id!r}; `stet data list` shows their ids.")
        raise typer.Exit(1)
    return found[0]


def _summary(record: EditRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "version": record.version,
        "settled": when(record.settled_at),
        "document": record.context.document,
        "kind": record.kind.value,
        "outcome": record.outcome.value,
        "editClass": record.edit_class.value,
        "before": record.context.prefix[-200:],
        "suggestion": record.suggestion,
        "final": record.final,
        "cost": record.cost,
        "model": record.provenance.model,
        "adapter": record.provenance.adapter,
        "arm": record.provenance.arm,
        "propensity": record.provenance.propensity,
        "promptVersion": record.provenance.prompt_version,
        "flags": list(record.flags),
    }


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:59] + "…"
