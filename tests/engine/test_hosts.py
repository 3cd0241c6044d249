"""Which host can take an attempt, and why none can."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.core.hosts import Delivery, DeliveryState, Host, hindrance, listed
from engine.core.lifecycle import AttemptKey

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def host(name: str = "a", **about: Any) -> Host:
    known = Host(
        id=name,
        name=name,
        process="1",
        boot_id="1",
        version="1",
        labels=(),
        slots=2,
        is_draining=False,
        seen_at=NOON,
        ended_at=None,
        skew=timedelta(),
        free_bytes=0,
        trouble="",
        held=0,
        silence=timedelta(),
    )
    return known._replace(**about)


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
        ([host(**SILENT)], (), "no host is there"),
        ([host(ended_at=NOON)], (), "no host is there"),
        ([host(silence=timedelta(seconds=14.9))], (), ""),
        ([host()], ("gpu",), "no host has the label gpu"),
        ([host(**GPU)], ("gpu", "eu"), "no host has the labels gpu and eu"),
        ([host(), host("b", **GPU, **SILENT)], ("gpu",), "no host has the label gpu"),
        ([host(), host("b", **GPU)], ("gpu",), ""),
        ([host(is_draining=True)], (), "no host takes work: a is draining"),
        (
            [host(trouble="disk space is low"), host("b", is_draining=True)],
            (),
            "no host takes work: a: disk space is low and b is draining",
        ),
        ([host(held=2)], (), "all 2 slots of a are taken"),
        ([host(held=1)], (), ""),
        ([host(slots=1, held=1)], (), "the only slot of a is taken"),
        ([host(held=2), host("b", held=3), host("c", is_draining=True)], (), FOUR),
        ([host(held=2), host("b", **GPU)], (), ""),
        ([host(), host("b", **GPU, held=2)], ("gpu",), "all 2 slots of b are taken"),
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
