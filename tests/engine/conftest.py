"""Where the ledgers of the engines under test are: `pytest --store postgres` puts them into a real server."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _emptied(in_server: object) -> Iterator[None]:
    yield
    if in_server is not None:
        in_server.empty()
