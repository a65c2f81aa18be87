"""Servers that start at once: a process that has everything imported forks a `stet serve` for every connection.

What it forks is the real command on the real handlers, threads and store; only the second of imports is saved, which
makes thousands of kills affordable. Run as `python -m tests.support.nursery SOCKET`; a child says its
process id first.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from importlib import import_module
from pathlib import Path


def main(address: str) -> None:
    """Listen on the Unix socket `address` until killed."""
    from stet.capture.secrets import mask
    from stet.cli.serve import serve

    for name in ("stet.assistant", "stet.completion.scripted", "stet.lsp.server"):
        import_module(name)
    mask(" ")

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are reaped by themselves
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        connection, _ = listener.accept()
        if os.fork():
            connection.close()
            continue
        listener.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        connection.sendall(f"{os.getpid()}\n".encode())
        os.dup2(connection.fileno(), 0)
        os.dup2(connection.fileno(), 1)
        connection.close()
        with contextlib.suppress(BaseException):
            serve(clock="client", suggestions="client")
        os._exit(0)


if __name__ == "__main__":
    Path(sys.argv[1]).unlink(missing_ok=True)
    main(sys.argv[1])
