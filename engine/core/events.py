"""What the engine reports: one value for each kind of event, named as in the glossary."""

from datetime import datetime

from engine.core.lifecycle import Run, RunState
from engine.core.records import Unreadable
from engine.core.step_states import StepRun
from jobfile.model.dataclass import dataclass


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
class LeadTaken:
    """An engine leads the hosts on a ledger from now on."""

    host: str
    term: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostStarted:
    """A host takes attempts from now on; `found` ones of an earlier process continue."""

    host: str
    slots: int
    labels: tuple[str, ...]
    found: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostStopped:
    """A host takes nothing any more; `running` attempts continue until their leases end."""

    host: str
    running: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCompared:
    """The ledger is in another server since a failover, and this host has told it what it has.

    The server did not know of `unknown` attempts here. Those of them whose runs it does not know are ended:
    `ended`.
    """

    host: str
    unknown: int
    ended: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStopped:
    """The engine ends; `running` attempts continue without it."""

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
    """A set of files was refused; generation `running` stays in force."""

    running: int | None
    diagnostics: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChanged:
    """The files differ from what is applied, and the engine does not apply by itself."""

    running: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigAccepted:
    """Files that were refused are valid again, and are the same as what is in force."""

    running: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefUnread:
    """The followed ref cannot be read or fetched; the generation in force stays."""

    ref: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderUnreadable:
    """A watched folder is missing, or cannot be read to its end: files in it may start nothing."""

    folder: str
    jobs: tuple[str, ...]
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderReadable:
    """A watched folder can be read again, after this many seconds."""

    folder: str
    jobs: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderPolled:
    """The kernel does not report every change of a watched folder, so it is scanned every few seconds."""

    folder: str
    jobs: tuple[str, ...]
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesWait:
    """Files wait in their folder: as many runs of the job wait as its `max_waiting` allows."""

    job: str
    folder: str
    count: int


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
    """Occurrences of a job that fell due while no engine was awake; reported as a total, as one absence."""

    job: str
    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineWasAway:
    """What fell due while no engine was running: the sum over all jobs."""

    since: datetime
    until: datetime
    jobs: int
    occurrences: int
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipsInARow:
    """One run has blocked its job many times in a row; it may be stuck."""

    job: str
    count: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillEnded:
    """A backfill is over: it finished, was stopped, or cannot continue."""

    job: str
    id: int
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPaused:
    """A job paused itself after failures."""

    job: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRenamed:
    """A job's history moves to its new name; or it cannot, because that name has its own history."""

    old: str
    new: str
    is_kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalsHeld:
    """A set of files would remove many jobs at once, so it is not applied yet."""

    removed: int
    jobs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockJumped:
    """The wall clock was set, by this much more than the elapsed time."""

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
    """A schedule does not advance because of a bug in jobfile; it stops only this job."""

    job: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowUnreadable:
    """A row of the ledger cannot be read: it is ignored, and everything else continues."""

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
    step: str = ""
    item: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptAdopted:
    """A run that an earlier engine started is still running."""

    run: Run


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettled:
    """An attempt ended; `run` is its run after that."""

    run: Run
    number: int
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSettled:
    """A step of a run ended, waits for a retry, or was skipped."""

    run: Run
    step: StepRun
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputsUndeclared:
    """An attempt gave outputs that its job does not declare: they are ignored."""

    run: Run
    number: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResolved:
    """The end of a lost attempt was found; `run` is its run before that."""

    run: Run
    number: int
    state: RunState
    is_last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLate:
    """A job does not meet `done_by`, `success_every` or `max_duration` (`kind`), `since` an instant."""

    job: str
    kind: str
    since: datetime
    run: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsPruned:
    """Old runs were deleted; the result of each is still known."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputsDropped:
    """The folders of the oldest runs were deleted: all folders together were over their limit."""

    count: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskHeld:
    """The disk is nearly full: nothing new starts."""

    free_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskReleased:
    """The disk has enough space again."""

    free_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerHeld:
    """The ledger is an older copy: nothing starts until a user accepts it."""

    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerUnwritable:
    """The ledger cannot be written to the disk: nothing new starts, and the write is retried."""

    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerWritable:
    """The ledger is writable again, after this many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopFailed:
    """A loop failed and tries again."""

    loop: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotShown:
    """Lines were not shown, because their reader was too slow. They are in the log."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelDown:
    """A channel could not be notified; the message is retried."""

    channel: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelUp:
    """A channel that could not be notified works again."""

    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationGivenUp:
    """Notifications could not be delivered for a day and are not retried."""

    channel: str
    count: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneByOthers:
    """A user changed something with a command: applied files, paused a job, cancelled a run."""

    actor: str
    action: str
    object: str
    detail: str


Event = (
    EngineStarted
    | LeadTaken
    | HostStarted
    | HostStopped
    | HostCompared
    | EngineStopped
    | GenerationApplied
    | ConfigRejected
    | ConfigChanged
    | ConfigAccepted
    | RefUnread
    | FolderUnreadable
    | FolderReadable
    | FolderPolled
    | FilesWait
    | NotRunTold
    | FellDueUnseen
    | EngineWasAway
    | JobLate
    | SkipsInARow
    | BackfillEnded
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
    | StepSettled
    | OutputsUndeclared
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
    | ChannelDown
    | ChannelUp
    | NotificationGivenUp
    | DoneByOthers
)
