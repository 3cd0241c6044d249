"""Operational errors: problems around the engine. A mistake in a job file is a diagnostic instead."""


class JobfileError(Exception):
    """An operational error; its message says what to do. Exit code 1 unless a subclass overrides it."""

    exit_code = 1


class StoreUnavailableError(JobfileError):
    """The ledger cannot be written or read now: disk full, read-only, busy. No change was made in part."""

    exit_code = 75


class StoreUnwritableError(StoreUnavailableError):
    """The disk refuses a write: it is full, read-only or broken. The write is retried."""


class StoreRefusedError(JobfileError):
    """The ledger may not be used: it is of a newer version, an old copy, or not a ledger of jobfile."""


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

    exit_code = 75


class SupersededError(JobfileError):
    """A newer engine has taken the ledger, or the state folder was replaced; this engine must stop."""


class PartialTurnError(Exception):
    """A loop did all its work except one item, which failed because of a bug in jobfile."""


class RevisionError(JobfileError):
    """Changes since a revision are unknown: no git, no repository, or no such revision."""

    exit_code = 64
