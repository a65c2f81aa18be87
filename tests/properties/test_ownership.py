"""The recorder against a naive model that keeps, for every character of the text, the set of suggestions it belongs to.

Random edits, accepts, word accepts, undos, typed-over selections, whole texts, reloads, reopenings, pauses and crashes.
The number of runs is set by STET_HYPOTHESIS_EXAMPLES.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from stet.capture import CaptureRules, Effect, OfferEnded, Recorder, SpanAccepted, SpanClosed, SpanSettled
from stet.core.records import AcceptedSpan, Context, Provenance, SpanState, Suggestion
from stet.core.spans import Change, Span

DOCUMENT = "file:///model.txt"
EDITS = st.text(alphabet=st.sampled_from("xyz .\n😀"), max_size=6)
SUGGESTIONS = st.sampled_from(
    ["abc def.", " abc def gh", "abc\ndef", "ab ", "\nfee fed bed 😀 deed", "a b c d", "dé 😀é a"]
)


class Ownership(RuleBasedStateMachine):
    """Chars and owners are the model; everything else is what an editor does."""

    @initialize(text=EDITS)
    def start(self, text: str) -> None:
        self.recorder = Recorder(CaptureRules())
        self.letters, self.owners = list(text), [frozenset[str]() for _ in text]
        self.now, self.offers, self.strange = 0.0, 0, 0
        self.last: tuple[Suggestion, int] | None = None
        self.undo: list[Change] = []
        self.journal: dict[str, AcceptedSpan] = {}
        self.versions: dict[str, int] = {}
        self.ended: set[str] = set()
        self.followed: set[str] = set()
        self.recorder.opened(DOCUMENT, text, self.now)

    # -- what an editor does ---------------------------------------------------------------------------------------

    @rule(at=st.integers(0, 80), removed=st.integers(0, 12), put=EDITS)
    def edit(self, at: int, removed: int, put: str) -> None:
        change = self.within(at, removed, put)
        self.send([change], change)

    @rule(at=st.integers(0, 80), put=st.sampled_from("xyz. "))
    def type_letter(self, at: int, put: str) -> None:
        change = self.within(at, 0, put)
        self.send([change], change)

    @rule(at=st.integers(0, 80), removed=st.integers(1, 12), put=st.sampled_from("xyz"))
    def type_over_as_insert_and_delete(self, at: int, removed: int, put: str) -> None:
        change = self.within(at, removed, put)
        behind = Span(change.span.start + 1, change.span.end + 1)
        self.send([Change(Span(change.span.start, change.span.start), put), Change(behind, "")], change)

    @rule(at=st.integers(0, 80))
    def insert_by_whole_text(self, at: int) -> None:
        self.strange += 1
        change = self.within(at, 0, chr(0x3400 + self.strange))  # a new letter each time: its place is no riddle
        self.send([Change(Span(0, len(self.letters)), change.applied_to(self.text))], change)

    @rule(at=st.integers(0, 80), removed=st.integers(0, 3))
    def reload_after_an_outside_edit(self, at: int, removed: int) -> None:
        """Some editors send an open for what is open already."""
        self.strange += 1
        change = self.within(at, removed if removed > 1 else 0, chr(0x3400 + self.strange))
        self.make(change)
        self.take(self.recorder.opened(DOCUMENT, self.text, self.now))

    @rule(seconds=st.sampled_from([0.0, 5.0, 500.0]))
    def close_and_reopen(self, seconds: float) -> None:
        self.take(self.recorder.closed(DOCUMENT, self.now))
        self.last = None  # the server forgets what it showed
        self.now += seconds
        self.take(self.recorder.opened(DOCUMENT, self.text, self.now))

    @precondition(lambda self: getattr(self, "undo", []))
    @rule()
    def take_back(self) -> None:
        change = self.undo.pop()
        if change.span.end <= len(self.letters):
            self.send([change], change, remember=False)

    @rule(at=st.integers(0, 80), text=SUGGESTIONS)
    def offer(self, at: int, text: str) -> None:
        at = min(at, len(self.letters))
        self.offers += 1
        context = Context(DOCUMENT, self.text[:at], self.text[at:])
        suggestion = Suggestion(f"s{self.offers}", context, text, Provenance("m"), self.now)
        self.last = suggestion, at
        self.take(self.recorder.offered(suggestion, at, self.now))

    @precondition(lambda self: getattr(self, "last", None) is not None and self.last[0].id not in self.journal)
    @rule()
    def offer_again(self) -> None:
        assert self.last is not None
        self.take(self.recorder.offered(*self.last, self.now))

    @rule(at=st.integers(0, 80), text=SUGGESTIONS)
    def offer_and_accept(self, at: int, text: str) -> None:
        self.offer(at, text)
        self.accept(whole=True)

    @precondition(lambda self: hasattr(self, "recorder") and self.recorder.open_offer(DOCUMENT) is not None)
    @rule(whole=st.booleans())
    def accept(self, whole: bool) -> None:
        view = self.recorder.open_offer(DOCUMENT)
        assert view is not None
        rest = view.suggestion.text[view.typed :]
        piece = rest if whole else rest[: rest.find(" ", 1) if rest.find(" ", 1) > 0 else len(rest)]
        if len(piece.strip()) < 2:
            return
        at = view.start + view.typed
        change = Change(Span(at, at), piece)
        growing = [i for i, owner in enumerate(self.owners) if view.suggestion.id in owner] if view.accepted else []
        self.send([change], change)
        first = growing[0] if growing else at + len(piece) - len(piece.lstrip())
        last = at + len(piece.rstrip())
        for index in range(first, last):
            self.owners[index] |= {view.suggestion.id}
        self.followed.add(view.suggestion.id)

    @rule(seconds=st.sampled_from([0.1, 1.0, 11.0, 400.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.take(self.recorder.tick(self.now))
        due = self.recorder.next_due(self.now)
        assert due is None or due > self.now

    @rule()
    def crash(self) -> None:
        left = [span for span in self.journal.values() if span.state is SpanState.LIVE]
        self.recorder = Recorder(CaptureRules())
        self.recorder.opened(DOCUMENT, self.text, self.now)
        self.followed.clear()
        self.take(self.recorder.restore(left, DOCUMENT, self.text, self.now))
        found = {span.id for span in self.recorder.live(DOCUMENT)}
        for span in left:  # every one is followed again, or was closed with a record
            assert span.id in found or (self.journal[span.id].state is SpanState.CLOSED and self.versions[span.id] > 0)
        self.followed |= found
        self.undo.clear()
        self.last = None  # a new server gives new ids

    # -- what must hold --------------------------------------------------------------------------------------------

    @invariant()
    def owned_as_the_model_says(self) -> None:
        if not hasattr(self, "recorder"):
            return
        live = {span.id: span for span in self.recorder.live(DOCUMENT)}
        for name in self.followed:
            mine = [index for index, owner in enumerate(self.owners) if name in owner]
            if name not in live:
                assert not mine, (
                    f"{name} is not followed any more, but {self.text[mine[0] : mine[-1] + 1]!r} still stands"
                )
                continue
            span = live[name]
            assert span.kept_text == "".join(self.letters[index] for index in mine)
            if mine:
                assert span.owned == Span(mine[0], mine[-1] + 1)
            assert span.edited.start <= span.owned.start <= span.owned.end <= span.edited.end <= len(self.letters)
            assert span.text == self.text[span.edited.start : span.edited.end]
        assert set(live) <= self.followed
        buffer = self.recorder.buffer(DOCUMENT)
        assert buffer is not None
        assert buffer.text == self.text

    # -- between ---------------------------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        return "".join(self.letters)

    def within(self, at: int, removed: int, put: str) -> Change:
        at = min(at, len(self.letters))
        return Change(Span(at, min(at + removed, len(self.letters))), put)

    def send(self, sent: list[Change], change: Change, *, remember: bool = True) -> None:
        """Send `sent`, which comes to the same as `change`, and make `change` in the model."""
        self.make(change, remember=remember)
        self.now += 0.05
        self.take(self.recorder.changed(DOCUMENT, sent, self.now))

    def make(self, change: Change, *, remember: bool = True) -> None:
        """`change` in the model."""
        start, end, size = change.span.start, change.span.end, len(change.text)
        gone = self.text[start:end]
        head, tail = self.owners[:start], self.owners[end:]
        inside = frozenset[str]().union(*head) & frozenset[str]().union(*tail)
        self.owners = head + [inside] * size + tail
        self.letters[start:end] = change.text
        if remember:
            self.undo.append(Change(Span(start, start + size), gone))

    def take(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, OfferEnded):
                assert effect.offer_id not in self.ended, "an offer has one outcome"
                self.ended.add(effect.offer_id)
            elif hasattr(effect, "span"):
                self.journal[effect.span.id] = effect.span
            if isinstance(effect, SpanSettled):
                assert effect.record.version == self.versions.get(effect.record.id, 0) + 1
                self.versions[effect.record.id] = effect.record.version
            elif isinstance(effect, SpanClosed):
                assert effect.span.state is SpanState.CLOSED
            elif isinstance(effect, SpanAccepted):
                assert effect.span.suggestion.text.startswith(effect.span.accepted) or effect.span.accepted


TestOwnership = Ownership.TestCase
TestOwnership.settings = settings(
    max_examples=int(os.environ.get("STET_HYPOTHESIS_EXAMPLES", "300")),
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
