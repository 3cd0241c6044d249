"""Several hosts on one ledger: which hosts there are, which attempts each has, and for how long."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import combinations
from typing import Final

from engine.core.lifecycle import AttemptKey, Outcome
from engine.core.vocabulary import seconds_text, short
from jobfile.model.jobs import JobSpec
from jobfile.model.labels import MOST_LABELS
from jobfile.model.namedtuple import NamedTuple

LEASE: Final = timedelta(seconds=60)
"""The lease of an attempt of an idempotent job: afterwards another host may do the work again."""
LEASE_ONCE: Final = timedelta(minutes=15)
"""The lease of any other attempt. Its work is never done again, so the lease may outlast a long failure of
the database; only the verdict and the slot wait.
"""
MARGIN: Final = timedelta(seconds=2)
"""A job is killed this much before its host's lease ends, or a sixth of a shorter lease."""
SHARE: Final = 6
GRACE: Final = timedelta(seconds=5)
"""A host counts as silent only this much after its lease has ended."""
DELETED_KEPT: Final = timedelta(days=7)
"""How long the ended attempts of a deleted run are kept: hosts delete its folders within a few hours."""
BEHIND: Final = timedelta(seconds=60) + GRACE
"""A host may have had a heartbeat on a lost server this much later than the last one on its standby."""
SILENT: Final = timedelta(seconds=15)
"""A host without a heartbeat for this long gets no work."""
TERM: Final = timedelta(seconds=10)
"""How long a leader leads after each renewal."""
SKEW: Final = timedelta(seconds=1)
"""From this difference to the ledger's clock on, the times in a host's own logs do not fit the ledger's."""
LEADS_WITHIN: Final = timedelta(seconds=5)
"""An engine leads only while its host's clock differs less from the ledger's."""
TAKES_WITHIN: Final = timedelta(seconds=30)
"""A host takes work only while its clock differs less from the ledger's: its jobs read that clock."""
MOST_UNPLACED: Final = 100
"""Maximum number of attempts that are offered although no host has the labels that they need."""
ANY: Final = "any"
"""The queue of attempts that every host may take."""
CLUSTER: Final = "cluster"
"""The identity of a cluster. Those of the hosts that it starts begin with it: see `member`."""
EVERY: Final = "*"
"""The label of a cluster, which stands for all labels: only the cluster knows which labels its hosts have."""
MAX_NAMED: Final = 3
"""Maximum number of hosts that a text names."""
NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


class DeliveryState(StrEnum):
    """Where an attempt is: waiting for a host, at a host, or over."""

    OFFERED = "offered"
    HELD = "held"
    ENDED = "ended"


class HostWord(StrEnum):
    """The state of a host in a word."""

    UP = "up"
    DRAINING = "draining"
    TROUBLED = "troubled"
    """It takes nothing new, and says why."""
    SILENT = "silent"
    """It should have heartbeats, and has none."""
    LEFT = "left"
    """It has ended normally."""


class SchedulerWord(StrEnum):
    """The state of a scheduler in a word."""

    LEADS = "leads"
    WAITS = "waits"
    SILENT = "silent"
    LEFT = "left"


class Leases(NamedTuple):
    """How long hosts may keep attempts without a renewal."""

    idempotent: timedelta = LEASE
    once: timedelta = LEASE_ONCE

    def of(self, spec: JobSpec) -> timedelta:
        """The lease of an attempt of a job."""
        return self.idempotent if spec.idempotent else self.once


class Leader(NamedTuple):
    """Which engine leads."""

    holder: str
    """The identity of its process."""
    host: str
    host_name: str
    term: int
    until: datetime
    is_over: bool


