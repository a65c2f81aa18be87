"""Offers, spans and consent; and that an accept or a settling never comes apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve

from stet.core.errors import StoreError
from stet.core.records import Outcome, SpanState
from stet.core.spans import Span
from stet.store import Database, meta, offers, open_store, records, spans, transactions
from tests.unit.store.lessons import LETTER, accepted, record, suggestion


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with open_store(tmp_path / "stet.db", 1000.0) as opened:
        yield opened


def test_consent_is_remembered(database: Database) -> None:
    assert meta.consent(database) is None
    for answer in (True, False, True):
        meta.set_consent(database, answer, 5.0)
        assert meta.consent(database) is answer


def test_the_first_end_of_an_offer_counts(database: Database) -> None:
    offers.save_offer(database, suggestion("a"), 100.0)
    assert offers.offer(database, "a") == (suggestion("a"), None)
    assert offers.end_offer(database, "a", Outcome.REJECTED, 101.0, "key")
    assert not offers.end_offer(database, "a", Outcome.ACCEPTED, 102.0)
    assert not offers.end_offer(database, "unknown", Outcome.ACCEPTED, 102.0)
    offers.save_offer(database, suggestion("a", "another text"), 103.0)
    assert offers.offer(database, "a") == (suggestion("a"), Outcome.REJECTED)
    assert offers.offer(database, "unknown") is None


def test_a_partial_accept_may_become_a_full_one(database: Database) -> None:
    offers.save_offer(database, suggestion("a"), 100.0)
    assert offers.end_offer(database, "a", Outcome.PARTIALLY_ACCEPTED, 101.0)
    assert not offers.end_offer(database, "a", Outcome.IGNORED, 102.0)
    assert offers.end_offer(database, "a", Outcome.ACCEPTED, 103.0)
    assert not offers.end_offer(database, "a", Outcome.PARTIALLY_ACCEPTED, 104.0)
    assert offers.outcomes(database) == {"accepted": 1}


def test_outcomes_are_counted(database: Database) -> None:
    ends = [Outcome.IGNORED, Outcome.IGNORED, Outcome.WITHHELD]
    for number, outcome in enumerate(ends):
        offers.save_offer(database, suggestion(str(number)), 100.0)
        offers.end_offer(database, str(number), outcome, 101.0)
    offers.save_offer(database, suggestion("open"), 100.0)
    assert offers.outcomes(database) == {"ignored": 2, "withheld": 1}


def test_spans_that_were_followed(database: Database) -> None:
    other = accepted("b", document="file:///other.txt")
    for span in (accepted("a"), other, accepted("c"), accepted("d")):
        spans.save_span(database, span)
    spans.close_span(database, accepted("c"), "closed")
    spans.save_span(database, evolve(accepted("d"), state=SpanState.SETTLED, version=1))
    assert spans.live_spans(database, LETTER) == [accepted("a")]
    assert spans.live_spans(database) == [accepted("a"), other]
    assert spans.span(database, "c") == (evolve(accepted("c"), state=SpanState.CLOSED), "closed")
    assert spans.span(database, "unknown") is None


def test_a_settled_span_that_is_touched_is_followed_again(database: Database) -> None:
    spans.save_span(database, evolve(accepted("a"), state=SpanState.SETTLED, version=1))
    touched = evolve(accepted("a"), version=1, text=" to the shore", edited=Span(7, 20), touched_at=130.0)
    spans.save_span(database, touched)
    assert spans.live_spans(database) == [touched]


def test_an_accept_is_an_offer_an_end_and_a_span(database: Database) -> None:
    part = evolve(accepted("a"), outcome=Outcome.PARTIALLY_ACCEPTED, accepted=" to")
    transactions.accept(database, part)
    assert offers.offer(database, "a") == (suggestion("a"), Outcome.PARTIALLY_ACCEPTED)
    for _ in range(2):
        transactions.accept(database, accepted("a"))
    assert offers.offer(database, "a") == (suggestion("a"), Outcome.ACCEPTED)
    assert spans.live_spans(database) == [accepted("a")]


def test_settling_twice_changes_nothing(database: Database) -> None:
    settled = evolve(accepted("a"), state=SpanState.SETTLED, version=1)
    for _ in range(2):
        transactions.settle(database, record("a"), settled)
    assert records.records(database) == [record("a")]
    assert spans.live_spans(database) == []


def test_an_accept_that_fails_half_way_leaves_nothing(database: Database) -> None:
    with database.transaction() as sql:
        sql.execute("CREATE TRIGGER no_span BEFORE INSERT ON spans BEGIN SELECT RAISE(ROLLBACK, 'disk full'); END")
    with pytest.raises(Exception, match="full"):
        transactions.accept(database, accepted("a"))
    assert offers.offer(database, "a") is None
    with database.transaction() as sql:
        sql.execute("DROP TRIGGER no_span")
    transactions.accept(database, accepted("a"))
    assert len(spans.live_spans(database)) == 1


def test_a_document_name_that_is_no_unicode(database: Database) -> None:
    name = "file:///users/ada/\udc80\x00.txt"
    transactions.accept(database, accepted("a", document=name))
    records.add_record(database, record("a", document=name))
    spans.close_span(database, accepted("b", document=name), "lost \ud800")
    assert spans.live_spans(database, name) == [accepted("a", document=name)]
    assert records.records(database, document=name) == [record("a", document=name)]
    records.delete_document(database, name)
    assert (spans.live_spans(database), records.count_records(database)) == ([], 0)


def test_a_closed_store_is_not_a_fault_of_the_disk(tmp_path: Path) -> None:
    database = open_store(tmp_path / "other.db", 1000.0)
    database.close()
    database.close()
    with pytest.raises(Exception, match="closed") as caught:
        spans.live_spans(database)
    assert not isinstance(caught.value, StoreError)
