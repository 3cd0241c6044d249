"""The chain of the audit: what happens to it in the middle is found, and where."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from engine.core.audit_chain import Link, follow, link_hash

TEXTS = st.text(max_size=4)
RECORDS = st.lists(st.tuples(st.integers(0, 9), TEXTS, TEXTS, TEXTS, TEXTS), min_size=1, max_size=8)
FIELDS = ("at", "actor", "action", "object", "detail", "hash")


def chained(records: Sequence[tuple[int, str, str, str, str]]) -> list[Link]:
    links: list[Link] = []
    for seq, record in enumerate(records, start=1):
        previous = links[-1].hash if links else ""
        links.append(Link(seq, *record, link_hash(previous, seq, *record)))
    return links


@given(RECORDS)
def test_a_chain_as_it_was_written_is_whole(records: list[tuple[int, str, str, str, str]]) -> None:
    links = chained(records)
    found = follow(links, noted=links[0].hash[:12])
    assert (found.broken_at, found.records, found.head, found.is_noted) == (
        None,
        len(links),
        links[-1],
        True,
    )
    assert follow(()) == (0, None, None, "", False)


@given(RECORDS, st.data())
def test_an_edited_record_is_named(
    records: list[tuple[int, str, str, str, str]], data: st.DataObject
) -> None:
    links = chained(records)
    at = data.draw(st.integers(0, len(links) - 1))
    field = data.draw(st.sampled_from(FIELDS))
    old = getattr(links[at], field)
    kinds = st.integers(0, 9) if field == "at" else TEXTS
    new = data.draw(kinds.filter(lambda value: value != old))
    links[at] = links[at]._replace(**{field: new})
    assert follow(links).broken_at == at + 1


@given(RECORDS, st.data())
def test_a_record_that_is_taken_out_or_put_in_is_found_unless_it_is_the_newest(
    records: list[tuple[int, str, str, str, str]], data: st.DataObject
) -> None:
    links = chained(records)
    at = data.draw(st.integers(0, len(links) - 1))
    removed = links[:at] + links[at + 1 :]
    renumbered = [one._replace(seq=seq) for seq, one in enumerate(removed, start=1)]
    is_newest = at == len(links) - 1
    assert follow(removed).broken_at == (None if is_newest else at + 1)
    assert follow(renumbered).broken_at == (None if is_newest else at + 1)
    assert not follow(links[:-1], noted=links[-1].hash).is_noted
    more = [*links[:at], links[at]._replace(detail="more"), *links[at:]]
    forged = [one._replace(seq=seq) for seq, one in enumerate(more, start=1)]
    assert follow(more).broken_at == follow(forged).broken_at == at + 1


@given(RECORDS, st.data())
def test_two_records_that_change_places_are_found(
    records: list[tuple[int, str, str, str, str]], data: st.DataObject
) -> None:
    links = chained(records)
    one = data.draw(st.integers(0, len(links) - 1))
    other = data.draw(st.integers(0, len(links) - 1))
    swapped = list(links)
    swapped[one] = links[other]._replace(seq=one + 1)
    swapped[other] = links[one]._replace(seq=other + 1)
    assert follow(swapped).broken_at == (None if one == other else min(one, other) + 1)


def test_fields_do_not_run_into_each_other() -> None:
    assert link_hash("", 1, 2, "ab", "c", "", "") != link_hash("", 1, 2, "a", "bc", "", "")
    assert link_hash("a", "") != link_hash("", "a")
