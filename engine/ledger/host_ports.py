"""What the hosts on one ledger know about each other. Only a ledger in a server has these ports.

The ledger's clock is the only one that counts. Each method is one statement of its own, guarded by what it
expects to find, so it may be repeated, and none waits for the writer of the ledger.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from engine.core.hosts import Delivery, Host, Leader, Offer, Scheduler
from engine.core.lifecycle import AttemptKey, Outcome
from engine.core.pieces import CopyLimits, Piece, Whereabouts
from engine.ports import Pieces
from jobfile.model.namedtuple import NamedTuple

LEADER: Final = "leader"
EVERYONE: Final = ""
"""In the place of a name: all who listen."""
"""The name for hints to the engine that leads."""
HIDDEN: Final = "***"
"""What is shown in place of a password."""


class Place(NamedTuple):
    """A schema beside the ledger: how to connect to it, and the password, which must never be shown."""

    conninfo: str
    password: str

    def without_password(self, text: str) -> str:
        """A text of the server, or of a library, without the password."""
        return text.replace(self.password, HIDDEN) if self.password else text


OUTPUTS: Final = "outputs"
"""The key of the ledger's note about the object store of outputs; empty if they are in its own table."""


class Leadership(Protocol):
    """Which engine leads: one at a time decides what runs."""

    def acquire(self, holder: str, *, host: str, length: timedelta) -> int | None:
        """Take the lead, or keep it, from now on for `length`. Its term; None while another leads."""
        ...

    def release(self, holder: str) -> None:
        """Give up the lead: the next one need not wait."""
        ...

    def current(self) -> Leader | None:
        """Who leads or led last."""
        ...


class Hosts(Protocol):
    """The rows of the hosts; each host writes its own."""

    def appear(self, host: Host) -> bool:
        """Note a host that takes attempts from now on; whether it is draining."""
        ...

    def sign(
        self,
        host: str,
        process: str,
        *,
        skew: timedelta,
        free_bytes: int,
        trouble: str,
        lack: str = "",
        server: str = "",
    ) -> bool | None:
        """Note a heartbeat; whether it is draining, and None when another process is that host now.

        `server` is the one with which it has compared what it has; empty if it has nothing by itself.
        """
        ...

    def leave(self, host: str, process: str) -> None:
        """Note that a host takes nothing more."""
        ...

    def all(self) -> Sequence[Host]:
        """All hosts, by name."""
        ...

    def drain(self, name: str, *, is_draining: bool) -> bool:
        """Stop giving a host new work, or give it work again; whether there is a host of that name."""
        ...

    def forget(self, *, after: timedelta) -> int:
        """Delete hosts that have been away for this long and have nothing."""
        ...

    def forget_members(self, *, after: timedelta) -> int:
        """Delete hosts that a cluster has started for one attempt each: those that have ended, or have been
        silent for this long, and have nothing.
        """
        ...

    def now(self) -> datetime:
        """The ledger's clock."""
        ...


class Schedulers(Protocol):
    """The engines that lead or wait to lead, as each says of itself."""

    def sign(self, host: str, *, name: str, process: str, version: str, carrier: str) -> None:
        """Note one, or its heartbeat."""
        ...

    def leave(self, host: str, process: str) -> None:
        """Note that it has ended normally."""
        ...

    def all(self) -> Sequence[Scheduler]:
        """All of them, by name."""
        ...

    def leading_carrier(self) -> str:
        """What brings the offers of the engine that leads, or led last; '' when none has led."""
        ...

    def forget(self, *, after: timedelta) -> int:
        """Delete those that have been away for this long."""
        ...


class Deliveries(Protocol):
    """The leader's side of what hosts execute."""

    def offer(self, offers: Sequence[Offer]) -> None:
        """Record attempts for hosts to take; one that is recorded stays as it is."""
        ...

    def of_runs(self, runs: Sequence[str]) -> Sequence[Delivery]:
        """All attempts of runs that were ever offered."""
        ...

    def open(self) -> Sequence[Delivery]:
        """What is offered or held."""
        ...

    def withdraw(self, attempt: AttemptKey, outcome: Outcome) -> bool:
        """End an attempt that no host has taken; False if a host has it, or it is over."""
        ...

    def silent(self, *, grace: timedelta, heard: timedelta) -> Sequence[Delivery]:
        """Attempts whose lease has been over for `grace`, if a renewal could have reached the ledger.

        `heard` is how long the caller has been connected without a break; longer leases are left out.
        """
        ...

    def judge(self, found: Delivery, outcome: Outcome) -> bool:
        """End an attempt of a silent host; False when it has been renewed meanwhile."""
        ...

    def untaken(self, *, patience: timedelta) -> Sequence[Delivery]:
        """Offers that have waited for too long; each is returned again later if it still waits."""
        ...

    def forget(self, *, after: timedelta, past: str, limit: int) -> str:
        """Delete deliveries of runs that were deleted longer than `after` ago, beginning past the run `past`.

        Returns the run to continue after; '' to begin again.
        """
        ...


