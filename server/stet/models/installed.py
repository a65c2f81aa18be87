"""The models on this machine: `<models>/<name>/model.gguf` and the manifest that says what it must be.

A manifest is written last, so a folder without one holds nothing that counts. Hashing 145 MB at each start would be
felt; the hash is taken again only when size or time of the file differ from the manifest, or when asked for.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import asdict, frozen
from filelock import FileLock, Timeout

from stet.core.errors import Halted, ModelError
from stet.models.catalogue import resolve
from stet.models.fetch import Halt, Progress, Report, fetch, sha256_of
from stet.models.prepare import needs_preparing, read_header, requantise
from stet.settings.tree import ModelSettings

MODEL, MANIFEST = "model.gguf", "manifest.json"
LOCK_POLL_SECONDS = 0.5
"""How often a fetch that waits for another one looks whether it was halted."""


@frozen
class Model:
    """A model file that is whole."""

    name: str
    path: Path
    sha256: str


@frozen
class _Manifest:
    source: str
    sha256: str
    size: int
    mtime_ns: int


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def installed(models: Path, name: str, *, full: bool = False) -> Model:
    """The installed model `name`; with `full` every byte is checked. Raises ModelError, which says what mends it."""
    folder = models / resolve(name).name
    path, manifest_path = folder / MODEL, folder / MANIFEST
    mend = f"run `stet models fetch {name} --force`"
    if not manifest_path.is_file():
        raise ModelError(f"The model {name} is not installed in {models}; run `stet models fetch {name}`.")
    if not path.is_file():
        raise ModelError(f"The model file {path} is missing; {mend}.")
    try:
        manifest = _Manifest(**json.loads(manifest_path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ModelError(f"The manifest {manifest_path} cannot be read; {mend}.") from error
    found = path.stat()
    if found.st_size != manifest.size:
        raise ModelError(f"The model file {path} has {found.st_size} bytes and must have {manifest.size}; {mend}.")
    if (full or found.st_mtime_ns != manifest.mtime_ns) and (sha256 := sha256_of(path)) != manifest.sha256:
        raise ModelError(
            f"The model file {path} was altered (sha256 {sha256[:12]}…, must be {manifest.sha256[:12]}…); {mend}."
        )
    return Model(name, path, manifest.sha256)


def verify(models: Path, name: str) -> Model:
    """Check every byte of an installed model. Raises ModelError."""
    return installed(models, name, full=True)


def ensure(models: Path, name: str, *, progress: Report = lambda step: None, halted: Halt = lambda: False) -> Model:
    """The installed model, fetched first when it is not there. A damaged one is not fetched over: ModelError.

    With the model there, nothing touches the network.
    """
    if (models / resolve(name).name / MANIFEST).is_file():
        return installed(models, name)
    return fetch_model(models, name, progress=progress, halted=halted)


def fetch_model(
    models: Path,
    name: str,
    *,
    progress: Report = lambda step: None,
    halted: Halt = lambda: False,
    force: bool = False,
    free: Callable[[Path], int] = _free,
) -> Model:
    """Fetch, verify and prepare a model; one that is there and whole is left alone unless `force`.

    Two fetchers at once wait for each other. Raises ModelError and Halted; then no half file has the final name, and a
    model that was there before stays.
    """
    entry = resolve(name)
    folder = models / entry.name
    with _written(models):
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder, progress, halted):
            if not force and (folder / MANIFEST).is_file():
                return installed(models, name)
            raw, draft, path = folder / "raw.gguf", folder / "draft.gguf", folder / MODEL
            for left in (raw, draft):
                left.unlink(missing_ok=True)
            fetch(entry.source, raw, progress, halted, free=free)
            ready = raw
            if needs_preparing(read_header(raw)):
                requantise(raw, draft, progress, halted)
                read_header(draft)
                raw.unlink()
                ready = draft
            sha256 = sha256_of(ready, halted)
            with ready.open("rb+") as file:
                os.fsync(file.fileno())
            (folder / MANIFEST).unlink(missing_ok=True)
            found = ready.replace(path).stat()
            _write(folder / MANIFEST, _Manifest(str(entry.source), sha256, found.st_size, found.st_mtime_ns))
    progress(Progress(1.0, "ready"))
    return Model(name, path, sha256)


def remove(models: Path, name: str) -> None:
    """Delete a model and everything made from it, for good. Raises ModelError when there is none."""
    folder = models / resolve(name).name
    if not folder.is_dir():
        raise ModelError(f"The model {name} is not installed in {models}; `stet models list` shows what is.")
    with _written(models):
        (folder / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(folder)


def list_installed(models: Path) -> list[Model]:
    """Every installed model that is whole at a glance."""
    found: list[Model] = []
    for manifest_path in sorted(models.glob(f"*/{MANIFEST}")):
        path = manifest_path.with_name(MODEL)
        try:
            manifest = _Manifest(**json.loads(manifest_path.read_text(encoding="utf-8")))
        except (ValueError, TypeError):
            continue  # `installed` says what is wrong with it
        if path.is_file() and path.stat().st_size == manifest.size:
            found.append(Model(manifest_path.parent.name, path, manifest.sha256))
    return found


def from_settings(settings: ModelSettings, models: Path) -> Model:
    """The model that the settings name: a file of the writer's own, used where it lies, or an installed one.

    Raises ModelError.
    """
    if not settings.path:
        return installed(models, settings.name)
    path = Path(settings.path).expanduser().absolute()
    read_header(path)
    return Model(path.stem, path, _remembered_hash(path, models / "local-hashes.json"))


def _remembered_hash(path: Path, memory: Path) -> str:
    """SHA-256 of a local file, taken again only when its size or time has changed."""
    found = path.stat()
    key = [str(path), found.st_size, found.st_mtime_ns]
    known: dict[str, list[object]] = {}
    if memory.is_file():
        try:
            known = json.loads(memory.read_text(encoding="utf-8"))
        except ValueError:
            known = {}
    if known.get(str(path), [None, None])[0] == key:
        return str(known[str(path)][1])
    sha256 = sha256_of(path)
    known[str(path)] = [key, sha256]
    with contextlib.suppress(OSError):  # a hash that cannot be remembered is taken again
        memory.parent.mkdir(parents=True, exist_ok=True)
        _replace(memory, json.dumps(known))
    return sha256


@contextlib.contextmanager
def _written(models: Path) -> Iterator[None]:
    """What the disk refuses, as a ModelError."""
    try:
        yield
    except OSError as error:
        raise ModelError(
            f"The models folder {models} cannot be written ({error.strerror or error}); free some space there, or set "
            "STET_MODELS_DIR to a folder that you can write to."
        ) from error


@contextlib.contextmanager
def _alone(folder: Path, progress: Report, halted: Halt) -> Iterator[None]:
    """One fetcher at a time; the ones that wait can be halted."""
    lock = FileLock(folder / "fetch.lock")
    while True:
        try:
            lock.acquire(timeout=LOCK_POLL_SECONDS)
            break
        except Timeout:
            if halted():
                raise Halted("Waiting for another fetch was stopped; `stet models fetch` starts it again.") from None
            progress(Progress(0.0, "another Stet is fetching this model"))
    try:
        yield
    finally:
        lock.release()


def _write(path: Path, manifest: _Manifest) -> None:
    _replace(path, json.dumps(asdict(manifest), indent=2))


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
