"""What commands print: JSON for programs, tables for people, one sentence for an error."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]


def print_json(value: Any) -> None:
    """One JSON value on a line of its own."""
    sys.stdout.write(json.dumps(value, ensure_ascii=True) + "\n")
    sys.stdout.flush()


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], svg: Path | None = None) -> None:
    """A table for a person; also as a picture in the file `svg`."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console = Console(record=svg is not None, width=88 if svg is not None else None)
    console.print(table)
    if svg is not None:
        drawn = re.sub(r"@font-face \{.*?\}", "", console.export_svg(title="stet demo"), flags=re.DOTALL)
        svg.write_text(drawn, encoding="utf-8")  # without the fonts, which would be asked of the network


def say(message: str) -> None:
    """A line for a person."""
    typer.echo(message)


def fail(message: str) -> None:
    """The sentence of an error, on the error output."""
    typer.echo(f"stet: {message}", err=True)


def confirm(question: str, *, yes: bool) -> None:
    """Go on only with a yes. Without a terminal and without `--yes` nothing is done."""
    if not yes and not (sys.stdin.isatty() and typer.confirm(question)):
        fail("Nothing was changed; say --yes to go on.")
        raise typer.Exit(1)


def when(seconds: float | None) -> str:
    """Unix time as local date and time."""
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
