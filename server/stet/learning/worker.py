"""One training run from the store to a judged adapter. Owns the order of its parts and the lock; runs in the trainer.

Everything it writes lies in the adapter's own folder, which appears in one step (invariant 7), and in the store.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import asdict, frozen
from filelock import FileLock, Timeout
from peft import PeftModel

from stet.completion.prompt import PROMPT_VERSION
from stet.core.errors import Halted, StetError, TrainingError
from stet.core.records import Adapter, AdapterStatus, EditRecord, RunStatus, TrainingRun
from stet.engine import EngineConfig, Supervisor
from stet.engine.convert import adapter_to_gguf
from stet.learning.base_model import Base, load_base
from stet.learning.batches import encode, merge
from stet.learning.evaluation import measure, simulate
from stet.learning.examples import Example, Split, split, to_example, usable
from stet.learning.gate import Bits, Simulated, Verdict, judge
from stet.learning.losses import sft_loss
from stet.learning.resume import begin, fingerprint, interrupted_run
from stet.learning.training import Hooks, Report, Trained, train
from stet.models import Model, from_settings
from stet.settings import Paths, Settings
from stet.store import adapters, open_store, records, runs

OBJECTIVE = "sft"
CARD = "card.json"
MAX_SIMULATED = 60
"""Held-out records, the newest, for which offers are generated; reading is measured on all."""


@frozen
class Outside:
    """What a run takes from the world around it."""

    threads: int
    now: Callable[[], float]
    """Unix time in seconds."""
    clock: Callable[[], float]
    """Seconds of a clock that never goes back."""
    progress: Callable[[float, str, float], None] = lambda fraction, message, eta_seconds: None
    halted: Callable[[], bool] = lambda: False
    pause: Callable[[], None] = lambda: None

    def between(self) -> None:
        """Give way to the writer; raises Halted when she said so."""
        self.pause()
        if self.halted():
            raise Halted("Training was halted; the next one goes on from its last checkpoint.")


@frozen
class Judged:
    """What a run came to."""

    adapter: str
    promoted: bool
    reason: str
    figures: dict[str, float]


def run_training(paths: Paths, settings: Settings, new_run: str, outside: Outside) -> Judged:
    """Learn from the store's records, judge the adapter, promote or refuse it.

    An interrupted run with the same records, model and settings is resumed under its own id; else the run is named
    `new_run`. Raises TrainingError (another trainer, too few records, a loss that is no number), ModelError,
    EngineError, StoreError and Halted; the store then says how the run ended.
    """
    paths.data.mkdir(parents=True, exist_ok=True)
    lock = FileLock(paths.train_lock)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise TrainingError(
            f"another training run holds {paths.train_lock}; wait for it to end, or halt it in its editor"
        ) from error
    with lock:
        model = from_settings(settings.model, paths.models)
        lessons = _lessons(paths, settings, outside)
        inputs = fingerprint(lessons, settings, model.sha256)
        run = interrupted_run(paths.runs, inputs) or new_run
        _register(paths, run, lessons, outside)
        try:
            folder = begin(paths.runs, run, inputs)
            judged = _train_and_judge(paths, settings, model, lessons, run, folder, outside)
        except StetError as error:
            status = RunStatus.HALTED if isinstance(error, Halted) else RunStatus.FAILED
            _end(paths, run, status, str(error), outside)
            raise
        _end(paths, run, RunStatus.DONE, "", outside)
        shutil.rmtree(folder)
        return judged


def _lessons(paths: Paths, settings: Settings, outside: Outside) -> list[EditRecord]:
    with open_store(paths.store, outside.now()) as database:
        lessons = usable(records.records(database), settings.learning.max_records)
    if len(lessons) < settings.learning.min_records:
        raise TrainingError(
            f"there are {len(lessons)} edits to learn from and {settings.learning.min_records} are needed (setting "
            "stet.learning.minRecords)"
        )
    return lessons


def _train_and_judge(
    paths: Paths,
    settings: Settings,
    model: Model,
    lessons: Sequence[EditRecord],
    run: str,
    folder: Path,
    outside: Outside,
) -> Judged:
    name = f"{OBJECTIVE}-{run}"
    if (paths.adapters / name / CARD).is_file():  # killed between naming the folder and telling the store
        return _enter(paths, json.loads((paths.adapters / name / CARD).read_text(encoding="utf-8")), outside)
    started = outside.clock()
    outside.progress(0.0, "reading the model", 0.0)
    base = load_base(model.path, model.sha256)
    examples = [to_example(record, settings.completion.prefix_characters) for record in lessons]
    parts = split(examples, settings.learning.held_out)
    if not parts.train:
        raise TrainingError(f"none of the {len(lessons)} edits is left to learn from once some are held out")
    hooks = Hooks(outside.clock, outside.halted, outside.pause, _reporter(outside, len(parts.train)))
    trained = train(
        base,
        merge([encode(example, base.tokenizer, base.begin) for example in parts.train]),
        merge([encode(example, base.tokenizer, base.begin) for example in parts.tune]),
        settings.learning,
        sft_loss,
        folder,
        hooks,
    )
    outside.progress(0.8, "reading held-out text", 0.0)
    reading = _read_held_out(paths, trained.model, base, parts.held_out, model, outside)
    draft = _write_adapter(paths, trained.model, model, name)
    by_id = {record.id: record for record in lessons}
    newest = [by_id[example.record] for example in parts.held_out[-MAX_SIMULATED:]]
    offers = asyncio.run(_offers(model, draft / "adapter.gguf", newest, settings, outside))
    verdict = judge(reading["base"], reading["candidate"], *offers, reading["incumbent"], settings.learning.seed)
    card = _card(name, run, model, settings, parts, trained, verdict, outside.clock() - started, outside.now())
    (draft / CARD).write_text(json.dumps(card, indent=2), encoding="utf-8")
    draft.replace(paths.adapters / name)
    return _enter(paths, card, outside)


def _reporter(outside: Outside, edits: int) -> Callable[[Report], None]:
    def report(report: Report) -> None:
        share = report.done_tokens / max(1, report.total_tokens)
        left = f", about {report.eta_seconds / 60:.0f} min left" if report.eta_seconds >= 60 else ""
        outside.progress(0.02 + 0.78 * share, f"learning from {edits} edits{left}", report.eta_seconds)

    return report


def _read_held_out(
    paths: Paths, trained: PeftModel, base: Base, held_out: Sequence[Example], model: Model, outside: Outside
) -> dict[str, list[Bits]]:
    """Bits of base, candidate and incumbent; the incumbent only on records that it did not learn from."""
    rows = [encode(example, base.tokenizer, base.begin) for example in held_out]
    found = {"candidate": measure(trained, base, rows, outside.between), "incumbent": []}
    with trained.disable_adapter():
        found["base"] = measure(trained, base, rows, outside.between)
    with open_store(paths.store, outside.now()) as database:
        incumbent = adapters.active_adapter(database, model.name)
    folder = paths.adapters / incumbent.id if incumbent else None
    if incumbent and folder and (folder / CARD).is_file() and incumbent.model_sha256 == model.sha256:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        learned = {*card["records"]["train"], *card["records"]["tune"]}
        fresh = [row for row in rows if row.targets[0].record not in learned]
        trained.load_adapter(str(folder), "incumbent")
        trained.set_adapter("incumbent")
        found["incumbent"] = measure(trained, base, fresh, outside.between)
        trained.set_adapter("default")
        trained.delete_adapter("incumbent")
    return found


async def _offers(
    model: Model, adapter: Path, held_out: Sequence[EditRecord], settings: Settings, outside: Outside
) -> tuple[list[Simulated], list[Simulated]]:
    """Offers of base and of the candidate, from an engine of the trainer's own."""
    config = EngineConfig(
        model.path, adapter=adapter, threads=outside.threads, context_tokens=settings.engine.context_tokens
    )
    engine = Supervisor(config, timeout_seconds=max(60.0, settings.engine.timeout_seconds))
    await engine.start()
    try:
        found: list[list[Simulated]] = []
        for number, with_adapter in enumerate((False, True)):
            outside.progress(0.85 + 0.07 * number, "trying suggestions on held-out text", 0.0)
            found.append(
                await simulate(engine, held_out, settings.completion, adapter=with_adapter, between=outside.between)
            )
    finally:
        await engine.stop()
    return found[0], found[1]


