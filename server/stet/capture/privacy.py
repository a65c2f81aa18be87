"""The gate in front of everything that is written: which documents get no offer and no capture, and why.

Decides by name, scheme, language, folder, size, NUL bytes and what the disk was found to say; looks at no disk itself.
The writer's consent is the assistant's to ask. The reason never quotes the document's text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import unquote, urlsplit

import pathspec
from attrs import frozen

from stet.capture.rules import CaptureRules


@frozen
class FileFacts:
    """What the disk says of a document's file."""

    read_only: bool = False
    ignored: bool = False
    """Its repository's .gitignore files name it."""


def refusal(
    uri: str, language: str, text_length: int, rules: CaptureRules, *, text: str = "", facts: FileFacts | None = None
) -> str | None:
    """Why the document gets no suggestions and is not captured, in a few words; None when nothing speaks against it.

    `text_length` in code points; `text`, where given, is looked through for NUL bytes. `facts` is None while nobody has
    looked at the file.
    """
    scheme, path = _parts(uri)
    if scheme is None:
        return "its address cannot be read"
    if scheme not in rules.schemes:
        return f"documents of the scheme {scheme!r} are not read"
    if scheme == "untitled" and not rules.untitled:
        return "it is in no file yet, and stet.capture.untitled is off"
    if language and not rules.languages.get(language, rules.languages.get("*", True)):
        return f"the language {language!r} is turned off (stet.capture.languages)"
    if (folder := _switched_off(path, rules.folders)) is not None:
        return f"the folder {folder!r} is turned off (stet.capture.folders)"
    if _excluded(path, rules.exclude):
        return "its name matches stet.capture.exclude"
    if text_length > rules.max_document_characters:
        return f"it is longer than {rules.max_document_characters} characters"
    if "\0" in text:
        return "it holds NUL bytes, so it is no text"
    if facts is not None and facts.ignored:
        return "git ignores it (stet.capture.gitignore)"
    if facts is not None and facts.read_only and not rules.read_only:
        return "it is read-only, and stet.capture.readOnly is off"
    return None


def file_path(uri: str) -> str | None:
    """Path of a document that is in a file; None for any other."""
    scheme, path = _parts(uri)
    if scheme not in ("file", "") or not path:
        return None
    return path[1:] if re.match(r"/[A-Za-z]:", path) else path


def _parts(uri: str) -> tuple[str | None, str]:
    """(scheme, path) of a URI; (None, "") when it is none."""
    try:
        parts = urlsplit(uri)
        scheme, path = parts.scheme.lower(), unquote(parts.path)
    except ValueError:
        return None, ""
    return ("", uri) if len(scheme) == 1 else (scheme, path)  # a bare Windows path: C:\notes.txt


def _switched_off(path: str, folders: Mapping[str, bool]) -> str | None:
    """The innermost folder named in the settings that holds `path`, when it is off."""
    path = _plain_path(path)
    holding = [name for name in folders if path.startswith(_plain_path(name).rstrip("/") + "/")]
    innermost = max(holding, key=lambda name: len(_plain_path(name)), default=None)
    return innermost if innermost is not None and not folders[innermost] else None


def _plain_path(path: str) -> str:
    return path.replace("\\", "/").lstrip("/")


def _excluded(path: str, patterns: tuple[str, ...]) -> bool:
    relative = _plain_path(path)
    return bool(relative) and _compiled(patterns).match_file(relative)


@lru_cache(maxsize=8)
def _compiled(patterns: tuple[str, ...]) -> pathspec.GitIgnoreSpec:
    return pathspec.GitIgnoreSpec.from_lines(patterns)
