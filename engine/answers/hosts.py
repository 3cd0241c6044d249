"""Answers of `hosts`: which hosts share a ledger, what each executes, and what waits for one."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from engine.answers.as_json import iso, place_to_json
from engine.answers.placing import TAKEN_SOON
from engine.core.columns import facts, table
from engine.core.hosts import (
    Delivery,
    DeliveryState,
    Host,
    HostWord,
    Leader,
    Scheduler,
    SchedulerWord,
    hindrance,
)
from engine.core.lifecycle import AttemptKey
from engine.core.vocabulary import instant_text, place_text, seconds_text, short
from engine.ledger.host_ports import HostsView
from engine.ledger.ports import View
from jobfile.diagnostics.escapes import printable
from jobfile.model.counts import many
from jobfile.model.namedtuple import NamedTuple
from jobfile.render.style import PLAIN, Style

MAX_RUNS: Final = 3
"""Maximum number of runs that a line of text names of one host."""
MAX_WAITING: Final = 10
"""Maximum number of waiting attempts that the text lists."""
MAX_LISTED: Final = 100
"""Maximum number of attempts of one host, and of waiting ones, in JSON."""
UNTAKEN_LONG: Final = timedelta(minutes=1)
"""An attempt that waits longer than this is a problem if no host has its labels."""
NOTABLE: Final = (HostWord.SILENT, HostWord.TROUBLED, HostWord.DRAINING)
"""The states of hosts that `status` names."""
HEADS: Final = ("host", "role", "state", "slots", "labels", "runs", "clock", "free", "version")
WAITING_HEADS: Final = ("run", "job", "waits", "needs", "why")


class Held(NamedTuple):
    """An attempt that a host has, or that waits for one."""

    delivery: Delivery
    job: str
    """Empty when its run is not in the ledger."""

    @property
    def key(self) -> AttemptKey:
        """Which attempt it is."""
        return self.delivery.attempt


class HostState(NamedTuple):
    """A host, and what it has."""

    host: Host
    held: tuple[Held, ...]


class Waiting(NamedTuple):
    """An attempt that waits for a host."""

    held: Held
    length: timedelta
    hindrance: str
    """Why no host takes it, in words; empty when one has room for it."""
    can_be_taken: bool
    """Whether a host that is there has the labels for it."""


class Fleet(NamedTuple):
    """The leader, the hosts, and what waits for them."""

    leader: Leader | None
    hosts: tuple[HostState, ...]
    waiting: tuple[Waiting, ...]
    """The longest waiting come first."""
    now: datetime
    """By the ledger's clock."""
    schedulers: tuple[Scheduler, ...] = ()
    """The engines that lead or wait to lead."""

    @property
    def only_schedulers(self) -> tuple[Scheduler, ...]:
        """The engines on hosts that execute nothing."""
        known = {one.host.id for one in self.hosts}
        return tuple(one for one in self.schedulers if one.id not in known)

    def role_of(self, host: Host) -> str:
        """What a host that executes attempts is for, in a word."""
        if host.is_cluster:
            return "cluster"
        is_both = any(one.id == host.id and one.word is not SchedulerWord.LEFT for one in self.schedulers)
        return "all" if is_both else "worker"

    @property
    def there(self) -> tuple[HostState, ...]:
        """The hosts with a recent heartbeat."""
        return tuple(one for one in self.hosts if one.host.is_there)

    @property
    def silent(self) -> tuple[HostState, ...]:
        """The hosts that should have heartbeats, and have none."""
        return tuple(one for one in self.hosts if one.host.word is HostWord.SILENT)

    @property
    def counts(self) -> Mapping[str, int]:
        """The number of hosts in each state."""
        words = [one.host.word for one in self.hosts]
        return {word.value: words.count(word) for word in HostWord}

    @property
    def is_led(self) -> bool:
        """Whether an engine leads now."""
        return self.leader is not None and not self.leader.is_over

    @property
    def is_short(self) -> bool:
        """Whether hosts are missing: for work that waits, or because a silent one still holds attempts."""
        stranded = any(not one.can_be_taken and one.length > UNTAKEN_LONG for one in self.waiting)
        return not self.there or stranded or any(one.held for one in self.silent)

    @property
    def slots(self) -> tuple[int, int]:
        """The taken slots and all slots of the hosts that are there; a cluster counts its own."""
        there = [one.host for one in self.there if not one.host.is_for_one]
        return sum(host.held for host in there), sum(host.slots for host in there)


