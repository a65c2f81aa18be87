"""`stet serve` and `stet engine`: the two processes that run while somebody writes."""

from __future__ import annotations

import ipaddress
import os
import random
import socket
import sys
import time
import uuid
from typing import Annotated, Literal

import typer

from stet.cli.output import fail


def serve(
    tcp: Annotated[str, typer.Option(metavar="HOST:PORT", help="Listen here instead of on standard input.")] = "",
    allow_remote: Annotated[bool, typer.Option(help="Let --tcp listen on an address that others can reach.")] = False,
    clock: Annotated[
        Literal["system", "client"],
        typer.Option(help="Whose time counts; `client` is for replays of recorded writing."),
    ] = "system",
    suggestions: Annotated[
        Literal["engine", "client"],
        typer.Option(help="Where suggestions come from; `client` is for replays: no engine is started."),
    ] = "engine",
) -> None:
    """Run the language server, for an editor to talk to."""
    from stet.assistant import Assistant
    from stet.assistant.editor import Editor
    from stet.completion.scripted import ScriptedPolicy
    from stet.lsp.server import create_server
    from stet.settings import default_paths

    address = _address(tcp, allow_remote) if tcp else None
    held = [0.0]  # until the client has said what time it is
    scripted = suggestions == "client"
    now = time.time if clock == "system" else lambda: held[0]

    def make_assistant(editor: Editor) -> Assistant:
        return Assistant(
            editor,
            default_paths(os.environ),
            now=now,
            chance=random.random,
            new_id=lambda: uuid.uuid4().hex,
            cores=os.cpu_count() or 1,
            script=ScriptedPolicy() if scripted else None,
        )

    set_clock = None if clock == "system" else lambda at: held.__setitem__(0, at)
    server = create_server(make_assistant, set_clock, scripted=scripted)
    if address is None:
        server.start_io()
    else:
        server.start_tcp(*address)


def engine() -> None:
    """The engine's process; the server starts it and speaks to it on standard input."""
    from stet.engine.child import run_engine

    run_engine(sys.stdin, sys.stdout)


def _address(tcp: str, allow_remote: bool) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, refused where others could reach it unasked, or where somebody listens already."""
    host, _, port = tcp.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not port.isdigit() or int(port) > 65535:
        fail(f"--tcp {tcp} is not of the form HOST:PORT; for instance --tcp 127.0.0.1:7777.")
        raise typer.Exit(2)
    if not allow_remote and not _is_loopback(host):
        fail(f"{host} can be reached by other machines; use 127.0.0.1, or say --allow-remote if that is meant.")
        raise typer.Exit(2)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError as error:
            fail(f"{host}:{port} cannot be listened on ({error.strerror}); pick another port with --tcp.")
            raise typer.Exit(1) from error
    return host, int(port)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
