"""A stand-in for llama-server: answers from a script, wants the key, and ends when its standard input closes.

`python -m tests.support.llama_stand_in --script FILE --port 0 --key KEY` prints one JSON line with the port. The script
is a list of {"ends_with": ..., "text": ...}; the first whose `ends_with` ends the prompt and forced text answers, the
file is read anew for each request, and {"default": text} answers where no other does. A rule may also have a "fault":
status, page, garbage, error, drop or hang. In a test's own process, `StandIn` also shows what it was asked.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_FORCED = re.compile(r'^root ::= "((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(?:U([0-9A-F]{8})|u([0-9A-F]{4}))")
_PIECE = re.compile(r"\s*\S+|\s+")

Rule = dict[str, str]


class StandIn:
    """A server in a thread of this process; `url` and `key` are what a client needs."""

    def __init__(self, rules: Callable[[], list[Rule]], key: str, port: int = 0, context_tokens: int = 0) -> None:
        """With `context_tokens`, a longer prompt (a token a character) is refused as llama-server does."""
        self.key = key
        self.bodies: list[dict[str, Any]] = []
        """Bodies of the requests for a completion."""
        self.tokenized: list[dict[str, Any]] = []
        self.hanging = threading.Event()
        """Set when an answer with the fault "hang" has begun."""
        self.left = threading.Event()
        """Set when the client of such an answer has gone."""
        self.release = threading.Event()
        """Set by a test to let such answers go on to their end."""
        self.rules = rules
        self.context_tokens = context_tokens
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def serve(self) -> None:
        """Answer until `close`."""
        self._server.serve_forever(poll_interval=0.02)

    def __enter__(self) -> StandIn:
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *ended: object) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()

    def rule_for(self, text: str) -> Rule:
        """The first rule whose `ends_with` ends `text`, or the default."""
        rules = self.rules()
        default = next((rule["default"] for rule in rules if "default" in rule), "")
        given = (rule for rule in rules if "default" not in rule and text.endswith(rule["ends_with"]))
        return next(given, {"text": default})


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--script", type=Path, required=True)
    arguments.add_argument("--port", type=int, default=0)
    arguments.add_argument("--key", required=True)
    given = arguments.parse_args()
    server = StandIn(lambda: json.loads(given.script.read_text(encoding="utf-8")), given.key, given.port)
    threading.Thread(target=_leave_with_stdin, daemon=True).start()
    print(json.dumps({"port": server.port}), flush=True)
    server.serve()


def _leave_with_stdin() -> None:
    sys.stdin.read()
    os._exit(0)


def _handler(owner: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            return

        def do_GET(self) -> None:
            self._answer(200, {"status": "ok"})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.headers.get("Authorization", "") != f"Bearer {owner.key}":
                self._answer(401, {"error": {"code": 401, "message": "Invalid API Key"}})
            elif self.path == "/tokenize":
                owner.tokenized.append(body)
                self._answer(200, {"tokens": [ord(character) for character in body["content"]]})
            elif self.path == "/completion":
                owner.bodies.append(body)
                self._complete(body)
            else:
                self._answer(404, {"error": {"code": 404, "message": "File Not Found"}})

        def _complete(self, body: dict[str, Any]) -> None:
            prompt = body["prompt"]
            if isinstance(prompt, list):
                prompt = "".join(map(chr, prompt))
            if owner.context_tokens and len(prompt) >= owner.context_tokens:
                error = {"type": "exceed_context_size_error", "n_ctx": owner.context_tokens}
                self._answer(400, {"error": {"code": 400, "message": "too long", **error}})
                return
            forced = _forced(body.get("grammar", ""))
            rule = owner.rule_for(prompt + forced)
            fault = rule.get("fault", "")
            if fault == "status":
                self._answer(500, {"error": {"code": 500, "message": "broken on purpose"}})
            elif fault == "page":
                self._answer(200, "<html>not here</html>")
            else:
                self._stream(forced + rule.get("text", ""), fault, len(prompt), body)

        def _stream(self, text: str, fault: str, prompt_tokens: int, body: dict[str, Any]) -> None:
            text, ended = _ended(text, body)
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            for piece in _PIECE.findall(text):
                row = {"token": piece, "bytes": list(piece.encode()), "logprob": -0.5}
                self._event({"content": piece, "stop": False, "completion_probabilities": [row]})
            if fault == "drop":
                return
            if fault == "garbage":
                self.wfile.write(b"data: {nonsense\n\n")
            if fault == "error":
                self._event({"error": {"code": 500, "message": "broken on purpose"}})
            if fault == "hang":
                self._hang()
            timings = {"prompt_n": prompt_tokens, "prompt_ms": 1.0, "predicted_ms": 1.0}
            self._event({"content": "", "stop": True, "stop_type": ended, "timings": timings})

        def _hang(self) -> None:
            owner.hanging.set()
            self.connection.settimeout(0.02)
            while not owner.release.is_set():
                try:
                    if not self.connection.recv(1):
                        owner.left.set()
                        return
                except TimeoutError:
                    continue
                except OSError:
                    owner.left.set()
                    return
            self.connection.settimeout(None)

        def _event(self, value: dict[str, Any]) -> None:
            try:
                self.wfile.write(b"data: " + json.dumps(value).encode() + b"\n\n")
                self.wfile.flush()
            except OSError:
                owner.left.set()

        def _answer(self, status: int, value: dict[str, Any] | str) -> None:
            body = (value if isinstance(value, str) else json.dumps(value)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _forced(grammar: str) -> str:
    """The text that a grammar of `stet.engine.client` begins with."""
    match = _FORCED.match(grammar)
    return _ESCAPE.sub(lambda found: chr(int(found[1] or found[2], 16)), match[1]) if match else ""


def _ended(text: str, body: dict[str, Any]) -> tuple[str, str]:
    """`text` cut at the first stop string or the token limit, and llama-server's word for why it ended."""
    places = [place for stop in body.get("stop", ()) if (place := text.find(stop)) >= 0]
    cut = text[: min(places)] if places else text
    pieces = _PIECE.findall(cut)
    limit = body.get("n_predict", -1)
    if 0 <= limit < len(pieces):
        return "".join(pieces[:limit]), "limit"
    return cut, "word" if places else "eos"


if __name__ == "__main__":
    main()
