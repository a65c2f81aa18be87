"""Reading keystroke logs, and the key computed from them against the published one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from stet.core.errors import StetError
from stet.study.coauthor import Answer, Log, changes_of, computed_key, read_key, read_logs

DATA = Path(os.environ.get("STET_DATA") or Path(__file__).parents[4] / "shared" / "data") / "coauthor"


def log(*rows: list[object], text: str = "One two.\n") -> Log:
    return Log("s", 0.0, text, tuple(rows))


def test_the_computed_key_is_the_published_one() -> None:
    """CoAuthor, Lee, Liang and Yang 2022, CC BY-SA 4.0, sampled and compacted."""
    if not (DATA / "answers.jsonl").exists():
        pytest.skip(f"the CoAuthor sample was looked for at {DATA}; set STET_DATA")
    logs = read_logs(DATA)
    answers = read_key(DATA, logs)
    assert answers is not None and len(answers) == 442
    computed = {(answer.log, answer.row): answer for one in logs for answer in computed_key(one)}
    assert all(computed[answer.log, answer.row] == answer for answer in answers)
    assert len(computed) == len(answers)


def test_typed_at_the_edges_is_outside_and_inside_is_inside() -> None:
    accept = ["a", 0, [[8, 0, " three four."]]]
    edges = [["u", 1, [[9, 0, "<"]]], ["u", 2, [[21, 0, ">"]]]]
    assert computed_key(log(accept, *edges)) == [Answer("s", 0, "three four.", "three four.")]
    assert computed_key(log(accept, ["u", 1, [[15, 0, "and a half "]]]))[0].final == "three and a half four."


def test_typing_over_the_tail_is_outside_and_over_the_middle_inside() -> None:
    accept = ["a", 0, [[8, 0, " three four."]]]
    assert computed_key(log(accept, ["u", 1, [[15, 0, "x"], [16, 5, ""]]]))[0].final == "three "
    assert computed_key(log(accept, ["u", 1, [[10, 0, "x"], [11, 2, ""]]]))[0].final == "txee four."


def test_what_was_deleted_and_typed_again_is_not_the_suggestion() -> None:
    rows = [["a", 0, [[8, 0, " three"]]], ["u", 1, [[8, 6, ""]]], ["u", 2, [[8, 0, " three"]]]]
    assert computed_key(log(*rows)) == [Answer("s", 0, "three", "")]


def test_a_change_that_cuts_a_character_in_halves_takes_in_the_whole() -> None:
    # 😀 and 😁 share their first unit: a log of units may replace only the second one.
    (change,) = changes_of([[2, 1, "\ude01"]], "a😀b")
    assert change.applied_to("a😀b") == "a😁b"
    assert changes_of([[4, 0, "c"]], "a😀b")[0].applied_to("a😀b") == "a😀bc"


@pytest.mark.parametrize(("content", "reason"), [("", "no keystroke logs"), ("{}", "lacks"), ("{", "JSON lines")])
def test_what_is_no_log(tmp_path: Path, content: str, reason: str) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text(content)
    with pytest.raises(StetError, match=reason):
        read_logs(file)


def test_a_folder_without_a_key(tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_text(json.dumps({"id": "a", "t0": 1000, "doc": "", "ev": []}))
    logs = read_logs(tmp_path)
    assert logs == [Log("a", 1.0, "", ())]
    assert read_key(tmp_path, logs) is None
