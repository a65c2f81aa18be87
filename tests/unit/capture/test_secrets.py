"""What is masked, what is not, and that masking keeps every length. The secrets are made up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stet.capture import OfferEnded, RecordMade, SpanAccepted
from stet.capture.secrets import FLAG, MASK, mask, masked
from stet.core.cost import edit_cost
from stet.core.records import (
    AcceptedSpan,
    Context,
    EditClass,
    EditRecord,
    Outcome,
    Provenance,
    RecordKind,
    Suggestion,
)
from stet.core.spans import Span

KEY = "AKIA" + "IOSFODNN7EXAMPLE"
TOKEN = "ghp_" + "abcdefghijklmnopqrstuvwxyz0123456789"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"The key is {KEY}, keep it.", KEY),
        (f"Use {TOKEN} for that.", TOKEN),
        ("See https://bob:hunter2secret@example.org/x for it.", "hunter2secret"),
        ("My password: hunter2", "hunter2"),
        ('password = "tr0ub4dor&3"', '"tr0ub4dor&3"'),
        ("api_key=9f86d081884c", "9f86d081884c"),
        ("a run of 3kTMd0nbS1rX9JQ2yPz7LfUvWcA8hE5g stands here", "3kTMd0nbS1rX9JQ2yPz7LfUvWcA8hE5g"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIB\nAAKCAQEA\n-----END RSA PRIVATE KEY-----\n", "MIIEpAIB"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz", "b3BlbnNz"),
    ],
)
def test_secrets(text: str, secret: str) -> None:
    hidden = mask(text)
    assert secret not in hidden
    assert len(hidden) == len(text)
    assert [a == b for a, b in zip(hidden, text, strict=True) if a != b] == [False] * hidden.count(MASK)


@pytest.mark.parametrize(
    "text",
    [
        "The password is a word that we discuss, and the secret of good writing: simplicity.",
        "A token: the smallest unit. The key idea: less.",
        "See https://www.example.org/2011/08/TPS-Report-for-the-House-of-Representatives.html, page 12.",
        "Call 555-0100 at 10:30, room B12; invoice 2023-000123456789.",
        "Donaudampfschifffahrtsgesellschaftskapitän",
    ],
)
def test_prose_is_left_alone(text: str) -> None:
    assert mask(text) == text


def test_a_secret_cut_off_at_the_edge_of_a_context() -> None:
    head, tail = f"{TOKEN[9:]} is what I use", f"and it is {TOKEN[:22]}"
    assert mask(head, cut_head=True) == MASK * len(TOKEN[9:]) + " is what I use"
    assert mask(tail, cut_tail=True) == "and it is " + MASK * 22
    assert mask("Wednesday is what I use", cut_head=True) == "Wednesday is what I use"


@given(st.text())
def test_lengths_are_kept(text: str) -> None:
    assert len(mask(text, cut_head=True, cut_tail=True)) == len(text)


def test_every_text_of_every_effect() -> None:
    context = Context("file:///a.txt", f"Key {KEY} and", f" then {KEY}.")
    suggestion = Suggestion("s", context, f" use {KEY} now", Provenance("m"), 1.0)
    span = AcceptedSpan(
        suggestion, suggestion.text, Span(0, 9), Span(0, 9), f"use {KEY} now", 1.0, 1.0, before=f"{KEY} ", after=KEY
    )
    record = EditRecord(
        "s",
        1,
        RecordKind.EDITED,
        context,
        suggestion.text,
        f" take {KEY} now",
        edit_cost(suggestion.text, f" take {KEY} now"),
        EditClass.WORD_CHOICE,
        Outcome.ACCEPTED,
        f"=1\t-use\t+take\t={len(KEY) + 5}",
        Provenance("m"),
        1.0,
        2.0,
    )
    for effect in (OfferEnded(suggestion, Outcome.ACCEPTED, 1.0), SpanAccepted(span), RecordMade(record)):
        assert KEY in repr(effect)
        assert KEY not in repr(masked(effect))
    hidden = masked(RecordMade(record))
    assert isinstance(hidden, RecordMade)
    assert hidden.record.flags == (FLAG,)
