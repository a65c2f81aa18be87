"""Names, hub addresses and paths, and what is none of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from stet.core.errors import ModelError
from stet.models import CATALOGUE, resolve
from stet.models.catalogue import HubFile, LocalFile
from stet.settings import Settings


def test_the_default_model_is_in_the_catalogue() -> None:
    entry = resolve(Settings().model.name)
    assert entry is CATALOGUE[entry.name]
    assert entry.licence == "Apache-2.0"


def test_an_address_on_the_hub() -> None:
    entry = resolve("hf:owner/repo:deep/file.Q8_0.gguf")
    assert entry.source == HubFile("owner/repo", "deep/file.Q8_0.gguf")
    assert entry.name == "owner--repo--deep--file.Q8_0"


def test_a_path() -> None:
    entry = resolve("/users/ada/my model.gguf")
    assert (entry.name, entry.source) == ("my model", LocalFile(Path("/users/ada/my model.gguf")))


@pytest.mark.parametrize(
    "name",
    [
        *("", "..", "smollm", ".gguf", "...gguf", "x/../...gguf"),
        *("hf:repo:file.gguf", "hf:a/b", "hf:a/b:file.bin", "hf:a/b/c:x.gguf"),
    ],
)
def test_what_is_no_model_is_said(name: str) -> None:
    with pytest.raises(ModelError, match=r"no model named.*`stet models list`"):
        resolve(name)


@pytest.mark.parametrize("name", [*CATALOGUE, "hf:../..:x.gguf", "hf:a/b:../../x.gguf", "/a/../b/x.gguf"])
def test_a_model_has_a_folder_of_its_own_below_the_models(name: str, tmp_path: Path) -> None:
    assert (tmp_path / resolve(name).name).resolve().parent == tmp_path.resolve()
