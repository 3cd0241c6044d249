"""Settings for all tests."""

import gc
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.soak import IS_SOAK, examples

settings.register_profile(
    "ci",
    deadline=None,
    derandomize=not IS_SOAK,
    max_examples=examples(50),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("verdict", settings.get_profile("ci"), phases=[Phase.explicit, Phase.generate])
settings.load_profile("ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    """--update rewrites the golden files; review the difference like code."""
    parser.addoption("--update", action="store_true", help="rewrite golden files")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected lives as long as the process: looking for garbage in it would cost each test."""
    gc.disable()
    found = yield
    gc.freeze()
    gc.enable()
    return found
