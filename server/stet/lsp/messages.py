"""Names of every message and command that is not plain LSP, in one place. `docs/protocol.md` is tested against it."""

from __future__ import annotations

ACCEPT = "stet.accept"
TRAIN = "stet.train"
HALT = "stet.halt"
PAUSE = "stet.pause"
RESUME = "stet.resume"
STATUS = "stet.status"

COMMANDS: dict[str, str] = {
    ACCEPT: "Confirm that a suggestion was accepted; the argument is its id. Run by the client.",
    TRAIN: "Train a personal adapter now.",
    HALT: "Stop the training under way.",
    PAUSE: "Stop offering, capturing and training until resumed.",
    RESUME: "Take up work after a pause.",
    STATUS: "Tell how Stet is: engine, model, arm, records, training.",
}

DID_END_COMPLETION = "stet/didEndCompletion"
"""Client to server: `{id, reason: accepted | rejected | ignored, ...}`."""
DID_SHOW = "textDocument/didShowCompletion"
DID_PARTIALLY_ACCEPT = "textDocument/didPartiallyAcceptCompletion"
DID_FOCUS = "textDocument/didFocus"
NOTIFY_SHOWN = "notifyShown"
NOTIFY_ACCEPTED = "notifyAccepted"
NOTIFY_REJECTED = "notifyRejected"
TABBY_EVENT = "tabby/telemetry/event"
LLM_ACCEPT = "llm-ls/acceptCompletion"
LLM_REJECT = "llm-ls/rejectCompletion"

DID_CHANGE_STATUS = "didChangeStatus"
"""Server to client: `{busy, message, kind: Normal | Warning | Error | Inactive}`."""

SET_CLOCK = "stet/setClock"
"""Client to server: `{now}`, Unix seconds. Only with `stet serve --clock client`, for replays of recorded writing."""

SET_SUGGESTION = "stet/setSuggestion"
"""Client to server: `{text}`, what is offered next. Only with `stet serve --suggestions client`."""

SECTION = "stet"
"""The configuration section that is pulled and pushed."""
