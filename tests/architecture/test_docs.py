"""The documents name what exists, and what exists is named."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def reference() -> str:
    answer = subprocess.run([sys.executable, "-m", "stet", "reference"], capture_output=True, text=True, check=True)
    return answer.stdout


def test_the_reference_is_up_to_date() -> None:
    assert (ROOT / "docs/reference.md").read_text(encoding="utf-8") == reference(), "run `make docs`"


@pytest.mark.parametrize(
    "page", ["README.md", "docs/architecture.md", "CHANGELOG.md", "docs/learning.md", "docs/capture.md"]
)
def test_commands_and_settings_named_in_the_documents_exist(page: str) -> None:
    text, known = (ROOT / page).read_text(encoding="utf-8"), reference()
    commands = set(re.findall(r"^\| `stet ([a-z]+(?: [a-z]+)?)", known, re.MULTILINE)) | {"engine"}
    groups = {command.split()[0] for command in commands}
    for name, sub in re.findall(r"`stet ([a-z]+)(?: ([a-z]+)\b)?", text):
        assert name in groups, f"{page} names `stet {name}`"
        assert not sub or f"{name} {sub}" in commands or name in commands, f"{page} names `stet {name} {sub}`"
    settings = set(re.findall(r"^\| `(stet\.[A-Za-z.]+)`", known, re.MULTILINE))
    for name in re.findall(r"`(stet\.[a-z]+\.[A-Za-z]+)`", text):
        module = ROOT / "server" / Path(*name.split("."))
        is_code = module.with_suffix(".py").exists() or module.parent.with_suffix(".py").exists()
        assert name in settings or is_code, f"{page} names the setting {name}"


def test_tests_named_in_the_architecture_exist() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+(?:\.py)?)(?:::(\w+))?`", text)
    assert len(named) > 12
    for path, function in named:
        assert (ROOT / path).exists(), path
        if function:
            assert f"def {function}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{function}"


def test_links_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
