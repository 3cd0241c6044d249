"""What the engine needs from the world, as small protocols; host, sources and execution fulfil them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from jobfile.model.dataclass import dataclass
from jobfile.model.namedtuple import NamedTuple

if TYPE_CHECKING:
    from engine.core.events import Event
    from engine.core.pieces import Piece, Whereabouts
from engine.core.arrivals import Scan, Trace
from engine.core.confinement import Confinement, ContainerOrder, Removal
from engine.core.lifecycle import AttemptKey, Outcome


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """The wall clock, aware UTC; decides what is due."""
        ...

    def elapsed(self) -> float:
        """Seconds on a clock that never steps and counts suspend (CLOCK_BOOTTIME); decides how long."""
        ...


UNLIMITED: Final = -1
"""The limit of a resource that is lifted: setrlimit(2)."""


class Lease(NamedTuple):
    """How long an attempt may run before its host must have reached the ledger again.

    Its supervisor enforces this, whatever happened to the engine: SIGTERM some time before the end, SIGKILL
    at the end, and the attempt is lost. `Launcher.extend` moves the end.
    """

    until: float
    """Its end, in seconds on `Clock.elapsed`."""
    seconds: float
    """Its whole length: SIGTERM comes at most a third of it before the end, at most the job's grace."""
    start_by: float = inf
    """A supervisor that takes the attempt later than this does not execute it: it may have been given to
    another host, because it seemed that nobody would.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchOrder:
    """Everything needed to execute one attempt, including its secrets: never stored, never logged."""

    attempt: AttemptKey
    run_dir: Path
    argv: tuple[str, ...]
    env: Mapping[str, str]
    secrets: Mapping[str, str]
    working_dir: Path
    timeout_seconds: float | None
    kill_grace_seconds: float
    script: str | None = None
    masked: tuple[str, ...] = ()
    """Secrets of other steps of its run: it does not get them, but a file of theirs may have them."""
    apart: bool = False
    """Its two streams are also stored apart."""
    scratch_dir: str = ""
    output_file: str = ""
    """Where its command may write outputs."""
    artifacts: tuple[str, ...] = ()
    """Patterns of the files that are kept when it ends."""
    min_free_bytes: int = 0
    """The disk space that copies of them must leave free."""
    umask: int | None = None
    """None: the one that the engine was started with."""
    may_gain_rights: bool = False
    """Its programs may gain rights that the engine's user does not have: no_new_privs is not set."""
    open_script: str = ""
    """The path of its script if a user other than the engine's must read it; else it is in `run_dir`."""
    confinement: Confinement | None = None
    """None for most jobs."""
    container: ContainerOrder | None = None
    """How its container ends, if it has one."""
    core_bytes: int | None = None
    """The size of a core file; UNLIMITED is the engine's own maximum, None what it was started with."""
    lease: Lease | None = None
    """None when no other host can start its job, as with a ledger in a file."""

    @property
    def attempt_id(self) -> str:
        """The attempt's name, which its supervisor reports when it has ended."""
        return self.attempt.id


class Stop(StrEnum):
    """How a running attempt is asked to end: `cancel` is TERM, then KILL after the grace; `kill` is KILL."""

    CANCEL = "cancel"
    KILL = "kill"


@dataclass(frozen=True, slots=True)
class NotStarted:
    """Proven: the command of this attempt was never executed. Safe to launch the same attempt again."""


@dataclass(frozen=True, slots=True)
class Alive:
    """A supervisor holds the attempt's lock. `started_at` is None until execution is proven."""

    started_at: datetime | None


Evidence = NotStarted | Alive | Outcome


class Launcher(Protocol):
    """Executes attempts under supervisors that outlive the engine."""

    def launch(self, *orders: LaunchOrder) -> None:
        """Start a supervisor for each attempt; returns before the commands have started."""
        ...

    def evidence(self, run_dir: Path, *, boot_id: str) -> Evidence:
        """What is known of an attempt, only from its evidence. `boot_id` is the boot of its intent."""
        ...

    def extend(self, run_dir: Path, until: float) -> bool:
        """Move the end of an attempt's lease, never to an earlier time; False when that was not possible.

        Without effect once its supervisor has sent SIGTERM, or without a lease. Cheap, and never waits.
        """
        ...

    def keep_going(self, run_dir: Path) -> bool:
        """Continue the attempt's supervisor if it was stopped; returns whether it was."""
        ...

    def end_leftovers(self, attempt: AttemptKey, *, removal: Removal | None = None) -> int:
        """Kill what a lost attempt left running, so that lost also means over; how many processes.

        `removal` removes its container.
        """
        ...

    def stop(self, run_dir: Path, how: Stop) -> bool:
        """Ask the attempt's supervisor to end it; False when none received it (yet, or any more).

        Asking again changes nothing; only a stronger request does.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The job files as they were at one moment, the main one first, or why they could not be read.

    `outside` are files that are included through a link that leads out of the folder.
    """

    files: tuple[tuple[str, bytes], ...]
    outside: tuple[str, ...] = ()
    problem: str = ""
    revision: str = ""
    advice: str = ""

    @property
    def trouble(self) -> str:
        """Why they could not be read, and what to do."""
        return f"{self.problem}; {self.advice}" if self.advice else self.problem


class SourceTree(Protocol):
    """The job files. Change events may come late or never: `snapshot` is the truth."""

    def snapshot(self) -> Snapshot:
        """Read all files now."""
        ...


class WatchedFolder(NamedTuple):
    """A folder in which files start jobs, with the folders in it or without."""

    path: str
    is_recursive: bool


class Folders(Protocol):
    """The watched folders. Reports of changes may come late, twice or never: `scan` is the truth."""

    def follow(self, wanted: frozenset[WatchedFolder]) -> None:
        """Watch these folders from now on, and no others."""
        ...

    def changed(self) -> frozenset[WatchedFolder]:
        """The folders of which a change was reported since the last call."""
        ...

    def is_replaced(self, watched: WatchedFolder) -> bool:
        """Whether the name of a folder means another one now, or none, of which nothing is reported."""
        ...

    def scan(self, watched: WatchedFolder, wants: Callable[[str], bool]) -> Scan | None:
        """The files now whose names are of use; None while the system has not answered: ask again soon."""
        ...

    def traces(self, watched: WatchedFolder) -> Mapping[str, Trace]:
        """What was reported about the paths in a folder."""
        ...


class Journal(Protocol):
    """Where the engine reports events."""

    def report(self, *events: "Event") -> None:
        """Report events, in order. Never raises: a full disk must not stop the engine."""
        ...


class Pieces(Protocol):
    """What attempts on other hosts wrote and kept, as those hosts have sent it."""

    def read(self, attempt: AttemptKey, *, copy: int, seq: int, size: int, limit: int) -> "Sequence[Piece]":
        """The pieces of an output or a copy, in order, at most `limit`: from the one numbered `seq`, if it
        has more than `size` bytes by now.
        """
        ...

    def stored_bytes(self, attempt: AttemptKey) -> int:
        """How many bytes of an attempt's output are there."""
        ...

    def lengths(self, attempt: AttemptKey) -> "Sequence[Whereabouts]":
        """The pieces of an attempt's output, in order, with the size of each; none is read."""
        ...
