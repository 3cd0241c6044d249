"""f73: an attempt ends exactly when somebody looks. Where there is a result, nobody ever says `lost`."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core.lifecycle import AttemptKey, Ended, Lost
from engine.execution.launcher_client import ProcessLauncher
from engine.host.holders import current_boot_id
from engine.ports import Alive, Evidence, LaunchOrder, NotStarted
from engine.supervisor.evidence import NAME, RESULT_AT, beside
from tests.acceptance.engines import SOAK_MINUTES, until
from tests.engine.real import KEY

ROUNDS = 100_000 if SOAK_MINUTES else 400
AT_ONCE = 8


@pytest.fixture
def launcher() -> Iterator[ProcessLauncher]:
    made = ProcessLauncher(None, key=KEY)
    yield made
    made.close()


def order(folder: Path, number: int) -> LaunchOrder:
    return LaunchOrder(
        attempt=AttemptKey(str(number), 1),
        run_dir=folder / f"{number % 256:02x}" / str(number) / "1",
        argv=("/bin/sh", "-c", f"exit {number % 251}"),
        env={"PATH": "/usr/bin:/bin"},
        secrets={},
        working_dir=folder,
        timeout_seconds=60.0,
        kill_grace_seconds=1.0,
    )


def watched(launcher: ProcessLauncher, wanted: LaunchOrder, boot_id: str) -> Evidence:
    """Looks without a rest until there is an end: some looks fall into the instant of the end."""
    while True:
        found = launcher.evidence(wanted.run_dir, boot_id=boot_id)
        if not isinstance(found, (Alive, NotStarted)):
            return found


def race(folder: Path, launcher: ProcessLauncher, looker: ProcessLauncher, *, rounds: int) -> None:
    boot_id = current_boot_id()
    wrong: list[tuple[int, Evidence]] = []

    def go(first: int) -> None:
        for number in range(first, rounds, AT_ONCE):
            wanted = order(folder, number)
            launcher.launch(wanted)
            found = watched(looker, wanted, boot_id)
            if not isinstance(found, Ended) or found.exit_code != number % 251:
                wrong.append((number, found))
            until(lambda: isinstance(launcher.evidence(wanted.run_dir, boot_id=boot_id), Ended))  # noqa: B023  asked for at once
            shutil.rmtree(
                wanted.run_dir.parent
            )  # a hundred thousand folders are too many for a disk of tests

    threads = [threading.Thread(target=go, args=(first,)) for first in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.timeout(7200)
def test_f73_an_attempt_that_ends_while_its_engine_looks_is_never_lost(
    tmp_path: Path, launcher: ProcessLauncher
) -> None:
    race(tmp_path, launcher, launcher, rounds=ROUNDS)


def test_f73_the_last_look_before_lost_reads_the_result_again(
    tmp_path: Path, launcher: ProcessLauncher
) -> None:
    """A lock that nobody holds, a marker and no result: only that is lost."""
    wanted = order(tmp_path, 1)
    launcher.launch(wanted)
    boot_id = current_boot_id()
    ended = until(lambda: isinstance(found := watched(launcher, wanted, boot_id), Ended) and found, "its end")
    evidence = Path(beside(str(wanted.run_dir), NAME))
    content = evidence.read_bytes()
    evidence.write_bytes(content[:RESULT_AT])
    lost = until(
        lambda: isinstance(found := launcher.evidence(wanted.run_dir, boot_id=boot_id), Lost) and found,
        "lost",
    )
    assert lost.reason == "evidence_gone", "its supervisor lives, and looks after another attempt perhaps"
    evidence.write_bytes(content)
    assert launcher.evidence(wanted.run_dir, boot_id=boot_id) == ended


@pytest.mark.timeout(7200)
def test_f73_an_attempt_that_starts_while_another_engine_looks_is_never_lost(
    tmp_path: Path, launcher: ProcessLauncher
) -> None:
    """Who knows nothing of the launch sees folder, lock and evidence come, and may not mistake their way."""
    race(tmp_path, launcher, ProcessLauncher(None, key=KEY), rounds=ROUNDS // 4)
