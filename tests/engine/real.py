"""Real launchers and real processes in a folder, for their tests."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core.lifecycle import AttemptKey
from engine.execution.launcher_client import ProcessLauncher
from engine.host.clock import SystemClock
from engine.host.holders import current_boot_id
from engine.ports import Alive, Evidence, LaunchOrder, Lease, NotStarted
from engine.supervisor.output import OutputTail
from engine.supervisor.plain import LIBRARY
from tests.acceptance.engines import until
from tests.engine.supervisors import leave_out_compiled_part

KEY = b"a key of thirty-two bytes, or so"
PATH = "/usr/local/bin:/usr/bin:/bin"
WAYS = ("vfork", "fork")
"""With the compiled part, and without it."""


class Real:
    """Real processes in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.launcher = ProcessLauncher(None, key=KEY)
        self.boot_id = current_boot_id()

    def order(self, name: str, body: str, **fields: object) -> LaunchOrder:
        values: dict = {
            "attempt": AttemptKey(name, 1),
            "run_dir": self.folder / "runs" / name / "1",
            "argv": ("sh", "-c", f'echo "$0" >> {self.folder}/{name}.executed\n{body}', name),
            "env": {"PATH": PATH},
            "secrets": {},
            "working_dir": self.folder,
            "timeout_seconds": 60.0,
            "kill_grace_seconds": 0.5,
            "scratch_dir": f"{self.folder}/runs/{name}/private/tmp",
        }
        return LaunchOrder(**values | fields)

    def lease(self, seconds: float) -> Lease:
        return Lease(SystemClock().elapsed() + seconds, seconds)

    def wait_until(self, instant: float) -> None:
        until(lambda: SystemClock().elapsed() >= instant)

    def plays(self, order: LaunchOrder, **_what: object) -> None:
        """Nothing to do: a real command runs."""

    def evidence(self, order: LaunchOrder) -> Evidence:
        return self.launcher.evidence(order.run_dir, boot_id=self.boot_id)

    def end_of(self, order: LaunchOrder) -> Evidence:
        def ended() -> Evidence | None:
            evidence = self.evidence(order)
            return None if isinstance(evidence, (Alive, NotStarted)) else evidence

        return until(ended)

    def executions(self, order: LaunchOrder) -> int:
        path = self.folder / f"{order.attempt_id.removesuffix('-1')}.executed"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def launch(self, name: str, body: str, **fields: object) -> LaunchOrder:
        order = self.order(name, body, **fields)
        self.launcher.launch(order)
        return order

    def started(self, order: LaunchOrder) -> None:
        until(lambda: self.executions(order))

    def output(self, order: LaunchOrder) -> bytes:
        return OutputTail(order.run_dir).read()


class Holder:
    """Another process of the same user that locks a file until it ends."""

    def __init__(self, path: Path, how: str = "LOCK_EX") -> None:
        code = (
            f"import fcntl, sys; file = open(sys.argv[1], 'r+b'); fcntl.flock(file, fcntl.{how}); print(); "
        )
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-c", f"{code}sys.stdout.flush(); sys.stdin.read()", path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()
        self.pid = self._process.pid

    def __enter__(self) -> "Holder":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(b"")


def real_world(folder: Path, monkeypatch: pytest.MonkeyPatch, *, way: str) -> Iterator[Real]:
    """The body of a fixture."""
    assert Path(LIBRARY).exists()
    if way == "fork":
        leave_out_compiled_part(folder, monkeypatch)
    made = Real(folder)
    yield made
    made.launcher.close()