def _write_adapter(paths: Paths, trained: PeftModel, model: Model, name: str) -> Path:
    """The adapter in both formats, in a folder that is not named yet."""
    draft = paths.adapters / f".{name}.tmp"
    if draft.exists():
        shutil.rmtree(draft)
    draft.mkdir(parents=True)
    trained.peft_config["default"].base_model_name_or_path = model.name
    trained.save_pretrained(str(draft), selected_adapters=["default"])
    (draft / "README.md").unlink(missing_ok=True)  # PEFT's blank model card
    adapter_to_gguf(draft, model.path, draft / "adapter.gguf")
    return draft


def _card(
    name: str,
    run: str,
    model: Model,
    settings: Settings,
    parts: Split,
    trained: Trained,
    verdict: Verdict,
    seconds: float,
    now: float,
) -> dict[str, Any]:
    """The run card: what was learned from what, with which settings, and what the gate found."""
    progress = trained.progress
    return {
        "adapter": name,
        "objective": OBJECTIVE,
        "run": run,
        "created": now,
        "model": model.name,
        "model_sha256": model.sha256,
        "prompt_version": PROMPT_VERSION,
        "settings": settings.learning.model_dump(mode="json"),
        "prefix_characters": settings.completion.prefix_characters,
        "records": {
            side: [example.record for example in getattr(parts, side)] for side in ("train", "tune", "held_out")
        },
        "training": {
            "steps": progress.step,
            "tokens": progress.tokens,
            "seconds": progress.seconds,
            "tokens_per_second": progress.tokens / max(1e-9, progress.seconds),
            "losses": progress.losses,
            "tuned": progress.tuned,
            "best_epoch": progress.best_epoch,
        },
        "seconds": seconds,
        "verdict": asdict(verdict),
    }


