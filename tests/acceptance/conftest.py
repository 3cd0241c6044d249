"""Ends processes that a failed test has left behind."""

from collections.abc import Iterator

import pytest

from tests.acceptance.engines import STARTED, kill


@pytest.fixture(autouse=True, scope="module")
def _no_engine_is_left() -> Iterator[None]:
    yield
    while STARTED:
        kill(STARTED.pop())