class Holding(Protocol):
    """A host's side of what it executes."""

    def take(self, attempt: AttemptKey, *, host: str, process: str, boot_id: str) -> Delivery | None:
        """Take an attempt that is offered; None when it is not, or not any more, or while another host may
        have it, after a failover.
        """
        ...

    def reclaim(self, delivery: Delivery, *, host: str, process: str, boot_id: str) -> Delivery | None:
        """Note that this host has an attempt, which the ledger's new server does not know after a failover;
        None when the attempt is at another host or over, or its run is unknown, over, or has a newer one.
        """
        ...

    def renew(self, *, host: str, process: str, boot_id: str) -> Sequence[Delivery]:
        """Renew the leases of all that this host has; returns them."""
        ...

    def of_other_boots(self, *, host: str, boot_id: str) -> Sequence[Delivery]:
        """What this host had taken before it was restarted."""
        ...

    def ended_by(self, host: str, *, within: timedelta, limit: int) -> Sequence[Delivery]:
        """What has ended on this host, newest first."""
        ...

    def begin(self, attempt: AttemptKey, *, host: str, started_at: datetime) -> None:
        """Note that the command of an attempt is executed."""
        ...

    def give_back(self, attempt: AttemptKey, *, host: str) -> bool:
        """Offer an attempt again that is proven not to have been executed here."""
        ...

    def report(self, attempt: AttemptKey, outcome: Outcome, *, host: str) -> bool:
        """Record the end of an attempt; False if it was recorded as lost before: then this is a late end."""
        ...


class Outputs(Pieces, Protocol):
    """The output and artifacts of attempts, in pieces, for all hosts. They are deleted with their run."""

    limits: CopyLimits
    """Which artifacts are small enough to be stored."""

    def append(self, pieces: Sequence[Piece], *, host: str) -> None:
        """Store pieces of attempts that this host has or had. Only a longer piece replaces a stored one.

        Pieces of other hosts' attempts, and of deleted runs, are ignored.
        """
        ...

    def sent(self, attempt: AttemptKey, *, copy: int) -> Whereabouts:
        """How much of an output or a copy is stored."""
        ...

    def drop_passed(self, attempt: AttemptKey, *, first: int, before: int, host: str) -> None:
        """Delete pieces of an output of this host, from the one numbered `first`: it dropped that part."""
        ...

    def drop(self, run_id: str, *, logs: bool) -> int:
        """Delete the copies of a run's artifacts, and with `logs` its output; the bytes that this frees."""
        ...

    def total_bytes(self) -> int:
        """The bytes of all pieces, as they are stored."""
        ...


class Hints(Protocol):
    """Hints that something has changed. They may get lost, so each loop also looks without a hint."""

    def ring(self, who: str) -> None:
        """Tell a host, by its id, or LEADER to look now."""
        ...

    def listen(self, heard: Callable[[str], None], *, is_over: Callable[[], bool]) -> None:
        """Call `heard` with the name in each hint, until `is_over`; first with EVERYONE: who begins to listen
        has missed what came before, and looks.
        """
        ...


class HostsView(Protocol):
    """What commands and pages read about hosts; it needs no right to write."""

    def are_sharing(self) -> bool:
        """Whether hosts share this ledger; otherwise one engine uses it alone."""
        ...

    def leader(self) -> Leader | None:
        """Who leads or led last."""
        ...

    def all(self) -> Sequence[Host]:
        """All hosts, by name."""
        ...

    def schedulers(self) -> Sequence[Scheduler]:
        """All engines that lead or wait to lead, by name."""
        ...

    def open(self) -> Sequence[Delivery]:
        """What is offered or held, by fence."""
        ...

    def of_runs(self, runs: Sequence[str]) -> Sequence[Delivery]:
        """All attempts of runs that were ever offered, by fence."""
        ...

    def without_run(self, *, after: timedelta) -> int:
        """The number of ended attempts of runs that were deleted longer than `after` ago."""
        ...

    def now(self) -> datetime:
        """The ledger's clock."""
        ...


class SharedLedger(Protocol):
    """The ports of a ledger that several hosts share, over one connection; threads may share it."""

    leadership: Leadership
    hosts: Hosts
    schedulers: Schedulers
    deliveries: Deliveries
    holding: Holding
    hints: Hints

    @property
    def outputs(self) -> Outputs:
        """Where outputs are kept, as the ledger says now."""
        ...

    def place_for(self, name: str, *, table: str, make: Callable[[], str]) -> Place:
        """A schema of its own, beside the ledger, for the tables of another project.

        If `table` is not in it, the statements of `make` are run. Raises PlaceMissingError if there is no
        such schema and this user may not make it.
        """
        ...

    def server(self) -> str:
        """The server that the ledger is in, another one after a failover; empty if that is not known."""
        ...

    def refuse_other_version(self) -> None:
        """Raise StoreRefusedError if the ledger's tables are not, or no longer, of this program's version."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...
