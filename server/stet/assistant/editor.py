"""What the assistant asks of the editor's side. Implemented by `stet.lsp`; a recording one serves the tests."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from attrs import frozen


class StatusKind(StrEnum):
    """The four kinds of the status dialect (`didChangeStatus`)."""

    NORMAL = "Normal"
    WARNING = "Warning"
    ERROR = "Error"
    INACTIVE = "Inactive"


@frozen
class Status:
    """How Stet is, in a word and a sentence."""

    kind: StatusKind
    message: str = ""
    busy: bool = False


class Progress(Protocol):
    """A progress bar in the editor."""

    def report(self, fraction: float, message: str) -> None:
        """`fraction` in [0, 1]."""

    def end(self, message: str) -> None:
        """Close it; further reports are dropped."""


class Editor(Protocol):
    """The editor's side. No method blocks."""

    def show_status(self, status: Status) -> None:
        """Tell the editor how Stet is; called on change only."""

    def log(self, message: str, *, warning: bool = False) -> None:
        """A line for the editor's log. Never holds text of the writer's."""

    def show(self, message: str) -> None:
        """A message the writer should see."""

    async def ask(self, question: str, answers: tuple[str, ...]) -> str | None:
        """The answer picked, or None when the editor cannot ask or the writer turned away."""

    def begin_progress(self, title: str, on_cancel: Callable[[], None]) -> Progress:
        """Open a progress bar; `on_cancel` is called when the writer cancels it."""
