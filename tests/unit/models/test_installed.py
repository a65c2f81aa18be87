"""Knowing that a model is there and whole, without the network and without hashing at every start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stet.core.errors import ModelError
from stet.models import (
    Model,
    ensure,
    fetch_model,
    from_settings,
    installed,
    list_installed,
    remove,
    verify,
)
from stet.models.prepare import needs_preparing, read_header
from stet.settings import Settings, default_paths
from stet.settings.tree import ModelSettings
from tests.support.tiny_model import write_tiny_model
from tests.unit.models.sources import sha256


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return fetch_model(tmp_path / "models", str(write_tiny_model(tmp_path / "tiny.gguf")))


def flip_a_weight(path: Path) -> None:
    """Change the last byte; size and time stay as they were."""
    before = path.stat()
    with path.open("rb+") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_one_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"smollm2-135m-instruct is not installed.*`stet models fetch smollm2"):
        installed(tmp_path, "smollm2-135m-instruct")
    with pytest.raises(ModelError, match="`stet models list`"):
        installed(tmp_path, "no-such-model")
    assert list_installed(tmp_path / "nothing") == []


def test_one_that_is_whole(model: Model, tmp_path: Path) -> None:
    models = tmp_path / "models"
    assert model.sha256 == sha256(model.path)
    assert installed(models, model.name) == verify(models, model.name) == ensure(models, model.name) == model
    assert [(found.path, found.sha256) for found in list_installed(models)] == [(model.path, model.sha256)]


def test_one_that_was_cut(model: Model, tmp_path: Path) -> None:
    os.truncate(model.path, 1000)
    for look in (installed, verify, ensure):
        with pytest.raises(ModelError, match=r"model\.gguf has 1000 bytes and must have .*--force"):
            look(tmp_path / "models", model.name)
    assert list_installed(tmp_path / "models") == []


def test_one_that_was_altered(model: Model, tmp_path: Path) -> None:
    flip_a_weight(model.path)
    assert installed(tmp_path / "models", model.name) == model  # as quick as that: size and time are the manifest's
    with pytest.raises(ModelError, match=r"model\.gguf was altered.*--force"):
        verify(tmp_path / "models", model.name)
    os.utime(model.path)
    with pytest.raises(ModelError, match="was altered"):
        installed(tmp_path / "models", model.name)
    assert fetch_model(tmp_path / "models", model.name, force=True) == verify(tmp_path / "models", model.name) == model


def test_one_that_was_touched_but_not_altered(model: Model, tmp_path: Path) -> None:
    os.utime(model.path)
    assert installed(tmp_path / "models", model.name) == model


def test_one_whose_file_or_manifest_is_gone(model: Model, tmp_path: Path) -> None:
    manifest = model.path.with_name("manifest.json")
    content = manifest.read_text()
    for broken in ("{", "[]", '{"size": 1}', "null"):
        manifest.write_text(broken)
        with pytest.raises(ModelError, match=r"manifest\.json cannot be read.*--force"):
            installed(tmp_path / "models", model.name)
        assert list_installed(tmp_path / "models") == []
    manifest.write_text(content)
    model.path.unlink()
    with pytest.raises(ModelError, match=r"model\.gguf is missing.*--force"):
        installed(tmp_path / "models", model.name)


def test_removing(model: Model, tmp_path: Path) -> None:
    remove(tmp_path / "models", model.name)
    assert list_installed(tmp_path / "models") == []
    with pytest.raises(ModelError, match="not installed"):
        remove(tmp_path / "models", model.name)
    assert (tmp_path / "tiny.gguf").exists()


def test_a_models_folder_that_cannot_be_made(tmp_path: Path) -> None:
    source = write_tiny_model(tmp_path / "tiny.gguf")
    (tmp_path / "models").write_text("a file")
    with pytest.raises(ModelError, match=r"models cannot be written.*STET_MODELS_DIR"):
        fetch_model(tmp_path / "models", str(source))


def test_a_file_of_the_writers_own(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "own.gguf")
    settings, models = ModelSettings(path=str(path)), tmp_path / "models"
    first = from_settings(settings, models)
    assert (first.name, first.path, first.sha256) == ("own", path, sha256(path))
    flip_a_weight(path)
    assert from_settings(settings, models) == first  # remembered, not taken again
    os.utime(path)
    assert from_settings(settings, models).sha256 == sha256(path) != first.sha256
    (models / "local-hashes.json").write_text("{")
    assert from_settings(settings, models).sha256 == sha256(path)
    os.truncate(path, 5000)
    with pytest.raises(ModelError, match=r"own\.gguf is damaged"):
        from_settings(settings, models)


def test_a_hash_that_cannot_be_remembered_is_no_fault(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "own.gguf")
    (tmp_path / "models").write_text("a file")
    assert from_settings(ModelSettings(path=str(path)), tmp_path / "models").sha256 == sha256(path)


def test_a_model_that_is_there_needs_no_network(model: Model, tmp_path: Path) -> None:
    code = """
import json, socket, sys
from pathlib import Path
def refuse(*args, **options): raise AssertionError("the network was asked")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refuse
from stet.models import ensure, from_settings
from stet.settings.tree import ModelSettings
models, name, path = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
got = [ensure(models, name).sha256, from_settings(ModelSettings(path=path), models).sha256]
print(json.dumps([got, "huggingface_hub" in sys.modules]))
"""
    command = [sys.executable, "-c", code, str(tmp_path / "models"), model.name, str(model.path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout) == [[model.sha256, model.sha256], False]


@pytest.mark.model
def test_the_default_model_is_whole() -> None:
    models, name = default_paths(os.environ).models, Settings().model.name
    if not (models / name / "manifest.json").exists():
        pytest.skip(f"{name} is not installed; `stet models fetch` fetches it")
    model = verify(models, name)
    header = read_header(model.path)
    assert (header.architecture, needs_preparing(header)) == ("llama", False)
    assert header.quantisations == frozenset({"Q8_0"})
    assert from_settings(Settings().model, models) == model
