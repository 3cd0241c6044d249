"""Operational errors: problems around the engine. A mistake in a job file is a diagnostic instead."""

from enum import StrEnum
from typing import Self


class ErrorCode(StrEnum):
    """Why a command gave no answer: the word in its JSON, its exit code, and what to do."""

    exit_code: int
    advice: str

    def __new__(cls, word: str, exit_code: int, advice: str) -> Self:
        """A word with its exit code and advice."""
        member = str.__new__(cls, word)
        member._value_, member.exit_code, member.advice = word, exit_code, advice
        return member

    REFUSED = "refused", 1, "the message says what to do"
    INVALID_FILES = "invalid_files", 1, "see the mistakes:  jobfile check"
    LEDGER_REFUSED = "ledger_refused", 1, "see what is wrong:  jobfile doctor"
    RISKS = "risks", 3, "see the risks:  jobfile plan"
    PLAN_REFUSED = "plan_refused", 4, "make the plan again:  jobfile plan --out FILE"
    USAGE = "usage", 64, "see the help of the command:  jobfile COMMAND --help"
    UNKNOWN_JOB = "unknown_job", 64, "list the jobs:  jobfile list"
    UNKNOWN_RUN = "unknown_run", 64, "list the runs:  jobfile runs"
    UNKNOWN_GENERATION = "unknown_generation", 64, "list the generations:  jobfile generations"
    UNKNOWN_REVISION = "unknown_revision", 64, "name a commit, a branch or a tag of the repository"
    NOTHING_RECORDED = (
        "nothing_recorded",
        64,
        "start the engine:  jobfile up, or name its folder with --state",
    )
    UNREADABLE_FILE = "unreadable_file", 65, "make a job file:  jobfile init, or name the file with -f"
    BUG = "bug", 70, "report it, with the file that the message names"
    LEDGER_UNAVAILABLE = "ledger_unavailable", 75, "try again; if it fails again:  jobfile doctor"
    CHANGE_UNKNOWN = "change_unknown", 1, "look whether it was recorded:  jobfile audit"
    ENGINE_RUNNING = "engine_running", 75, "stop the other engine, or name another folder with --state"
    SERVER_REFUSED = "server_refused", 1, "the message says what to do"
    SERVER_UNAVAILABLE = "server_unavailable", 75, "start it on its host:  jobfile serve"
    INTERRUPTED = "interrupted", 130, "run the command again"


class JobfileError(Exception):
    """An operational error; its message says what to do. The code is REFUSED unless a subclass has one."""

    code = ErrorCode.REFUSED
    exit_code = code.exit_code
    is_reported = False
    """Whether it was reported already, in more than a message."""

    def __init__(self, *arguments: object, advice: str = "") -> None:
        """The error with this message; `advice` says what to do if the message does not."""
        super().__init__(*arguments)
        self.advice = advice

    def __init_subclass__(cls) -> None:
        """The exit code is that of the code."""
        cls.exit_code = cls.code.exit_code


class WrongUsageError(JobfileError):
    """What was asked is wrong: a text that is no time, options that exclude each other."""

    code = ErrorCode.USAGE


class UnreadableFileError(JobfileError):
    """A file that the command needs does not exist, or cannot be read."""

    code = ErrorCode.UNREADABLE_FILE


class NothingRecordedError(JobfileError):
    """There is no ledger yet, or it has no record of the job."""

    code = ErrorCode.NOTHING_RECORDED


class StoreUnavailableError(JobfileError):
    """The ledger cannot be written or read now: disk full, read-only, busy. No change was made in part."""

    code = ErrorCode.LEDGER_UNAVAILABLE


class ChangeUnknownError(StoreUnavailableError):
    """The ledger did not answer a change: it was made, or it was not. A repeat could make it twice."""

    code = ErrorCode.CHANGE_UNKNOWN


class OutputsUnavailableError(StoreUnavailableError):
    """The object store of outputs cannot be reached; the ledger can."""


class StoreUnwritableError(StoreUnavailableError):
    """The disk refuses a write: it is full, read-only or broken. The write is retried."""


class StoreRefusedError(JobfileError):
    """The ledger may not be used: it is of a newer version, an old copy, or not a ledger of jobfile."""

    code = ErrorCode.LEDGER_REFUSED


class PlaceMissingError(StoreRefusedError):
    """Hosts need a schema beside the ledger that is not there yet, and this user may not make it."""


class StoreDamagedError(StoreRefusedError):
    """The ledger's file is damaged. An engine that finds this stops; its running jobs continue."""


class UnreadableDefinitionError(JobfileError):
    """The definition of a job is missing, or differs from the one that was applied."""

    def __init__(self, job: str) -> None:
        """The error for this job."""
        super().__init__(
            f"the definition of job `{job}` in the ledger cannot be read, so it is not used: `jobfile doctor`"
            " says why; any change to the job in its file puts a new one in force"
        )


class EngineRunningError(JobfileError):
    """Another engine holds the state folder."""

    code = ErrorCode.ENGINE_RUNNING


class SupersededError(JobfileError):
    """A newer engine has taken the ledger, or the state folder was replaced; this engine must stop."""


class PartialTurnError(Exception):
    """A loop did all its work except one item, which failed because of a bug in jobfile."""


class RevisionError(JobfileError):
    """Changes since a revision are unknown: no git, no repository, or no such revision."""

    code = ErrorCode.UNKNOWN_REVISION
