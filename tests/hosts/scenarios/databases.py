"""What happens to the server of the ledger, and what comes of it."""

import signal

from tests.acceptance.engines import pause, until
from tests.hosts.rig import Rig
from tests.hosts.rig_host import LEASE_ONCE
from tests.hosts.scenarios.busy import CUT_OFF, GOOD, Busy


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
