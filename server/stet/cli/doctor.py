"""`stet doctor`: checks what Stet needs on this machine and says how to mend what is missing. Changes nothing."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import typer
from attrs import asdict, frozen

from stet.cli.output import Json, print_json, print_table
from stet.core.errors import StetError
from stet.learning.launcher import missing_packages
from stet.settings import Paths, Settings, default_paths

FREE_MB = 1000
"""Disk space under which a training run may not fit."""


@frozen
class Check:
    """What was looked at, whether it is well, and what mends it."""

    name: str
    well: bool
    found: str


def doctor(json: Json = False) -> None:
    """Check Python, packages, model, engine, store, disk and threads; say how to mend what is wrong."""
    checks = list(_checks(default_paths(os.environ)))
    if json:
        print_json({"well": all(check.well for check in checks), "checks": [asdict(check) for check in checks]})
    else:
        rows = [("well" if check.well else "ILL", check.name, check.found) for check in checks]
        print_table("stet doctor", ("", "what", "found"), rows)
    if not all(check.well for check in checks):
        raise typer.Exit(1)


def _checks(paths: Paths) -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check("Python", sys.version_info >= (3, 11), f"{version} at {sys.executable}")
    missing = missing_packages()
    how = (
        f"{', '.join(missing)} missing: pip install 'stet-ls[learn]' (suggestions work without)" if missing else "there"
    )
    yield Check("Learning packages", not missing, how)
    yield _tried("Model", lambda: _model(paths))
    yield _tried("Engine", lambda: asyncio.run(_engine(paths)))
    yield _tried("Store", lambda: _store(paths))
    for name, folder in (("Disk for data", paths.data), ("Disk for models", paths.models)):
        free = shutil.disk_usage(_existing(folder)).free // 2**20
        mend = "" if free >= FREE_MB else f"; free at least {FREE_MB} MB or set STET_DATA_DIR and STET_MODELS_DIR"
        yield Check(name, free >= FREE_MB, f"{free} MB free for {folder}{mend}")
    cores = os.cpu_count() or 1
    mend = "" if cores > 1 else "; with one core, training and suggestions take turns"
    yield Check("Threads", True, f"{cores} cores; the engine and the trainer use {max(1, cores - 1)}{mend}")


def _tried(name: str, check: Callable[[], str]) -> Check:
    try:
        return Check(name, True, check())
    except StetError as error:
        return Check(name, False, str(error))


def _model(paths: Paths) -> str:
    from stet.models import from_settings

    model = from_settings(Settings().model, paths.models)
    return f"{model.name}, {model.path.stat().st_size // 10**6} MB, at {model.path}"


async def _engine(paths: Paths) -> str:
    from stet.engine import CompletionRequest, EngineConfig, Supervisor, default_threads
    from stet.models import from_settings

    config = EngineConfig(
        from_settings(Settings().model, paths.models).path, threads=default_threads(os.cpu_count() or 1)
    )
    supervisor = Supervisor(config)
    started = time.monotonic()
    await supervisor.start()
    try:
        loaded = time.monotonic()
        completion = await supervisor.complete(CompletionRequest("The weather today is", max_tokens=8))
        spent = time.monotonic() - loaded
    finally:
        await supervisor.stop()
    tokens = len(completion.tokens)
    return f"loaded in {loaded - started:.1f} s; {tokens} tokens in {spent:.2f} s"


def _store(paths: Paths) -> str:
    from stet.store import open_store, records

    if not paths.store.exists():
        return f"none yet at {paths.store}; it is made when Stet first runs"
    database = open_store(paths.store, time.time())
    try:
        aside = f"; a damaged one was set aside as {database.set_aside}" if database.set_aside else ""
        return f"{records.count_records(database)} edit records at {paths.store}{aside}"
    finally:
        database.close()


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(path for path in (folder.resolve(), *folder.resolve().parents) if path.exists())