class Host(NamedTuple):
    """A host that executes attempts. The defaults are those of one that has not appeared yet."""

    id: str
    name: str
    process: str
    boot_id: str
    version: str
    labels: tuple[str, ...]
    slots: int
    is_draining: bool = False
    """It keeps what it has, and takes nothing new."""
    seen_at: datetime = NEVER
    ended_at: datetime | None = None
    skew: timedelta = timedelta()
    """How far its wall clock is ahead of the ledger's."""
    free_bytes: int = 0
    trouble: str = ""
    held: int = 0
    """How many attempts it has."""
    silence: timedelta = timedelta()
    """How long ago its last heartbeat was."""
    carrier: str = ""
    """What brings it offers."""
    lack: str = ""
    """What it lacks for some runs, such as the files of a commit; it takes others."""
    server: str = ""
    """The server of the ledger with which it has compared its attempts; empty if it cannot."""

    @property
    def is_for_one(self) -> bool:
        """Whether a cluster has started it for one attempt; it takes no other."""
        return "/" in self.id

    @property
    def is_cluster(self) -> bool:
        """Whether it is a cluster: `held` counts what the hosts that it started have."""
        return self.id == CLUSTER

    @property
    def is_there(self) -> bool:
        """Whether it has had a recent heartbeat."""
        return self.ended_at is None and self.silence < SILENT

    @property
    def word(self) -> HostWord:
        """Its state in a word."""
        if self.ended_at is not None:
            return HostWord.LEFT
        if not self.is_there:
            return HostWord.SILENT
        if self.trouble:
            return HostWord.TROUBLED
        return HostWord.DRAINING if self.is_draining else HostWord.UP

    @property
    def takes_work(self) -> bool:
        """Whether it takes new attempts."""
        return self.is_there and not self.is_draining and not self.trouble

    def can_take(self, needs: Iterable[str]) -> bool:
        """Whether it has all labels that an attempt needs."""
        return EVERY in self.labels or set(needs) <= {*self.labels}


class Scheduler(NamedTuple):
    """An engine that leads, or waits to lead."""

    id: str
    """The identity of its host."""
    name: str
    process: str
    version: str
    carrier: str
    """What brings its offers to hosts."""
    leads: bool
    seen_at: datetime
    ended_at: datetime | None
    silence: timedelta
    """How long ago it gave its last sign."""

    @property
    def word(self) -> SchedulerWord:
        """Its state in a word."""
        if self.ended_at is not None:
            return SchedulerWord.LEFT
        if self.silence >= SILENT:
            return SchedulerWord.SILENT
        return SchedulerWord.LEADS if self.leads else SchedulerWord.WAITS


class Offer(NamedTuple):
    """An attempt that waits for a host."""

    attempt: AttemptKey
    needs: tuple[str, ...]
    lease: timedelta
    job: str = ""
    """The job of the attempt, to show it."""


class Delivery(NamedTuple):
    """An attempt on its way to a host, at a host, or back."""

    attempt: AttemptKey
    fence: int
    """Grows from each attempt to the next, for what the job changes elsewhere."""
    needs: tuple[str, ...]
    state: DeliveryState
    lease: timedelta
    host: str
    process: str
    boot_id: str
    lease_until: datetime | None
    offered_at: datetime
    """When it began to wait for a host; a new time if a host gives it back."""
    held_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    outcome: Outcome | None
    late: Outcome | None
    """An end that was reported after the attempt was recorded as lost."""


def clock_trouble(skew: timedelta, *, within: timedelta) -> str:
    """What is wrong with a clock that is so far ahead of the ledger's; '' if it is within the limit."""
    if abs(skew) <= within:
        return ""
    side = "ahead of" if skew > timedelta() else "behind"
    return f"its clock is {seconds_text(abs(skew).total_seconds())} {side} the ledger's"


def member(name: str, own: str) -> str:
    """The identity of a host that a cluster has started for one attempt: it contains the name."""
    return f"{CLUSTER}/{name.replace('/', '-')}/{own}"


def name_without_row(host: str) -> str:
    """What to call a host of which only the identity is known."""
    return host.split("/")[1] if "/" in host else f"host {short(host)}"


def other_carrier(own: str, leading: str) -> str:
    """Why a host gets nothing from the leader: another carrier brings its offers. '' for the same one."""
    if not own or not leading or own == leading:
        return ""
    return f"its JOBFILE_CARRIER is {own}, that of the leader is {leading}"


