"""Whatever a client or a text throws at the server: no crash, and no suggestion or a correct one."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from stet.core.spans import Span
from tests.support.session import URI, Session, StandIn, session, stand_in

ODD_TEXTS = {
    "nul": "I sh\x00all",
    "surrogate": "half \ud83d of a pair",
    "special tokens": "<|im_end|><|im_start|>system\nI shall",
    "separators": "=======\n<<<<<<< HEAD\n\u2028\u2029\x0b\x0c\x85 I shall",
    "right to left": "שלום I shall",
    "combining": "e\u0301\u0323 I shall",
    "one long line": "word " * 20_000 + "I shall",
    "empty": "",
}


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[StandIn]:
    async with stand_in(tmp_path, {"I shall": " gladly come."}, default=" and so on") as running:
        yield running


@pytest.fixture
async def window(tmp_path: Path, engine: StandIn) -> AsyncIterator[Session]:
    async with session(tmp_path / "data", engine=engine) as opened:
        await opened.ready()
        yield opened


async def still_well(window: Session) -> None:
    """The server goes on to offer what it should."""
    uri = "file:///tmp/after.txt"
    window.editor.open(uri, "I shall")
    offered = await window.suggest(uri)
    assert offered is not None and offered[1] == " gladly come."
    window.editor.close(uri)


async def ask(window: Session, line: int, character: int) -> types.InlineCompletionList:
    """The answer for any position, as it is."""
    params = types.InlineCompletionParams(
        context=types.InlineCompletionContext(types.InlineCompletionTriggerKind.Invoked),
        text_document=types.TextDocumentIdentifier(URI),
        position=types.Position(line, character),
    )
    answer = await window.editor.request("textDocument/inlineCompletion", params)
    assert isinstance(answer, types.InlineCompletionList)
    return answer


@pytest.mark.parametrize("name", ODD_TEXTS)
async def test_odd_texts(window: Session, name: str) -> None:
    text = ODD_TEXTS[name]
    window.editor.open(URI, text)
    await window.suggest()
    window.type("\x00\ud800<|endoftext|>")
    window.editor.replace(URI, Span(0, len(window.editor.text(URI))), "")
    window.wait(60)
    await still_well(window)


async def test_a_very_large_document_gets_no_suggestion_and_harms_nothing(window: Session) -> None:
    window.editor.open(URI, "A line of fifty characters, all of them letters.\n" * 1_000_000)
    assert await window.suggest() is None
    await still_well(window)


@pytest.mark.parametrize("position", [(0, 10_000), (10_000, 0), (2**31 - 1, 2**31 - 1)])
async def test_a_position_outside_the_document_is_clamped(window: Session, position: tuple[int, int]) -> None:
    window.editor.open(URI, "I shall")
    answer = await ask(window, *position)
    assert answer.items[0].range.start == types.Position(0, 7)


async def test_closed_and_unknown_documents(window: Session) -> None:
    window.editor.open(URI, "I shall")
    window.editor.close(URI)
    for method in ("textDocument/didChange", "textDocument/didClose", "textDocument/didSave"):
        window.editor.notify(
            method,
            {
                "textDocument": {"uri": URI, "version": 9},
                "contentChanges": [{"text": "x"}],
            },
        )
    answer = await ask(window, 0, 0)
    assert list(answer.items) == []
    await still_well(window)


MALFORMED: list[dict[str, Any]] = [
    {"jsonrpc": "2.0", "method": "textDocument/didChange", "params": {"textDocument": 3}},
    {"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": None},
    {"jsonrpc": "2.0", "method": "textDocument/didShowCompletion", "params": {"item": [1]}},
    {"jsonrpc": "2.0", "method": "textDocument/didPartiallyAcceptCompletion", "params": {"acceptedLength": "x"}},
    {"jsonrpc": "2.0", "method": "stet/didEndCompletion", "params": {"id": 7, "reason": []}},
    {"jsonrpc": "2.0", "method": "stet/setClock", "params": {"now": "late"}},
    {"jsonrpc": "2.0", "method": "no/such", "params": {}},
    {"jsonrpc": "2.0", "id": 900, "method": "no/such", "params": {}},
    {"jsonrpc": "2.0", "id": 901, "method": "notifyRejected", "params": {"uuids": [None, 4, "unknown"]}},
    {"jsonrpc": "2.0", "id": 902, "method": "workspace/executeCommand", "params": {"command": "stet.nothing"}},
    {
        "jsonrpc": "2.0",
        "id": 903,
        "method": "workspace/executeCommand",
        "params": {"command": "stet.accept", "arguments": [{}]},
    },
    {"jsonrpc": "2.0", "id": 904, "method": "textDocument/inlineCompletion", "params": {}},
    {"jsonrpc": "2.0", "method": "workspace/didChangeConfiguration", "params": {"settings": [1, 2]}},
    {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 12345}},
    {"hello": "there"},
    [],
    "text",
]


async def test_malformed_messages(window: Session) -> None:
    for message in MALFORMED:
        window.editor.send_raw(json.dumps(message).encode())
    window.editor.send_raw(b"{not json")
    window.editor.send_raw(b"\xff\xfe\x00")
    await still_well(window)


async def test_bad_settings_are_named_and_the_good_ones_kept(tmp_path: Path, engine: StandIn) -> None:
    settings = {"capture": {"settleSeconds": "soon", "consent": "no"}, "colour": "red", "completion": {"maxTokens": 5}}
    async with session(tmp_path / "data", engine=engine, settings=settings) as window:
        await window.ready()
        said = " ".join(window.editor.log)
        assert "stet.capture.settleSeconds" in said and "stet.colour" in said
        assert window.questions == []
        window.editor.configure(
            {**settings, "completion": {"maxTokens": 0}, "engine": {"url": engine.url, "apiKey": "k"}}
        )
        await window.until(lambda state: any("maxTokens" in line for line in window.editor.log), "the report")


async def test_a_store_that_cannot_be_made_costs_no_suggestion(tmp_path: Path, engine: StandIn) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    async with session(tmp_path / "data", engine=engine) as window:
        state = await window.until(lambda state: bool(state["model"]), "the engine")
        assert state["kind"] == "Warning" and str(tmp_path / "data") in state["message"]
        await still_well(window)


async def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path, engine: StandIn) -> None:
    async with session(tmp_path / "data", engine=engine) as window:
        await window.ready()
    store = tmp_path / "data" / "stet.db"
    with sqlite3.connect(store) as connection:
        connection.execute("PRAGMA user_version = 9999")
    connection.close()
    before = store.read_bytes()
    async with session(tmp_path / "data", engine=engine) as window:
        state = await window.until(lambda state: bool(state["model"]), "the engine")
        assert state["kind"] == "Warning" and "newer" in state["message"]
        await still_well(window)
    assert store.read_bytes() == before


async def test_a_corrupt_store_is_set_aside(tmp_path: Path, engine: StandIn) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "stet.db").write_bytes(b"not a database at all" * 500)
    async with session(tmp_path / "data", engine=engine) as window:
        await window.ready()
        await still_well(window)
    aside = [path for path in (tmp_path / "data").iterdir() if "corrupt" in path.name]
    assert [path.read_bytes() for path in aside] == [b"not a database at all" * 500]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"model": {"name": "no-such-model"}}, "stet models list"),
        ({"model": {"path": "/no/such/file.gguf"}}, "/no/such/file.gguf"),
        ({"engine": {"url": "http://127.0.0.1:9", "apiKey": "k"}}, "127.0.0.1:9"),
    ],
)
async def test_no_engine_is_said_in_a_sentence(tmp_path: Path, settings: dict[str, Any], sentence: str) -> None:
    async with session(
        tmp_path / "data", engine=None, settings=settings, models=tmp_path / "models", answer=None
    ) as window:
        state = await window.until(lambda state: sentence in state["message"], "the sentence")
        assert state["kind"] in ("Error", "Warning")
        window.editor.open(URI, "I shall")
        assert await window.suggest() is None


def test_a_port_in_use_is_refused() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = subprocess.run(
            [sys.executable, "-m", "stet", "serve", "--tcp", f"127.0.0.1:{port}"],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert answer.returncode == 1 and f"127.0.0.1:{port}" in answer.stderr and "--tcp" in answer.stderr


@pytest.mark.parametrize("address", ["0.0.0.0:7777", "192.0.2.1:7777", "localhost:http", "7777x"])
def test_an_address_others_can_reach_is_refused(address: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "stet", "serve", "--tcp", address],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ},
    )
    assert (answer.returncode == 2 and "--tcp" in answer.stderr) or "--allow-remote" in answer.stderr
