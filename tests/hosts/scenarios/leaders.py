"""What happens to the engine that leads, and what comes of it."""

import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

import psycopg

from tests.acceptance.engines import check_instants_of, pause, until
from tests.hosts.rig import Rig
from tests.hosts.rig_host import TERM, RigHost
from tests.hosts.scenarios.busy import CUT_OFF, GOOD, JOBS, LATE, SILENT, Busy

TWELVE = 12
BEFORE = 0.008
"""How long before runs are due their leader is killed, in seconds."""
IN_TRANSACTION = """
select client_addr::text from pg_stat_activity join pg_locks on pg_locks.pid = pg_stat_activity.pid
where locktype = 'advisory' and granted and wait_event_type = 'Lock' and wait_event = 'relation'
"""
"""Where the process is that has the ledger's lock, and waits for a table that the test has locked."""
_numbers = count()


def fail_over(rig: Rig, act: Callable[[RigHost], None]) -> float:
    """Do something to the leader; after how many seconds another process leads."""
    host = rig.hosts[until(rig.leader, "a leader")]
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


def when_the_leader_is_killed_8_ms_before_twelve_jobs_are_due_each_runs_once(rig: Rig) -> None:
    due_at = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    if (due_at - datetime.now(UTC)).total_seconds() < 2 * LATE:
        due_at += timedelta(minutes=1)
    names = [f"twelve-{next(_numbers)}" for _ in range(TWELVE)]
    schedule = f"schedule: {{at: '{due_at:%Y-%m-%dT%H:%MZ}'}}"
    rig.apply(JOBS + "".join(f"  {name}: {{run: exec WORK 0 1, {schedule}}}\n" for name in names))

    def kill(host: RigHost) -> None:
        pid = host.process("scheduler")
        pause((due_at - datetime.now(UTC)).total_seconds() - BEFORE)
        host.kill(pid, signal.SIGKILL)

    assert fail_over(rig, kill) < 1 + LATE
    with rig.view() as view:
        runs = [run for name in names for run in view.recent_runs(job=name, state=None, limit=9)]
    assert [(run.job, run.scheduled_for) for run in runs] == [(name, due_at) for name in names]
    rig.wait_for_states([run.id for run in runs], GOOD)
    assert all(len([line for line in rig.written(run.id) if line.what == "start"]) == 1 for run in runs)


def a_leader_that_stood_still_for_longer_than_its_term_leads_no_more(rig: Rig) -> None:
    let_the_leader_stand_still(rig)


def a_leader_that_is_cut_off_leads_no_more(rig: Rig) -> None:
    busy = Busy(rig, on_leader=True)
    assert fail_over(rig, RigHost.cut) < TERM + 1 + LATE
    busy.what_was_there_is_lost(SILENT, CUT_OFF)


def a_leader_without_power_is_followed_at_once(rig: Rig) -> None:
    busy = Busy(rig, on_leader=True)
    assert fail_over(rig, RigHost.off) < 1 + LATE
    busy.what_was_there_is_lost(SILENT)
    busy.said_elsewhere()


def a_leader_that_was_paused_with_its_host_writes_nothing_when_it_continues(rig: Rig) -> None:
    busy = Busy(rig, on_leader=True)
    pid = busy.host.process("scheduler")
    assert fail_over(rig, RigHost.freeze) < TERM + 1 + LATE
    busy.what_was_there_is_lost(SILENT)
    busy.host.thaw()
    until(lambda: busy.host.process("scheduler") != pid, "its process ends")
    check_instants(rig)


def a_leader_that_stands_still_while_it_has_the_ledgers_lock_stops_nobody_for_long(rig: Rig) -> None:
    stopped: list[int] = []
    began = 0.0

    def stop(host: RigHost) -> None:
        nonlocal began
        pid = host.process("scheduler")
        assert rig.server is not None
        with psycopg.connect(rig.server.url("shop")) as own:
            own.execute("lock table run in exclusive mode")
            until(lambda: is_of(host, rig.rows(IN_TRANSACTION)), "the leader in a transaction")
            host.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        stopped.append(pid)

    old = rig.hosts[until(rig.leader, "a leader")]
    fail_over(rig, stop)
    assert time.monotonic() - began < TERM + IDLE + 2 * LATE
    old.kill(stopped[0], signal.SIGCONT)
    until(lambda: old.process("scheduler") != stopped[0], "its process ends")
    check_instants(rig)


IDLE = 5
"""After how many seconds the server ends a transaction whose client does nothing."""


def is_of(host: RigHost, found: list[tuple[str]]) -> bool:
    """Whether the only process in a transaction is on this host."""
    return [address.partition("/")[0] for (address,) in found] == [host.address]


def a_full_disk_of_the_leader_stops_no_other_host(rig: Rig) -> None:
    leader = rig.hosts[until(rig.leader, "a leader")]
    term = rig.term()
    leader.fill()
    pause(3)
    runs = rig.request("once", 3)
    rig.wait_for_states(runs, GOOD)
    assert all(rig.host_of(run) != leader.name for run in runs)
    assert rig.term() == term
    check_instants(rig)


def check_instants(rig: Rig) -> None:
    """Each instant has one record."""
    with rig.view() as view:
        check_instants_of(view)  # type: ignore[arg-type]  # a view of any ledger


def kill_before_runs_are_due(host: RigHost) -> None:
    pid = host.process("scheduler")
    pause(2 - BEFORE - time.time() % 2)
    host.kill(pid, signal.SIGKILL)


def let_the_leader_stand_still(rig: Rig) -> None:
    def stop(host: RigHost) -> None:
        host.send("scheduler", signal.SIGSTOP)

    old = rig.hosts[until(rig.leader, "a leader")]
    pid = old.process("scheduler")
    assert fail_over(rig, stop) < TERM + 1 + LATE
    old.kill(pid, signal.SIGCONT)
    until(lambda: old.process("scheduler") != pid, "its process ends")
