"""Tests that every store must pass: notifications to send, and what is late or unusual.

A store's test module defines a fixture `open_ledger` and imports all of this.
"""

from datetime import datetime, timedelta, timezone

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.core.lateness import Late, LateKind
from engine.core.lifecycle import RunState
from engine.core.records import Backlog, Odd, Owed, Told
from engine.ledger.store_ports import Store
from tests.builders import DAY, HOUR, MINUTE, NOON, a_run
from tests.store.conformance import OpenLedger, queue

MOMENT = timedelta.resolution
ELSEWHERE = timezone(timedelta(hours=5, minutes=45))


def owe(
    store: Store, id: str, at: datetime, *, job: str = "a", channel: str = "mail", event: str = "failed"
) -> None:
    with store.transaction():
        store.outbox.add(Owed(id, at, event, channel, job, "", f'{{"n": "{id}"}}'))


def waiting(store: Store, channel: str = "mail", *, of_each: int = 99, limit: int = 99) -> list[str]:
    return [one.id for one in store.outbox.pending(channel, of_each=of_each, limit=limit)]


def test_a_notification_is_recorded_once_as_it_was_first(open_ledger: OpenLedger) -> None:
    store = open_ledger().store
    owe(store, "1", NOON + MOMENT)
    owe(store, "1", NOON + DAY, job="b", channel="chat", event="late")
    (found,) = store.outbox.pending("mail", of_each=9, limit=9)
    assert found == Owed("1", NOON + MOMENT, "failed", "mail", "a", "", '{"n": "1"}', 0)
    assert store.outbox.channels() == ("mail",)
    with store.transaction():
        store.outbox.sent("1", now=NOON + DAY)
    owe(store, "1", NOON)
    assert store.outbox.channels() == (), "also after it was sent"


def test_of_each_job_the_oldest_are_pending_so_that_none_hides_another(open_ledger: OpenLedger) -> None:
    store = open_ledger().store
    for number in range(9):
        owe(store, str(number), NOON + number * MINUTE)
    owe(store, "x", NOON + HOUR, job="b")
    owe(store, "y", NOON, job="b", channel="chat")
    assert waiting(store, of_each=2) == ["0", "1", "x"]
    assert waiting(store, of_each=9, limit=3) == ["0", "1", "2"]
    assert store.outbox.channels() == ("chat", "mail")


def test_a_message_has_what_each_of_its_jobs_had_by_an_instant_and_keeps_it(open_ledger: OpenLedger) -> None:
    store = open_ledger().store
    for number in range(3):
        owe(store, f"a{number}", NOON + number * MINUTE)
        owe(store, f"b{number}", NOON + number * MINUTE, job="b")
    owe(store, "other", NOON, channel="chat")
    with store.transaction():
        store.outbox.assign(
            "a0", "mail", {"a": NOON + MINUTE, "b": (NOON + MINUTE - MOMENT).astimezone(ELSEWHERE)}
        )
    assert waiting(store) == ["b1", "a2", "b2"]
    assert waiting(store, "chat") == ["other"]
    with store.transaction():
        store.outbox.assign("b1", "mail", {"a": NOON + DAY, "b": NOON + DAY})
    assert [one.id for one in store.outbox.of_message("a0", limit=9)] == ["a0", "b0", "a1"]
    assert [one.id for one in store.outbox.of_message("a0", limit=2)] == ["a0", "b0"]
    assert [store.outbox.count_of(name) for name in ("a0", "b1", "none", "")] == [3, 3, 0, 0]
    first, second = store.outbox.parcels("mail")
    assert (first.id, sorted(first.jobs), first.at, first.tries) == ("a0", ["a", "b"], NOON, 0)
    assert (second.id, second.at) == ("b1", NOON + MINUTE)


def test_a_failed_message_waits_with_what_it_has_reached_and_ends_sent_or_given_up(
    open_ledger: OpenLedger,
) -> None:
    ledger = open_ledger()
    store = ledger.store
    for name in ("a0", "a1", "b0"):
        owe(store, name, NOON, job=name[0])
    with store.transaction():
        store.outbox.assign("a0", "mail", {"a": NOON})
        store.outbox.assign("b0", "mail", {"b": NOON})
        for tries in (1, 2):
            later = (NOON + tries * HOUR + MOMENT).astimezone(ELSEWHERE)
            store.outbox.failed("a0", error=f"no {tries}", next_try_at=later, done=("ONE", "TWO"))
    parcel = next(one for one in store.outbox.parcels("mail") if one.id == "a0")
    assert (parcel.tries, parcel.done) == (2, ("ONE", "TWO"))
    assert (parcel.next_try_at, parcel.next_try_at.utcoffset()) == (NOON + 2 * HOUR + MOMENT, timedelta())
    assert ledger.view.soundness.backlog() == Backlog(3, NOON)
    with store.transaction():
        store.outbox.give_up("a0", error="no 3", now=NOON + DAY, done=("ONE",))
        store.outbox.sent("b0", now=NOON + DAY + MOMENT)
        store.outbox.sent("b0", now=NOON + 9 * DAY)
        store.outbox.give_up("a0", error="again", now=NOON + 9 * DAY)
    assert store.outbox.channels() == ()
    given_up = ledger.view.soundness.given_up()
    assert (given_up.given_up, given_up.newest) == (2, NOON + DAY), "the first end stays"
    assert store.outbox.told("mail", since=NOON) == (Told("b", "failed", NOON + DAY + MOMENT),)


