"""A server of PostgreSQL and a ledger in it, for all tests of a worker."""

from collections.abc import Iterator

import pytest

from tests.postgres_ledgers import Known, a_database
from tests.postgres_servers import Server, run_folder, shared_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with shared_server(run_folder(tmp_path_factory)) as running:
        yield running


@pytest.fixture(scope="session")
def known(server: Server, worker_id: str) -> Iterator[Known]:
    made = a_database(server, worker_id)
    yield made
    made.close()
