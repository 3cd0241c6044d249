"""What happens to a host that executes, and what comes of it."""

import signal
import time
from collections.abc import Callable, Iterable

from engine.core.lifecycle import AttemptState
from tests.acceptance.engines import pause, until
from tests.acceptance.warm import JOBFILE
from tests.hosts.judging import answer
from tests.hosts.rig import Rig
from tests.hosts.rig_host import LEASE_ONCE, RigHost
from tests.hosts.scenarios.busy import CUT_OFF, GOOD, GRACE, REBOOTED, SILENT, Busy


def a_host_without_power_loses_what_it_executed_and_nothing_else(rig: Rig) -> None:
    busy = Busy(rig)
    busy.host.off()
    busy.what_was_there_is_lost(SILENT)
    busy.is_repeated_elsewhere()
    busy.said_elsewhere()


def a_host_that_was_restarted_says_at_once_what_it_has_lost(rig: Rig) -> None:
    busy = Busy(rig)
    busy.host.off()
    busy.host.on()
    began = time.monotonic()
    rig.wait_for_states(busy.once, REBOOTED)
    assert time.monotonic() - began < LEASE_ONCE + GRACE
    busy.what_was_there_is_lost(REBOOTED)
    busy.said_elsewhere()


def a_worker_that_is_killed_is_there_again_and_its_jobs_never_noticed(rig: Rig) -> None:
    busy = Busy(rig)
    kill_worker(busy.host)
    busy.all_succeed()


def kill_worker(host: RigHost) -> None:
    """Kill the worker of a host, and wait until the next one is there."""
    now = f"select process from host where name = '{host.name}'"
    before = host.rig.rows(now)
    host.send("worker", signal.SIGKILL)
    until(lambda: host.rig.rows(now) != before, "the next worker")


def a_worker_that_stands_still_has_its_jobs_killed_by_their_supervisors(rig: Rig) -> None:
    busy = Busy(rig)
    busy.host.send("worker", signal.SIGSTOP)
    busy.what_was_there_is_lost(SILENT)
    busy.is_repeated_elsewhere()
    ended = [max(line.at for line in rig.written(run) if line.attempt == 1) for run in busy.often]
    again = [min(line.at for line in rig.written(run) if line.attempt == 2) for run in busy.often]
    assert all(first < second for first, second in zip(ended, again, strict=True))


def a_host_that_was_paused_does_one_more_step_at_most_and_with_a_smaller_fence(rig: Rig) -> None:
    busy = Busy(rig, jobs=("once", "steady"))
    busy.host.freeze()
    busy.what_was_there_is_lost(SILENT)
    busy.is_repeated_elsewhere()
    before = rig.states([*busy.jobs])
    busy.host.thaw()
    rig.wait_for_all()
    pause(2)
    assert rig.states([*busy.jobs]) == before
    assert ends_of_lost_attempts(rig, busy.jobs) == []
    for run in busy.often:
        again = next(line for line in rig.written(run) if line.attempt == 2)
        late = [line for line in rig.written(run) if line.attempt == 1 and line.at > again.at]
        assert len(late) <= 1
        assert all(line.fence < again.fence for line in late)
    busy.said_elsewhere()


def ends_of_lost_attempts(rig: Rig, runs: Iterable[str]) -> list[str]:
    """The attempts of some runs that count as lost, and for which an end was recorded later."""
    with rig.view() as view:
        attempts = [one for run in runs for one in view.attempts(run)]
    return [one.id for one in attempts if one.state is AttemptState.LOST and one.resolved]


def be_out_of_reach(rig: Rig, how: Callable[[RigHost], None]) -> None:
    """A host is cut off in some way for longer than its leases."""
    busy = Busy(rig)
    how(busy.host)
    busy.what_was_there_is_lost(SILENT, CUT_OFF)
    busy.is_repeated_elsewhere()
    busy.said_elsewhere()


def a_host_that_is_cut_off_has_killed_its_jobs_before_others_repeat_them(rig: Rig) -> None:
    be_out_of_reach(rig, RigHost.cut)


def a_host_that_hears_nothing_is_as_good_as_cut_off(rig: Rig) -> None:
    be_out_of_reach(rig, RigHost.deafen)


def a_host_that_is_not_heard_is_as_good_as_cut_off(rig: Rig) -> None:
    be_out_of_reach(rig, RigHost.silence)


def a_host_that_the_database_refuses_is_as_good_as_cut_off(rig: Rig) -> None:
    be_out_of_reach(rig, RigHost.be_refused)


def a_network_that_loses_much_loses_no_run(rig: Rig) -> None:
    busy = Busy(rig)
    busy.host.lose(30)
    more = rig.request("often", 4)
    rig.wait_for_states([*busy.often, *busy.elsewhere, *more], GOOD, patience=90)
    rig.wait_for_states(busy.once, GOOD, SILENT, CUT_OFF)
    busy.said_elsewhere()


def a_short_cut_harms_nothing(rig: Rig) -> None:
    for how in (RigHost.cut, RigHost.deafen, RigHost.silence, RigHost.be_refused):
        be_out_of_reach_shortly(rig, how)


def be_out_of_reach_shortly(rig: Rig, how: Callable[[RigHost], None]) -> None:
    """A host is cut off in some way for a moment."""
    busy = Busy(rig)
    how(busy.host)
    pause(1.2)
    busy.host.heal()
    busy.all_succeed()


def a_full_disk_loses_no_end_and_other_hosts_take_the_work(rig: Rig) -> None:
    busy = Busy(rig)
    busy.host.fill()
    until(lambda: trouble_of(rig, busy.host) == "disk space is low", "it says so")
    more = rig.request("once", 3)
    busy.all_succeed()
    rig.wait_for_states(more, GOOD)
    assert all(rig.host_of(run) != busy.host.name for run in more)
    busy.said_elsewhere()


def trouble_of(rig: Rig, host: RigHost) -> str:
    """Why a host takes nothing, as `hosts` says on another one."""
    other = next(one for one in rig.hosts.values() if one is not host)
    return next(
        one["trouble"] for one in answer(rig, other.name, "hosts")["hosts"] if one["name"] == host.name
    )


def a_second_worker_on_a_state_folder_is_refused(rig: Rig) -> None:
    busy = Busy(rig)
    refuse_a_second_worker(busy.host)
    busy.all_succeed()


def refuse_a_second_worker(host: RigHost) -> None:
    """Start another worker beside the one of a host."""
    second = [*host.inside(), JOBFILE, "up", "--role", "worker", "--name", "second", "--for", "20s"]
    refused = host.rig.run(*second, cwd=host.folder, env=host.rig.environ, check=False)
    assert refused.returncode == 75, refused
    assert "error: another host (process " in refused.stderr, refused
    assert f"is running on the state folder {host.folder}/.jobfile; stop it first" in refused.stderr
    assert host.rig.rows("select count(*) from host where name = 'second'") == [(0,)]
