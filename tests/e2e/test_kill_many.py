"""kill -9 at random points of a scripted writing session, over and over on one store.

After every kill: the store opens, every accept that was answered is a span or a record in it, nothing is on record
twice (the versions of a record count up from 1). The editor keeps its text, as editors do, and opens it again in the
next server. STET_KILLS sets the number; 2,000 take some ten minutes.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from stet.store import open_store, spans

KILLS = int(os.environ.get("STET_KILLS", "60"))
LIVES_A_DOCUMENT = 40
SUGGESTIONS = (
    " and the reading room is closed on Mondays.",
    " we will send the box to you next week",
    " with kind regards from the archive.",
    " 😀 the catalogue lists nine of them, none in print.",
)
SETTINGS = {
    "stet": {
        "capture": {"consent": "yes", "settleSeconds": 2},
        "learning": {"enabled": False},
        "selection": {"exploration": 0},
    }
}


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """(socket, data folder) of a process that forks servers."""
    folder = tmp_path_factory.mktemp("kills")
    address, data = folder / "nursery.sock", folder / "data"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.nursery", str(address)],
        env={**os.environ, "STET_DATA_DIR": str(data)},
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield address, data
    finally:
        process.kill()
        process.wait()


def test_nothing_accepted_is_lost_and_nothing_doubled(nursery: tuple[Path, Path]) -> None:
    address, data = nursery
    chance, desk = random.Random(7), Desk()
    reasons = Counter[str]()
    for life in range(KILLS):
        if life % LIVES_A_DOCUMENT == 0:
            desk.uri, desk.text = f"file:///tmp/kills-{life}.txt", "Dear friend,\n\n"
        with contextlib.suppress(ConnectionError, EOFError):
            desk.live(address, chance)
        check(data, desk)
    with open_store(data / "stet.db", 0.0) as database:
        for name in desk.accepted:
            found = spans.span(database, name)
            reasons[found[1] if found is not None else "none"] += 1
        with database.reading() as sql:
            said = sql.execute(
                "SELECT id, version, json_remove(body, '$.version', '$.settled_at') FROM records"
            ).fetchall()
    print({"kills": KILLS, "accepted": len(desk.accepted), "versions": desk.versions, "spans by reason": dict(reasons)})
    assert len(desk.accepted) > KILLS / 4
    by_version = {(name, version): body for name, version, body in said}
    assert not [key for key, body in by_version.items() if by_version.get((key[0], key[1] - 1)) == body], "said twice"


def check(data: Path, desk: Desk) -> None:
    with open_store(data / "stet.db", 0.0) as database:
        assert database.set_aside is None
        with database.reading() as sql:
            rows = sql.execute("SELECT id, count(*), min(version), max(version) FROM records GROUP BY id").fetchall()
            known = {row[0] for row in rows} | {row[0] for row in sql.execute("SELECT id FROM spans")}
    assert not desk.accepted - known
    assert all((first, last) == (1, count) for _, count, first, last in rows)
    desk.versions = sum(count for _, count, _, _ in rows)


@define
class Desk:
    """The editor's side: it outlives every server."""

    uri: str = ""
    text: str = ""
    now: float = 1_700_000_000.0
    number: int = 0
    version: int = 0
    accepted: set[str] = field(factory=set)
    versions: int = 0
    _socket: socket.socket = field(init=False)
    _buffer: bytes = b""

    def live(self, address: Path, chance: random.Random) -> None:
        """One life of a server, from its start to its kill. Raises EOFError or ConnectionError at the kill."""
        self._socket, self._buffer = socket.socket(socket.AF_UNIX), b""
        with self._socket:
            self._socket.settimeout(30)
            self._socket.connect(str(address))
            process = int(self._line())
            # Most kills come while it writes, some before it is there.
            killer = threading.Timer(chance.uniform(0.0, 0.6) ** 1.5, os.kill, (process, signal.SIGKILL))
            killer.start()
            try:
                self._write(chance)
            finally:
                killer.join()

    def _write(self, chance: random.Random) -> None:
        self._ask("initialize", {"capabilities": {}, "initializationOptions": SETTINGS})
        self._tell("initialized", {})
        self._wait(1)
        self._open()
        while True:
            act = chance.random()
            if act < 0.45:
                self._accept(chance)
            elif act < 0.75:
                self._edit(chance)
            elif act < 0.9:
                self._wait(chance.choice([0.5, 3.0, 30.0]))
            elif act < 0.95:
                self._tell("textDocument/didSave", {"textDocument": {"uri": self.uri}})
            else:
                self._tell("textDocument/didClose", {"textDocument": {"uri": self.uri}})
                self._open()

    def _accept(self, chance: random.Random) -> None:
        at = len(self.text)
        self._tell("stet/setSuggestion", {"text": chance.choice(SUGGESTIONS)})
        where = {"textDocument": {"uri": self.uri}, "position": self._position(at), "context": {"triggerKind": 2}}
        items = self._ask("textDocument/inlineCompletion", where)["items"]
        if not items:
            return
        self._change(at, at, items[0]["insertText"])
        name = items[0]["command"]["arguments"][0]
        if self._ask("workspace/executeCommand", {"command": "stet.accept", "arguments": [name]}):
            self.accepted.add(name)
        if chance.random() < 0.5:
            self._change(len(self.text), len(self.text), "\n")

    def _edit(self, chance: random.Random) -> None:
        start = max(0, len(self.text) - chance.randrange(60))
        end = min(len(self.text), start + chance.choice([0, 0, 1, 5, 30]))
        self._change(start, end, chance.choice(["", "x", " so", "."]))

    def _open(self) -> None:
        self.version += 1
        document = {"uri": self.uri, "languageId": "plaintext", "version": self.version, "text": self.text}
        self._tell("textDocument/didOpen", {"textDocument": document})

    def _change(self, start: int, end: int, text: str) -> None:
        ends = {"start": self._position(start), "end": self._position(end)}
        self.text = self.text[:start] + text + self.text[end:]
        self.version += 1
        identifier = {"uri": self.uri, "version": self.version}
        changes = [{"range": ends, "text": text}]
        self._tell("textDocument/didChange", {"textDocument": identifier, "contentChanges": changes})
        self._wait(0.2)

    def _wait(self, seconds: float) -> None:
        self.now += seconds
        self._tell("stet/setClock", {"now": self.now})

    def _position(self, offset: int) -> dict[str, int]:
        head = self.text[:offset]
        line = head[head.rfind("\n") + 1 :]
        return {"line": head.count("\n"), "character": len(line.encode("utf-16-le")) // 2}

    def _ask(self, method: str, params: Any) -> Any:
        self.number += 1
        self._send({"id": self.number, "method": method, "params": params})
        while True:
            answer = json.loads(self._message())
            if answer.get("id") == self.number and "method" not in answer:
                assert "error" not in answer, answer
                return answer["result"]

    def _tell(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def _message(self) -> bytes:
        length = 0
        while line := self._line().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        while len(self._buffer) < length:
            self._receive()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return body

    def _line(self) -> bytes:
        while b"\n" not in self._buffer:
            self._receive()
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _receive(self) -> None:
        more = self._socket.recv(65536)
        if not more:
            raise EOFError
        self._buffer += more
