"""What the engine tells: one value for each thing worth telling, in the glossary's words."""

from dataclasses import dataclass
from datetime import datetime

from engine.core.lifecycle import Run, RunState
from engine.core.records import Unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStarted:
    """An engine has taken the ledger."""

    epoch: int
    pid: int
    main_file: str
    state_dir: str
    audit_record: int = 0
    """The newest record of the audit and its hash, to compare with later: 0 when there is none."""
    audit_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStopped:
    """The engine ends; `running` attempts go on without it."""

    running: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationApplied:
    """A whole, valid set of definitions is in force."""

    number: int
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    jobs: int
    renamed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigRejected:
    """A set of files was refused; generation `running` goes on."""

    running: int | None
    diagnostics: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChanged:
    """The files differ from what is applied, and the engine was told not to apply by itself."""

    running: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigAccepted:
    """Files that were refused are good again, and mean what is in force already."""

    running: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefUnread:
    """The ref whose commits are applied cannot be read or fetched; what is in force goes on."""

    ref: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRunTold:
    """Occurrences that were expected and will not run."""

    job: str
    first_at: datetime
    last_at: datetime
    count: int
    state: RunState
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FellDueUnseen:
    """Occurrences of a job that fell due while no engine was awake; told in sum, as one absence."""

    job: str
    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineWasAway:
    """What fell due while nobody was there: the sum over all jobs."""

    since: datetime
    until: datetime
    jobs: int
    occurrences: int
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipsInARow:
    """A run in the way has made a job skip again and again; it may hang."""

    job: str
    count: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPaused:
    """A job paused itself after failures."""

    job: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRenamed:
    """A job's history goes with its new name; or cannot, because that name has a history of its own."""

    old: str
    new: str
    is_kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalsHeld:
    """A set of files would remove so many jobs at once that it is not believed yet."""

    removed: int
    jobs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockJumped:
    """The wall clock was set: by how much more than the time that passed."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockHeld:
    """The wall clock is not believed; nothing new starts."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockBelieved:
    """The wall clock is believed again."""

    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleQuarantined:
    """A schedule does not advance: a bug in jobfile, which stops this job alone."""

    job: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowUnreadable:
    """A row of the ledger cannot be read: it is left alone, and everything else goes on."""

    found: Unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWaits:
    """A run is recorded and waits for another to end."""

    run: Run


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    """The intent to execute is recorded and handed to a supervisor."""

    run: Run
    number: int
    late_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptAdopted:
    """A run that an earlier engine started is still going."""

    run: Run


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettled:
    """An attempt ended; `run` is how its run stands now."""

    run: Run
    number: int
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResolved:
    """The end of a lost attempt was found; `run` is how its run stood before."""

    run: Run
    number: int
    state: RunState
    is_last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsPruned:
    """Old runs were taken away; what became of each is still known."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputsDropped:
    """The folders of the oldest runs were taken away: all of them together held too much."""

    count: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskHeld:
    """The disk is nearly full: nothing new starts."""

    free_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskReleased:
    """There is room on the disk again."""

    free_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerHeld:
    """The ledger is an older copy: nothing starts before a person accepts it."""

    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerUnwritable:
    """The disk does not take what is written to the ledger: nothing new starts, and it is tried again."""

    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerWritable:
    """The ledger can be written again, after so long."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopFailed:
    """A loop could not do its duty and tries again."""

    loop: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotShown:
    """Lines were not shown, because their reader stood still. They are in the log."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneByOthers:
    """Somebody changed something through a command: applied files, paused a job, cancelled a run."""

    actor: str
    action: str
    object: str
    detail: str


Event = (
    EngineStarted
    | EngineStopped
    | GenerationApplied
    | ConfigRejected
    | ConfigChanged
    | ConfigAccepted
    | RefUnread
    | NotRunTold
    | FellDueUnseen
    | EngineWasAway
    | SkipsInARow
    | JobPaused
    | JobRenamed
    | RemovalsHeld
    | ClockJumped
    | ClockHeld
    | ClockBelieved
    | ScheduleQuarantined
    | RowUnreadable
    | RunWaits
    | AttemptStarted
    | AttemptAdopted
    | RunSettled
    | RunResolved
    | RunsPruned
    | OutputsDropped
    | DiskHeld
    | DiskReleased
    | LedgerHeld
    | LedgerUnwritable
    | LedgerWritable
    | LoopFailed
    | NotShown
    | DoneByOthers
)
