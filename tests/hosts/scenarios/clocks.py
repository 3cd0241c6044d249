"""What comes of a host's clock that is wrong, for its supervisors and jobs too.

In all scenarios elapsed time runs 1 % too fast on one host, and 1 % too slowly on another.
"""

import re
import time
from datetime import UTC, datetime, timedelta
from functools import partial

from tests.acceptance.engines import until
from tests.hosts.judging import findings
from tests.hosts.rig import Rig
from tests.hosts.rig_host import RigHost
from tests.hosts.scenarios.busy import GOOD, LATE, Busy
from tests.hosts.scenarios.leaders import check_instants, fail_over
from tests.hosts.scenarios.workers import trouble_of

FAR = 90
"""A host with such a clock takes nothing new."""
NEAR = 10
"""An engine on a host with such a clock does not lead."""
LITTLE = 3
NOTICED = 3
"""After how many seconds a leader notices at the latest that its clock is wrong."""


def a_host_whose_clock_is_wrong_ends_what_it_has_well_and_takes_nothing(rig: Rig) -> None:
    for ahead in (FAR, -FAR):
        have_a_wrong_clock(rig, ahead)


def have_a_wrong_clock(rig: Rig, ahead: float) -> None:
    began = datetime.now(UTC)
    busy = Busy(rig)
    busy.host.set_clock(ahead)
    until(lambda: trouble_of(rig, busy.host), "it says so")
    more = rig.request("once", 3)
    busy.all_succeed()
    rig.wait_for_states(more, GOOD)
    assert all(rig.host_of(run) != busy.host.name for run in more)
    check_times(rig, busy, since=began, ahead=ahead)
    side = "ahead of" if ahead > 0 else "behind"
    assert re.fullmatch(rf"its clock is 1m[23]\ds {side} the ledger's", str(trouble_of(rig, busy.host)))
    found = findings(rig, busy.other.name)["hosts.clock"]
    [said] = re.findall(
        rf"the clock of the host {busy.host.name} differs from the ledger's by (.+) s, so it does not lead, "
        "and takes nothing",
        found,
    )
    assert abs(float(said) - ahead) < 1
    busy.said_elsewhere()
    busy.host.restore()
    until(lambda: not trouble_of(rig, busy.host), "it takes work again")


def check_times(rig: Rig, busy: Busy, *, since: datetime, ahead: float) -> None:
    """The jobs there lived with the wrong clock, and the ledger has the right times all the same."""
    for run in [*busy.once, *busy.often]:
        last = rig.written(run)[-1]
        assert abs(last.clock - (time.time() - time.monotonic()) - last.at - ahead) < 1
        with rig.view() as view:
            for attempt in view.attempts(run):
                assert attempt.started_at is not None
                assert attempt.ended_at is not None
                slack = timedelta(seconds=1)
                times = [since - slack, attempt.started_at, attempt.ended_at, datetime.now(UTC) + slack]
                assert times == sorted(times)


def a_host_that_starts_with_a_wrong_clock_takes_nothing_until_it_is_right(rig: Rig) -> None:
    host = next(one for one in rig.hosts.values() if one.name != rig.leader())
    host.off()
    host.set_clock(-FAR)
    host.on()
    rig.wait_for_all()
    runs = rig.request("quick", 3)
    rig.wait_for_states(runs, GOOD)
    assert all(rig.host_of(run) != host.name for run in runs)
    host.restore()
    until(lambda: not trouble_of(rig, host), "it takes work")
    busy = Busy(rig)
    busy.all_succeed()


def a_leader_whose_clock_is_wrong_is_followed_at_once_and_its_jobs_run_on(rig: Rig) -> None:
    for ahead in (FAR, -FAR, NEAR):
        lead_with_a_wrong_clock(rig, ahead)


def lead_with_a_wrong_clock(rig: Rig, ahead: float) -> None:
    busy = Busy(rig, on_leader=True)
    old = busy.host
    assert fail_over(rig, partial(RigHost.set_clock, ahead=ahead)) < NOTICED + LATE
    assert rig.leader() != old.name
    busy.all_succeed()
    until(lambda: "hosts.clock" in findings(rig, busy.other.name), "doctor says so")
    assert (trouble_of(rig, old) is None) == (abs(ahead) == NEAR)
    check_instants(rig)
    old.restore()
    until(lambda: not trouble_of(rig, old), "it takes work again")


def a_clock_that_is_a_little_wrong_is_reported_and_changes_nothing(rig: Rig) -> None:
    leader = rig.hosts[until(rig.leader, "a leader")]
    term = rig.term()
    leader.set_clock(LITTLE)
    until(lambda: "hosts.skew" in findings(rig, leader.name), "doctor says so")
    busy = Busy(rig, on_leader=True)
    busy.all_succeed()
    assert rig.term() == term