def make_fleet(view: View, hosts: HostsView) -> Fleet:
    """Collect what is known of the hosts now."""
    delivered, now = hosts.open(), hosts.now()
    found = [host for host in hosts.all() if host.held or host.is_there or not host.is_for_one]
    jobs = {run.id: run.job for run in view.open_runs()}
    held = [Held(one, _job(view, jobs, one.attempt.run_id)) for one in delivered]
    offered = [one for one in held if one.delivery.state is DeliveryState.OFFERED]
    return Fleet(
        leader=hosts.leader(),
        hosts=tuple(
            HostState(host, tuple(one for one in held if one.delivery.host == host.id)) for host in found
        ),
        waiting=tuple(
            _waiting(one, found, now) for one in sorted(offered, key=lambda one: one.delivery.offered_at)
        ),
        now=now,
        schedulers=tuple(hosts.schedulers()),
    )


def _job(view: View, jobs: Mapping[str, str], run_id: str) -> str:
    if run_id in jobs:
        return jobs[run_id]
    run = view.run(run_id)
    return "" if run is None else run.job


def _waiting(one: Held, hosts: Sequence[Host], now: datetime) -> Waiting:
    needs = one.delivery.needs
    can_be_taken = any(host.is_there and host.can_take(needs) for host in hosts)
    return Waiting(one, now - one.delivery.offered_at, hindrance(hosts, needs), can_be_taken)


def leader_words(fleet: Fleet) -> str:
    """Who leads, and until when without a renewal."""
    leader = fleet.leader
    if leader is None:
        return "NONE, no engine has led yet: jobfile up --role scheduler"
    who = f"{leader_name(leader)}, term {leader.term}"
    if not leader.is_over:
        return f"{who}, until {instant_text(leader.until, UTC, has_seconds=True)} unless renewed"
    if leader.until.timestamp() == 0:
        return f"NONE, {who} has given up the lead: jobfile up --role scheduler"
    return f"NONE, the lead of {who} ended {_ago(fleet.now - leader.until)}: jobfile up --role scheduler"


def leader_name(leader: Leader) -> str:
    """The name of the leader's host; one that executes nothing has only its identity."""
    return leader.host_name or f"host {short(leader.host)}"


def fleet_facts(fleet: Fleet) -> list[tuple[str, str]]:
    """The leader, the hosts and what waits for them, in a line each."""
    used, slots = fleet.slots
    parts = [f"{len(fleet.there):,} of {len(fleet.hosts):,} there, {used:,} of {many(slots, 'slot')} taken"]
    notable = [
        one for one in fleet.hosts if one.host.word in NOTABLE or (one.host.is_there and one.host.lack)
    ]
    parts += [f"{one.host.name} {state_words(one)}" for one in notable[:MAX_RUNS]]
    rows = [
        ("leader", leader_words(fleet)),
        ("hosts", "; ".join(parts) if fleet.there else f"NO HOST: {parts[0]}"),
    ]
    if fleet.waiting:
        oldest, stranded = fleet.waiting[0], [one for one in fleet.waiting if not one.can_be_taken]
        wait = many(len(fleet.waiting), "attempt waits", "attempts wait")
        words = f"{wait} for a host, the oldest for {seconds_text(oldest.length.total_seconds())}"
        if stranded:
            words += f"; NO HOST can take {len(stranded):,} of them: {stranded[0].hindrance}: jobfile hosts"
        rows.append(("", words))
    return rows


def fleet_sums_to_json(fleet: Fleet) -> dict[str, object]:
    """The same as JSON data."""
    used, slots = fleet.slots
    words: dict[HostWord, list[str]] = {word: [] for word in HostWord}
    for one in fleet.hosts:
        words[one.host.word].append(one.host.name)
    return {
        "leader": leader_to_json(fleet.leader),
        "there": len(fleet.there),
        "silent": words[HostWord.SILENT],
        "draining": words[HostWord.DRAINING],
        "troubled": words[HostWord.TROUBLED],
        "slots": slots,
        "used_slots": used,
        **_waiting_to_json(fleet),
    }


