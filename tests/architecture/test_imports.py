"""Invariants 1, 2, 3 and 5: who may import what. Layers themselves are checked by import-linter in `make lint`."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "server" / "stet"
SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE TABLE|PRAGMA)\b\s+\w+", re.ASCII)
IMPURE = {
    "time",
    "random",
    "asyncio",
    "os",
    "socket",
    "subprocess",
    "threading",
    "pathlib",
    "httpx",
    "sqlite3",
    "secrets",
}


def sources(*packages: str) -> Iterator[Path]:
    for package in packages or ("",):
        yield from (ROOT / package).rglob("*.py")


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def offenders(modules: set[str], allowed: str) -> list[str]:
    return [
        str(path.relative_to(ROOT))
        for path in sources()
        if path.relative_to(ROOT).parts[0] != allowed and any(name.split(".")[0] in modules for name in imported(path))
    ]


def test_there_are_sources() -> None:
    assert len(list(sources())) > 40


def test_only_lsp_speaks_lsp() -> None:
    assert offenders({"pygls", "lsprotocol"}, "lsp") == []


def test_only_engine_knows_llama_cpp() -> None:
    assert offenders({"xllamacpp"}, "engine") == []


def test_only_store_writes_sql() -> None:
    assert offenders({"sqlite3", "sqlite_utils"}, "store") == []
    found = [
        str(path) for path in sources() if path.relative_to(ROOT).parts[0] != "store" and SQL.search(path.read_text())
    ]
    assert found == []


def test_only_the_trainer_imports_torch() -> None:
    assert offenders({"torch", "transformers", "peft"}, "learning") == []


def test_pure_packages() -> None:
    found = {
        str(path.relative_to(ROOT)): sorted(set(imported(path)) & IMPURE)
        for path in sources("core", "capture", "selection")
    }
    assert {path: names for path, names in found.items() if names} == {}


def test_serve_imports_no_torch() -> None:
    """Everything `stet serve` may come to import, the lazily imported included, in a process of its own."""
    code = (
        "import sys; import stet.cli.app, stet.cli.serve, stet.lsp.server, stet.assistant, stet.learning.launcher, "
        "stet.learning.schedule, stet.engine, stet.models, stet.store; "
        "print([name for name in ('torch', 'transformers', 'peft', 'xllamacpp') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("package", ["core", "settings", "store", "engine", "completion", "capture", "lsp", "learning"])
def test_importing_prints_nothing_and_makes_nothing(package: str, tmp_path: Path) -> None:
    code = f"import stet.{package}"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert (answer.stdout, answer.stderr, list(tmp_path.iterdir())) == ("", "", [])


def test_one_prompt_function() -> None:
    """Invariant 5: serving and training call the same function, and nobody else makes prompts."""
    callers = {
        path.relative_to(ROOT).parts[0]
        for path in sources()
        if "build_prompt(" in path.read_text() and path.name != "prompt.py"
    }
    assert callers == {"completion", "learning"}


def test_no_file_is_too_long() -> None:
    tests = ROOT.parents[1] / "tests"
    lengths = {str(path): len(path.read_text().splitlines()) for path in [*sources(), *tests.rglob("*.py")]}
    assert {path: length for path, length in lengths.items() if length > 400} == {}
