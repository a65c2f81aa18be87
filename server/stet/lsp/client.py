"""An editor without a screen: drives a real `stet serve` over stdio. For the demo and replays; tests have their own.

It keeps each document's text as an editor does and sends what an editor sends. It judges nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lsprotocol import types
from pygls.lsp._base_client import BaseLanguageClient
from pygls.lsp.client import LanguageClient

from stet.core.spans import Change, Span
from stet.core.text import TextBuffer
from stet.lsp import messages
from stet.lsp.positions import to_position
from stet.lsp.window import field


def capabilities(*, pull: bool = False, encodings: Sequence[str] = ("utf-16",)) -> types.ClientCapabilities:
    """What this editor says it can do; with `pull` it answers `workspace/configuration`."""
    return types.ClientCapabilities(
        general=types.GeneralClientCapabilities(
            position_encodings=[types.PositionEncodingKind(encoding) for encoding in encodings]
        ),
        text_document=types.TextDocumentClientCapabilities(
            synchronization=types.TextDocumentSyncClientCapabilities(),
            completion=types.CompletionClientCapabilities(),
            inline_completion=types.InlineCompletionClientCapabilities(),
        ),
        workspace=types.WorkspaceClientCapabilities(
            configuration=pull,
            execute_command=types.ExecuteCommandClientCapabilities(),
            did_change_configuration=types.DidChangeConfigurationClientCapabilities(),
        ),
        window=types.WindowClientCapabilities(
            work_done_progress=True, show_message=types.ShowMessageRequestClientCapabilities()
        ),
    )


class EditorClient:
    """One editor window: a server process and its open documents."""

    def __init__(
        self,
        answer: Callable[[str], str | None],
        on_progress: Callable[[str], None],
        client: BaseLanguageClient | None = None,
        encoding: str = "utf-16",
    ) -> None:
        """`answer` picks a reply to a question of the server's; `on_progress` gets each progress message."""
        self._encoding = encoding
        self._client = client or LanguageClient("stet-editor", "1")
        self._pages: dict[str, tuple[TextBuffer, int]] = {}
        self._errors: deque[str] = deque(maxlen=20)
        self._tasks: list[asyncio.Task[None]] = []
        self._killed = False
        self.configuration: dict[str, Any] | None = None
        """What a pull of the settings is answered with; None declares no such capability."""
        self.capabilities: types.ServerCapabilities | None = None
        """What the server said that it can do."""
        self.status: dict[str, Any] = {}
        self.log: list[str] = []
        self._listen(answer, on_progress)

    async def start(self, command: Sequence[str], environ: Mapping[str, str], settings: dict[str, Any]) -> None:
        """Start the server and go through the handshake."""
        await self._client.start_io(command[0], *command[1:], env={**os.environ, **environ})
        self._tasks.append(asyncio.ensure_future(self._drain_errors()))
        answer = await self._client.initialize_async(
            types.InitializeParams(
                capabilities=capabilities(pull=self.configuration is not None, encodings=[self._encoding]),
                initialization_options={messages.SECTION: settings},
            )
        )
        self.capabilities = answer.capabilities
        self._client.initialized(types.InitializedParams())

    def configure(self, settings: dict[str, Any]) -> None:
        """Push new settings."""
        self._client.workspace_did_change_configuration(
            types.DidChangeConfigurationParams(settings={messages.SECTION: settings})
        )

    def set_clock(self, now: float) -> None:
        """Tell a server started with `--clock client` what time it is, in Unix seconds."""
        self.notify(messages.SET_CLOCK, {"now": now})

    def set_suggestion(self, text: str) -> None:
        """Tell a server started with `--suggestions client` what to offer next."""
        self.notify(messages.SET_SUGGESTION, {"text": text})

    def open(self, uri: str, text: str = "") -> None:
        """Open a plain text document."""
        self._pages[uri] = (TextBuffer(text), 1)
        item = types.TextDocumentItem(uri=uri, language_id="plaintext", version=1, text=text)
        self._client.text_document_did_open(types.DidOpenTextDocumentParams(text_document=item))

    def close(self, uri: str) -> None:
        """Close a document."""
        del self._pages[uri]
        identifier = types.TextDocumentIdentifier(uri=uri)
        self._client.text_document_did_close(types.DidCloseTextDocumentParams(text_document=identifier))

    def text(self, uri: str) -> str:
        """The text of an open document."""
        return self._pages[uri][0].text

    def replace(self, uri: str, span: Span, text: str) -> None:
        """One edit, sent as one change of a range."""
        buffer, version = self._pages[uri]
        start, end = to_position(buffer, span.start, self._encoding), to_position(buffer, span.end, self._encoding)
        buffer.apply(Change(span, text))
        self._pages[uri] = (buffer, version + 1)
        event = types.TextDocumentContentChangePartial(range=types.Range(start=start, end=end), text=text)
        self._client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                text_document=types.VersionedTextDocumentIdentifier(uri=uri, version=version + 1),
                content_changes=[event],
            )
        )

    def change(self, uri: str, changes: Sequence[Change], *, whole_text: bool = False) -> None:
        """Several changes in one notification, each in the text the one before left; or the text after them."""
        buffer, version = self._pages[uri]
        events: list[dict[str, Any]] = []
        for change in changes:
            ends = [to_position(buffer, at, self._encoding) for at in (change.span.start, change.span.end)]
            start, end = ({"line": at.line, "character": at.character} for at in ends)
            buffer.apply(change)
            events.append({"range": {"start": start, "end": end}, "text": change.text})
        if whole_text:
            events = [{"text": buffer.text}]
        self._pages[uri] = (buffer, version + 1)
        identifier = {"uri": uri, "version": version + 1}
        self.notify(types.TEXT_DOCUMENT_DID_CHANGE, {"textDocument": identifier, "contentChanges": events})

    async def suggest(self, uri: str, offset: int) -> tuple[str, str] | None:
        """(id, text) of the suggestion for `offset`, or None when nothing is offered there."""
        buffer, _ = self._pages[uri]
        answer = await self._client.text_document_inline_completion_async(
            types.InlineCompletionParams(
                text_document=types.TextDocumentIdentifier(uri=uri),
                position=to_position(buffer, offset, self._encoding),
                context=types.InlineCompletionContext(types.InlineCompletionTriggerKind.Automatic),
            )
        )
        items = answer.items if isinstance(answer, types.InlineCompletionList) else answer
        if not items:
            return None
        item = items[0]
        arguments = item.command.arguments if item.command else None
        return str((arguments or [""])[0]), str(item.insert_text)

    async def accept(self, uri: str, offset: int, suggestion: tuple[str, str]) -> bool:
        """Insert a suggestion and run its command, as editors do; True when it is on record."""
        self.replace(uri, Span(offset, offset), suggestion[1])
        return bool(await self.run(messages.ACCEPT, suggestion[0]))

    async def run(self, command: str, *arguments: Any) -> Any:
        """Run a command of the server's."""
        return await self._client.workspace_execute_command_async(
            types.ExecuteCommandParams(command=command, arguments=list(arguments))
        )

    async def ask_status(self) -> dict[str, Any]:
        """The answer to `stet.status`."""
        answer = await self.run(messages.STATUS)
        plain = answer._asdict() if hasattr(answer, "_asdict") else dict(answer)
        return {str(key): value for key, value in plain.items()}

    async def request(self, method: str, params: Any) -> Any:
        """Any request, as it is."""
        return await self._client.protocol.send_request_async(method, params)

    def notify(self, method: str, params: Any) -> None:
        """Any notification, as it is."""
        self.send_raw(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode())

    def send_raw(self, body: bytes) -> None:
        """Bytes under a proper header, whatever they are."""
        writer: Any = self._client.protocol.writer
        writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def kill(self) -> None:
        """End the server as a crash would: kill -9."""
        self._killed = True
        process = getattr(self._client, "_server", None)
        if process is not None and process.returncode is None:
            process.kill()

    @property
    def process_id(self) -> int:
        """The server's process id."""
        return int(self._client._server.pid)  # type: ignore[union-attr]

    async def stop(self) -> None:
        """Shut the server down and wait until it is gone."""
        process = getattr(self._client, "_server", None)
        if process is not None and process.returncode is None and not self._killed:
            with contextlib.suppress(TimeoutError, ConnectionError):
                await asyncio.wait_for(self._client.shutdown_async(None), 20)
                self._client.exit(None)
                await asyncio.wait_for(process.wait(), 20)
        if process is not None:
            self.kill()
            await process.wait()
        await self._client.stop()  # type: ignore[no-untyped-call]
        for task in self._tasks:
            task.cancel()

    def errors(self) -> str:
        """The last lines of the server's error output."""
        return "".join(self._errors)

    def _listen(self, answer: Callable[[str], str | None], on_progress: Callable[[str], None]) -> None:
        def on_question(params: types.ShowMessageRequestParams) -> types.MessageActionItem | None:
            picked = answer(params.message)
            return next((action for action in params.actions or () if action.title == picked), None)

        def on_create(params: types.WorkDoneProgressCreateParams) -> None:
            return None

        def on_report(params: types.ProgressParams) -> None:
            message = field(params, "value", "message")
            if message:
                on_progress(str(message))

        def on_message(params: types.LogMessageParams | types.ShowMessageParams) -> None:
            self.log.append(params.message)

        def on_status(params: Any) -> None:
            self.status = {key: field(params, key) for key in ("kind", "message", "busy")}

        def on_pull(params: types.ConfigurationParams) -> list[Any]:
            return [self.configuration if item.section == messages.SECTION else None for item in params.items]

        handlers: dict[str, Callable[[Any], Any]] = {
            types.WINDOW_SHOW_MESSAGE_REQUEST: on_question,
            types.WINDOW_WORK_DONE_PROGRESS_CREATE: on_create,
            types.WORKSPACE_CONFIGURATION: on_pull,
            types.PROGRESS: on_report,
            types.WINDOW_LOG_MESSAGE: on_message,
            types.WINDOW_SHOW_MESSAGE: on_message,
            messages.DID_CHANGE_STATUS: on_status,
        }
        for name, handler in handlers.items():
            self._client.feature(name)(handler)

    async def _drain_errors(self) -> None:
        process = getattr(self._client, "_server", None)
        if process is None or process.stderr is None:
            return
        while line := await process.stderr.readline():
            self._errors.append(line.decode("utf-8", "replace"))
