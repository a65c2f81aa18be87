"""Wiring: which handler answers which message. Nothing here decides anything about suggestions."""

from __future__ import annotations

import logging
from collections.abc import Callable

from lsprotocol import types
from pygls.protocol import default_converter

from stet import __version__
from stet.assistant import Assistant
from stet.assistant.editor import Editor
from stet.lsp import configuration, dialects, handlers, messages
from stet.lsp.language_server import StetProtocol, StetServer
from stet.lsp.window import Window

AssistantFactory = Callable[[Editor], Assistant]


def create_server(
    make_assistant: AssistantFactory, set_clock: Callable[[float], None] | None = None, *, scripted: bool = False
) -> StetServer:
    """A server ready to be started. `make_assistant` gets the editor's side; it must not block.

    With `set_clock` the client says what time it is (`stet/setClock`), and when `scripted` also what is offered
    (`stet/setSuggestion`).
    """
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # at INFO and on errors it logs bodies: the writer's text
    server = StetServer(
        "stet",
        __version__,
        text_document_sync_kind=types.TextDocumentSyncKind.Incremental,
        protocol_cls=StetProtocol,
        converter_factory=default_converter,
    )
    server.assistant = make_assistant(Window(server))
    _register(server)
    if set_clock is not None:
        server.feature(messages.SET_CLOCK)(handlers.clock_handler(set_clock))
    if scripted:
        server.feature(messages.SET_SUGGESTION)(handlers.on_set_suggestion)
    return server


def _register(server: StetServer) -> None:
    feature = server.feature
    feature(types.INITIALIZE)(configuration.on_initialize)
    feature(types.INITIALIZED)(configuration.on_initialized)
    feature(types.SHUTDOWN)(handlers.on_shutdown)
    feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)(configuration.on_did_change_configuration)
    feature(types.TEXT_DOCUMENT_DID_OPEN)(handlers.on_did_open)
    feature(types.TEXT_DOCUMENT_DID_CHANGE)(handlers.on_did_change)
    feature(types.TEXT_DOCUMENT_DID_SAVE)(handlers.on_did_save)
    feature(types.TEXT_DOCUMENT_DID_CLOSE)(handlers.on_did_close)
    feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())(handlers.on_inline_completion)
    feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions())(handlers.on_completion)
    for name, handle in dialects.HANDLERS.items():
        feature(name)(handle)
    for name, handler in handlers.COMMAND_HANDLERS.items():
        server.command(name)(handler)
