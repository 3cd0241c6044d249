"""Three hosts with real processes, a switch and a PostgreSQL server: what fails, and what comes of it.

All scenarios share one rig. Each is judged by what the jobs wrote, by the invariants of the ledger, and by
what `did` and `why` say on a host to which nothing happened.
"""

import random
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import pytest

from tests.acceptance.engines import check_instants_of, pause, until
from tests.hosts.rig import (
    LEASE_ONCE,
    NAMES,
    TERM,
    Rig,
    RigHost,
    answer,
    check_executions,
    check_ledger,
)
from tests.soak import IS_SOAK

JOBS = """
version: 1
jobs:
  once: {run: exec WORK 6, concurrency: {limit: none}}
  often: {run: exec WORK 6, idempotent: true, concurrency: {limit: none}, retry: {attempts: 5, delay: 1s}}
  quick: {run: exec WORK 0, concurrency: {limit: none}}
  due: {run: exec WORK 0.3, schedule: {every: 2s}, concurrency: {limit: 1}}
  due-again: {run: exec WORK 0.3, schedule: {every: 2s}, idempotent: true, retry: {attempts: 4, delay: 1s}}
"""
MAY_REPEAT = ("often", "due-again")
ONE_AT_A_TIME = ("due", "due-again")
GOOD = ("succeeded", "")
SILENT = ("lost", "host_silent")
CUT_OFF = ("lost", "host_cut_off")
GRACE: Final = 5
LATE: Final = 4
"""How much later than promised something may be on a busy machine, in seconds."""
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    made = Rig(tmp_path_factory.mktemp("rig"))
    try:
        made.start(JOBS)
        yield made
    finally:
        made.close()


@pytest.fixture(autouse=True)
def _judged(rig: Rig) -> Iterator[None]:
    """After each scenario everything is there again, and nothing was executed wrongly."""
    rig.wait_for_all()
    yield
    for host in rig.hosts.values():
        host.restore()
    rig.wait_for_all()
    check_executions(rig, may_repeat=MAY_REPEAT, one_at_a_time=ONE_AT_A_TIME)
    check_ledger(rig)


class Busy:
    """Runs on a host to which something will happen, and on the others."""

    def __init__(self, rig: Rig, *, on_leader: bool = False) -> None:
        self.rig = rig
        leader = rig.leader()
        runs = [rig.request(job)[0] for _ in range(4) for job in ("once", "often")]
        rig.started(runs)
        at = {run: rig.host_of(run) for run in runs}
        names = [name for name in NAMES if (name == leader) == on_leader]
        self.host: RigHost = rig.hosts[max(names, key=list(at.values()).count)]
        self.other = next(host for host in rig.hosts.values() if host.name not in (self.host.name, leader))
        here = [run for run in runs if at[run] == self.host.name]
        self.once = [run for number, run in enumerate(runs) if run in here and number % 2 == 0]
        self.often = [run for number, run in enumerate(runs) if run in here and number % 2]
        self.elsewhere = [run for run in runs if run not in here]
        assert here

    def all_succeed(self) -> None:
        """None of them was lost. On a busy machine, a short lease may end, so some are repeated."""
        self.rig.wait_for_states([*self.once, *self.often, *self.elsewhere], GOOD)
        assert all(self.attempts(run) == {1} for run in self.once)

    def what_was_there_is_lost(self, *reasons: tuple[str, str]) -> None:
        """What may be repeated was repeated on another host, after it had ended here; the rest is lost."""
        self.rig.wait_for_states([*self.elsewhere, *self.often], GOOD, patience=40)
        self.rig.wait_for_states(self.once, *reasons)
        assert all(self.attempts(run) >= {1, 2} for run in self.often)
        assert all(self.rig.host_of(run) != self.host.name for run in self.often)

    def attempts(self, run: str) -> set[int]:
        """The attempts of a run that were executed."""
        return {line.attempt for line in self.rig.written(run)}

    def said_elsewhere(self) -> None:
        """`did` and `why` say on another host what happened."""
        for run in [*self.once, *self.often][:1]:
            job = "once" if run in self.once else "often"
            assert run[:8] in str(answer(self.rig, self.other.name, "why", run))
            assert answer(self.rig, self.other.name, "did", job)["job"] == job


