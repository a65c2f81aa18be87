"""The engine's life as the assistant sees it: which model, which adapter, and what to say when there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from stet.assistant.editor import Editor
from stet.assistant.suggesting import Served
from stet.completion.scripted import NoEngine
from stet.core.errors import EngineError, Halted, ModelError
from stet.core.records import Adapter
from stet.engine import EngineConfig, EngineState, Supervisor, default_threads
from stet.models import Model, ensure, from_settings, resolve
from stet.models.fetch import Progress
from stet.settings import Paths, Settings


class Serving:
    """Owns the supervisor. A fault is a sentence in `problem`, never an exception to a completion."""

    def __init__(
        self, paths: Paths, editor: Editor, cores: int, on_change: Callable[[], None], *, scripted: bool = False
    ) -> None:
        """With `scripted` no engine is started: suggestions come from elsewhere."""
        self._paths = paths
        self._editor = editor
        self._cores = cores
        self._on_change = on_change
        self._scripted = scripted
        self._supervisor: Supervisor | None = None
        self._switching = asyncio.Lock()
        self.model: Model | None = None
        self.adapter: Adapter | None = None
        """The adapter the engine has loaded."""
        self._unfit = ""
        """Id of an adapter that could not be served: it is tried and reported once, not every few seconds."""
        self.problem = ""
        """Why there are no suggestions; "" when there are or soon will be."""

    @property
    def served(self) -> Served | None:
        """The engine and what it serves; None while there is none."""
        if self._scripted:
            return Served(NoEngine(), "script", None)
        if self._supervisor is None or self._supervisor.state is not EngineState.READY:
            return None
        return Served(self._supervisor, self.model.name if self.model else "remote", self.adapter)

    async def start(self, settings: Settings, *, fetch: bool = True) -> None:
        """Find the model (asking to fetch a missing one when `fetch`) and start the engine. Raises nothing."""
        self.problem = self._unfit = ""
        if self._scripted:
            self._on_change()
            return
        try:
            if settings.engine.url:
                self._supervisor = Supervisor.remote(
                    settings.engine.url,
                    settings.engine.api_key,
                    timeout_seconds=settings.engine.timeout_seconds,
                    on_state=self._on_state,
                )
            else:
                self.model = await self._find_model(settings, fetch=fetch)
                self._supervisor = Supervisor(
                    self._config(settings, self.model),
                    timeout_seconds=settings.engine.timeout_seconds,
                    on_state=self._on_state,
                )
            bar = self._editor.begin_progress("Loading the language model", lambda: None)
            try:
                await self._supervisor.start()
            finally:
                bar.end(self._supervisor.state.value)
        except (ModelError, EngineError) as error:
            self.problem = str(error)
            self._editor.log(self.problem, warning=True)
        self._on_change()

    async def use(self, adapter: Adapter | None) -> bool:
        """Serve `adapter`, or base alone; True when it is now served. A failed switch keeps what was served."""
        async with self._switching:
            if self._supervisor is None or self.model is None:
                return False
            if (adapter.id if adapter else None) == (self.adapter.id if self.adapter else None):
                return True
            if adapter is not None and adapter.id == self._unfit:
                return False
            self._unfit = adapter.id if adapter else ""
            if adapter is not None and adapter.model_sha256 != self.model.sha256:
                self._editor.log(
                    f"Adapter {adapter.id} was trained on another model than {self.model.name} and is not served; "
                    "run `stet train` to make one for this model.",
                    warning=True,
                )
                return False
            path = self._paths.adapters / adapter.id / "adapter.gguf" if adapter else None
            try:
                await self._supervisor.switch(path)
            except EngineError as error:
                self._editor.log(f"The adapter was not switched: {error}", warning=True)
                return False
            self.adapter, self._unfit = adapter, ""
            self._on_change()
            return True

    async def stop(self) -> None:
        """End the engine; nothing is left behind."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            await supervisor.stop()
        self.adapter = None

    async def _find_model(self, settings: Settings, *, fetch: bool) -> Model:
        try:
            return await asyncio.to_thread(from_settings, settings.model, self._paths.models)
        except ModelError:
            if settings.model.path or not fetch or await asyncio.to_thread(self._is_there, settings.model.name):
                raise
            answer = await self._editor.ask(
                f"Stet needs its language model {settings.model.name} (about 100 MB, fetched once). Fetch it now?",
                ("Fetch", "Not now"),
            )
            if answer != "Fetch":
                raise
        return await self._fetch(settings.model.name)

    def _is_there(self, name: str) -> bool:
        """Whether a damaged model lies there: then the writer is told, and nothing is fetched over it."""
        return (self._paths.models / resolve(name).name / "manifest.json").exists()

    async def _fetch(self, name: str) -> Model:
        loop = asyncio.get_running_loop()
        halted = False

        def halt() -> None:
            nonlocal halted
            halted = True

        bar = self._editor.begin_progress(f"Fetching {name}", halt)

        def report(step: Progress) -> None:
            loop.call_soon_threadsafe(bar.report, step.fraction, step.message)

        try:
            model = await asyncio.to_thread(
                partial(
                    ensure,
                    self._paths.models,
                    name,
                    progress=report,
                    halted=lambda: halted,
                )
            )
        except Halted as error:
            bar.end("stopped")
            raise ModelError(f"Fetching {name} was stopped; run `stet models fetch {name}`.") from error
        except ModelError:
            bar.end("failed")
            raise
        bar.end("done")
        return model

    def _config(self, settings: Settings, model: Model) -> EngineConfig:
        threads = settings.engine.threads or default_threads(self._cores)
        return EngineConfig(model.path, threads=threads, context_tokens=settings.engine.context_tokens)

    def _on_state(self, state: EngineState, reason: str) -> None:
        self.problem = reason if state is EngineState.FAILED else ""
        if reason:
            self._editor.log(reason, warning=True)
        self._on_change()
