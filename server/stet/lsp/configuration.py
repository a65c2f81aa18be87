"""Settings from the client, by all three ways (initialize, push, pull), through the one validation."""

from __future__ import annotations

import asyncio
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from stet.lsp import messages
from stet.lsp.language_server import StetServer
from stet.settings import parse


def on_initialize(ls: StetServer, params: types.InitializeParams) -> None:
    """Settings may come as `initializationOptions`, bare or under `stet`; other clients' keys there are not ours."""
    ls.assistant.configure_early(*parse(_ours(params.initialization_options)))


async def on_initialized(ls: StetServer, params: types.InitializedParams) -> None:
    await _pull(ls)
    await ls.assistant.start()


async def on_did_change_configuration(ls: StetServer, params: types.DidChangeConfigurationParams) -> None:
    """Pushed settings are taken; a push without any (as VS Code's client sends) means that they should be pulled."""
    pushed = _ours(params.settings)
    if not pushed:
        await _pull(ls)
    else:
        _take(ls, pushed)


async def _pull(ls: StetServer) -> None:
    workspace = ls.client_capabilities.workspace
    if workspace is None or not workspace.configuration:
        return
    request = types.ConfigurationParams(items=[types.ConfigurationItem(section=messages.SECTION)])
    try:
        answers = await ls.workspace_configuration_async(request)
    except (JsonRpcException, asyncio.CancelledError):
        return
    if answers and answers[0]:
        _take(ls, _ours(answers[0]))


def _take(ls: StetServer, raw: Any) -> None:
    """Take settings over; what is no tree of settings at all is reported, and what was set before stays."""
    settings, problems = parse(raw)
    ls.assistant.configure(settings if isinstance(raw, dict) else ls.assistant.settings, problems)


def _ours(options: Any) -> Any:
    """Plain JSON of an options object, and of its `stet` member where it has one."""
    plain = _plain(options)
    if isinstance(plain, dict):
        if messages.SECTION in plain:
            return plain[messages.SECTION]
        for foreign in ("editorInfo", "editorPluginInfo"):
            plain.pop(foreign, None)
    return plain


def _plain(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
