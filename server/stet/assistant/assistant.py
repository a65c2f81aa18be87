"""The façade the protocol calls. Composes capture, journal, serving, suggesting and training; decides little itself.

Everything here runs on the event loop and must return at once or await: model, disk and diff work happen elsewhere. A
fault in capture, store or training costs a lesson, never a suggestion or a keystroke (invariant 8).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from stet.assistant.consent import consent
from stet.assistant.documents import Documents, OpenDocument
from stet.assistant.editor import Editor, Status
from stet.assistant.journal import Journal
from stet.assistant.presence import Presence
from stet.assistant.restoring import Restorer
from stet.assistant.serving import Serving
from stet.assistant.status import overall, told
from stet.assistant.suggesting import Offered, Suggester
from stet.assistant.training import Learner
from stet.capture.effects import Effect, Signal, SignalKind, document_of
from stet.capture.recorder import Recorder
from stet.capture.rules import CaptureRules
from stet.completion.scripted import ScriptedPolicy
from stet.completion.suggest import propose
from stet.core.errors import EngineError, StoreError
from stet.core.spans import Change
from stet.core.text import TextBuffer
from stet.settings import Paths, Problem, Settings
from stet.store import adapters, records

TICK_SECONDS = 0.5
REVIEW_SECONDS = 3.0
"""How often the store is asked for a new adapter, and the idle rule for a new run."""


class Assistant:
    """One per editor window."""

    def __init__(
        self,
        editor: Editor,
        paths: Paths,
        *,
        now: Callable[[], float],
        chance: Callable[[], float],
        new_id: Callable[[], str],
        cores: int,
        script: ScriptedPolicy | None = None,
    ) -> None:
        """`now` is Unix time in seconds, `chance` uniform in [0, 1), `new_id` a fresh id each call.

        With a `script` no engine is started: what it says is offered.
        """
        self.settings = Settings()
        self._editor, self._now = editor, now
        self._problems: list[Problem] = []
        self._documents = Documents()
        self._recorder = Recorder(_rules(self.settings))
        self._journal = Journal(paths.store, now, self._on_store_fault, Presence(paths.data / "servers", new_id()))
        self._restorer = Restorer(self._recorder, self._journal, self._documents, now)
        self._serving = Serving(paths, editor, cores, self._show_status, scripted=script is not None)
        self._learner = Learner(
            paths, self._journal, editor, now, self._show_status, on_promoted=lambda: self._spawn(self._review())
        )
        self._script = script
        self._suggester = Suggester(now, chance, new_id, script.propose if script is not None else propose)
        self._consent: bool | None = None
        self._store_fault = ""
        self._store_open = False
        self._paused = False
        self._last_typed = now()
        self._flushed_at = float("-inf")
        self._status: Status | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started = asyncio.Event()

    # -- life ------------------------------------------------------------------------------------------------------

    def configure_early(self, settings: Settings, problems: list[Problem]) -> None:
        """Settings that came with `initialize`, before anything may be sent."""
        self.settings, self._problems = settings, problems
        self._consent = {"yes": True, "no": False}.get(settings.capture.consent)
        self._recorder.rules = _rules(settings)

    def configure(self, settings: Settings, problems: list[Problem]) -> None:
        """New settings: taken over at once; the engine restarts only when its own or the model's changed."""
        before, self.settings = self.settings, settings
        self._recorder.rules = _rules(settings)
        for problem in problems:
            self._editor.log(str(problem), warning=True)
        for document in self._documents.judge_again(self._recorder.rules, self._length):
            if before.capture.gitignore != settings.capture.gitignore:
                self._look_at(document)
        if self._started.is_set():
            if (before.engine, before.model, before.enabled) != (settings.engine, settings.model, settings.enabled):
                self._spawn(self._restart_engine())
            if before.capture.consent != settings.capture.consent:
                self._spawn(self._settle_consent())
        self._show_status()

    async def start(self) -> None:
        """Open the store, start the engine and the clock. Returns before the model is loaded."""
        self._loop = asyncio.get_running_loop()
        for problem in self._problems:
            self._editor.log(str(problem), warning=True)
        try:
            set_aside = await self._journal.open()
            self._store_open = True
            if set_aside is not None:
                self._editor.show(
                    f"Stet's store was damaged and was set aside as {set_aside.name}; a new one was made."
                )
            await self._restore(self._documents.uris)
            self._spawn(self._settle_consent())
        except StoreError as error:
            self._on_store_fault(str(error))
        self._started.set()
        if self.settings.enabled:
            self._spawn(self._start_engine())
        self._spawn(self._run_clock())
        self._journal.warm_up()
        self._show_status()

    async def stop(self) -> None:
        """Settle nothing, lose nothing: flush the journal, end trainer and engine."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._learner.stop()
        await self._serving.stop()
        if self._store_open:
            with contextlib.suppress(StoreError):
                await self._journal.close()

    # -- documents -------------------------------------------------------------------------------------------------

    def opened(self, uri: str, title: str, language: str, text: str) -> None:
        """A document was opened, or opened again with another text."""
        document = self._documents.open(uri, title, language, text, self._recorder.rules)
        self._look_at(document)
        self._write(self._recorder.opened(uri, text, self._now()))
        if self._store_open:
            self._spawn(self._restore([uri]))

    def buffer(self, uri: str) -> TextBuffer | None:
        """The text of an open document; None for one that is not open. Not to be changed by the caller."""
        return self._recorder.buffer(uri) if uri in self._documents else None

    def changed(self, uri: str, changes: Sequence[Change]) -> None:
        """Changes of one notification, each in the text the one before left."""
        document = self._documents.get(uri)
        if document is None or not changes:
            return
        document.version += 1
        self._last_typed = self._now()
        self._learner.typing()
        self._write(self._recorder.changed(uri, changes, self._now()))

    def tick(self) -> None:
        """Do what has come due: settle spans, write what was held back."""
        now = self._now()
        self._write(self._recorder.tick(now))
        if abs(now - self._flushed_at) >= TICK_SECONDS:
            self._flushed_at = now
            self._journal.flush()

    def saved(self, uri: str) -> None:
        """Saving settles nothing unless it was so set, but it is a good moment to have the journal on disk."""
        self._write(self._recorder.saved(uri, self._now()))
        self._journal.flush()

    def closed(self, uri: str) -> None:
        """The document was closed: its spans settle early."""
        if uri in self._documents:
            self._suggester.forget(uri)
            self._write(self._recorder.closed(uri, self._now()))
            self._documents.close(uri)

    # -- suggestions -----------------------------------------------------------------------------------------------

    async def complete(self, uri: str, offset: int, *, invoked: bool, menu: bool = False) -> Offered | None:
        """What to offer at `offset` of `uri`, or None; `menu`: in a completion menu. A fault means no suggestion."""
        document, buffer, served = self._documents.get(uri), self.buffer(uri), self._serving.served
        if document is None or buffer is None or served is None or self._silent():
            return None
        version = document.version
        if not await document.is_allowed() or document.version != version:
            return None
        try:
            found = await self._suggester.complete(
                uri,
                buffer,
                offset,
                served,
                self.settings,
                language=document.language,
                title=document.title,
                version=lambda: document.version,
            )
        except EngineError as error:
            self._editor.log(str(error), warning=True)
            return None
        if found is None or self._documents.get(uri) is not document or self._serving.adapter is not served.adapter:
            return None  # closed meanwhile, or another adapter took over: who said it would not be certain
        suggestion, offered = found
        if self._captures(document):
            start = offset - (len(suggestion.text) - len(offered.text))
            self._write(self._recorder.offered(suggestion, start, self._now(), menu=menu))
        return offered

    def set_suggestion(self, text: str) -> None:
        """What a scripted server offers next; what it showed before is forgotten."""
        if self._script is not None:
            self._script.text = text
            self._suggester.forget()

    def knows(self, offer_id: str) -> bool:
        """Whether a suggestion of that id is shown, was offered a while ago, or is followed."""
        return self._suggester.text_of(offer_id) is not None or self._recorder.knows(offer_id)

    def offered_text(self, offer_id: str) -> str | None:
        """Full text of a suggestion that is shown now, by id; None when it is not known any more."""
        return self._suggester.text_of(offer_id)

    def signal(self, offer_id: str, kind: SignalKind, length: int | None = None) -> None:
        """What a client says of an offer; `length` in code points of its text. Unknown ids change nothing."""
        if kind is SignalKind.REJECTED:
            self._suggester.dismissed(offer_id)
        self._write(self._recorder.signal(offer_id, Signal(kind, length), self._now()))

    async def accepted(self, offer_id: str) -> bool:
        """The client ran an item's command. True once the accept is in the store; False when there is none to keep."""
        self.signal(offer_id, SignalKind.ACCEPTED)
        if not self._consent or not self._recorder.follows(offer_id):
            return False
        await self._journal.settle()
        return not self._store_fault

    # -- commands --------------------------------------------------------------------------------------------------

    async def train(self) -> str:
        """Start a training run now; what to tell the writer."""
        if not self._store_open:
            return f"Nothing to learn from: {self._store_fault}"
        self._journal.flush()
        await self._journal.settle()
        return self._learner.start(self.settings)

    async def halt(self) -> str:
        """Stop the training run under way."""
        return await self._learner.halt()

    def pause(self) -> str:
        """No suggestions, no capture, no training until resumed."""
        self._paused = True
        if self._learner.running:
            self._spawn(self._learner.halt())
        self._show_status()
        return "Stet is paused."

    def resume(self) -> str:
        """End a pause."""
        self._paused = False
        self._show_status()
        return "Stet is at work."

    async def status(self) -> dict[str, Any]:
        """Everything a person or a program may want to know, as JSON."""
        count = await self._journal.ask(records.count_records) if self._store_open else 0
        return {
            **told(self._current_status(), self._serving, self._learner),
            "consent": self._consent,
            "records": count,
            "withheld": dict(self._suggester.withheld),
            "problems": [str(problem) for problem in self._problems],
        }

    # -- behind the façade -----------------------------------------------------------------------------------------

    def _silent(self) -> bool:
        return self._paused or not self.settings.enabled or not self.settings.completion.enabled

    def _captures(self, document: OpenDocument) -> bool:
        return bool(self._consent) and not self._paused and document.refused is None

    def _length(self, uri: str) -> int:
        buffer = self._recorder.buffer(uri)
        return len(buffer) if buffer else 0

    def _look_at(self, document: OpenDocument) -> None:
        gitignore = self.settings.capture.gitignore
        self._spawn(self._documents.look_at(document, self._recorder.rules, gitignore=gitignore))

    def _write(self, effects: Sequence[Effect]) -> None:
        allowed = [effect for effect in effects if not self._documents.refuses(document_of(effect))]
        if allowed and self._consent:
            self._journal.write(allowed)

    async def _restore(self, uris: Sequence[str]) -> None:
        try:
            await self._restorer.restore(uris)
        except StoreError as error:
            self._on_store_fault(str(error))

    async def _settle_consent(self) -> None:
        self._consent = await consent(self.settings.capture.consent, self._journal, self._editor, self._now)
        self._show_status()

    async def _start_engine(self) -> None:
        await self._serving.start(self.settings)
        await self._review()

    async def _restart_engine(self) -> None:
        await self._serving.stop()
        self._suggester.forget()
        if self.settings.enabled:
            await self._start_engine()

    async def _review(self) -> None:
        """Serve what the store says is active (another process may have changed it); train when the rule allows."""
        model = self._serving.model
        if model is None or not self._store_open or self._paused:
            return
        message = await self._learner.review(model.name)
        if message:
            self._editor.show(message)
        active = await self._journal.ask(lambda database: adapters.active_adapter(database, model.name))
        if active != self._serving.adapter and await self._serving.use(active):
            self._suggester.forget()
        if self._consent:
            await self._learner.consider(self.settings, model.name, self._now() - self._last_typed)

    async def _run_clock(self) -> None:
        due = 0.0
        while True:
            await asyncio.sleep(TICK_SECONDS)
            due += TICK_SECONDS
            try:
                self.tick()
                if due >= REVIEW_SECONDS:
                    due = 0.0
                    await self._review()
                    if self._store_open and self._consent:
                        await self._restorer.settle_orphans()
            except StoreError as error:
                self._on_store_fault(str(error))
            except Exception as error:  # a worker's edge: whatever it is, the clock goes on (and the text stays here)
                self._editor.log(f"Something went wrong inside Stet: {type(error).__name__}.", warning=True)

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _on_store_fault(self, fault: str) -> None:
        """Called from the store's thread too."""
        self._store_fault = fault
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._show_status)

    def _show_status(self) -> None:
        status = self._current_status()
        if status != self._status:
            self._status = status
            self._editor.show_status(status)

    def _current_status(self) -> Status:
        return overall(self.settings, self._paused, self._serving, self._store_fault, learns=self._learner.running)


def _rules(settings: Settings) -> CaptureRules:
    capture = settings.capture
    return CaptureRules(
        settle_seconds=capture.settle_seconds,
        cap_seconds=capture.cap_seconds,
        settle_on_save=capture.settle_on_save,
        settle_on_close=capture.settle_on_close,
        declined_seconds=capture.declined_seconds,
        languages=capture.languages,
        folders=capture.folders,
        untitled=capture.untitled,
        read_only=capture.read_only,
        max_document_characters=capture.max_document_characters,
        exclude=capture.exclude,
    )