def _waiting_to_json(fleet: Fleet) -> dict[str, object]:
    return {
        "waiting": len(fleet.waiting),
        "oldest_seconds": _seconds(fleet.waiting[0].length) if fleet.waiting else None,
        "not_takeable": sum(not one.can_be_taken for one in fleet.waiting),
    }


def fleet_to_text(fleet: Fleet, *, width: int, row_width: int | None, style: Style = PLAIN) -> str:
    """The answer as text: the leader, a table of the hosts, and what waits."""
    lines = [facts([("leader", leader_words(fleet))], width=width, style=style)]
    rows = [_cells(one, fleet.role_of(one.host)) for one in fleet.hosts]
    rows += [_scheduler_cells(one) for one in fleet.only_schedulers]
    if rows:
        paints = {2: style.alarms}
        rows.sort(key=lambda row: row[0])
        lines += ["", table(HEADS, rows, width=row_width, names=(0,), optional=(6, 7, 8), paints=paints)]
    if not fleet.hosts:
        lines += ["", "no host has appeared yet that executes jobs: jobfile up --role worker"]
    if fleet.waiting:
        wait = many(len(fleet.waiting), "attempt waits", "attempts wait")
        rows = [_waiting_cells(one) for one in fleet.waiting[:MAX_WAITING]]
        lines += ["", f"{wait} for a host:"]
        lines.append(table(WAITING_HEADS, rows, width=row_width, names=(1,), reason=4))
        if len(fleet.waiting) > MAX_WAITING:
            lines.append(f"and {len(fleet.waiting) - MAX_WAITING:,} more")
    return "\n".join(lines)


def _cells(one: HostState, role: str) -> tuple[str, ...]:
    host = one.host
    runs = [_run_words(each) for each in one.held[:MAX_RUNS]]
    if len(one.held) > MAX_RUNS:
        runs.append(f"{len(one.held) - MAX_RUNS:,} more")
    return (
        host.name,
        role,
        state_words(one),
        f"{host.held:,}/{host.slots:,}",
        ", ".join(host.labels),
        ", ".join(runs),
        skew_words(host.skew),
        "" if host.is_cluster else f"{host.free_bytes / 1e9:.1f} GB",
        host.version,
    )


def _scheduler_cells(one: Scheduler) -> tuple[str, ...]:
    return (one.name, "scheduler", scheduler_words(one), "", "", "", "", "", one.version)


def scheduler_words(one: Scheduler) -> str:
    """The state of an engine that leads or waits to lead."""
    match one.word:
        case SchedulerWord.LEFT:
            return f"left {_ago(one.silence)}"
        case SchedulerWord.SILENT:
            return f"SILENT for {seconds_text(one.silence.total_seconds())}"
        case SchedulerWord.WAITS:
            return "waits to lead"
        case word:
            return word.value


def state_words(one: HostState) -> str:
    """The state of a host: if it is silent, for how long; if it takes nothing, why; or what it lacks."""
    match one.host.word:
        case HostWord.LEFT:
            return f"left {_ago(one.host.silence)}"
        case HostWord.SILENT:
            return f"SILENT for {seconds_text(one.host.silence.total_seconds())}"
        case HostWord.TROUBLED:
            return f"TAKES NOTHING: {one.host.trouble}"
        case word:
            return f"{word.value}, but {one.host.lack}" if one.host.lack else word.value


def skew_words(skew: timedelta) -> str:
    """How far the clock of a host is ahead of the ledger's, or behind."""
    seconds = round(skew.total_seconds(), 1)
    return "" if seconds == 0 else f"{seconds:+,.1f} s"


def _run_words(one: Held) -> str:
    """A run that a host executes: its job, its step, its id and its fence."""
    place = f" {place_text(one.key.step, one.key.item)}" if one.key.step else ""
    return printable(f"{one.job or '?'}{place} [{short(one.key.run_id)}] fence {one.delivery.fence}")


def _waiting_cells(one: Waiting) -> tuple[str, ...]:
    return (
        short(one.held.key.run_id),
        one.held.job,
        seconds_text(one.length.total_seconds()),
        ", ".join(one.held.delivery.needs),
        one.hindrance or TAKEN_SOON,
    )


