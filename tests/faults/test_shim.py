"""The real supervisor, killed at each step that it takes on a disk, and on a disk that fails at each."""

import errno
import fcntl
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from random import Random

import pytest

from engine.core.lifecycle import AttemptKey, Ended, Lost, StartError
from engine.execution.launcher_client import ProcessLauncher
from engine.host.holders import current_boot_id
from engine.ports import Alive, Evidence, LaunchOrder, NotStarted
from engine.supervisor.evidence import NAME, SIZE, beside
from tests.engine.real import KEY
from tests.engine.supervisors import leave_out_compiled_part
from tests.faults.disk import Disk, read_log
from tests.faults.preload import Kind, Mode, Outside

PYTHON = sys.executable
PATIENCE = 30.0


class Case:
    """A launcher process of its own, with the library loaded, and one attempt."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder.mkdir()
        self.folder = folder
        self.control = Outside(folder / "control")
        settings = " ".join(f"{name}={value}" for name, value in self.control.environ.items())
        wrapper = folder / "python"
        wrapper.write_text(f'#!/bin/sh\nexec env {settings} {PYTHON} "$@"\n')
        wrapper.chmod(0o700)
        self.launcher = ProcessLauncher(None, key=KEY)
        monkeypatch.setattr(sys, "executable", str(wrapper))  # the product starts it with no environment
        self.launcher.start()
        self.order = LaunchOrder(
            attempt=AttemptKey("run", 1),
            run_dir=folder / "runs" / "ab" / "run.1",
            argv=("sh", "-eu"),
            script=f"echo x >> {folder}/executed; echo hello; exit 3",
            env={"PATH": "/usr/bin:/bin"},
            secrets={},
            working_dir=folder,
            timeout_seconds=60.0,
            kill_grace_seconds=0.5,
            scratch_dir=f"{folder}/runs/ab/run/tmp",
        )

    def launch(self, mode: Mode, at: int, *, error: int = errno.EIO, kinds: Kind = Kind.DISK) -> None:
        self.control.arm(self.folder / "runs", mode, at, error=error, kinds=kinds)
        self.launcher.launch(self.order)

    def evidence(self) -> Evidence:
        return self.launcher.evidence(self.order.run_dir, boot_id=current_boot_id())

    def settled(self) -> Evidence:
        """What is known once nobody is at work any more."""
        for _ in range(int(PATIENCE / 0.02)):
            if not isinstance(found := self.evidence(), Alive):
                return found
            threading.Event().wait(0.02)
        raise AssertionError("it hangs")

    def wait_until_gone(self) -> None:
        """The result is seen an instant before its supervisor has synced it and let go of the lock."""
        with Path(beside(str(self.order.run_dir), NAME)).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)

    @property
    def executions(self) -> int:
        path = self.folder / "executed"
        return len(path.read_text().splitlines()) if path.exists() else 0

    @property
    def has_marker(self) -> bool:
        return Path(beside(str(self.order.run_dir), NAME)).exists()

    def assert_honest(self) -> Evidence:
        """What is told is what is proven; and what was not started is started again, once."""
        found = self.settled()
        match found:
            case Ended():
                assert (found.exit_code, self.executions) == (3, 1)
            case Lost():
                assert self.has_marker
                assert self.executions <= 1
            case StartError():
                assert self.executions == 0
            case _:
                assert isinstance(found, NotStarted)
                assert (self.has_marker, self.executions) == (False, 0)
        self.control.disarm()
        if isinstance(found, NotStarted):
            self.launcher.launch(self.order)
            again = self.settled()
            assert isinstance(again, Ended)
            assert (again.exit_code, self.executions) == (3, 1)
        return found


class Cases:
    """Many at a time: some of them wait."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder, self._monkeypatch = folder, monkeypatch
        self.made: list[Case] = []

    def make(self, name: str) -> Case:
        self.made.append(Case(self._folder / name, self._monkeypatch))
        return self.made[-1]

    def count_steps(self) -> int:
        case = self.make("count")
        case.launch(Mode.COUNT, 0)
        assert isinstance(case.settled(), Ended)
        case.wait_until_gone()
        return case.control.count

    def every_step(self, mode: Mode, **about: int) -> list[Evidence]:
        """What becomes of an attempt whose supervisor meets its fault at the first step, the second, …"""
        steps = self.count_steps()
        assert steps >= 15, "the supervisor takes more steps than that"
        cases = [self.make(f"{mode.name}-{at}") for at in range(1, steps + 1)]
        for at, case in enumerate(cases, start=1):
            case.launch(mode, at, **about)  # type: ignore[arg-type]  # an error and kinds
        found = [case.assert_honest() for case in cases]
        assert all(case.executions <= 1 for case in cases)
        return found


