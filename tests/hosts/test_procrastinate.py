"""Procrastinate as a carrier: the conformance suite."""

import pytest

from tests.hosts.carrier_conformance import *  # noqa: F403  the suite
from tests.hosts.carrier_conformance import Made


@pytest.fixture(scope="module")
def made() -> Made:
    return Made(
        "procrastinate",
        "procrastinate_jobs",
        "update procrastinate_workers set last_heartbeat = last_heartbeat - interval '1 day'",
    )
