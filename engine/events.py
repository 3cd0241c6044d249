"""What the engine tells: one value for each thing worth telling, in the glossary's words."""

from dataclasses import dataclass
from datetime import datetime

from engine.lifecycle import Run, RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStarted:
    """An engine has taken the ledger."""

    epoch: int
    pid: int
    main_file: str
    state_dir: str


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
class LoopFailed:
    """A loop could not do its duty and tries again."""

    loop: str
    message: str


Event = (
    EngineStarted
    | EngineStopped
    | GenerationApplied
    | ConfigRejected
    | ConfigChanged
    | NotRunTold
    | RunWaits
    | AttemptStarted
    | AttemptAdopted
    | RunSettled
    | LoopFailed
)
