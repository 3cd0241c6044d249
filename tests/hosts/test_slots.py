"""Which attempts may be offered, given the hosts that are there."""

from engine.core.hosts import MOST_UNPLACED, Slots
from tests.builders import NOON, a_host


def test_an_attempt_takes_a_slot_of_the_host_that_is_least_special() -> None:
    slots = Slots([a_host("gpu", slots=1, labels=("gpu",)), a_host("plain", slots=1)], [])
    assert slots.free == 2
    assert slots.place(())
    assert slots.place(("gpu",))
    assert not slots.place(())
    assert slots.free == 0


def test_an_attempt_that_no_host_could_take_is_offered_up_to_a_limit_and_takes_no_slot() -> None:
    slots = Slots([a_host("plain", slots=1)], [])
    assert [slots.place(("tpu",)) for _ in range(MOST_UNPLACED + 1)] == [True] * MOST_UNPLACED + [False]
    assert slots.free == 1


def test_only_hosts_that_take_work_have_slots() -> None:
    host = a_host("a", slots=3, held=1)
    for away in ({"is_draining": True}, {"trouble": "disk space is low"}, {"ended_at": NOON}):
        assert Slots([host._replace(**away)], []).free == 0  # type: ignore[arg-type]  # of its fields
    assert Slots([host], []).free == 2
