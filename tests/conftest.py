"""Settings for all tests."""

import contextlib
import fcntl
import gc
import os
import re
import shutil
import tempfile
import time
from collections.abc import Generator, Iterator
from itertools import count, islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.ledgers import Chosen
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

LONGEST = (
    "hosts/test_namespaces.py",
    "faults/test_lives.py",
    "year/test_year.py",
    "acceptance/test_ci.py",
    "acceptance/test_rolling_upgrade.py",
    "acceptance/test_outputs_elsewhere.py",
    "acceptance/test_object_store.py",
    "acceptance/test_soak.py",
    "acceptance/test_kill.py",
    "acceptance/test_real_disks.py",
    "hosts/test_attempt.py",
    "acceptance/test_store_page.py",
    "acceptance/test_notifying.py",
    "acceptance/test_file_triggers.py",
    "acceptance/test_wheel.py",
    "acceptance/test_secured_hosts.py",
    "hosts/test_schedulers.py",
    "hosts/test_failover.py",
    "acceptance/test_crowd.py",
    "language/test_limits.py::test_one_long_line_costs_no_more_than_its_length",
    "acceptance/test_real_faults.py",
    "acceptance/test_container.py",
    "acceptance/test_store.py",
    "acceptance/test_many.py",
    "acceptance/test_bad_files.py",
    "acceptance/test_without_engine.py",
    "acceptance/test_submissions.py",
    "acceptance/test_ledger_faults.py::test_f61_what_retention_took_away_is_not_made_again_by_engines_that_are_killed",
    "acceptance/test_process_faults.py",
    "acceptance/test_engine_limits.py",
    "acceptance/test_chains.py",
    "web/test_looks.py",
    "web/test_openapi.py",
    "web/test_beside_engine.py",
    "engine/test_bad_company.py",
    "engine/test_emptying.py",
    "engine/test_grace.py",
    "language/test_fixes.py::test_fixing_ends_and_makes_no_file_worse",
    "cli/test_runs.py::test_a_full_disk_stops_nothing_but_what_cannot_be_recorded",
    "hosts/test_chaos.py",
    "machine/test_machine.py",
    "engine/test_queue_machine.py",
    "engine/test_trigger_machine.py",
    "faults/test_submissions.py",
    "mutation/test_mutation.py::test_a_change_that_no_test_fails_for_is_a_survivor",
    "acceptance/test_own_folder.py",
)
"""Files with tests that take many seconds and share nothing, or single such tests: the longest first."""

MEMORY, ROOM = Path("/dev/shm"), 2 << 30
"""Where temporary folders are, as long as that many bytes are free there."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """--update rewrites the golden files; review the difference like code.

    --store postgres is for the tests that STORED names in the Makefile.
    """
    parser.addoption("--update", action="store_true", help="rewrite golden files")
    parser.addoption(
        "--store", choices=["sqlite", "postgres"], default="sqlite", help="the ledgers of engines"
    )


@pytest.fixture(scope="session")
def in_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Iterator[object]:
    """All ledgers in a server, with --store postgres; None without it."""
    if request.config.getoption("store") == "sqlite":
        yield None
        return
    from tests.postgres_ledgers import InServer  # noqa: PLC0415  psycopg takes time to load
    from tests.postgres_servers import run_folder, shared_server  # noqa: PLC0415  as above

    with shared_server(run_folder(tmp_path_factory)) as server:
        made = Chosen.ledgers = InServer(server, worker_id)
        yield made
        made.close()


def pytest_configure() -> None:
    """Temporary folders are in memory where that can be: what a sync costs is not the question.

    `make soak` has the disk.
    """
    if not IS_SOAK and is_memory_good():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def is_memory_good() -> bool:
    """Whether programs can be executed there, and there is room: in containers there may be neither."""
    if not os.access(MEMORY, os.W_OK):
        return False
    about = os.statvfs(MEMORY)
    return not about.f_flag & os.ST_NOEXEC and about.f_bavail * about.f_frsize >= ROOM


DISK, OLD_SECONDS = "jobfile-tests-", 600
"""How folders on a disk are called, and after how long what a killed or failed run has left is deleted."""


@pytest.fixture(scope="session")
def disk_folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder on a disk, for all tests of a worker. It stays for a while when one of them has failed."""
    for left in Path(tempfile.gettempdir()).glob(f"{DISK}*"):
        with contextlib.suppress(OSError), locked(left, fcntl.LOCK_EX | fcntl.LOCK_NB):
            if time.time() - left.stat().st_mtime > OLD_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=DISK))
    with locked(folder, fcntl.LOCK_SH):
        yield folder
        if not request.session.testsfailed:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def locked(folder: Path, how: int) -> Iterator[None]:
    """Hold a lock on a folder, as each run does on its own: the kernel releases it however the run ends."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)


NUMBERS = count()


@pytest.fixture
def on_disk(disk_folder: Path, request: pytest.FixtureRequest) -> Path:
    """A new folder on a disk, for tests about disks, or about what users have."""
    folder = disk_folder / f"{re.sub(r'[^0-9A-Za-z]', '_', request.node.name)[:20]}{next(NUMBERS)}"
    folder.mkdir()
    return folder


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected lives as long as the process: looking for garbage in it would cost each test."""
    gc.disable()
    found = yield
    gc.freeze()
    gc.enable()
    return found


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Each worker begins with its part of the longest tests: what begins last should not take long.

    xdist gives each worker one piece of the list, of equal length.
    """
    workers: int = getattr(config, "workerinput", {}).get("workercount", 1)
    rank = {Path(__file__).parent / name: number for number, name in enumerate(LONGEST)}

    def rank_of(item: pytest.Item) -> int | None:
        own = item.path.with_name(f"{item.path.name}::{getattr(item, 'originalname', item.name)}")
        return rank.get(item.path, rank.get(own))

    ranked = [(one, rank_of(one)) for one in items]
    longest = [
        one
        for one, _ in sorted(((one, at) for one, at in ranked if at is not None), key=lambda pair: pair[1])
    ]
    others = iter([one for one, at in ranked if at is None])
    whole, items[:] = len(items), []
    for number in range(workers):
        own = longest[number::workers]
        size = (whole - len(items)) // (workers - number)
        items += [*own, *islice(others, max(0, size - len(own)))]
