"""What the server can do, in every position encoding, by push and pull, over TCP, and for clients that know less."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from stet.core.spans import Span
from stet.lsp import messages
from tests.support.session import KEY, URI, Session, StandIn, session, stand_in


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[StandIn]:
    async with stand_in(tmp_path, {"I shall": " gladly come."}, default=" and so on") as running:
        yield running


@pytest.fixture
async def window(tmp_path: Path, engine: StandIn) -> AsyncIterator[Session]:
    async with session(tmp_path / "data", engine=engine, settings={"completion": {"menu": True}}) as opened:
        await opened.ready()
        yield opened


async def test_what_is_advertised(window: Session) -> None:
    can = window.editor.capabilities
    assert can is not None
    assert can.inline_completion_provider is not None and can.completion_provider is not None
    assert can.execute_command_provider is not None
    assert set(can.execute_command_provider.commands) == set(messages.COMMANDS)
    sync = can.text_document_sync
    assert isinstance(sync, types.TextDocumentSyncOptions)
    assert (sync.change, sync.open_close) == (types.TextDocumentSyncKind.Incremental, True)


async def test_initialize_is_answered_before_anything_is_loaded(
    tmp_path: Path, engine: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    """The time from the start of the process to the answer is printed, for it is what a writer waits for."""
    started = time.monotonic()
    async with session(tmp_path / "data", engine=engine) as window:
        seconds = time.monotonic() - started
        assert window.editor.capabilities is not None
    with capsys.disabled():
        print(f"\n  initialize was answered {seconds:.2f} s after the start of the process", end="")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_position_encodings(tmp_path: Path, engine: StandIn, encoding: str) -> None:
    async with session(tmp_path / "data", engine=engine, encoding=encoding) as window:
        await window.ready()
        assert window.editor.capabilities is not None
        assert window.editor.capabilities.position_encoding == encoding
        window.editor.open(URI, "😀 é 語\n😀é語 ")
        window.type("I shall")
        offered = await window.suggest()
        assert offered is not None and offered[1] == " gladly come."
        end = len(window.editor.text(URI))
        assert await window.editor.accept(URI, end, offered)
        at = window.editor.text(URI).index("come")
        window.editor.replace(URI, Span(at, at + 4), "")
        window.editor.replace(URI, Span(at, at), "wait")
        window.wait(20)
        (record,) = await window.records(1)
        assert record.final.strip() == "gladly wait."
        assert record.context.prefix == "😀 é 語\n😀é語 I shall"


async def test_a_menu_for_editors_without_inline_completion(window: Session) -> None:
    window.editor.open(URI, "I shall")
    params = types.CompletionParams(types.TextDocumentIdentifier(URI), types.Position(0, 7))
    answer = await window.editor.request(types.TEXT_DOCUMENT_COMPLETION, params)
    assert isinstance(answer, types.CompletionList) and answer.is_incomplete
    (item,) = answer.items
    assert isinstance(item.text_edit, types.TextEdit) and item.text_edit.new_text == " gladly come."
    assert item.preselect and item.command is not None and item.command.command == "stet.accept"


async def test_no_ghost_text_while_a_menu_is_open(window: Session) -> None:
    window.editor.open(URI, "I shall")
    where = types.Position(0, 7)
    shown = types.SelectedCompletionInfo(range=types.Range(where, where), text="x")
    context = types.InlineCompletionContext(types.InlineCompletionTriggerKind.Automatic, shown)
    params = types.InlineCompletionParams(context, types.TextDocumentIdentifier(URI), where)
    assert list((await window.editor.request(types.TEXT_DOCUMENT_INLINE_COMPLETION, params)).items) == []


async def test_settings_are_pulled_when_the_client_offers_it(tmp_path: Path, engine: StandIn) -> None:
    pulled: dict[str, Any] = {
        "engine": {"url": engine.url, "apiKey": KEY},
        "capture": {"consent": "no"},
        "completion": {"maxTokens": -3},
    }
    async with session(tmp_path / "data", engine=None, models=tmp_path / "none", pulled=pulled) as window:
        state = await window.ready()
        assert state["consent"] is False and window.questions == []
        assert any("stet.completion.maxTokens" in line for line in window.editor.log)


async def test_a_change_of_settings_holds_at_once(window: Session, engine: StandIn) -> None:
    window.editor.open(URI, "I shall")
    assert await window.suggest() is not None
    window.editor.configure({"completion": {"enabled": False}, "engine": {"url": engine.url, "apiKey": KEY}})
    assert await window.suggest() is None
    window.editor.configure({"enabled": False, "engine": {"url": engine.url, "apiKey": KEY}})
    assert (await window.editor.ask_status())["kind"] == "Inactive"


async def test_copilot_and_legacy_signals(window: Session) -> None:
    window.editor.open(URI)
    window.type("I shall")
    offered = await window.suggest()
    assert offered is not None
    item = {"command": {"command": "stet.accept", "arguments": [offered[0]]}}
    window.editor.notify("textDocument/didShowCompletion", {"item": item})
    end = len(window.editor.text(URI))
    window.editor.replace(URI, Span(end, end), " gladly")
    window.editor.notify("textDocument/didPartiallyAcceptCompletion", {"item": item, "acceptedLength": 7})
    assert await window.editor.request("notifyAccepted", {"uuid": offered[0], "acceptedLength": 7}) == "OK"
    assert await window.editor.request("notifyRejected", {"uuids": ["unknown"]}) == "OK"
    window.type(" not.")
    window.wait(20)
    (record,) = await window.records(1)
    assert (record.id, record.suggestion.strip(), record.outcome.value) == (offered[0], "gladly", "partially_accepted")


async def test_a_rejection_is_recorded_and_not_offered_again(window: Session) -> None:
    window.editor.open(URI)
    window.type("I shall")
    offered = await window.suggest()
    assert offered is not None
    window.editor.notify("stet/didEndCompletion", {"id": offered[0], "reason": "rejected"})
    again = await window.suggest()
    assert again is None or again[0] != offered[0]


async def test_a_client_without_a_name_and_without_capabilities(tmp_path: Path, engine: StandIn) -> None:
    """Kate and Vim with ALE send null clientInfo, whole texts and no versions; every step by hand, over TCP."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "stet", "serve", "--tcp", f"127.0.0.1:{port}"),
        env={**os.environ, "STET_DATA_DIR": str(tmp_path / "data")},
    )
    try:
        reader, writer = await connect(port)

        async def send(message: dict[str, Any]) -> None:
            body = json.dumps({"jsonrpc": "2.0", **message}).encode()
            writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()

        async def answer(number: int) -> Any:
            while True:
                length = 0
                while line := (await reader.readline()).strip():
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                message = json.loads(await reader.readexactly(length))
                if message.get("id") == number and "method" not in message:
                    return message["result"]

        options = {
            "engine": {"url": engine.url, "apiKey": KEY},
            "completion": {"menu": True},
            "capture": {"consent": "no"},
        }
        await send(
            {
                "id": 1,
                "method": "initialize",
                "params": {
                    "processId": None,
                    "clientInfo": None,
                    "rootUri": None,
                    "capabilities": {},
                    "initializationOptions": options,
                },
            }
        )
        assert (await answer(1))["capabilities"]["positionEncoding"] == "utf-16"
        await send({"method": "initialized", "params": {}})
        document = {"uri": URI, "languageId": "text", "version": 1, "text": "I"}
        await send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        change = {"textDocument": {"uri": URI, "version": 2}, "contentChanges": [{"text": "I shall"}]}
        await send({"method": "textDocument/didChange", "params": change})
        number = 1
        items: list[Any] = []
        while not items and number < 400:
            number += 1
            params = {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 7}, "context": None}
            await send({"id": number, "method": "textDocument/completion", "params": params})
            items = (await answer(number))["items"]
            await asyncio.sleep(0.05)  # the engine is still being asked whether it is well
        assert items[0]["textEdit"]["newText"] == " gladly come."
        await send({"id": 1000, "method": "shutdown"})
        await answer(1000)
        await send({"method": "exit"})
        assert await asyncio.wait_for(process.wait(), 20) == 0
        writer.close()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    for _ in range(400):
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
    raise AssertionError("the server does not listen")
