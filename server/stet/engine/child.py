"""The body of the engine's process: one llama.cpp server on loopback, told what to do on standard input.

Its key and paths come as one JSON line on standard input, so that they stand in no process list. It ends when standard
input closes: however the server went, its engine goes too. What llama.cpp prints is read only while it loads, for the
reason of a failure; from then on it goes nowhere, so that no prompt can reach a log.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import sys
import tempfile
import threading
import time
from typing import Any, BinaryIO, TextIO

PR_SET_PDEATHSIG = 1
QUIET = 1
"""llama.cpp's level for errors only."""
_ERROR_LINE = re.compile(r"^[\d.]+ E (?:\w+ +)?\w+: (.+)\n", re.MULTILINE)
_REASON_SECONDS = 1.0
"""llama.cpp prints from a thread of its own, which may be late."""


def run_engine(stdin: TextIO, stdout: TextIO) -> None:
    """Read the configuration line, serve, answer one JSON line, and stay until `stdin` closes. Does not return.

    The line: {model, adapter | null, threads, context_tokens, slots, api_key}. The answer: {"ready": true, "port": n,
    "load_seconds": s} or {"ready": false, "error": clause}; then the process ends with code 1.
    """
    _die_with_parent()
    line = stdin.readline()
    if not line:  # the parent was gone before this process could ask for its death signal
        os._exit(0)
    answers = os.fdopen(os.dup(stdout.fileno()), "w", encoding="utf-8")
    # Appending, because reading moves the place that printing shares with it.
    printed = tempfile.TemporaryFile("ab+")  # noqa: SIM115  (it lives as long as the process, or until all went well)
    _print_to(printed.fileno())
    threading.Thread(target=_leave_with, args=(stdin,), daemon=True).start()
    started = time.monotonic()
    try:
        server = _serve(json.loads(line))
    except (RuntimeError, ValueError, KeyError, OSError) as error:
        _say(answers, {"ready": False, "error": _reason(printed) or str(error) or type(error).__name__})
        os._exit(1)  # the thread at `stdin` would make the interpreter abort on its ordinary way out
    _print_to(os.open(os.devnull, os.O_WRONLY))
    printed.close()
    port = int(str(server.listening_address).rsplit(":", 1)[1])
    _say(answers, {"ready": True, "port": port, "load_seconds": time.monotonic() - started})
    threading.Event().wait()


def _serve(config: dict[str, Any]) -> Any:
    """Load and listen. Holds the interpreter lock until the model is there; only the death signal works meanwhile."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = config["model"]
    params.n_ctx = config["context_tokens"] * config["slots"]
    params.n_parallel = config["slots"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = config["threads"]
    params.n_threads_http = 4
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [config["api_key"]]
    params.cors_origins = ""
    params.ui = False
    params.endpoint_slots = False
    params.cache_ram_mib = 0
    params.n_ctx_checkpoints = 0
    params.fit_params = False
    params.offline = True
    params.verbosity = QUIET
    if config["adapter"]:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(config["adapter"], 1.0)]
        params.lora_init_without_apply = True
    return xllamacpp.Server(params)


def _print_to(descriptor: int) -> None:
    """Send whatever is printed from here on, by Python or C++, to `descriptor`: it must not look like an answer."""
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)


def _reason(printed: BinaryIO) -> str:
    """The first error that llama.cpp printed while it loaded, without its own prefixes; "" when there is none."""
    until = time.monotonic() + _REASON_SECONDS
    while True:
        printed.seek(0)
        found = _ERROR_LINE.search(printed.read().decode("utf-8", "replace"))
        if found or time.monotonic() > until:
            return found[1].strip() if found else ""
        time.sleep(0.01)


def _say(answers: TextIO, answer: dict[str, Any]) -> None:
    try:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    except BrokenPipeError:
        os._exit(0)


def _leave_with(stdin: TextIO) -> None:
    while stdin.read(4096):
        pass
    os._exit(0)


def _die_with_parent() -> None:
    """On Linux the kernel ends this process with its parent, even where nobody reads standard input."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
