"""`stet study replay` as a person runs it: a real server, message by message, in the three disguises.

All 60 sessions take some minutes; here it is every fifth. tests/unit/capture/test_coauthor.py runs all, in process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

DATA = Path(os.environ.get("STET_DATA") or Path(__file__).parents[3] / "shared" / "data") / "coauthor"
STEP = 5


def replay(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stet", "study", "replay", str(folder), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (DATA / "answers.jsonl").exists():
        pytest.skip(f"the CoAuthor sample was looked for at {DATA}; set STET_DATA")
    folder = tmp_path_factory.mktemp("sample")
    lines = (DATA / "sample60.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "logs.jsonl").write_text("".join(lines[::STEP]), encoding="utf-8")
    (folder / "answers.jsonl").symlink_to(DATA / "answers.jsonl")
    return folder


@pytest.mark.parametrize("client", ["signals", "silent", "whole-text"])
def test_the_key_in_every_disguise(sample: Path, client: str) -> None:
    """CoAuthor, Lee, Liang and Yang 2022, CC BY-SA 4.0, sampled and compacted."""
    done = replay(sample, "--client", client, "--show", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    print(client, figures)
    assert figures["accepted"] == figures["matched"] == figures["final_text_equal"] > 60
    assert figures["false_accepts"] == 0


def test_a_key_that_says_otherwise_is_noticed(tmp_path: Path) -> None:
    rows = [["a", 100, [[3, 0, " you for it."]]], ["u", 20000, [[8, 3, "that"]]]]
    log = {"id": "one", "t0": 1_600_000_000_000, "doc": "Tha\n", "ev": rows}
    (tmp_path / "logs.jsonl").write_text(json.dumps(log))
    assert replay(tmp_path).returncode == 0  # against the key computed from the log itself
    wrong = {"session": "one", "ev": 0, "text": "you for it.", "final": "you for it."}
    (tmp_path / "answers.jsonl").write_text(json.dumps(wrong))
    done = replay(tmp_path, "--show", "--json")
    assert done.returncode == 1
    assert "the key has 'you for it.'" in done.stdout
    assert json.loads(done.stdout.splitlines()[-1])["final_text_equal"] == 0
