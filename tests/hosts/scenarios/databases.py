"""What happens to the server of the ledger, and what comes of it."""

import signal

from tests.acceptance.engines import pause
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
