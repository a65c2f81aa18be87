"""What the disk says of a document's file: may it be written, does git ignore it. Reads only; off the event loop."""

from __future__ import annotations

import os
from pathlib import Path

import pathspec

from stet.capture.privacy import FileFacts, file_path

_LARGEST = 1_000_000
"""Bytes of a .gitignore file beyond which it is not read."""


def file_facts(uri: str, *, gitignore: bool) -> FileFacts:
    """The facts; those of a file that is not there, or cannot be looked at, speak against nothing."""
    name = file_path(uri)
    if name is None:
        return FileFacts()
    path = Path(name)
    try:
        return FileFacts(
            read_only=path.exists() and not os.access(path, os.W_OK), ignored=gitignore and is_ignored(path)
        )
    except (OSError, ValueError):
        return FileFacts()


def is_ignored(path: Path) -> bool:
    """Whether the repository that holds `path` ignores it: the last pattern that matches decides, inner files last."""
    folders = list(path.parents)
    root = next((index for index, folder in enumerate(folders) if (folder / ".git").exists()), None)
    if root is None:
        return False
    ignored = False
    sources = [(folders[root], folders[root] / ".git" / "info" / "exclude")]
    sources += [(folder, folder / ".gitignore") for folder in reversed(folders[: root + 1])]
    for folder, source in sources:
        spec = _spec(source)
        if spec is None:
            continue
        relative = path.relative_to(folder).as_posix()
        verdict = spec.check_file(relative).include
        if verdict is not None:
            ignored = verdict
    return ignored


def _spec(source: Path) -> pathspec.GitIgnoreSpec | None:
    if not source.is_file() or source.stat().st_size > _LARGEST:
        return None
    return pathspec.GitIgnoreSpec.from_lines(source.read_text(encoding="utf-8", errors="replace").splitlines())
