"""The gate in front of everything that is written: which documents get no offer and no capture, and why.

Decides by name, scheme, language, size and NUL bytes; the writer's consent is the assistant's to ask. The reason never
quotes the document's text.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import unquote, urlsplit

import pathspec

from stet.capture.rules import CaptureRules


def refusal(uri: str, language: str, text_length: int, rules: CaptureRules, *, text: str = "") -> str | None:
    """Why the document gets no suggestions and is not captured, in a few words; None when nothing speaks against it.

    `text_length` in code points; `text`, where given, is looked through for NUL bytes.
    """
    try:
        parts = urlsplit(uri)
        scheme, path = parts.scheme.lower(), unquote(parts.path)
    except ValueError:
        return "its address cannot be read"
    if len(scheme) == 1:  # a bare Windows path: C:\notes.txt
        scheme, path = "", uri
    if scheme not in rules.schemes:
        return f"documents of the scheme {scheme!r} are not read"
    if language and language in rules.languages:
        return f"the language {language!r} is turned off"
    if _excluded(path, rules.exclude):
        return "its name matches stet.capture.exclude"
    if text_length > rules.max_document_characters:
        return f"it is longer than {rules.max_document_characters} characters"
    if "\0" in text:
        return "it holds NUL bytes, so it is no text"
    return None


def _excluded(path: str, patterns: tuple[str, ...]) -> bool:
    relative = path.replace("\\", "/").lstrip("/")
    return bool(relative) and _compiled(patterns).match_file(relative)


@lru_cache(maxsize=8)
def _compiled(patterns: tuple[str, ...]) -> pathspec.GitIgnoreSpec:
    return pathspec.GitIgnoreSpec.from_lines(patterns)
