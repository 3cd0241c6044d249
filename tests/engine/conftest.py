"""Where the ledgers of the engines under test are: `pytest --store postgres` puts them into a real server."""

from collections.abc import Iterator

import pytest

from tests.ledgers import Chosen


@pytest.fixture(scope="session")
def in_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Iterator[object]:
    """All ledgers in a server, with the option; None without it."""
    if request.config.getoption("store") == "sqlite":
        yield None
        return
    from tests.postgres_ledgers import InServer  # noqa: PLC0415  psycopg takes time to load
    from tests.postgres_servers import run_folder, shared_server  # noqa: PLC0415  as above

    with shared_server(run_folder(tmp_path_factory)) as server:
        made = Chosen.ledgers = InServer(server, worker_id)
        yield made
        made.close()


@pytest.fixture(autouse=True)
def _emptied(in_server: object) -> Iterator[None]:
    yield
    if in_server is not None:
        in_server.empty()