def test_what_was_told_last_of_each_event_of_a_job_is_known_since_an_instant(open_ledger: OpenLedger) -> None:
    store = open_ledger().store
    for number, (job, event) in enumerate(
        [("a", "failed"), ("a", "recovered"), ("a", "failed"), ("b", "failed")]
    ):
        owe(store, str(number), NOON, job=job, event=event)
        with store.transaction():
            store.outbox.sent(str(number), now=NOON + number * HOUR)
    expected = [("a", "recovered", 1), ("a", "failed", 2), ("b", "failed", 3)]
    for hours in range(4):
        found = store.outbox.told("mail", since=NOON + hours * HOUR)
        assert found == tuple(
            Told(job, event, NOON + at * HOUR) for job, event, at in expected if at >= hours
        )
    assert store.outbox.told("chat", since=NOON) == ()


def test_only_what_was_sent_or_given_up_before_an_instant_is_deleted(open_ledger: OpenLedger) -> None:
    store = open_ledger().store
    for name in ("sent", "given up", "failed", "new"):
        owe(store, name, NOON - 99 * DAY, job=name)
    with store.transaction():
        store.outbox.sent("sent", now=NOON)
        store.outbox.give_up("given up", error="x", now=NOON)
        store.outbox.failed("failed", error="x", next_try_at=NOON - 99 * DAY)
        assert store.outbox.drop_sent(before=NOON) == 0
        assert store.outbox.drop_sent(before=NOON + MOMENT) == 2
    assert waiting(store) == ["failed", "new"]


# What is late or unusual

LATES = st.builds(
    Late,
    st.sampled_from("ab"),
    st.sampled_from(LateKind),
    st.sampled_from(["2026-03-05", "2026-03-06"]),
    st.integers(-(10**12), 10**12).map(lambda us: NOON + us * MOMENT),
    limit=st.none() | st.integers(1, 10**6).map(lambda seconds: timedelta(seconds=seconds)),
    scheduled_for=st.none() | st.integers(-(10**12), 10**12).map(lambda us: NOON + us * MOMENT),
    run_id=st.sampled_from(["", "7" * 32]),
    found_at=st.none(),
    over_at=st.none(),
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LATES, max_size=8), st.sampled_from("ab"))
def test_what_is_late_is_recorded_once_ended_by_job_and_listed_in_order(
    open_ledger: OpenLedger, lates: list[Late], ended: str
) -> None:
    ledger = open_ledger()
    store = ledger.store
    with store.transaction():  # the ledger of the example before
        for job in "ab":
            store.lateness.end(job, now=NOON - DAY)
        store.lateness.drop(before=NOON + DAY)
    first: dict[tuple[str, LateKind, str], Late] = {}
    with store.transaction():
        for late in lates:
            key = late[:3]
            is_new = store.lateness.add(
                late._replace(since=late.since.astimezone(ELSEWHERE)), now=NOON + MOMENT
            )
            assert is_new == (key not in first)
            first.setdefault(key, late._replace(found_at=NOON + MOMENT))
    kept = sorted(first.values(), key=lambda one: (one.job, one.since, one.kind, one.about))
    assert list(store.lateness.open(None)) == kept == list(ledger.view.lateness.open(None))
    assert list(store.lateness.open("a")) == [one for one in kept if one.job == "a"]
    inside = [one for one in kept if NOON <= one.since < NOON + DAY]
    assert list(ledger.view.lateness.between(None, since=NOON, until=NOON + DAY)) == inside
    with store.transaction():
        assert store.lateness.end(ended, now=NOON + HOUR) == sum(one.job == ended for one in kept)
        assert store.lateness.end(ended, now=NOON + DAY) == 0
    assert {
        one.over_at for one in store.lateness.between(ended, since=NOON - 99 * DAY, until=NOON + 99 * DAY)
    } <= {NOON + HOUR}
    assert list(store.lateness.open(None)) == [one for one in kept if one.job != ended]
    with store.transaction():
        assert store.lateness.drop(before=NOON + HOUR) == 0
        assert store.lateness.drop(before=NOON + HOUR + MOMENT) == sum(one.job == ended for one in kept)


def test_what_is_unusual_about_a_run_is_recorded_once_and_listed_by_name(open_ledger: OpenLedger) -> None:
    ledger = open_ledger()
    store = ledger.store
    run = queue(store, a_run(state=RunState.SUCCEEDED, ended_at=NOON))
    found = [Odd(run.id, name, 9.5, 1.25, 0.5) for name in ("rows", "duration")]
    with store.transaction():
        store.lateness.add_odd(found)
        store.lateness.add_odd([found[0]._replace(value=0.0)])
    assert ledger.view.lateness.odd_of(run.id) == (found[1], found[0])
    assert store.lateness.odd_of("none") == ()
