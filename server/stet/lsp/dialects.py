"""What clients written for other servers say of our suggestions: Copilot's, Tabby's and llm-ls' messages, and our own.

All of it comes down to a `SignalKind` and an id; the document says how much was accepted (`docs/capture.md`). An id
that nobody knows changes nothing and is logged once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from stet.capture.effects import SignalKind
from stet.lsp import messages
from stet.lsp.language_server import StetServer
from stet.lsp.positions import utf16_prefix
from stet.lsp.window import field

_PLAIN_ID = re.compile(r"[\w\-]{1,64}")


def signal(ls: StetServer, offer_id: Any, kind: SignalKind, utf16_length: Any = None) -> None:
    """Pass one word of a client on; `utf16_length` counts from the start of the suggestion's text."""
    if not isinstance(offer_id, str):
        return
    if not ls.assistant.knows(offer_id):
        log_unknown(ls, offer_id)
        return
    length: int | None = None
    if isinstance(utf16_length, int) and not isinstance(utf16_length, bool):
        text = ls.assistant.offered_text(offer_id)
        length = None if text is None else len(utf16_prefix(text, utf16_length))
    ls.assistant.signal(offer_id, kind, length)


# -- Copilot, as it is now -----------------------------------------------------------------------------------------


def on_did_show(ls: StetServer, params: Any) -> None:
    signal(ls, _item_id(params), SignalKind.SHOWN)


def on_did_partially_accept(ls: StetServer, params: Any) -> None:
    signal(ls, _item_id(params), SignalKind.PARTIALLY_ACCEPTED, field(params, "acceptedLength"))


def on_did_focus(ls: StetServer, params: Any) -> None:
    """What is focused makes no difference to Stet."""


# -- Copilot, as it was: requests that want an answer ---------------------------------------------------------------


def on_notify_shown(ls: StetServer, params: Any) -> str:
    signal(ls, field(params, "uuid"), SignalKind.SHOWN)
    return "OK"


def on_notify_accepted(ls: StetServer, params: Any) -> str:
    length = field(params, "acceptedLength")
    kind = SignalKind.ACCEPTED if length is None else SignalKind.PARTIALLY_ACCEPTED
    signal(ls, field(params, "uuid"), kind, length)
    return "OK"


def on_notify_rejected(ls: StetServer, params: Any) -> str:
    for offer_id in field(params, "uuids") or ():
        signal(ls, offer_id, SignalKind.REJECTED)
    return "OK"


# -- Tabby and llm-ls ----------------------------------------------------------------------------------------------


def on_tabby_event(ls: StetServer, params: Any) -> None:
    """A word or line accept has a `selectKind` and no length: how much it was, the text says."""
    partly = field(params, "selectKind") is not None
    kinds = {
        "view": SignalKind.SHOWN,
        "select": SignalKind.PARTIALLY_ACCEPTED if partly else SignalKind.ACCEPTED,
        "dismiss": SignalKind.REJECTED,
    }
    kind = kinds.get(str(field(params, "type")))
    if kind is not None:
        signal(ls, field(params, "eventId", "completionId"), kind)


def on_llm_accept(ls: StetServer, params: Any) -> None:
    signal(ls, field(params, "requestId"), SignalKind.ACCEPTED)


def on_llm_reject(ls: StetServer, params: Any) -> None:
    signal(ls, field(params, "requestId"), SignalKind.REJECTED)


# -- our own -------------------------------------------------------------------------------------------------------


def on_did_end_completion(ls: StetServer, params: Any) -> None:
    kinds = {kind.value: kind for kind in (SignalKind.ACCEPTED, SignalKind.REJECTED, SignalKind.IGNORED)}
    kind = kinds.get(str(field(params, "reason")))
    if kind is not None:
        signal(ls, field(params, "id"), kind)


HANDLERS: dict[str, Callable[[StetServer, Any], Any]] = {
    messages.DID_SHOW: on_did_show,
    messages.DID_PARTIALLY_ACCEPT: on_did_partially_accept,
    messages.DID_FOCUS: on_did_focus,
    messages.NOTIFY_SHOWN: on_notify_shown,
    messages.NOTIFY_ACCEPTED: on_notify_accepted,
    messages.NOTIFY_REJECTED: on_notify_rejected,
    messages.TABBY_EVENT: on_tabby_event,
    messages.LLM_ACCEPT: on_llm_accept,
    messages.LLM_REJECT: on_llm_reject,
    messages.DID_END_COMPLETION: on_did_end_completion,
}


def _item_id(params: Any) -> Any:
    return field(params, "item", "command", "arguments", "0")


def log_unknown(ls: StetServer, offer_id: str) -> None:
    """A line in the log, once for each id; an id that may be anything but an id is not repeated there."""
    name = offer_id if _PLAIN_ID.fullmatch(offer_id) else "of another form"
    if name not in ls.unknown_ids:
        ls.unknown_ids.append(name)
        ls.log_line(f"The editor spoke of a suggestion that is not known here (id {name}); nothing was changed.")