def _enter(paths: Paths, card: dict[str, Any], outside: Outside) -> Judged:
    """Tell the store of a finished adapter folder; doing it twice changes nothing."""
    verdict = card["verdict"]
    reason = " ".join(verdict["reasons"])
    adapter = Adapter(
        card["adapter"], card["objective"], card["model"], card["model_sha256"], card["run"], card["created"]
    )
    with open_store(paths.store, outside.now()) as database:
        if adapter.id not in {known.id for known in adapters.adapters(database)}:
            adapters.add(database, adapter)
        if verdict["promoted"]:
            adapters.promote(database, adapter.id, outside.now(), reason)
        else:
            adapters.set_status(database, adapter.id, AdapterStatus.REFUSED, reason, outside.now())
    said = f"Promoted: {reason}" if verdict["promoted"] else f"Not promoted: {reason}"
    return Judged(adapter.id, verdict["promoted"], said, verdict["figures"])


def _register(paths: Paths, run: str, lessons: Sequence[EditRecord], outside: Outside) -> None:
    """Enter the run, or that it goes on; runs that a dead trainer left behind have failed."""
    with open_store(paths.store, outside.now()) as database:
        for other in runs.runs(database):
            if other.status is RunStatus.RUNNING and other.id != run:
                runs.end(database, other.id, RunStatus.FAILED, outside.now(), "it was interrupted")
        runs.save(database, TrainingRun(run, outside.now(), records=tuple(record.id for record in lessons)))


def _end(paths: Paths, run: str, status: RunStatus, reason: str, outside: Outside) -> None:
    with open_store(paths.store, outside.now()) as database:
        runs.end(database, run, status, outside.now(), reason)