@pytest.fixture(params=["compiled", "python"])
def way(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "python":
        leave_out_compiled_part(tmp_path, monkeypatch)
    return str(request.param)


@pytest.fixture
def cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> Iterator[Cases]:
    made = Cases(tmp_path, monkeypatch)
    yield made
    for case in made.made:
        case.launcher.close()


@pytest.mark.parametrize("mode", [Mode.KILL_BEFORE, Mode.KILL_AFTER])
def test_a_supervisor_that_is_killed_at_any_step_leaves_the_truth(cases: Cases, mode: Mode) -> None:
    """C4, C5, C8: not started before the marker, then lost, and an end only where a result is whole."""
    found = [type(one).__name__ for one in cases.every_step(mode)]
    order = {"NotStarted": 0, "Lost": 1, "Ended": 2}
    assert found == sorted(found, key=order.__getitem__), "first not started, then lost, then ended"
    assert set(found) >= {"NotStarted", "Lost"}


@pytest.mark.parametrize(
    ("mode", "error"),
    [(Mode.FAIL_ONCE, errno.EIO), (Mode.SHORT_ONCE, errno.ENOSPC), (Mode.FAIL_FROM, errno.ENOSPC)],
)
def test_a_supervisor_whose_disk_fails_at_any_step_never_hangs_and_invents_nothing(
    cases: Cases, mode: Mode, error: int, way: str
) -> None:
    """What cannot be prepared is tried again; only what may have run is lost."""
    found = [type(one).__name__ for one in cases.every_step(mode, error=error)]
    # What fails once on the plain way is done again at length, up to the marker.
    is_overcome = way == "compiled" and mode is not Mode.FAIL_FROM
    assert found[0] == ("Ended" if is_overcome else "NotStarted")
    assert "NotStarted" in found
    assert set(found) <= {"NotStarted", "Lost", "Ended"}
    if mode is not Mode.FAIL_FROM:
        # Where a disk fails for good, not even the marker of what did not start can be taken away.
        assert not any(case.has_marker and case.executions == 0 for case in cases.made)


def test_a_disk_that_is_full_when_a_job_ends_takes_its_result(cases: Cases) -> None:
    """C21: the room for it was taken before the start. While the job runs, the disk fills."""
    case = cases.make("full")
    gate, seen = case.folder / "gate", case.folder / "executed"
    waits = f"echo x >> {seen}; until [ -e {gate} ]; do sleep 0.02; done; echo; exit 3"
    case.order = replace(case.order, script=waits)
    case.launch(Mode.COUNT, 0)
    while not case.executions:
        threading.Event().wait(0.01)
    case.control.arm(case.folder / "runs", Mode.FAIL_FROM, 1, error=errno.ENOSPC, kinds=Kind.NAME | Kind.SIZE)
    gate.touch()
    ended = case.assert_honest()
    assert isinstance(ended, Ended)
    assert ended.output_dropped == 1


def test_a_power_cut_at_any_step_of_a_supervisor_leaves_no_attempt_to_be_executed_again(cases: Cases) -> None:
    """C5, C17, C20: what may have run is lost, or its result is whole."""
    case = cases.make("recorded")
    root, log = case.folder / "runs", case.folder / "log"
    case.control.arm(root, Mode.COUNT, log=log)
    case.launcher.launch(case.order)
    assert isinstance(case.settled(), Ended)
    case.wait_until_gone()
    steps = read_log(log)
    seen = set()
    for at, seed in product(range(1, len(steps) + 1), range(20)):
        disk = Disk(root)
        disk.take(steps[:at])
        disk.cut(Random(seed))
        there = case.folder / f"cut-{at}-{seed}"
        disk.write_to(there)
        found = case.launcher.evidence(there / "ab" / "run.1", boot_id="the boot before")
        seen.add(type(found).__name__)
        about = f"power cut after step {at} of {len(steps)}, seed {seed}: {found}"
        match found:
            case Ended():
                assert found.exit_code == 3, about
            case _:
                # Also before the marker: what was about to start when the host went is never started again.
                assert isinstance(found, Lost), about
                assert found.reason == "host_reboot", about
                assert at < len(steps), about
    assert seen == {"Lost", "Ended"}


def test_the_marker_is_on_the_disk_before_anything_else_is_done(cases: Cases) -> None:
    """Its file, then the folder that holds its name; and the result before anybody is told of it."""
    case = cases.make("order")
    log, name = case.folder / "log", beside(str(case.order.run_dir), NAME)
    case.control.arm(case.folder / "runs", Mode.COUNT, log=log)
    case.launcher.launch(case.order)
    assert isinstance(case.settled(), Ended)
    case.wait_until_gone()
    steps = read_log(log)
    placed = next(at for at, step in enumerate(steps) if step.kind == "r" and step.other == name)
    (marker,) = {step.inode for step in steps if step.kind == "w" and len(step.data) == SIZE}
    file, shelf = steps[placed + 1 : placed + 3]
    assert (file.kind, file.inode) == ("s", marker)
    assert shelf.kind == "s"
    assert shelf.inode == case.order.run_dir.parent.stat().st_ino
    assert (steps[-1].kind, steps[-1].inode) == ("s", marker)
    assert (steps[-2].kind, steps[-2].inode) == ("w", marker)
