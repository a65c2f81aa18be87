"""The numbers that capture goes by, in one place. Each default is argued where it stands; nothing is decided here."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from stet.settings.tree import EXCLUDE


@frozen
class CaptureRules:
    """Times in seconds, lengths in code points."""

    settle_seconds: float = 10.0
    """Quiet time after which a span's final text is read (Zed's; the median last edit of the CoAuthor logs: 10.7 s)."""
    cap_seconds: float = 300.0
    """Longest wait for that quiet, from the accept or the first touch since the last record."""
    settle_on_save: bool = False
    """Whether saving settles: most editors save by themselves, in the midst of an edit."""
    settle_on_close: bool = True
    """Whether closing settles; otherwise a span waits for its document to be opened again."""
    declined_seconds: float = 30.0
    """When the text in a declined offer's place is read (Copilot's)."""
    signal_hold_seconds: float = 1.0
    """How long a client's word waits for its change, and a typed last character for the client's word."""
    paste_characters: int = 20
    """One change that inserts more non-blank characters than this, and matches no offer, was not typed."""
    paste_rate: float = 20.0
    """Characters a second, over at least one second, beyond which text was not typed."""
    mass_characters: int = 512
    """A change that inserts more than this is no edit of the spans it crosses (Copilot, Zed)."""
    other_documents: int = 3
    """That many documents changed within a second: a branch switch or formatter, not a writer."""
    context_characters: int = 64
    """Text kept on either side of a span to find it again after a crash."""
    max_document_characters: int = 2_000_000
    """Longer documents get no suggestions and are not captured."""
    schemes: tuple[str, ...] = ("file", "untitled", "vscode-notebook-cell", "")
    """URI schemes of documents that may be read; "" stands for a bare path."""
    languages: Mapping[str, bool] = field(factory=dict)
    """Language ids turned on or off; "*" stands for all that are not named."""
    folders: Mapping[str, bool] = field(factory=dict)
    """Folders turned on or off; of several that hold a file the innermost counts."""
    untitled: bool = True
    """Whether documents that are in no file yet are read."""
    read_only: bool = False
    """Whether files that the writer may not change are read."""
    exclude: tuple[str, ...] = EXCLUDE
    """gitignore patterns of files that get no suggestions and are never captured."""