def _ago(length: timedelta) -> str:
    return f"{seconds_text(length.total_seconds())} ago"


def fleet_to_json(fleet: Fleet) -> dict[str, object]:
    """The answer as JSON data."""
    used, slots = fleet.slots
    return {
        "format": 1,
        "at": fleet.now.isoformat(),
        "leader": leader_to_json(fleet.leader),
        "slots": slots,
        "used_slots": used,
        "hosts": [_host_to_json(one, fleet.role_of(one.host)) for one in fleet.hosts],
        "schedulers": [_scheduler_to_json(one) for one in fleet.schedulers],
        **_waiting_to_json(fleet),
        "waiting_attempts": [
            {
                **_held_to_json(one.held),
                "seconds": _seconds(one.length),
                "needs": list(one.held.delivery.needs),
                "can_be_taken": one.can_be_taken,
                "words": one.hindrance or None,
            }
            for one in fleet.waiting[:MAX_LISTED]
        ],
    }


def leader_to_json(leader: Leader | None) -> dict[str, object] | None:
    """Who leads, or led last, as JSON data."""
    if leader is None:
        return None
    return {
        "host": leader.host_name or None,
        "host_id": leader.host,
        "term": leader.term,
        "until": leader.until.isoformat(),
        "leads": not leader.is_over,
    }


def _scheduler_to_json(one: Scheduler) -> dict[str, object]:
    return {
        "id": one.id,
        "name": one.name,
        "state": one.word.value,
        "carrier": one.carrier,
        "seen_at": one.seen_at.isoformat(),
        "silent_seconds": _seconds(one.silence),
        "left_at": iso(one.ended_at),
        "version": one.version,
    }


def _host_to_json(one: HostState, role: str) -> dict[str, object]:
    host = one.host
    return {
        "id": host.id,
        "name": host.name,
        "role": role,
        "state": host.word.value,
        "draining": host.is_draining,
        "trouble": host.trouble or None,
        "lack": host.lack or None,
        "carrier": host.carrier or None,
        "labels": list(host.labels),
        "slots": host.slots,
        "used_slots": host.held,
        "seen_at": host.seen_at.isoformat(),
        "silent_seconds": _seconds(host.silence),
        "left_at": iso(host.ended_at),
        "skew_seconds": round(host.skew.total_seconds(), 3),
        "free_bytes": host.free_bytes,
        "version": host.version,
        "attempts": [
            {**_held_to_json(each), "held_at": iso(each.delivery.held_at)} for each in one.held[:MAX_LISTED]
        ],
    }


def _held_to_json(one: Held) -> dict[str, object]:
    return {
        "run": one.key.run_id,
        "job": one.job or None,
        **place_to_json(one.key),
        "fence": one.delivery.fence,
    }


def _seconds(length: timedelta) -> float:
    return round(length.total_seconds(), 1)


class Drained(NamedTuple):
    """A host that takes nothing new, or takes work again."""

    name: str
    is_draining: bool
    was_so: bool
    """Whether nothing has changed, because it was so before."""
    held: tuple[Held, ...]
    """What it still has."""


def drained_to_text(drained: Drained) -> str:
    """The answer of `hosts drain` and `hosts resume` as text."""
    name, already = drained.name, " already" if drained.was_so else ""
    if not drained.is_draining:
        return f"{name} was not draining" if drained.was_so else f"{name} takes work again"
    lines = [f"{name} is draining{already}: it takes nothing new; continue with  jobfile hosts resume {name}"]
    lines += [f"{_run_words(one)} continues there" for one in drained.held[:MAX_RUNS]]
    if len(drained.held) > MAX_RUNS:
        lines.append(f"and {len(drained.held) - MAX_RUNS:,} more")
    return "\n".join(lines if drained.held else [*lines, "nothing runs there"])


def drained_to_json(drained: Drained) -> dict[str, object]:
    """The same as JSON data."""
    return {
        "format": 1,
        "host": drained.name,
        "draining": drained.is_draining,
        "was_draining": drained.was_so is drained.is_draining,
        "attempts": [_held_to_json(one) for one in drained.held[:MAX_LISTED]],
    }
