"""The body of the engine's process: one llama.cpp server on loopback, told what to do on standard input.

Its key and paths come as one JSON line on standard input, so that they stand in no process list. It ends when standard
input closes: however the server went, its engine goes too, also while the model is still being read.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
import time
from typing import Any, TextIO

PR_SET_PDEATHSIG = 1
QUIET = 1
"""llama.cpp's level for errors only: prompts are never in its output."""


def run_engine(stdin: TextIO, stdout: TextIO) -> None:
    """Read the configuration line, serve, answer one JSON line, and stay until `stdin` closes.

    The line: {model, adapter | null, threads, context_tokens, slots, api_key}. The answer: {"ready": true, "port": n}
    or {"ready": false, "error": sentence}.
    """
    _die_with_parent()
    config = json.loads(stdin.readline())
    answers = os.fdopen(os.dup(stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), stdout.fileno())  # whatever llama.cpp prints must not look like an answer
    threading.Thread(target=_leave_with, args=(stdin,), daemon=True).start()
    started = time.monotonic()
    try:
        server = _serve(config)
    except (RuntimeError, ValueError, OSError) as error:
        said = str(error) or type(error).__name__
        answers.write(json.dumps({"ready": False, "error": said}) + "\n")
        answers.flush()
        return
    port = int(str(server.listening_address).rsplit(":", 1)[1])
    answers.write(json.dumps({"ready": True, "port": port, "load_seconds": time.monotonic() - started}) + "\n")
    answers.flush()
    threading.Event().wait()


def _serve(config: dict[str, Any]) -> Any:
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
