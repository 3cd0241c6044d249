"""What hosts on one ledger know of each other. Only a ledger in a server has these ports.

The ledger's clock is the only one that counts. Each method is one statement of its own, guarded by what it
expects to find, so it may be repeated, and none waits for the writer of the ledger.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from engine.core.hosts import Delivery, Host, Leader, Offer
from engine.core.lifecycle import AttemptKey, Outcome
from engine.core.pieces import CopyLimits, Piece, Whereabouts
from engine.ports import Pieces
from jobfile.model.namedtuple import NamedTuple

LEADER: Final = "leader"
"""The name by which the engine that leads listens to hints."""
HIDDEN: Final = "***"
"""What is shown in place of a password."""


class Place(NamedTuple):
    """A schema beside the ledger: how to connect to it, and what nobody may see of that."""

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
    """The hosts, as each says of itself."""

    def appear(self, host: Host) -> bool:
        """Note a host that takes attempts from now on; whether it is draining."""
        ...

    def sign(
        self, host: str, process: str, *, skew: timedelta, free_bytes: int, trouble: str, server: str = ""
    ) -> bool | None:
        """Note a heartbeat; whether it is draining, and None when another process is that host now.

        `server` is the one with which it has compared what it has; empty if it has nothing by itself.
        """
        ...

    def leave(self, host: str, process: str) -> None:
        """Note that it takes nothing any more."""
        ...

    def all(self) -> Sequence[Host]:
        """All hosts, by name."""
        ...

    def drain(self, name: str, *, is_draining: bool) -> bool:
        """Let a host take nothing new, or take work again; whether there is one of that name."""
        ...

    def forget(self, *, after: timedelta) -> int:
        """Delete hosts that have been away for this long and have nothing."""
        ...

    def forget_members(self, *, after: timedelta) -> int:
        """Delete hosts that a cluster has started for one attempt each: those that have ended, or are silent
        for this long, and have nothing.
        """
        ...

    def now(self) -> datetime:
        """The ledger's clock."""
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
        """End an attempt that no host has taken; whether that was so."""
        ...

    def silent(self, *, grace: timedelta, heard: timedelta) -> Sequence[Delivery]:
        """Attempts whose lease has been over for `grace`, of those whose renewal would have been heard.

        `heard` is how long the caller has been connected without a break.
        """
        ...

    def judge(self, found: Delivery, outcome: Outcome) -> bool:
        """End an attempt of a silent host; False when it has been renewed meanwhile."""
        ...

    def untaken(self, *, patience: timedelta) -> Sequence[Delivery]:
        """Offers that wait for longer than they should; each is returned again and again."""
        ...

    def forget(self, *, after: timedelta, limit: int) -> int:
        """Delete what is over and whose run is deleted."""
        ...


class Holding(Protocol):
    """A host's side of what it executes."""

    def take(self, attempt: AttemptKey, *, host: str, process: str, boot_id: str) -> Delivery | None:
        """Take an attempt that is offered; None when it is not, or not any more, or while another host may
        have it, after a failover.
        """
        ...

    def reclaim(self, delivery: Delivery, *, host: str, process: str, boot_id: str) -> Delivery | None:
        """Note that this host has an attempt of which the ledger's new server does not know that; None when
        it is at another host or over, or when its run is not known.
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
        """Offer an attempt again of which it is proven that it was not executed here."""
        ...

    def report(self, attempt: AttemptKey, outcome: Outcome, *, host: str) -> bool:
        """Record the end of an attempt; False when it was taken for lost before: then it is a late end."""
        ...


class Outputs(Pieces, Protocol):
    """What attempts wrote and kept, for all hosts: in pieces. They are deleted together with their run."""

    limits: CopyLimits
    """Which artifacts have room."""

    def append(self, pieces: Sequence[Piece], *, host: str) -> None:
        """Store pieces of attempts that this host has or had. One that is there stays, or grows.

        What belongs to another host or to no run is ignored.
        """
        ...

    def sent(self, attempt: AttemptKey, *, copy: int) -> Whereabouts:
        """How far an output or a copy is there."""
        ...

    def drop_passed(self, attempt: AttemptKey, *, first: int, before: int) -> None:
        """Delete pieces of an output, from the one numbered `first`: its host has dropped that part."""
        ...

    def drop(self, run_id: str, *, logs: bool) -> int:
        """Delete the copies of a run's artifacts, and with `logs` its output; the bytes that this frees."""
        ...

    def total_bytes(self) -> int:
        """The bytes of all pieces, as they are stored."""
        ...


class Hints(Protocol):
    """Hints that something has changed. They may get lost: each loop also looks by itself."""

    def ring(self, who: str) -> None:
        """Tell a host, by its id, or LEADER to look now."""
        ...

    def listen(self, heard: Callable[[str], None], *, is_over: Callable[[], bool]) -> None:
        """Call `heard` with each name that was rung, until `is_over`."""
        ...


class HostsView(Protocol):
    """What commands and pages read of hosts, with no right to write."""

    def are_sharing(self) -> bool:
        """Whether hosts execute the attempts of this ledger; one engine may have it for itself."""
        ...

    def leader(self) -> Leader | None:
        """Who leads or led last."""
        ...

    def all(self) -> Sequence[Host]:
        """All hosts, by name."""
        ...

    def open(self) -> Sequence[Delivery]:
        """What is offered or held, by fence."""
        ...

    def of_runs(self, runs: Sequence[str]) -> Sequence[Delivery]:
        """All attempts of runs that were ever offered, by fence."""
        ...

    def without_run(self) -> int:
        """The number of ended attempts whose run is deleted."""
        ...

    def now(self) -> datetime:
        """The ledger's clock."""
        ...


class SharedLedger(Protocol):
    """The ports of a ledger that several hosts share, over one connection; threads may share it."""

    leadership: Leadership
    hosts: Hosts
    deliveries: Deliveries
    holding: Holding
    hints: Hints

    @property
    def outputs(self) -> Outputs:
        """Where outputs are kept, as the ledger says now."""
        ...

    def place_for(self, name: str, *, table: str, make: Callable[[], str]) -> Place:
        """A schema of its own, beside the ledger, for the tables of another project.

        If `table` is not in it, the statements of `make` are run.
        """
        ...

    def server(self) -> str:
        """The server that the ledger is in, another one after a failover; empty if that is not known."""
        ...

    def refuse_other_version(self) -> None:
        """Raise StoreRefusedError when the ledger is not of this program's version, or not any more."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...
