"""What git ignores and what is read-only, on real files; git itself is the judge where there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from stet.assistant.file_facts import file_facts, is_ignored

NAMES = (
    "drafts/a/x.txt",
    "a.log",
    "keep.log",
    "sub/x.log",
    "sub/y.log",
    "sub/q.md",
    "plain.md",
    "private.txt",
    "sub/é.txt",
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / ".git" / "info").mkdir(parents=True)
    (tmp_path / ".git" / "info" / "exclude").write_text("private.txt\n")
    (tmp_path / ".gitignore").write_text("drafts/\n*.log\n!keep.log\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / ".gitignore").write_text("!x.log\nq*\né.txt\n", encoding="utf-8")
    return tmp_path


def test_what_git_ignores(repository: Path) -> None:
    ignored = {name for name in NAMES if is_ignored(repository / name)}
    assert ignored == {"drafts/a/x.txt", "a.log", "sub/y.log", "sub/q.md", "private.txt", "sub/é.txt"}


@pytest.mark.skipif(shutil.which("git") is None, reason="git is needed to be compared with")
def test_git_says_the_same(repository: Path) -> None:
    subprocess.run(["git", "init", "-q", repository], check=True)
    (repository / ".git" / "info" / "exclude").write_text("private.txt\n")
    for name in NAMES:
        answer = subprocess.run(["git", "-C", repository, "check-ignore", "-q", name], check=False)
        assert is_ignored(repository / name) == (answer.returncode == 0), name


def test_without_a_repository_nothing_is_ignored(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*\n")
    assert not is_ignored(tmp_path / "a.txt")


def test_facts(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = repository / "a.log"
    log.write_text("x")
    assert file_facts(log.as_uri(), gitignore=True).ignored
    assert not file_facts(log.as_uri(), gitignore=False).ignored
    assert not file_facts(log.as_uri(), gitignore=True).read_only
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    assert file_facts(log.as_uri(), gitignore=True).read_only
    assert not file_facts("file:///nowhere/at/all.txt", gitignore=True).read_only
    assert not file_facts("untitled:Untitled-1", gitignore=True).read_only
