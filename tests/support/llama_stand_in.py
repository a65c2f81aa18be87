"""A stand-in for llama-server: answers from a script, wants the key, and ends when its standard input closes.

`python -m tests.support.llama_stand_in --script FILE --port 0 --key KEY` prints one JSON line with the port. The
script is a list of {"ends_with": ..., "text": ...}; the first whose `ends_with` ends prompt and forced text answers.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_FORCED = re.compile(r'^root ::= "((?:[^"\\]|\\.)*)"')


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--script", type=Path, required=True)
    arguments.add_argument("--port", type=int, default=0)
    arguments.add_argument("--key", required=True)
    given = arguments.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", given.port), _handler(given.script, given.key))
    threading.Thread(target=_leave_with_stdin, daemon=True).start()
    print(json.dumps({"port": server.server_address[1]}), flush=True)
    server.serve_forever()


def _leave_with_stdin() -> None:
    sys.stdin.read()
    os._exit(0)


def _handler(script: Path, key: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            return

        def do_GET(self) -> None:
            self._answer(200, {"status": "ok"})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.headers.get("Authorization") != f"Bearer {key}":
                self._answer(401, {"error": {"message": "Invalid API Key"}})
            elif self.path == "/tokenize":
                self._answer(200, {"tokens": [ord(character) for character in body["content"]]})
            else:
                self._complete(body)

        def _complete(self, body: dict[str, Any]) -> None:
            prompt = body["prompt"]
            if isinstance(prompt, list):
                prompt = "".join(map(chr, prompt))
            match = _FORCED.match(body.get("grammar", ""))
            forced = json.loads(f'"{match[1]}"') if match else ""
            rules = json.loads(script.read_text(encoding="utf-8"))
            text = forced + next(rule["text"] for rule in rules if (prompt + forced).endswith(rule["ends_with"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            probabilities = [{"token": text, "bytes": list(text.encode()), "logprob": -0.5}]
            self._event({"content": text, "stop": False, "completion_probabilities": probabilities})
            self._event({"content": "", "stop": True, "stop_type": "eos", "timings": {"prompt_n": len(prompt)}})
            self.close_connection = True

        def _event(self, value: dict[str, Any]) -> None:
            self.wfile.write(b"data: " + json.dumps(value).encode() + b"\n\n")
            self.wfile.flush()

        def _answer(self, status: int, value: dict[str, Any]) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


if __name__ == "__main__":
    main()
