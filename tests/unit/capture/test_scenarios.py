"""Runs the scenarios of `tests/scenarios/*.md`: a writer, an editor and a recorder, one line per act.

A scenario is a `##` heading and a fenced block. Every outcome and every record must be expected by a line, in order;
what nobody expected is a failure. Each word of a scenario is a method of `Desk`.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from attrs import define, field

from stet.capture import (
    CaptureRules,
    Effect,
    OfferEnded,
    Recorder,
    RecordMade,
    Signal,
    SignalKind,
    SpanClosed,
    SpanRead,
    SpanSettled,
)
from stet.core.records import AcceptedSpan, Context, EditRecord, Provenance, Suggestion
from stet.core.spans import Change, Span

FOLDER = Path(__file__).parents[2] / "scenarios"
DOCUMENT = "file:///letter.txt"
WORD_PIECE = re.compile(r"\s*\w+(?:['’]\w+)*[^\w\s]*|\s*[^\w\s]+\s*|\s+")


def scenarios() -> list[tuple[str, str]]:
    found = []
    for path in sorted(FOLDER.glob("*.md")):
        for title, body in re.findall(r"^## (.+?)\n.*?```\n(.*?)```", path.read_text("utf-8"), re.S | re.M):
            found.append((f"{path.stem}: {title}", body))
    return found


@pytest.mark.parametrize(("title", "body"), scenarios(), ids=[title for title, _ in scenarios()])
def test_scenario(title: str, body: str) -> None:
    desk = Desk()
    for number, line in enumerate(body.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            words = [word.replace("\\n", "\n").replace("\\r", "\r").replace("\\t", "\t") for word in _words(line)]
            try:
                getattr(desk, f"do_{words[0]}")(*words[1:])
            except AssertionError as error:
                raise AssertionError(f"{title}, line {number}: {line.strip()}\n{error}\ntext: {desk.text!r}") from error
    assert not desk.outcomes, f"{title}: outcomes nobody expected: {desk.outcomes}"
    assert not desk.records, f"{title}: records nobody expected: {desk.records}"


def test_there_are_scenarios() -> None:
    assert len(scenarios()) >= 40


@define
class Desk:
    """The editor's text and caret, the clock, and what the recorder said that was not expected yet."""

    recorder: Recorder = field(factory=lambda: Recorder(CaptureRules()))
    text: str = ""
    caret: int = 0
    now: float = 1000.0
    offers: dict[str, tuple[Suggestion, int]] = field(factory=dict)
    current: str = ""
    whole: bool = False
    batch: list[Change] | None = None
    history: list[Change] = field(factory=list)
    undone: list[Change] = field(factory=list)
    outcomes: list[OfferEnded] = field(factory=list)
    records: list[EditRecord] = field(factory=list)
    closings: list[SpanClosed] = field(factory=list)
    journal: dict[str, AcceptedSpan] = field(factory=dict)

    # -- the editor ------------------------------------------------------------------------------------------------

    def do_text(self, marked: str) -> None:
        """The document when it was opened; | is the caret."""
        self.caret = marked.index("|")
        self.text = marked.replace("|", "")
        self.take(self.recorder.opened(DOCUMENT, self.text, self.now))

    def do_sync(self, how: str) -> None:
        """`sync whole`: the client sends the whole text each time."""
        self.whole = how == "whole"

    def do_caret(self, where: str, target: str = "") -> None:
        """`caret end`, `caret before "x"`, `caret after "x"`."""
        at = len(self.text) if where == "end" else self.text.index(target)
        self.caret = at + (len(target) if where == "after" else 0)

    def do_begin(self) -> None:
        """Changes up to `commit` go out in one notification."""
        self.batch = []

    def do_commit(self) -> None:
        changes, self.batch = self.batch or [], None
        self.take(self.recorder.changed(DOCUMENT, changes, self.now))

    def do_type(self, letters: str) -> None:
        """Letter by letter, ten a second."""
        for letter in letters:
            self.now += 0.1
            self.change(self.caret, 0, letter)

    def do_burst(self, letters: str) -> None:
        """Letter by letter, a hundred a second."""
        for letter in letters:
            self.now += 0.01
            self.change(self.caret, 0, letter)

    def do_insert(self, text: str) -> None:
        """One change at the caret: a paste, an input method, an editor's own doing."""
        self.change(self.caret, 0, text)

    do_paste = do_insert

    def do_backspace(self, count: str) -> None:
        for _ in range(int(count)):
            self.now += 0.1
            self.change(self.caret - 1, 1, "")

    def do_delete(self, count: str) -> None:
        """Forward, in one change."""
        self.change(self.caret, int(count), "")

    def do_cut(self, text: str) -> None:
        """Select the last occurrence and delete it, in one change."""
        self.change(self.text.rindex(text), len(text), "")

    def do_replace(self, text: str, _with: str, other: str) -> None:
        """Select the last occurrence and put other text there, in one change."""
        self.change(self.text.rindex(text), len(text), other)

    def do_undo(self) -> None:
        change = self.history.pop()
        self.change(change.span.start, len(change.span), change.text, undoing=True)

    def do_redo(self) -> None:
        change = self.undone.pop()
        self.change(change.span.start, len(change.span), change.text)

    def do_wait(self, seconds: str) -> None:
        until = self.now + float(seconds.rstrip("s"))
        while (due := self.recorder.next_due(self.now)) is not None and due <= until:
            self.now = max(due, self.now)
            self.take(self.recorder.tick(self.now))
        self.now = until
        self.take(self.recorder.tick(self.now))

    def do_close(self) -> None:
        self.take(self.recorder.closed(DOCUMENT, self.now))

    def do_reload(self, text: str) -> None:
        """The editor reads the file again."""
        self.text = text
        self.take(self.recorder.opened(DOCUMENT, text, self.now))

    def do_crash(self, _and: str, _reopen: str, marked: str) -> None:
        """`crash and reopen "text|"`: a new server, which has nothing but the journal."""
        left = [span for span in self.journal.values() if span.state.value == "live"]
        self.recorder = Recorder(CaptureRules())
        self.do_text(marked)
        self.take(self.recorder.restore(left, DOCUMENT, self.text, self.now))

    def do_others(self, count: str) -> None:
        """So many other documents change at this moment."""
        for number in range(int(count)):
            self.recorder.opened(f"file:///{number}", "x", self.now)
            self.recorder.changed(f"file:///{number}", [Change(Span(0, 0), "y")], self.now)

    # -- offers ----------------------------------------------------------------------------------------------------

    def do_offer(self, text: str, _as: str = "", name: str = "") -> None:
        """At the caret. `offer "text" as b` names it; `offer again` offers the same id again."""
        if text == "again":
            suggestion, start = self.offers[self.current]
            self.take(self.recorder.offered(suggestion, start, self.now))
            return
        name = name or f"offer{len(self.offers)}"
        context = Context(DOCUMENT, prefix=self.text[: self.caret], suffix=self.text[self.caret :])
        suggestion = Suggestion(name, context, text, Provenance("model"), self.now)
        self.offers[name], self.current = (suggestion, self.caret), name
        self.take(self.recorder.offered(suggestion, self.caret, self.now))

    def do_accept(self, how: str = "all") -> None:
        """Tab; or `accept word`, `accept line`."""
        rest = self.rest()
        if how == "word":
            match = WORD_PIECE.match(rest)
            assert match is not None
            rest = match.group()
        elif how == "line":
            rest = rest[: rest.index("\n")]
        self.change(self.caret, 0, rest)

    def do_command(self, name: str = "") -> None:
        """The client runs the item's command."""
        self.signal(name, Signal(SignalKind.ACCEPTED))

    def do_partial(self, length: str, name: str = "") -> None:
        self.signal(name, Signal(SignalKind.PARTIALLY_ACCEPTED, int(length)))

    def do_reject(self, name: str = "") -> None:
        self.signal(name, Signal(SignalKind.REJECTED))

    def do_ignore(self, name: str = "") -> None:
        self.signal(name, Signal(SignalKind.IGNORED))

    # -- expectations ----------------------------------------------------------------------------------------------

    def do_expect(self, what: str, *rest: str) -> None:
        getattr(self, f"expect_{what}")(*rest)

    def expect_outcome(self, outcome: str, reason: str = "", name: str = "") -> None:
        assert self.outcomes, f"no offer ended; {self.records}"
        ended = self.outcomes.pop(0)
        assert ended.outcome.value == outcome, f"{ended.outcome.value}, {ended.reason}"
        assert not reason or ended.reason == reason, ended.reason
        assert not name or ended.offer_id == name, ended.offer_id

    def expect_record(self, *pairs: str) -> None:
        assert self.records, f"no record was made; {self.journal}"
        record = self.records.pop(0)
        shown = {
            "kind": record.kind.value,
            "y": record.suggestion,
            "final": record.final,
            "cost": f"{record.cost:g}",
            "class": record.edit_class.value,
            "flags": ",".join(record.flags),
            "version": str(record.version),
            "outcome": record.outcome.value,
            "script": record.script,
            "prefix": record.context.prefix,
        }
        for pair in pairs:
            key, _, value = pair.partition("=")
            assert shown[key] == value, f"{key} is {shown[key]!r}\nin {shown}"

    def expect_span(self, text: str) -> None:
        assert self.last_span().text == text, self.last_span()

    def expect_kept(self, text: str) -> None:
        assert self.last_span().kept_text == text, self.last_span()

    def expect_spans(self, count: str) -> None:
        assert len(self.recorder.live(DOCUMENT)) == int(count), self.recorder.live(DOCUMENT)

    def expect_closed(self, reason: str) -> None:
        assert self.closings and self.closings[-1].reason == reason, self.closings

    def expect_open(self, typed: str) -> None:
        """The offer is still open, with so many characters of it in the text."""
        view = self.recorder.open_offer(DOCUMENT)
        assert view is not None and view.typed == int(typed), view

    def expect_nothing(self) -> None:
        """No outcome and no record so far."""
        assert not self.outcomes and not self.records, (self.outcomes, self.records)

    def expect_text(self, text: str) -> None:
        buffer = self.recorder.buffer(DOCUMENT)
        assert buffer is not None and buffer.text == text, buffer and buffer.text

    # -- between ---------------------------------------------------------------------------------------------------

    def change(self, at: int, removed: int, put: str, *, undoing: bool = False) -> None:
        gone = self.text[at : at + removed]
        change = Change(Span(at, at + len(gone)), put)
        inverse = Change(Span(at, at + len(put)), gone)
        (self.undone if undoing else self.history).append(inverse)
        before, self.text = self.text, change.applied_to(self.text)
        self.caret = at + len(put)
        sent = Change(Span(0, len(before)), self.text) if self.whole else change
        if self.batch is not None:
            self.batch.append(sent)
        else:
            self.take(self.recorder.changed(DOCUMENT, [sent], self.now))

    def rest(self) -> str:
        view = self.recorder.open_offer(DOCUMENT)
        assert view is not None, "no offer is open"
        return view.suggestion.text[view.typed :]

    def signal(self, name: str, signal: Signal) -> None:
        self.take(self.recorder.signal(name or self.current, signal, self.now))

    def last_span(self) -> AcceptedSpan:
        live = self.recorder.live(DOCUMENT)
        assert live, "no span is followed"
        return live[-1]

    def take(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, OfferEnded):
                self.outcomes.append(effect)
            elif isinstance(effect, RecordMade):
                self.records.append(effect.record)
            elif not isinstance(effect, SpanRead):
                self.journal[effect.span.id] = effect.span
            if isinstance(effect, SpanSettled):
                self.records.append(effect.record)
            elif isinstance(effect, SpanClosed):
                self.closings.append(effect)
        for span in self.recorder.live(DOCUMENT):
            assert span.edited.start <= span.owned.start <= span.owned.end <= span.edited.end, span
        buffer = self.recorder.buffer(DOCUMENT)
        assert self.batch is not None or buffer is None or buffer.text == self.text


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="")
    lexer.whitespace_split, lexer.commenters, lexer.quotes, lexer.escape = True, "", '"', ""
    return list(lexer)
