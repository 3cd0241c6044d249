"""One site for each module: its tests read, or make what they change themselves."""

from collections.abc import Iterator

import pytest

from tests.web.site import Web


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A site whose jobs have run three times."""
    made = Web(tmp_path_factory.mktemp("site"))
    made.world.step()
    made.live()
    yield made
    made.close()
