"""Which host can take an attempt, and why none can."""

from datetime import UTC, datetime, timedelta

import pytest

from engine.core.hosts import (
    CLUSTER,
    EVERY,
    Delivery,
    DeliveryState,
    Host,
    Slots,
    hindrance,
    listed,
    member,
    name_without_row,
)
from engine.core.lifecycle import AttemptKey
from tests.builders import a_host

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def a_delivery() -> Delivery:
    """An attempt that the host a has."""
    return Delivery(
        attempt=AttemptKey("0" * 32, 1),
        fence=1,
        needs=(),
        state=DeliveryState.HELD,
        lease=timedelta(minutes=1),
        host="a",
        process="1",
        boot_id="1",
        lease_until=NOON,
        offered_at=NOON,
        held_at=NOON,
        started_at=None,
        ended_at=None,
        outcome=None,
        late=None,
    )


SILENT = {"silence": timedelta(seconds=15)}
GPU = {"labels": ("gpu",)}
FOUR = "all 4 slots of a and b are taken"


@pytest.mark.parametrize(
    ("hosts", "needs", "words"),
    [
        ([], (), "no host is there"),
        ([a_host(**SILENT)], (), "no host is there"),
        ([a_host(ended_at=NOON)], (), "no host is there"),
        ([a_host(silence=timedelta(seconds=14.9))], (), ""),
        ([a_host()], ("gpu",), "no host has the label gpu"),
        ([a_host(**GPU)], ("gpu", "eu"), "no host has the labels gpu and eu"),
        ([a_host(), a_host("b", **GPU, **SILENT)], ("gpu",), "no host has the label gpu"),
        ([a_host(), a_host("b", **GPU)], ("gpu",), ""),
        ([a_host(is_draining=True)], (), "no host takes work: a is draining"),
        (
            [a_host(trouble="disk space is low"), a_host("b", is_draining=True)],
            (),
            "no host takes work: a: disk space is low and b is draining",
        ),
        ([a_host(held=2)], (), "all 2 slots of a are taken"),
        ([a_host(held=1)], (), ""),
        ([a_host(slots=1, held=1)], (), "the only slot of a is taken"),
        ([a_host(held=2), a_host("b", held=3), a_host("c", is_draining=True)], (), FOUR),
        ([a_host(held=2), a_host("b", **GPU)], (), ""),
        ([a_host(), a_host("b", **GPU, held=2)], ("gpu",), "all 2 slots of b are taken"),
    ],
)
def test_it_says_why_no_host_takes_an_attempt(hosts: list[Host], needs: tuple[str, ...], words: str) -> None:
    assert hindrance(hosts, needs) == words


def test_few_names_are_named() -> None:
    assert [listed("abcde"[:count]) for count in range(6)] == [
        "",
        "a",
        "a and b",
        "a, b and c",
        "a, b, c and 1 more",
        "a, b, c and 2 more",
    ]


POD = a_host(member("jf-1", "0"), slots=1)
CLOUD = a_host(CLUSTER, labels=(EVERY,), slots=3, held=1)


def test_a_cluster_takes_whatever_its_labels_and_its_pods_offer_no_slots() -> None:
    assert hindrance([POD], ()) == "no host is there"
    assert hindrance([CLOUD, POD], ("gpu", "eu")) == ""
    slots = Slots([CLOUD, POD], [])
    assert [slots.place(("gpu",)), slots.place(()), slots.place(())] == [True, True, False]
    assert hindrance([CLOUD._replace(held=3), POD], ()) == "all 3 slots of cluster are taken"


def test_a_cluster_that_takes_nothing_is_offered_nothing_that_it_would_take_later() -> None:
    for shut in (CLOUD._replace(trouble="refused"), CLOUD._replace(is_draining=True)):
        assert not Slots([shut], []).place(())
    assert Slots([CLOUD._replace(**SILENT)], []).place(()), "as without any host"


def test_a_host_without_a_row_still_has_a_name() -> None:
    assert name_without_row(member("pod/1", "0" * 32)) == "pod-1"
    assert name_without_row("a" * 32) == "host aaaaaaaa"
    assert a_host(member("pod", "0")).is_for_one
    assert not a_host("a" * 32).is_for_one