def all_of_it_at_once(rig: Rig) -> None:
    """A host without power, a killed worker, leader and database; then a leader that stands still."""
    busy = Busy(rig)
    busy.other.send("worker", signal.SIGKILL)
    busy.host.off()
    assert fail_over(rig, kill_before_runs_are_due) < 1 + LATE
    rig.restart_database(signal.SIGKILL)
    busy.what_was_there_is_lost(SILENT)
    busy.said_elsewhere()
    busy.host.restore()
    rig.wait_for_all()
    let_the_leader_stand_still(rig)


# Workers


def a_host_without_power_loses_what_it_executed_and_nothing_else(rig: Rig) -> None:
    busy = Busy(rig)
    busy.host.off()
    busy.what_was_there_is_lost(SILENT)
    busy.said_elsewhere()


def a_worker_that_is_killed_is_there_again_and_its_jobs_never_noticed(rig: Rig) -> None:
    busy = Busy(rig)
    busy.host.send("worker", signal.SIGKILL)
    busy.all_succeed()


def a_worker_that_stands_still_has_its_jobs_killed_by_their_supervisors(rig: Rig) -> None:
    busy = Busy(rig)
    busy.host.send("worker", signal.SIGSTOP)
    busy.what_was_there_is_lost(SILENT)
    ended = [max(line.at for line in rig.written(run) if line.attempt == 1) for run in busy.often]
    again = [min(line.at for line in rig.written(run) if line.attempt == 2) for run in busy.often]
    assert all(first < second for first, second in zip(ended, again, strict=True))


def a_host_that_is_cut_off_has_killed_its_jobs_before_others_repeat_them(rig: Rig) -> None:
    busy = Busy(rig)
    busy.host.cut()
    busy.what_was_there_is_lost(SILENT)
    busy.said_elsewhere()


def a_short_cut_harms_nothing(rig: Rig) -> None:
    busy = Busy(rig)
    busy.host.cut()
    pause(1.2)
    busy.host.heal()
    busy.all_succeed()


# Leaders


def fail_over(rig: Rig, act: Callable[[RigHost], None]) -> float:
    """Do something to the leader; after how many seconds another process leads."""
    host = rig.hosts[rig.leader()]
    term = rig.term()
    host.process("scheduler")
    act(host)
    began = time.monotonic()
    until(lambda: rig.term() > term and rig.leader(), "another leader")
    seconds = time.monotonic() - began
    [run] = rig.request("quick")
    rig.wait_for_states([run], GOOD)
    return seconds


def when_the_leader_is_killed_just_before_runs_are_due_another_one_records_them(rig: Rig) -> None:
    assert fail_over(rig, kill_before_runs_are_due) < 1 + LATE


def a_leader_that_stood_still_for_longer_than_its_term_leads_no_more(rig: Rig) -> None:
    let_the_leader_stand_still(rig)


def a_leader_that_is_cut_off_leads_no_more(rig: Rig) -> None:
    busy = Busy(rig, on_leader=True)
    assert fail_over(rig, RigHost.cut) < TERM + 1 + LATE
    busy.what_was_there_is_lost(SILENT, CUT_OFF)


def kill_before_runs_are_due(host: RigHost) -> None:
    pid = host.process("scheduler")
    pause(1.99 - time.time() % 2)
    host.kill(pid, signal.SIGKILL)


def let_the_leader_stand_still(rig: Rig) -> None:
    def stop(host: RigHost) -> None:
        host.send("scheduler", signal.SIGSTOP)

    old = rig.hosts[rig.leader()]
    pid = old.process("scheduler")
    assert fail_over(rig, stop) < TERM + 1 + LATE
    old.kill(pid, signal.SIGCONT)
    until(lambda: old.process("scheduler") != pid, "its process ends")


# The database


def a_database_that_is_soon_there_again_harms_nothing(rig: Rig) -> None:
    for how, seconds in ((signal.SIGKILL, 0.0), (signal.SIGINT, 0.0), (signal.SIGINT, 3.0)):
        be_without_database(rig, how, seconds)