def kept_for(lease: timedelta) -> float:
    """How many seconds a host may keep an attempt after a renewal."""
    return (lease - min(MARGIN, lease / SHARE)).total_seconds()


def queue_of(needs: Iterable[str]) -> str:
    """The queue in which an attempt waits for a host."""
    return "+".join(sorted(needs)) or ANY


def queues_of(labels: Sequence[str]) -> list[str]:
    """The queues that a host with these labels serves: one for each set of them."""
    own = sorted({*labels})[:MOST_LABELS]
    return [queue_of(some) for size in range(len(own) + 1) for some in combinations(own, size)]


class _Free:
    """The free slots of a host."""

    def __init__(self, host: Host, count: int) -> None:
        self.host = host
        self.count = count


class Slots:
    """The free slots of the hosts that take work; each attempt takes one."""

    def __init__(self, hosts: Iterable[Host], waiting: Iterable[Delivery]) -> None:
        """Attempts that wait for a host take slots first, if a host can take them; one that no host can take
        keeps no other from starting.
        """
        lasting = [host for host in hosts if not host.is_for_one]
        ready = sorted((host for host in lasting if host.takes_work), key=lambda host: len(host.labels))
        self._ready = ready
        self._is_shut = any(host.is_cluster and host.is_there and not host.takes_work for host in lasting)
        """Whether a cluster takes nothing at present: later it could take any attempt."""
        self._unplaced = 0
        """How many waiting attempts no host could take, even with free slots."""
        self._free = [_Free(host, host.slots - host.held) for host in ready if host.slots > host.held]
        offered = [one.needs for one in waiting if one.state is DeliveryState.OFFERED]
        for needs in sorted(offered, key=len, reverse=True):
            self.place(needs)

    @property
    def free(self) -> int:
        """How many are free."""
        return sum(one.count for one in self._free)

    def place(self, needs: Sequence[str]) -> bool:
        """Whether an attempt may be offered now. It takes a slot of a host that has the labels that it needs,
        and as few others as possible. If no host has them, it is offered too, so that everyone sees what is
        missing, but at most MOST_UNPLACED such attempts.
        """
        found = next((one for one in self._free if one.count and one.host.can_take(needs)), None)
        if found is not None:
            found.count -= 1
            return True
        if self._is_shut or any(host.can_take(needs) for host in self._ready):
            return False
        self._unplaced += 1
        return self._unplaced <= MOST_UNPLACED


def hindrance(hosts: Iterable[Host], needs: Sequence[str]) -> str:
    """Why no host takes an attempt that needs these labels, in words; empty when one has room for it."""
    there = [host for host in hosts if host.is_there and not host.is_for_one]
    if not there:
        return "no host is there"
    able = [host for host in there if host.can_take(needs)]
    if not able:
        labels = f"label {needs[0]}" if len(needs) == 1 else f"labels {' and '.join(needs)}"
        return f"no host has the {labels}"
    ready = [host for host in able if host.takes_work]
    if not ready:
        reasons = [f"{host.name} is draining" if host.is_draining else _trouble(host) for host in able]
        return f"no host takes work: {listed(reasons)}"
    free = [host for host in ready if host.held < host.slots]
    if free:
        lacks = [f"{host.name}: {host.lack}" for host in free if host.lack]
        return listed(lacks) if len(lacks) == len(free) else ""
    slots = sum(host.slots for host in ready)
    taken = "the only slot" if slots == 1 else f"all {slots:,} slots"
    return f"{taken} of {listed([host.name for host in ready])} {'is' if slots == 1 else 'are'} taken"


def listed(names: Sequence[str]) -> str:
    """Names in a sentence, at most MAX_NAMED of them: `a, b, c and 2 more`."""
    shown = [*names[:MAX_NAMED]]
    if len(names) > MAX_NAMED:
        shown.append(f"{len(names) - MAX_NAMED:,} more")
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else "".join(shown)


def _trouble(host: Host) -> str:
    return f"{host.name}: {host.trouble}"
