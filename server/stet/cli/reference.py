"""`stet reference`: `docs/reference.md`, made from the code. A test holds the file against it."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from typing import Any

import typer

HEAD = """# Reference

Made from the code by `make docs`; a test fails when it is out of date.
"""


def reference(context: typer.Context) -> None:
    """Print the reference of commands, settings, editor commands and messages as Markdown."""
    typer.echo("\n".join(_lines(context.find_root().command)))


def _lines(root: Any) -> Iterator[str]:
    yield HEAD
    yield "## Commands\n"
    yield "Every command prints help with `--help`; those that a program might read print JSON with `--json`.\n"
    yield "| command | what it does |"
    yield "|---|---|"
    for name, help_text in sorted(_commands("stet", root)):
        yield f"| `{name}` | {help_text} |"
    yield "\nTwo variables of the environment move the folders: `STET_DATA_DIR` (store, adapters, logs) and"
    yield "`STET_MODELS_DIR` (models).\n"
    yield "## Settings\n"
    yield "Sent by the editor as `initializationOptions`, by `workspace/didChangeConfiguration`, or on request under"
    yield "the section `stet`. A bad value is reported by its path and the default is used.\n"
    yield "| setting | default | meaning |"
    yield "|---|---|---|"
    from stet.settings import Settings, schema

    tree = schema()
    for name, default, meaning in _settings(
        "stet", Settings().model_dump(by_alias=True, mode="json"), tree, tree["$defs"]
    ):
        yield f"| `{name}` | `{default}` | {meaning} |"
    yield "\n## Commands in the editor\n"
    yield "| command | what it does |"
    yield "|---|---|"
    from stet.lsp import messages

    for name, meaning in messages.COMMANDS.items():
        yield f"| `{name}` | {meaning} |"
    yield "\n## Messages beyond the Language Server Protocol\n"
    yield "Understood when a client sends them; none is needed.\n"
    for name in _messages(messages):
        yield f"- `{name}`"


def _commands(prefix: str, command: Any) -> Iterator[tuple[str, str]]:
    for name, inner in getattr(command, "commands", {}).items():
        if inner.hidden:
            continue
        if hasattr(inner, "commands"):
            yield from _commands(f"{prefix} {name}", inner)
            continue
        given = " ".join(
            (parameter.metavar or parameter.name.upper())
            if parameter.required
            else f"[{parameter.metavar or parameter.name.upper()}]"
            for parameter in inner.params
            if parameter.param_type_name == "argument"
        )
        options = " ".join(
            f"[{parameter.opts[0]}]"
            for parameter in inner.params
            if parameter.param_type_name == "option" and parameter.name != "help"
        )
        yield " ".join(filter(None, (f"{prefix} {name}", given, options))), inspect.cleandoc(inner.help).splitlines()[0]


def _settings(
    prefix: str, values: dict[str, Any], part: dict[str, Any], defs: dict[str, Any]
) -> Iterator[tuple[str, str, str]]:
    for name, value in values.items():
        field = part["properties"][name]
        if isinstance(value, dict) and ("$ref" in field or "allOf" in field):
            section = field.get("$ref") or field["allOf"][0]["$ref"]
            yield from _settings(f"{prefix}.{name}", value, defs[section.rsplit("/", 1)[1]], defs)
        else:
            yield f"{prefix}.{name}", _shown(value), field["description"]


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, dict):
        return json.dumps(value)
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value) or '""'


def _messages(module: Any) -> list[str]:
    """Values of the module's constants that name a message: those with a slash, or in the legacy style."""
    values = [value for name, value in vars(module).items() if name.isupper() and isinstance(value, str)]
    return [value for value in values if "/" in value or re.match(r"notify|did", value)]