def be_without_database(rig: Rig, how: signal.Signals, seconds: float) -> None:
    runs = rig.request("once", 3)
    rig.started(runs)
    rig.stop_database(how)
    pause(seconds)
    rig.start_database()
    more = rig.request("quick", 2)
    rig.wait_for_states([*runs, *more], GOOD)


def a_database_that_was_away_for_longer_than_a_lease_costs_only_what_was_killed(rig: Rig) -> None:
    busy = Busy(rig)
    rig.stop_database()
    pause(LEASE_ONCE + 6)
    rig.start_database()
    rig.wait_for_states([*busy.once, *busy.often, *busy.elsewhere], GOOD, CUT_OFF, patience=60)
    assert GOOD in rig.states(busy.often)


def after_a_failover_hosts_say_what_they_have_and_another_leader_begins(rig: Rig) -> None:
    """The same server with another name, and without what it knew of an attempt."""
    busy = Busy(rig)
    run = busy.elsewhere[0] if busy.elsewhere else busy.often[0]
    term = rig.term()
    rig.change(
        "create or replace function server_now() returns text language sql as $$ select 'other' $$",
        f"update delivery set state = 'offered', host = '', lease_until = null where run_id = '{run}' "
        "and state = 'held'",
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'jobfile'",
    )
    until(lambda: rig.term() > term and rig.leader(), "another leader", patience=30)
    busy.all_succeed()
    assert len(busy.attempts(run)) == 1
    rig.wait_for_states(rig.request("quick"), GOOD)


# All at once


def chaos(rig: Rig, *, seed: int, seconds: float) -> None:
    """Faults at random for some time, then calm: then all must end soon."""
    dice = random.Random(seed)
    end = time.monotonic() + seconds
    faults: list[Callable[[RigHost], None]] = [
        RigHost.off,
        RigHost.cut,
        lambda host: host.send("worker", signal.SIGKILL),
        lambda host: host.send("scheduler", signal.SIGKILL),
        lambda host: host.send("worker", signal.SIGSTOP),
        lambda host: host.send("scheduler", signal.SIGSTOP),
        lambda _: rig.restart_database(signal.SIGKILL),
        lambda _: rig.restart_database(signal.SIGINT),
    ]
    while time.monotonic() < end:
        for job in ("once", "often"):
            rig.request(job)
        host = rig.hosts[dice.choice(NAMES)]
        if host.is_whole:
            dice.choice(faults)(host)
        pause(dice.choice((0.5, 1.5, 3)))
        for one in rig.hosts.values():
            if dice.random() < 0.4:
                one.restore()
    for one in rig.hosts.values():
        one.restore()
    ids = rig.open_runs()
    rig.wait_until_over(ids, patience=LEASE_ONCE + GRACE + 15 + 30)
    with rig.view() as view:
        check_instants_of(view)  # type: ignore[arg-type]  # a view of any ledger


SCENARIOS = (
    a_host_without_power_loses_what_it_executed_and_nothing_else,
    a_worker_that_is_killed_is_there_again_and_its_jobs_never_noticed,
    a_worker_that_stands_still_has_its_jobs_killed_by_their_supervisors,
    a_host_that_is_cut_off_has_killed_its_jobs_before_others_repeat_them,
    a_short_cut_harms_nothing,
    when_the_leader_is_killed_just_before_runs_are_due_another_one_records_them,
    a_leader_that_stood_still_for_longer_than_its_term_leads_no_more,
    a_leader_that_is_cut_off_leads_no_more,
    a_database_that_is_soon_there_again_harms_nothing,
    a_database_that_was_away_for_longer_than_a_lease_costs_only_what_was_killed,
    after_a_failover_hosts_say_what_they_have_and_another_leader_begins,
)


CHAOS = [pytest.param(partial(chaos, seed=seed, seconds=30), id=f"chaos_{seed}") for seed in range(10)]


@pytest.mark.parametrize(
    "scenario", [*SCENARIOS, *CHAOS] if IS_SOAK else [all_of_it_at_once], ids=lambda one: one.__name__
)
def test_real_hosts_execute_nothing_twice_and_forget_nothing(
    rig: Rig, scenario: Callable[[Rig], None]
) -> None:
    scenario(rig)
