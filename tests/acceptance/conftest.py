"""Folders on a disk, as users have them; ends processes that a failed test has left behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.engines import STARTED, kill


@pytest.fixture
def tmp_path(on_disk: Path) -> Path:
    return on_disk


@pytest.fixture(autouse=True, scope="module")
def _no_engine_is_left() -> Iterator[None]:
    yield
    while STARTED:
        kill(STARTED.pop())
