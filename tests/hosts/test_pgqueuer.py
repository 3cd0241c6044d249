"""pgqueuer as a carrier: the conformance suite, and what is its own."""

import pytest

from engine.core.errors import StoreRefusedError
from tests.hosts.carrier_conformance import *  # noqa: F403  the suite
from tests.hosts.carrier_conformance import A, Made, Yard, until


@pytest.fixture(scope="module")
def made() -> Made:
    return Made("pgqueuer", "pgqueuer", "update pgqueuer set heartbeat = heartbeat - interval '1 day'")


def test_its_log_does_not_grow_forever(yard: Yard) -> None:
    yard.offer(A)
    host = yard.host()
    until(lambda: yard.left == 0)
    host.stop()
    assert yard.sql("select count(*) from pgqueuer_log") > 0
    yard.host()
    until(lambda: yard.sql("select count(*) from pgqueuer_log") == 0)


def test_names_in_the_environment_change_nothing(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGQUEUER_PREFIX", "PGQUEUER_CHANNEL", "QUEUE_TABLE", "PGQUEUER_SCHEMA"):
        monkeypatch.setenv(name, "other")
    yard.offer(A)
    host = yard.host()
    until(lambda: host.brought == [A] and yard.left == 0)


def test_tables_of_another_version_are_refused_with_what_to_do(yard: Yard) -> None:
    yard.sql("alter table pgqueuer rename column slot to place")
    try:
        host = yard.host()
        until(lambda: host.errors)
    finally:
        yard.sql("alter table pgqueuer rename column place to slot")
    assert isinstance(host.errors[0], StoreRefusedError)
    assert "remove the schema whose name ends with _pgqueuer" in str(host.errors[0])
