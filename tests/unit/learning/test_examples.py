"""Records to examples: what is left out, what counts as changed, and that held-out documents are never learned from."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from stet.core.records import EditRecord, RecordKind
from stet.learning.examples import changed_parts, split, to_example, usable
from tests.support.lessons import HABIT, lesson


def test_what_is_left_out() -> None:
    good = lesson(1)
    left_out = [
        evolve(lesson(2), final="  \n"),
        evolve(lesson(3), flags=("reverted",)),
        evolve(lesson(4), flags=("early", "pasted")),
    ]
    newer = evolve(good, version=2, final=" kind regards")
    assert usable([good, newer, *left_out], 100) == [newer]
    assert [record.id for record in usable([lesson(n) for n in range(9)], 3)] == [
        "lesson-006",
        "lesson-007",
        "lesson-008",
    ]


def test_changed_words_by_hand() -> None:
    parts = changed_parts(" your letter of Monday.", " your kind letter of Friday.")
    text = " your kind letter of Friday."
    assert [text[part.start : part.end] for part in parts] == ["kind", "Friday"]
    assert changed_parts("a b c", "a b c") == ()
    after = "a c"
    assert [after[part.start : part.end] for part in changed_parts("a b c", after)] == ["c"]


def test_an_example_reads_the_serving_prompt() -> None:
    example = to_example(lesson(1), 2000)
    assert example.prompt + example.forced == lesson(1).context.prefix
    assert example.forced == " With"
    assert example.target == HABIT
    untouched = to_example(evolve(lesson(1), kind=RecordKind.ACCEPTED), 2000)
    assert untouched.changed == ()


RECORDS = st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["a b", "c d e", "f g h i"])), min_size=2, max_size=40)


@given(RECORDS, st.floats(0.05, 0.6))
def test_held_out_is_never_learned_from(drawn: list[tuple[int, str]], share: float) -> None:
    records: list[EditRecord] = []
    for number, (document, final) in enumerate(drawn):
        record = lesson(number, final)
        records.append(evolve(record, context=evolve(record.context, document=f"file:///{document}.txt")))
    parts = split([to_example(record, 500) for record in records], share)
    learned = {example.record for example in (*parts.train, *parts.tune)}
    held = {example.record for example in parts.held_out}
    assert held and not learned & held
    oldest_held = {example.document: example.settled_at for example in reversed(parts.held_out)}
    for example in (*parts.train, *parts.tune):
        if example.document in oldest_held:
            assert example.settled_at < oldest_held[example.document]


def test_a_habit_that_recurs_is_learned_from() -> None:
    """The same phrase in other letters is a habit, not the held-out passage over again."""
    parts = split([to_example(lesson(number), 500) for number in range(20)], 0.2)
    assert (len(parts.train), len(parts.held_out)) == (16, 4)


def test_the_same_passage_again_is_not_learned_from() -> None:
    records = [lesson(number) for number in range(20)]
    copy = evolve(records[3], context=evolve(records[19].context, document="file:///copy.txt"))
    parts = split([to_example(record, 500) for record in [*records[:3], copy, *records[4:]]], 0.2)
    assert "lesson-003" not in {example.record for example in (*parts.train, *parts.tune)}
