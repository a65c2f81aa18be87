"""When training starts, how it is shown and stopped, and what follows a promotion. The work itself is a child's."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import psutil

from stet.assistant.editor import Editor
from stet.assistant.journal import Journal
from stet.core.errors import StoreError, TrainingError
from stet.core.records import BASE_ARM
from stet.learning.launcher import Trainer, TrainingResult
from stet.learning.schedule import TrainingState, why_not_train
from stet.selection import rollback_reason
from stet.settings import Paths, Settings
from stet.store import Database, adapters, records, runs


class Learner:
    """Owns the trainer child, if there is one."""

    def __init__(
        self,
        paths: Paths,
        journal: Journal,
        editor: Editor,
        now: Callable[[], float],
        on_change: Callable[[], None],
        on_promoted: Callable[[], None],
    ) -> None:
        self._paths = paths
        self._journal = journal
        self._editor = editor
        self._now = now
        self._on_change = on_change
        self._on_promoted = on_promoted
        self._trainer: Trainer | None = None
        self._task: asyncio.Task[None] | None = None
        self._tried_with: int | None = -1
        """Records there were at the last run's end, None until they are counted: a run that fails or is halted must not
        start again by itself before there is something new."""
        self.last = ""
        """How the last run ended, in a sentence."""
        self.promoted = False
        """Whether the last run's adapter passed the gate."""
        self.why_not = ""
        """Why no training starts by itself just now."""
        self.step = ""
        """What the run under way is at; "" when there is none."""

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done()

    async def consider(self, settings: Settings, model: str, idle_seconds: float) -> bool:
        """Start a run if the idle rule allows it; True when one was started."""
        if self.running:
            return False
        state = await self._journal.ask(lambda database: _state(database, model))
        self.why_not = why_not_train(settings.learning, state, idle_seconds=idle_seconds, on_mains=on_mains()) or ""
        if self._tried_with is None:
            self._tried_with = state.records
        if not self.why_not and state.records == self._tried_with:
            self.why_not = (
                f"The last run came to nothing; new edits or `stet.train` start another. It said: {self.last}"
            )
        if self.why_not:
            return False
        self.start(settings)
        return True

    def start(self, settings: Settings) -> str:
        """Start a run now; what to tell the writer."""
        if self.running:
            return "A training run is already under way."
        self._tried_with = None
        self._task = asyncio.ensure_future(self._run(settings))
        return "Training has started."

    async def halt(self) -> str:
        """Stop the run under way and wait until it has stopped."""
        if not self.running or self._trainer is None or self._task is None:
            return "No training is under way."
        self._halt()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(self._task)
        return "Training has stopped."

    def typing(self) -> None:
        """The writer types: the trainer gives way."""
        if self._trainer is not None and self.running:
            self._trainer.typing()

    async def stop(self) -> None:
        """End the child, whatever it is at; its checkpoint stays."""
        if self._task is not None:
            await self.halt()
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self, settings: Settings) -> None:
        bar = self._editor.begin_progress("Stet learns from your edits", self._halt)

        def report(fraction: float, message: str) -> None:
            self.step = message
            bar.report(fraction, message)

        self.step, self.promoted = "starting", False
        self._on_change()
        result: TrainingResult | None = None
        try:
            self._trainer = Trainer(self._paths, settings, on_progress=report)
            result = await self._trainer.run()
            self.last, self.promoted = result.reason, result.promoted
        except TrainingError as error:
            self.last = str(error)
        finally:
            self._trainer = None
            self.step = ""
            bar.end(self.last)
        self._editor.log(self.last, warning=result is None)
        self._on_change()
        if self.promoted:
            self._on_promoted()

    def _halt(self) -> None:
        if self._trainer is not None:
            self._trainer.halt()

    async def review(self, model: str) -> str:
        """Roll the active adapter back when its edits cost more than base's; the sentence for the writer, or ""."""
        reason = await self._journal.ask(lambda database: _rollback_if_worse(database, model, self._now()))
        return f"Stet went back to its former suggestions: {reason}." if reason else ""


def on_mains() -> bool:
    """Whether the machine draws on the mains; one without a battery does."""
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    return battery is None or bool(battery.power_plugged)


def _state(database: Database, model: str) -> TrainingState:
    return TrainingState(
        records=records.count_records(database),
        new_records=runs.records_since_last_run(database),
        new_words=records.count_words(database),
        has_run=runs.last_run(database) is not None,
    )


def _rollback_if_worse(database: Database, model: str, now: float) -> str:
    active = adapters.active_adapter(database, model)
    if active is None:
        return ""
    found = records.records(database)
    worse = [record.cost for record in found if record.provenance.adapter == active.id]
    usual = [record.cost for record in found if record.provenance.arm == BASE_ARM]
    reason = rollback_reason(worse, usual)
    if reason is None:
        return ""
    with contextlib.suppress(StoreError):
        adapters.rollback(database, now, reason, model=model, adapter_id=active.id)
    return reason
