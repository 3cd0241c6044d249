"""The fake launcher does what every launcher must do."""

from pathlib import Path

import pytest

from engine.core.lifecycle import AttemptKey
from engine.ports import Evidence, LaunchOrder, Lease, Stop
from engine.testing import FakeClock, ScriptedLauncher
from tests.builders import NOON
from tests.engine.launcher_conformance import *  # noqa: F403  the suite


class Scripted:
    """The test says what a command does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock(NOON)
        self.launcher = ScriptedLauncher(self.clock)

    def order(self, name: str, script: str, *, lease: Lease | None = None, **_fields: object) -> LaunchOrder:
        return LaunchOrder(
            attempt=AttemptKey(name, 1),
            run_dir=self.folder / name / "1",
            argv=("sh", "-c", script),
            env={},
            secrets={},
            working_dir=self.folder,
            timeout_seconds=None,
            kill_grace_seconds=1,
            lease=lease,
        )

    def lease(self, seconds: float) -> Lease:
        return Lease(self.clock.elapsed() + seconds, seconds)

    def wait_until(self, instant: float) -> None:
        self.clock.advance(seconds=instant - self.clock.elapsed())

    def plays(
        self,
        order: LaunchOrder,
        *,
        exit_code: int | None = None,
        signal: int | None = None,
        outputs: str = "",
    ) -> None:
        flight = self.launcher.flights[order.run_dir]
        if flight.end is None and flight.stops and signal == 15:
            assert flight.stops[0] is Stop.CANCEL
            self.launcher.obey(order.attempt_id)
        elif flight.end is None:
            self.launcher.finish(order.attempt_id, exit_code=exit_code, signal=signal, outputs=outputs)

    def evidence(self, order: LaunchOrder) -> Evidence:
        return self.launcher.evidence(order.run_dir, boot_id="")

    end_of = evidence

    def executions(self, order: LaunchOrder) -> int:
        return self.launcher.executed.count(order.attempt_id)


@pytest.fixture
def world(tmp_path: Path) -> Scripted:
    return Scripted(tmp_path)
