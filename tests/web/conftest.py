"""One site for each module: its tests read, or make what they change themselves.

`pytest --store postgres` puts the ledgers of all sites into a real server.
"""

from collections.abc import Iterator

import pytest

from engine.web import memory
from tests.web.site import Web


@pytest.fixture(autouse=True, scope="module")
def _emptied(in_server: object) -> Iterator[None]:
    yield
    if in_server is not None:
        in_server.empty()


@pytest.fixture(autouse=True)
def _nothing_is_late(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answer is computed anew, however slow the machine is; tests of the memory are about late ones."""
    if request.path.stem != "test_memory":
        monkeypatch.setattr(memory, "QUICK_SECONDS", float("inf"))


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A site whose jobs have run three times."""
    made = Web(tmp_path_factory.mktemp("site"))
    made.world.step()
    made.live()
    yield made
    made.close()
