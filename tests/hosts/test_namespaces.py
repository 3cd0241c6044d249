"""Three hosts with real processes, a switch and a PostgreSQL server: what fails, and what comes of it.

All scenarios share one rig. Each is judged by what the jobs wrote, by the invariants of the ledger, and by
what `did` and `why` say on a host to which nothing happened.
"""

import signal
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.hosts.judging import check_executions, check_ledger
from tests.hosts.rig import Rig
from tests.hosts.rig_host import RigHost
from tests.hosts.scenarios import clocks, databases, leaders, workers
from tests.hosts.scenarios.busy import JOBS, LATE, MAY_REPEAT, ONE_AT_A_TIME, SILENT, Busy
from tests.hosts.scenarios.chaos import chaos
from tests.soak import IS_SOAK

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


def all_of_it_at_once(rig: Rig) -> None:
    """A host without power, a killed worker, leader and database, and a leader whose clock is wrong; then a
    leader that stands still. All the while elapsed time runs 1 % too fast on one host, too slowly on another,
    and two of three hosts have other job files.
    """
    busy = Busy(rig)
    busy.host.off()
    workers.kill_worker(busy.other)
    assert leaders.fail_over(rig, leaders.kill_before_runs_are_due) < 1 + LATE
    assert leaders.fail_over(rig, partial(RigHost.set_clock, ahead=clocks.NEAR)) < clocks.NOTICED + LATE
    rig.restart_database(signal.SIGKILL)
    workers.refuse_a_second_worker(busy.other)
    busy.what_was_there_is_lost(SILENT)
    busy.is_repeated_elsewhere()
    busy.said_elsewhere()
    for host in rig.hosts.values():
        host.restore()
    rig.wait_for_all()
    leaders.let_the_leader_stand_still(rig)


SCENARIOS = (
    workers.a_host_without_power_loses_what_it_executed_and_nothing_else,
    workers.a_host_that_was_restarted_says_at_once_what_it_has_lost,
    workers.a_worker_that_is_killed_is_there_again_and_its_jobs_never_noticed,
    workers.a_worker_that_stands_still_has_its_jobs_killed_by_their_supervisors,
    workers.a_host_that_was_paused_does_one_more_step_at_most_and_with_a_smaller_fence,
    workers.a_host_that_is_cut_off_has_killed_its_jobs_before_others_repeat_them,
    workers.a_host_that_hears_nothing_is_as_good_as_cut_off,
    workers.a_host_that_is_not_heard_is_as_good_as_cut_off,
    workers.a_host_that_the_database_refuses_is_as_good_as_cut_off,
    workers.a_network_that_loses_much_loses_no_run,
    workers.a_short_cut_harms_nothing,
    workers.a_full_disk_loses_no_end_and_other_hosts_take_the_work,
    workers.a_second_worker_on_a_state_folder_is_refused,
    leaders.when_the_leader_is_killed_just_before_runs_are_due_another_one_records_them,
    leaders.when_the_leader_is_killed_8_ms_before_twelve_jobs_are_due_each_runs_once,
    leaders.a_leader_that_stood_still_for_longer_than_its_term_leads_no_more,
    leaders.a_leader_that_is_cut_off_leads_no_more,
    leaders.a_leader_without_power_is_followed_at_once,
    leaders.a_leader_that_was_paused_with_its_host_writes_nothing_when_it_continues,
    leaders.a_leader_that_stands_still_while_it_has_the_ledgers_lock_stops_nobody_for_long,
    leaders.a_full_disk_of_the_leader_stops_no_other_host,
    databases.a_database_that_is_soon_there_again_harms_nothing,
    databases.a_database_that_was_away_for_longer_than_a_lease_costs_only_what_was_killed,
    databases.after_a_failover_hosts_say_what_they_have_and_another_leader_begins,
    clocks.a_host_whose_clock_is_wrong_ends_what_it_has_well_and_takes_nothing,
    clocks.a_host_that_starts_with_a_wrong_clock_takes_nothing_until_it_is_right,
    clocks.a_leader_whose_clock_is_wrong_is_followed_at_once_and_its_jobs_run_on,
    clocks.a_clock_that_is_a_little_wrong_is_reported_and_changes_nothing,
)


CHAOS = [pytest.param(partial(chaos, seed=seed, seconds=30), id=f"chaos_{seed}") for seed in range(10)]


@pytest.mark.parametrize(
    "scenario", [*SCENARIOS, *CHAOS] if IS_SOAK else [all_of_it_at_once], ids=lambda one: one.__name__
)
def test_real_hosts_execute_nothing_twice_and_forget_nothing(
    rig: Rig, scenario: Callable[[Rig], None]
) -> None:
    scenario(rig)
