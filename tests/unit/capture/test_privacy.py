"""Which documents are refused, and for which reason."""

from __future__ import annotations

import pytest
from attrs import evolve

from stet.capture import CaptureRules, refusal
from stet.capture.privacy import FileFacts

RULES = CaptureRules()


@pytest.mark.parametrize(
    "uri",
    [
        "file:///users/me/.env",
        "file:///users/me/project/.env.local",
        "file:///srv/prod.env",
        "file:///users/me/.ssh/id_rsa",
        "file:///users/me/.ssh/id_rsa_work",
        "file:///c%3A/Users/me/server.key",
        "file:///users/me/my%20passwords.txt",
        "file:///users/me/project/.gitignore",
        "C:\\Users\\me\\keys.kdbx",
    ],
)
def test_names_that_are_excluded(uri: str) -> None:
    assert refusal(uri, "plaintext", 10, RULES) == "its name matches stet.capture.exclude"


@pytest.mark.parametrize(
    "uri", ["file:///users/me/letter.txt", "untitled:Untitled-1", "file:///users/me/environment.md", "/users/me/a.txt"]
)
def test_names_that_are_not(uri: str) -> None:
    assert refusal(uri, "plaintext", 10, RULES) is None


def test_patterns_mean_what_they_mean_in_a_gitignore() -> None:
    rules = evolve(RULES, exclude=("private/", "*.log", "!kept.log"))
    assert refusal("file:///users/me/private/deep/letter.txt", "", 1, rules)
    assert refusal("file:///users/me/a.log", "", 1, rules)
    assert refusal("file:///users/me/kept.log", "", 1, rules) is None
    assert refusal("file:///users/me/privately/letter.txt", "", 1, rules) is None


def test_other_reasons() -> None:
    assert "scheme 'git'" in (refusal("git:/x/y.txt", "plaintext", 1, RULES) or "")
    assert "longer than 2000000" in (refusal("file:///a.txt", "plaintext", 2_000_001, RULES) or "")
    assert "NUL" in (refusal("file:///a.txt", "plaintext", 3, RULES, text="a\0b") or "")
    assert refusal("file://[broken", "plaintext", 3, RULES) == "its address cannot be read"
    assert "'json'" in (refusal("file:///a.json", "json", 3, evolve(RULES, languages={"json": False})) or "")


def test_switches_of_languages() -> None:
    rules = evolve(RULES, languages={"*": False, "markdown": True})
    assert refusal("file:///a.md", "markdown", 3, rules) is None
    assert "'plaintext'" in (refusal("file:///a.txt", "plaintext", 3, rules) or "")


def test_the_innermost_folder_counts() -> None:
    rules = evolve(RULES, folders={"/users/me": False, "/users/me/novel/": True, "C:\\Work": False})
    assert "'/users/me'" in (refusal("file:///users/me/diary.txt", "", 3, rules) or "")
    assert refusal("file:///users/me/novel/one.txt", "", 3, rules) is None
    assert refusal("file:///users/meg/one.txt", "", 3, rules) is None
    assert refusal("file:///c%3A/Work/one.txt", "", 3, evolve(RULES, folders={"c:/Work": False}))


def test_untitled_and_what_the_disk_says() -> None:
    assert "untitled" in (refusal("untitled:Untitled-1", "", 3, evolve(RULES, untitled=False)) or "")
    ignored, locked = FileFacts(ignored=True), FileFacts(read_only=True)
    assert "git ignores" in (refusal("file:///a.txt", "", 3, RULES, facts=ignored) or "")
    assert "read-only" in (refusal("file:///a.txt", "", 3, RULES, facts=locked) or "")
    assert refusal("file:///a.txt", "", 3, evolve(RULES, read_only=True), facts=locked) is None


def test_the_reason_never_quotes_the_text() -> None:
    reason = refusal("file:///a.txt", "plaintext", 6, RULES, text="secret\0")
    assert reason is not None
    assert "secret" not in reason
