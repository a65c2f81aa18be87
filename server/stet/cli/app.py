"""The `stet` command: its sub-commands, and the one place where an error raised on purpose becomes an exit code."""

from __future__ import annotations

import sys

import typer

from stet import __version__
from stet.cli import adapters, bench, data, demo, doctor, models, reference, serve, study, train
from stet.cli.output import fail
from stet.core.errors import StetError

app = typer.Typer(
    name="stet",
    help="A writing assistant that runs on your own machine and learns from your corrections.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("engine", hidden=True)(serve.engine)
app.command("train")(train.train)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("reference", hidden=True)(reference.reference)
app.add_typer(models.app, name="models")
app.add_typer(data.app, name="data")
app.add_typer(adapters.app, name="adapters")
app.add_typer(study.app, name="study")
app.add_typer(bench.app, name="bench")


@app.callback(invoke_without_command=True)
def root(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    """A writing assistant that runs on your own machine and learns from your corrections."""
    if version:
        typer.echo(f"stet {__version__}")
        raise typer.Exit


def main() -> None:
    """Entry point of the `stet` command."""
    try:
        app()
    except StetError as error:
        fail(str(error))
        sys.exit(1)
