"""Ledgers in a real server: several hosts cannot share a file."""

from collections.abc import Iterator

import pytest

from tests.ledgers import Chosen
from tests.postgres_ledgers import InServer
from tests.postgres_servers import run_folder, shared_server


@pytest.fixture(scope="session")
def server_ledgers(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[InServer]:
    with shared_server(run_folder(tmp_path_factory)) as server:
        made = InServer(server, f"{worker_id}-hosts")
        yield made
        made.close()


@pytest.fixture(autouse=True)
def _in_server(server_ledgers: InServer) -> Iterator[None]:
    before, Chosen.ledgers = Chosen.ledgers, server_ledgers
    yield
    Chosen.ledgers = before
    server_ledgers.empty()
