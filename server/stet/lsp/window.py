"""The editor's side of the assistant, over LSP: status, log, questions, progress. Holds no text of the writer's."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import attrs
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from stet.assistant.editor import Progress, Status
from stet.lsp import messages


class Window:
    """`stet.assistant.editor.Editor` over a pygls server."""

    def __init__(self, server: LanguageServer) -> None:
        self._server = server

    def show_status(self, status: Status) -> None:
        payload = {"kind": status.kind.value, "message": status.message, "busy": status.busy}
        self._server.protocol.notify(messages.DID_CHANGE_STATUS, payload)

    def log(self, message: str, *, warning: bool = False) -> None:
        kind = types.MessageType.Warning if warning else types.MessageType.Info
        self._server.window_log_message(types.LogMessageParams(kind, message))

    def show(self, message: str) -> None:
        self._server.window_show_message(types.ShowMessageParams(types.MessageType.Info, message))

    async def ask(self, question: str, answers: tuple[str, ...]) -> str | None:
        window = self._server.client_capabilities.window
        if window is None or window.show_message is None:
            # A client that does not declare the request may still answer it, or leave it for ever: it is only asked.
            self.log("This editor does not say that it can ask questions; set stet.capture.consent to yes or no.")
        actions = [types.MessageActionItem(title=answer) for answer in answers]
        params = types.ShowMessageRequestParams(types.MessageType.Info, question, actions)
        try:
            answer = await self._server.window_show_message_request_async(params)
        except (JsonRpcException, asyncio.CancelledError):
            return None
        title = getattr(answer, "title", None)
        return title if title in answers else None

    def begin_progress(self, title: str, on_cancel: Callable[[], None]) -> Progress:
        window = self._server.client_capabilities.window
        if window is None or not window.work_done_progress:
            return _LoggedProgress(self, title)
        return _TokenProgress(self._server, title, on_cancel)


class _LoggedProgress:
    """For editors without progress bars: the end is logged, the steps are not."""

    def __init__(self, window: Window, title: str) -> None:
        self._window, self._title = window, title

    def report(self, fraction: float, message: str) -> None:
        return

    def end(self, message: str) -> None:
        self._window.log(f"{self._title}: {message}")


class _TokenProgress:
    """One `$/progress` token made by the server. Reports are sent once the client has created the token."""

    def __init__(self, server: LanguageServer, title: str, on_cancel: Callable[[], None]) -> None:
        self._server = server
        self._token = str(uuid.uuid4())
        self._open = False
        self._ended: str | None = None
        self._on_cancel = on_cancel
        self._title = title
        self._task = asyncio.ensure_future(self._create())

    async def _create(self) -> None:
        try:
            await self._server.work_done_progress.create_async(self._token)
        except JsonRpcException:
            return
        self._open = True
        begin = types.WorkDoneProgressBegin(title=self._title, cancellable=True, percentage=0)
        self._server.work_done_progress.begin(self._token, begin)
        future: Future[Any] | None = self._server.work_done_progress.tokens.get(self._token)
        if future is not None:
            future.add_done_callback(self._cancelled)
        if self._ended is not None:
            self.end(self._ended)

    def _cancelled(self, future: Future[Any]) -> None:
        if future.cancelled():
            self._on_cancel()

    def report(self, fraction: float, message: str) -> None:
        if self._open and self._ended is None:
            percentage = round(100 * min(max(fraction, 0.0), 1.0))
            report = types.WorkDoneProgressReport(message=message, percentage=percentage)
            self._server.work_done_progress.report(self._token, report)

    def end(self, message: str) -> None:
        self._ended = message
        if self._open:
            self._open = False
            self._server.work_done_progress.end(self._token, types.WorkDoneProgressEnd(message=message))
            self._server.work_done_progress.tokens.pop(self._token, None)


def field(params: Any, *names: str) -> Any:
    """A nested value of a custom message, whatever pygls made of it: dict, namedtuple, attrs object or list index.

    None where any step is missing.
    """
    for name in names:
        if isinstance(params, dict):
            params = params.get(name)
        elif isinstance(params, list | tuple) and name.isdigit():
            params = params[int(name)] if int(name) < len(params) else None
        elif attrs.has(type(params)):
            params = getattr(params, name, None)
        else:
            params = getattr(params, name, None)
    return params
