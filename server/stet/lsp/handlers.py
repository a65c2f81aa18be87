"""Handlers of about ten lines each: convert, call one method of the assistant, convert back."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

from lsprotocol import types

from stet.assistant import Offered
from stet.lsp import dialects, messages
from stet.lsp.language_server import StetServer
from stet.lsp.positions import to_changes, to_offset, to_position
from stet.lsp.window import field


def on_did_open(ls: StetServer, params: types.DidOpenTextDocumentParams) -> None:
    document = params.text_document
    ls.assistant.opened(document.uri, title_of(document.uri), document.language_id, document.text)


def on_did_change(ls: StetServer, params: types.DidChangeTextDocumentParams) -> None:
    uri = params.text_document.uri
    buffer = ls.assistant.buffer(uri)
    if buffer is not None:
        ls.assistant.changed(uri, to_changes(buffer, list(params.content_changes), _encoding(ls)))


def on_did_save(ls: StetServer, params: types.DidSaveTextDocumentParams) -> None:
    ls.assistant.saved(params.text_document.uri)


def on_did_close(ls: StetServer, params: types.DidCloseTextDocumentParams) -> None:
    ls.assistant.closed(params.text_document.uri)


async def on_inline_completion(ls: StetServer, params: types.InlineCompletionParams) -> types.InlineCompletionList:
    if params.context.selected_completion_info is not None:
        return types.InlineCompletionList(items=[])  # a menu is open: ghost text would fight with its preview
    invoked = params.context.trigger_kind == types.InlineCompletionTriggerKind.Invoked
    offered = await _complete(ls, params.text_document.uri, params.position, invoked)
    return types.InlineCompletionList(items=[_inline_item(ls, offered)] if offered else [])


async def on_completion(ls: StetServer, params: types.CompletionParams) -> types.CompletionList:
    if not ls.assistant.settings.completion.menu:
        return types.CompletionList(is_incomplete=False, items=[])
    offered = await _complete(ls, params.text_document.uri, params.position, invoked=False, menu=True)
    return types.CompletionList(is_incomplete=True, items=[_menu_item(ls, offered)] if offered else [])


async def on_shutdown(ls: StetServer, params: Any) -> None:
    await ls.assistant.stop()


def clock_handler(set_clock: Callable[[float], None]) -> Callable[[StetServer, Any], None]:
    """The handler of `stet/setClock`: sets the clock, then lets the assistant do what has come due."""

    def on_set_clock(ls: StetServer, params: Any) -> None:
        now = field(params, "now")
        if isinstance(now, int | float):
            set_clock(float(now))
            ls.assistant.tick()

    return on_set_clock


def on_set_suggestion(ls: StetServer, params: Any) -> None:
    """Only with `--suggestions client`: what is offered next."""
    text = field(params, "text")
    if isinstance(text, str):
        ls.assistant.set_suggestion(text)


async def run_accept(ls: StetServer, *arguments: Any) -> bool:
    """Answers once the accept is in the store: a client that got the answer can be killed without losing it."""
    if not arguments or not isinstance(arguments[0], str):
        return False
    if not ls.assistant.knows(arguments[0]):
        dialects.log_unknown(ls, arguments[0])
        return False
    return await ls.assistant.accepted(arguments[0])


async def run_train(ls: StetServer, *arguments: Any) -> str:
    return await ls.assistant.train()


async def run_halt(ls: StetServer, *arguments: Any) -> str:
    return await ls.assistant.halt()


def run_pause(ls: StetServer, *arguments: Any) -> str:
    return ls.assistant.pause()


def run_resume(ls: StetServer, *arguments: Any) -> str:
    return ls.assistant.resume()


async def run_status(ls: StetServer, *arguments: Any) -> dict[str, Any]:
    return await ls.assistant.status()


COMMAND_HANDLERS = {
    messages.ACCEPT: run_accept,
    messages.TRAIN: run_train,
    messages.HALT: run_halt,
    messages.PAUSE: run_pause,
    messages.RESUME: run_resume,
    messages.STATUS: run_status,
}


def title_of(uri: str) -> str:
    """File name of a URI, without folders."""
    try:
        return posixpath.basename(unquote(urlsplit(uri).path))
    except ValueError:
        return ""


async def _complete(
    ls: StetServer, uri: str, position: types.Position, invoked: bool, menu: bool = False
) -> Offered | None:
    buffer = ls.assistant.buffer(uri)
    if buffer is None:
        return None
    return await ls.assistant.complete(uri, to_offset(buffer, position, _encoding(ls)), invoked=invoked, menu=menu)


def _inline_item(ls: StetServer, offered: Offered) -> types.InlineCompletionItem:
    return types.InlineCompletionItem(
        insert_text=offered.text,
        filter_text=offered.text,
        range=_empty_range(ls, offered),
        command=_accept_command(offered),
    )


def _menu_item(ls: StetServer, offered: Offered) -> types.CompletionItem:
    return types.CompletionItem(
        label=offered.text.strip(),
        kind=types.CompletionItemKind.Text,
        preselect=True,
        sort_text="\x00",
        text_edit=types.TextEdit(range=_empty_range(ls, offered), new_text=offered.text),
        command=_accept_command(offered),
    )


def _empty_range(ls: StetServer, offered: Offered) -> types.Range:
    buffer = ls.assistant.buffer(offered.document)
    assert buffer is not None, "an offer is only made for an open document"
    at = to_position(buffer, offered.offset, _encoding(ls))
    return types.Range(start=at, end=at)


def _accept_command(offered: Offered) -> types.Command:
    return types.Command(title="", command=messages.ACCEPT, arguments=[offered.id])


def _encoding(ls: StetServer) -> str:
    return ls.server_capabilities.position_encoding or types.PositionEncodingKind.Utf16
