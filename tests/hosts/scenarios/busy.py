"""The jobs of the scenarios, and runs on a host to which something will happen."""

from collections.abc import Sequence
from typing import Final

from tests.hosts.judging import answer
from tests.hosts.rig import NAMES, Rig
from tests.hosts.rig_host import RigHost

JOBS: Final = """
version: 1
jobs:
  once: {run: exec WORK 6 0.1, concurrency: {limit: none}}
  often: {run: exec WORK 6 0.1, idempotent: true, concurrency: {limit: none}, retry: {attempts: 5, delay: 1s}}
  steady: {run: exec WORK 7 1, idempotent: true, concurrency: {limit: none}, retry: {attempts: 5, delay: 1s}}
  quick: {run: exec WORK 0 1, concurrency: {limit: none}}
  due: {run: exec WORK 0.3 0.1, schedule: {every: 2s}, concurrency: {limit: 1}}
  due-again: {run: exec WORK .3 .1, schedule: {every: 2s}, idempotent: true, retry: {attempts: 4, delay: 1s}}
"""
MAY_REPEAT: Final = ("often", "steady", "due-again")
ONE_AT_A_TIME: Final = ("due", "due-again")
GOOD: Final = ("succeeded", "")
SILENT: Final = ("lost", "host_silent")
CUT_OFF: Final = ("lost", "host_cut_off")
REBOOTED: Final = ("lost", "host_reboot")
GRACE: Final = 5
LATE: Final = 4
"""How much later than promised something may be on a busy machine, in seconds."""


class Busy:
    """Runs on a host to which something will happen, and on the others."""

    def __init__(self, rig: Rig, *, on_leader: bool = False, jobs: Sequence[str] = ("once", "often")) -> None:
        self.rig = rig
        leader = rig.leader()
        wanted = [*jobs] * (8 // len(jobs))
        self.jobs = dict(zip(rig.request_all(wanted), wanted, strict=True))
        rig.started([*self.jobs])
        at = {run: rig.host_of(run) for run in self.jobs}
        names = [name for name in NAMES if (name == leader) == on_leader]
        self.host: RigHost = rig.hosts[max(names, key=list(at.values()).count)]
        self.other = next(host for host in rig.hosts.values() if host.name not in (self.host.name, leader))
        here = [run for run in self.jobs if at[run] == self.host.name]
        self.once = [run for run in here if self.jobs[run] not in MAY_REPEAT]
        self.often = [run for run in here if self.jobs[run] in MAY_REPEAT]
        self.elsewhere = [run for run in self.jobs if run not in here]
        assert here

    def all_succeed(self) -> None:
        """None of them was lost. On a busy machine, a short lease may end, so some are repeated."""
        self.rig.wait_for_states([*self.jobs], GOOD)
        assert all(self.attempts(run) == {1} for run in self.once)

    def what_was_there_is_lost(self, *reasons: tuple[str, str], patience: float = 40) -> None:
        """What may be repeated was repeated on another host, after it had ended here; the rest is lost."""
        self.rig.wait_for_states([*self.elsewhere, *self.often], GOOD, patience=patience)
        self.rig.wait_for_states(self.once, *reasons)
        assert all(self.attempts(run) >= {1, 2} for run in self.often)

    def is_repeated_elsewhere(self) -> None:
        """What was repeated was repeated on another host."""
        assert all(self.rig.host_of(run) != self.host.name for run in self.often)

    def attempts(self, run: str) -> set[int]:
        """The attempts of a run that were executed."""
        return {line.attempt for line in self.rig.written(run)}

    def said_elsewhere(self) -> None:
        """`did` and `why` say on another host what happened."""
        for run in [*self.once, *self.often][:1]:
            job = self.jobs[run]
            assert run[:8] in str(answer(self.rig, self.other.name, "why", run))
            assert answer(self.rig, self.other.name, "did", job)["job"] == job
