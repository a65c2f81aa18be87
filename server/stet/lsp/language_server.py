"""The pygls server class and its protocol, without any feature registered.

pygls' own copy of each document is not kept: it costs a pass over the text on every keystroke, and the assistant has
its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, lsp_method

from stet.assistant import Assistant


class StetProtocol(LanguageServerProtocol):
    """LSP without pygls' document store: the three notifications go straight to our handlers."""

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> Generator[Any, Any, None]:
        yield self.fm.features[types.TEXT_DOCUMENT_DID_OPEN], (params,), None

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> Generator[Any, Any, None]:
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CHANGE], (params,), None

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> Generator[Any, Any, None]:
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CLOSE], (params,), None


class StetServer(LanguageServer):
    """The pygls server with the assistant behind it."""

    assistant: Assistant

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.unknown_ids: deque[str] = deque(maxlen=256)
        """Ids that clients spoke of and nobody knows: each is logged once."""

    def log_line(self, line: str) -> None:
        """A line in the editor's log of this server. Never holds text of the writer's."""
        self.window_log_message(types.LogMessageParams(types.MessageType.Info, line))

    def report_server_error(self, error: Exception, source: Any) -> None:
        """A malformed message is answered or logged by its kind; it never becomes a pop-up over the writer's text."""
        self.window_log_message(
            types.LogMessageParams(types.MessageType.Warning, f"A message was refused: {type(error).__name__}.")
        )
