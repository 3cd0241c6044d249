"""Area: the hosts that share the ledger: whether each is up, its clock, its version, its attempts."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from engine.answers.findings import Examined, Finding, limited
from engine.answers.hosts import Fleet, HostState, leader_words, make_fleet, skew_words
from engine.core.hosts import (
    DELETED_KEPT,
    LEADS_WITHIN,
    SKEW,
    TAKES_WITHIN,
    Delivery,
    DeliveryState,
    HostWord,
    SchedulerWord,
    other_carrier,
)
from engine.core.vocabulary import other_version, seconds_text, short
from engine.ledger.host_ports import HostsView
from engine.ledger.ports import View
from jobfile import __version__
from jobfile.model.counts import many


def examine_hosts(view: View, hosts: HostsView) -> Examined:
    """Check the hosts, and what is delivered to them."""
    fleet = make_fleet(view, hosts)
    used, slots = fleet.slots
    looked_at = f"{len(fleet.there):,} of {len(fleet.hosts):,} there, {used:,} of {many(slots, 'slot')} taken"
    findings = (
        *check_fleet(fleet),
        *limited(check_holders(fleet, hosts.open())),
        *check_ended(hosts.without_run(after=2 * DELETED_KEPT)),
    )
    return Examined(area="hosts", looked_at=looked_at, findings=findings)


def check_fleet(fleet: Fleet) -> Iterator[Finding]:
    """What is wrong with the leader and with single hosts."""
    if not fleet.is_led:
        yield Finding(
            code="hosts.leaderless",
            found=f"no engine leads, so nothing starts: {leader_words(fleet).removeprefix('NONE, ')}",
            help="`jobfile up --role scheduler` on any host; `jobfile hosts` shows who leads",
        )
    yield from check_carriers(fleet)
    yield from limited(finding for one in fleet.hosts for finding in _check_host(one))


def check_carriers(fleet: Fleet) -> Iterator[Finding]:
    """Hosts and schedulers must have one carrier: a host with a different one gets nothing."""
    there = [one.host for one in fleet.there]
    leading = next((one.carrier for one in fleet.schedulers if one.word is SchedulerWord.LEADS), "")
    for host in there:
        if why := other_carrier(host.carrier, leading):
            yield Finding(
                code="hosts.carrier",
                found=f"the host {host.name} takes nothing: {why}",
                help=f"`JOBFILE_CARRIER={leading} jobfile up --role worker` there, or start all schedulers "
                f"with JOBFILE_CARRIER={host.carrier}",
            )
    for one in fleet.schedulers:
        if one.word is SchedulerWord.WAITS and leading and one.carrier != leading:
            yield Finding(
                code="hosts.carrier",
                found=f"the scheduler on {one.name} waits to lead with JOBFILE_CARRIER={one.carrier}, but "
                f"the leader has {leading}: hosts would take nothing from it",
                help=f"`JOBFILE_CARRIER={leading} jobfile up --role scheduler` there",
            )


def _check_host(one: HostState) -> Iterator[Finding]:
    host = one.host
    if host.word is HostWord.SILENT and one.held:
        runs = ", ".join(dict.fromkeys(short(each.key.run_id) for each in one.held[:3]))
        yield Finding(
            code="hosts.silent",
            found=f"the host {host.name} has had no heartbeat for "
            f"{seconds_text(host.silence.total_seconds())}, and holds {many(len(one.held), 'attempt')} "
            f"(run {runs})",
            help="start it again with `jobfile up --role worker`; otherwise the leader records them as "
            "lost when their leases end: `jobfile hosts`",
        )
    if host.word in (HostWord.SILENT, HostWord.LEFT):
        return
    if host.lack:
        yield Finding(
            code="hosts.files",
            found=f"the host {host.name} cannot execute some runs: {host.lack}",
            help="update the clone there (`git pull`, or `git fetch` with --git); others take these runs",
        )
    if abs(host.skew) > SKEW:
        yield Finding(
            code="hosts.clock" if abs(host.skew) > LEADS_WITHIN else "hosts.skew",
            found=f"the clock of the host {host.name} differs from the ledger's by {skew_words(host.skew)}"
            f"{_cost(host.skew)}",
            help="start a time service there (`timedatectl set-ntp true`, or chrony); runs start by the "
            "ledger's clock, but its jobs read their own",
        )
    if host.version != __version__:
        yield Finding(
            code="hosts.version",
            found=f"the host {host.name}: {other_version(host.version, __version__)}",
            help="install the same version on all hosts: `jobfile hosts drain HOST --wait` first, and "
            "`jobfile hosts resume HOST` afterwards",
        )


def _cost(skew: timedelta) -> str:
    """What a host does not do with such a clock."""
    if abs(skew) <= LEADS_WITHIN:
        return ""
    return ", so it does not lead" + (", and takes nothing" if abs(skew) > TAKES_WITHIN else "")


def check_holders(fleet: Fleet, opened: Sequence[Delivery]) -> Iterator[Finding]:
    """Attempts held by a host that is not in the ledger: nothing renews them or reports their end."""
    known = {one.host.id for one in fleet.hosts}
    for one in opened:
        if one.state is DeliveryState.HELD and one.host not in known:
            yield Finding(
                code="hosts.unknown",
                found=f"run {short(one.attempt.run_id)}, attempt {one.attempt.number}, is held by the host "
                f"{short(one.host)}, which is not in the ledger",
                help="the leader records it as lost when its lease ends: `jobfile why "
                f"{short(one.attempt.run_id)}`",
                run=one.attempt.run_id,
            )


def check_ended(count: int) -> Iterator[Finding]:
    """Ended attempts whose run is deleted."""
    if count:
        yield Finding(
            code="hosts.leftover",
            found=f"{many(count, 'ended attempt')} in the table `delivery`, whose runs are deleted",
            help="harmless, they only take up space: jobfile reads `delivery` for the runs in `run` only",
        )
