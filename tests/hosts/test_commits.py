"""The connection breaks at a commit: before it, or when it is done and its answer is lost.

Whichever transaction of the leader or of a host it is, afterwards everything adds up, nothing was executed
twice, and nothing is missing.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from engine.core.errors import StoreUnavailableError
from engine.core.lifecycle import RunState
from engine.ledger.postgres.connection import PostgresConnection, statement
from tests.hosts.test_chaos import request_runs_of
from tests.hosts.world import HostsWorld
from tests.soak import IS_SOAK

JOBS = """
version: 1
jobs:
  due: {run: 'true', schedule: {every: 20s}}
  due-again: {run: 'true', schedule: {every: 20s}, idempotent: true, retry: {attempts: 3, delay: 1s}}
  once: {run: 'true', concurrency: {limit: 9}}
  after: {run: 'true', triggers: [{after: once}]}
  course:
    steps:
      one: {run: 'true'}
      two: {run: 'true', needs: [one]}
"""
CALM = JOBS.replace(", schedule: {every: 20s}", "")
WRITES = re.compile(r"\s*(with\b.*)?\b(insert|update|delete)\b|.*\bworker_\w+\(", re.IGNORECASE | re.DOTALL)
BEFORE, ANSWER = "before", "answer"


class Breaker:
    """Ends a connection at commits that it chooses, by what is committed and how often it was seen."""

    def __init__(self) -> None:
        self.breaks: Callable[[str, int], str] = lambda kind, count: ""
        self.seen: Counter[str] = Counter()
        self.broken: list[tuple[str, str]] = []
        self.db: Callable[..., Any] = print

    def around(self, connection: PostgresConnection, kind: str, commit: Callable[[], Any]) -> Any:
        self.seen[kind] += 1
        how = self.breaks(kind, self.seen[kind])
        if how:
            self.broken.append((kind, how))
        if how == BEFORE:
            self._end(connection)
        answer = commit()
        if how == ANSWER:
            self._end(connection)
            connection._db.close()
            raise psycopg.OperationalError("the answer was lost")
        return answer

    def _end(self, connection: PostgresConnection) -> None:
        backend = connection._db.info.backend_pid
        self.db("select pg_terminate_backend(%s, 5000)", (backend,))


@pytest.fixture
def breaker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Breaker]:
    """Sees each commit of each connection of this process, with the names of what was written."""
    made, written = Breaker(), {}
    commit, execute = PostgresConnection._commit, PostgresConnection._execute

    def noted(self: PostgresConnection, name: str, values: Any) -> Any:
        if not WRITES.match(statement(name)):
            return execute(self, name, values)
        if self._is_bound:
            written.setdefault(id(self), set()).add(name)
            return execute(self, name, values)
        return made.around(self, name, lambda: execute(self, name, values))

    def committed(self: PostgresConnection) -> None:
        kind = " ".join(sorted(written.pop(id(self), set())))
        made.around(self, kind, lambda: commit(self)) if kind else commit(self)

    monkeypatch.setattr(PostgresConnection, "_execute", noted)
    monkeypatch.setattr(PostgresConnection, "_commit", committed)
    return made


class Life(HostsWorld):
    """A leader and two hosts; what fails is done again at the next turn, as loops do."""

    def __init__(self, folder: Path, breaker: Breaker) -> None:
        self.breaker = breaker
        self.failed = 0
        super().__init__(folder, JOBS, hosts=("a", "b"))
        breaker.db = self.db

    def step(self) -> None:
        try:
            super().step()
        except StoreUnavailableError:
            self.failed += 1

    def request(self, job: str) -> None:
        """Request a run. The user looks whether it is there before it is requested again."""
        before = len(self.runs(job))
        while len(self.runs(job)) == before:
            try:
                request_runs_of(self, job, count=1)
            except StoreUnavailableError:
                self.failed += 1

    def live(self) -> None:
        for second in range(24):
            if second in (2, 9):
                self.request("once")
            if second == 4:
                self.request("course")
            self.pass_time(seconds=1)
            for host in self.hosts.values():
                for flight in [*host.launcher.flights.values()]:
                    if flight.end is None and (self.clock.now() - flight.launched_at).total_seconds() >= 2:
                        is_bad = (
                            flight.order.env["JOBFILE_JOB"] == "due-again"
                            and flight.order.attempt.number == 1
                        )
                        host.launcher.finish(flight.order.attempt_id, exit_code=int(is_bad))

    def calm(self) -> None:
        self.breaker.breaks = lambda kind, count: ""
        for _ in range(40):
            self.pass_time(seconds=1)
            for host in self.hosts.values():
                host.finish()
            if not self.has_open_runs():
                break
        self.pass_time(seconds=2)

    def judge(self) -> None:
        self.check_once()
        self.check()
        assert not self.has_open_runs(), [*self.view.open_runs()]
        counts = {job: len(self.runs(job)) for job in ("once", "after", "course")}
        assert counts == {"once": 2, "after": 2, "course": 1}, counts
        states = {run.state.value for job in ("once", "after", "course") for run in self.runs(job)}
        assert states == {"succeeded"}, [run for job in counts for run in self.runs(job)]
        assert {run.state.value for run in self.runs("due-again")} <= {"succeeded", "skipped"}
        executed = Counter(one.partition("-")[0] for one in self.executed)
        for job in ("once", "after", "due"):
            for run in self.runs(job):
                count = 0 if run.state is RunState.SKIPPED else 1
                assert executed[run.id] == count, f"{job} {executed} {self.breaker.broken}"


OF_HOSTS = ("take", "renew", "begin", "report", "give_back")


def test_a_commit_that_breaks_in_any_way_repeats_nothing_and_loses_nothing(
    tmp_path: Path, breaker: Breaker
) -> None:
    """The first of each kind breaks before, the second when its answer is lost, the third goes through."""
    life = Life(tmp_path, breaker)
    breaker.seen.clear()
    breaker.breaks = lambda kind, count: {1: BEFORE, 2: ANSWER}.get(count, "")
    life.live()
    life.calm()
    life.judge()
    assert {f"delivery.{name}" for name in OF_HOSTS} <= {
        kind for kind, how in breaker.broken if how == ANSWER
    }
    assert Counter(how for _, how in breaker.broken)[ANSWER] > 15, sorted(breaker.broken)
    assert life.failed > 10


if IS_SOAK:

    @pytest.mark.parametrize("seed", range(60))
    def test_commits_that_break_at_random_leave_nothing_twice_and_nothing_out(
        tmp_path: Path, breaker: Breaker, seed: int
    ) -> None:
        dice = random.Random(seed)
        life = Life(tmp_path, breaker)
        breaker.breaks = lambda kind, count: dice.choice((BEFORE, ANSWER)) if dice.random() < 0.2 else ""
        life.live()
        life.calm()
        life.judge()
