"""Who is alive, and whose spans are whose: two servers on one store, with real locks and a real process killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from stet.assistant.presence import Presence
from stet.core.records import AcceptedSpan, Context, Provenance, Suggestion
from stet.core.spans import Span
from stet.store import Database, open_store, spans

URI = "file:///two-windows.txt"
HOLD = "import sys\nfrom pathlib import Path\nfrom stet.assistant.presence import Presence\n" + (
    "other = Presence(Path(sys.argv[1]), 'other')\nother.hold()\nprint('held', flush=True)\nsys.stdin.read()\n"
)


def other_server(folder: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"held\n"
    return process


def enter(database: Database, owner: str, name: str) -> None:
    database.owner = owner
    suggestion = Suggestion(name, Context(URI, "I like"), " cats", Provenance("m"), 1.0)
    spans.save_span(database, AcceptedSpan(suggestion, " cats", Span(7, 11), Span(7, 11), "cats", 1.0, 1.0))


def taken(database: Database, owner: str, alive: Callable[[str], bool]) -> list[str]:
    database.owner = owner
    return [span.id for span in spans.take_over(database, alive, document=URI)]


def test_alive_until_killed(tmp_path: Path) -> None:
    mine = Presence(tmp_path / "servers", "mine")
    mine.hold()
    process = other_server(tmp_path / "servers")
    assert mine.is_alive("other") and mine.is_alive("mine")
    assert not mine.is_alive("nobody") and not mine.is_alive("")
    process.kill()
    process.wait()
    assert not mine.is_alive("other")
    assert [path.name for path in (tmp_path / "servers").iterdir()] == ["mine.lock"]
    mine.end()
    assert not mine.is_alive("mine") and not list((tmp_path / "servers").iterdir())


def test_what_dead_servers_left_is_cleared_away(tmp_path: Path) -> None:
    process = other_server(tmp_path)
    process.kill()
    process.wait()
    mine = Presence(tmp_path, "mine")
    mine.hold()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.lock"]
    mine.end()


def test_only_one_of_two_windows_follows_a_span(tmp_path: Path) -> None:
    with open_store(tmp_path / "stet.db", 0.0) as database:
        enter(database, "left", "a")
        assert taken(database, "right", {"left", "right"}.__contains__) == []
        assert taken(database, "right", {"right"}.__contains__) == ["a"]
        assert taken(database, "third", {"right", "third"}.__contains__) == []
        enter(database, "", "b")  # entered before there were owners
        assert taken(database, "third", {"right", "third"}.__contains__) == ["b"]
        assert taken(database, "right", {"right", "third"}.__contains__) == ["a"]
