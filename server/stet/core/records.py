"""The frozen records that every package passes on, and the enums of their fields. No behaviour."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen

from stet.core.spans import Span

BASE_ARM = "base"
"""The arm that is always there: the model without an adapter."""


class Outcome(StrEnum):
    """How an offer ended; exactly one each."""

    ACCEPTED = "accepted"
    """The whole suggestion was put in by one act of the writer."""
    PARTIALLY_ACCEPTED = "partially_accepted"
    """Only a head of it was, by word or line accepts."""
    TYPED_THROUGH = "typed_through"
    """The writer typed all of it letter by letter: right, but it saved no key."""
    TYPED_INSTEAD = "typed_instead"
    """Other text was typed in its place; that text is the y′."""
    REJECTED = "rejected"
    """The writer dismissed it with a key or command."""
    IGNORED = "ignored"
    """It was left standing; no judgement is implied."""
    SUPERSEDED = "superseded"
    """A newer offer took its place."""
    WITHHELD = "withheld"
    """It was generated and not shown; the reason code says why."""


class RecordKind(StrEnum):
    """What kind of lesson an edit record holds."""

    ACCEPTED = "accepted"
    """Accepted and left as it was: cost 0, supervision only."""
    EDITED = "edited"
    """Accepted, then changed: supervision, preference and cost."""
    TYPED_INSTEAD = "typed_instead"
    """Declined, and this was written in its place."""
    DRAFT = "draft"
    """A draft the writer asked for, as it finally stood."""
    REWRITE = "rewrite"
    """A rewrite the writer asked for, as it finally stood."""


class EditClass(StrEnum):
    """How far the final text is from the suggestion, read off the edit script."""

    UNTOUCHED = "untouched"
    """Equal."""
    BOUNDARY = "boundary"
    """Only white space or punctuation at either end differs."""
    WORD_CHOICE = "word_choice"
    """At most a third of the words differ."""
    REWRITE = "rewrite"
    """More than that differs."""
    DELETED = "deleted"
    """Nothing of it is left, and nothing was put in its place."""
    TYPED_INSTEAD = "typed_instead"
    """It was never accepted."""


class SpanState(StrEnum):
    """The life of an accepted span."""

    LIVE = "live"
    """Followed through every change."""
    SETTLED = "settled"
    """Quiet for the settle time: its final text was read. A later touch makes it live again."""
    CLOSED = "closed"
    """No longer followed; the reason says why."""


class AdapterStatus(StrEnum):
    """The life of an adapter."""

    CANDIDATE = "candidate"
    """Trained, not yet judged."""
    REFUSED = "refused"
    """The gate said no; kept with its figures, never served."""
    ACTIVE = "active"
    """The incumbent: served as an arm."""
    RETIRED = "retired"
    """Was active once; replaced, rolled back, or a record it learned from was deleted."""


class RunStatus(StrEnum):
    """How a training run stands or ended."""

    RUNNING = "running"
    """A trainer is at work on it, or died at it."""
    DONE = "done"
    """It wrote an adapter; the gate's word is on the adapter."""
    HALTED = "halted"
    """The writer stopped it."""
    FAILED = "failed"
    """It could not go on; the reason says why."""


@frozen
class Context:
    """x: the text around the cursor that is given to the policy."""

    document: str
    """URI of the document."""
    prefix: str
    """Text before the cursor, newest last, bounded by the caller."""
    suffix: str = ""
    """Text after the cursor, bounded by the caller."""
    language: str = "plaintext"
    """The editor's language id."""
    title: str = ""
    """File name without folders."""


@frozen
class Provenance:
    """What produced a suggestion (invariant 6)."""

    model: str
    """Catalogue name or file name of the base model."""
    adapter: str = ""
    """Adapter id; "" for none."""
    arm: str = BASE_ARM
    propensity: float = 1.0
    """Probability in (0, 1] with which the arm was picked."""
    prompt_version: int = 0


@frozen
class Suggestion:
    """y: the text proposed to stand at the end of the context's prefix."""

    id: str
    context: Context
    text: str
    provenance: Provenance
    created: float
    """Unix time in seconds."""
    confidence: float = 0.0
    """Mean log-probability per generated token, ≤ 0; 0 when unknown."""


@frozen
class AcceptedSpan:
    """The document region that came from an accepted suggestion, tracked through edits. Its id is the offer's."""

    suggestion: Suggestion
    accepted: str
    """The part of the suggestion's text that was accepted."""
    owned: Span
    """Where text of the suggestion still stands (ownership convention of `stet.core.spans`)."""
    edited: Span
    """The same, with what the writer put in the place of a cut head or tail: the region of y′. Contains `owned`."""
    text: str
    """Text of `edited` at the last reading."""
    accepted_at: float
    touched_at: float
    """Unix time of the last change inside or at the edge of the span; at first the time of the accept."""
    outcome: Outcome = Outcome.ACCEPTED
    state: SpanState = SpanState.LIVE
    version: int = 0
    """Number of records made from it so far."""
    before: str = ""
    """Up to 64 code points in front of `edited`, to find it again after a crash."""
    after: str = ""
    """Up to 64 code points behind it."""
    kept_text: str = ""
    """Text of `owned` at the last reading: the final text under the ownership convention."""

    @property
    def id(self) -> str:
        return self.suggestion.id

    @property
    def document(self) -> str:
        return self.suggestion.context.document


@frozen
class EditRecord:
    """(x, y, y′, cost) with everything needed to learn from it. Append-only: a higher version supersedes."""

    id: str
    """The offer's id."""
    version: int
    """From 1."""
    kind: RecordKind
    context: Context
    suggestion: str
    """y: what was accepted, or the whole offer when it was declined."""
    final: str
    """y′"""
    cost: float
    """`stet.core.cost.edit_cost(suggestion, final)`, ≥ 0."""
    edit_class: EditClass
    outcome: Outcome
    script: str
    """diff-match-patch delta that turns y into y′."""
    provenance: Provenance
    offered_at: float
    settled_at: float
    flags: tuple[str, ...] = ()
    """Reservations in a word each: early (closed before it was quiet), reverted, restored (found after a crash)."""


@frozen
class Adapter:
    """One LoRA weight set in a folder that never changes once it is named (invariant 7)."""

    id: str
    objective: str
    """sft, dpo, cost or early."""
    model: str
    """Name of the base model it was trained on."""
    model_sha256: str
    run: str
    """Id of the training run that made it."""
    created: float
    status: AdapterStatus = AdapterStatus.CANDIDATE
    reason: str = ""
    """Why it has this status, in a sentence."""


@frozen
class TrainingRun:
    """One run of the trainer over the store's records."""

    id: str
    started: float
    status: RunStatus = RunStatus.RUNNING
    ended: float | None = None
    records: tuple[str, ...] = ()
    """Ids of the edit records it learned from or was tested on."""
    reason: str = ""
    """Why it failed or was halted; "" otherwise."""
