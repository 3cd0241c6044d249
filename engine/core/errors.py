"""What can be wrong with the world around the engine. A user's mistake is a diagnostic, not one of these."""


class JobfileError(Exception):
    """A broken world, told in a full sentence that says what to do. Exit code 1 unless a child says other."""

    exit_code = 1


class StoreUnavailableError(JobfileError):
    """The ledger cannot be written or read now: disk full, read-only, busy. Nothing was half done."""

    exit_code = 75


class StoreUnwritableError(StoreUnavailableError):
    """The disk does not take what is written: it is full, read-only or broken. It is tried again."""


class StoreRefusedError(JobfileError):
    """The ledger may not be used: from a newer version, restored from an old copy, not ours."""


class StoreDamagedError(StoreRefusedError):
    """The ledger's file is damaged: an engine that finds this ends, and its jobs go on."""


class UnreadableDefinitionError(JobfileError):
    """The definition of a job is not the one that was applied, or is gone."""

    def __init__(self, job: str) -> None:
        """Say it of this job."""
        super().__init__(
            f"the definition of job `{job}` in the ledger cannot be read, so it is not used: `jobfile doctor`"
            " says why; a change of the job in its file, however small, puts a new one in force"
        )


class EngineRunningError(JobfileError):
    """Another engine holds the state folder."""

    exit_code = 75


class SupersededError(JobfileError):
    """A newer engine has taken the ledger, or somebody the state folder; this one must stop."""


class PartialTurnError(Exception):
    """A loop did its duty for everything but one thing, which a bug in jobfile keeps from being done."""


class RevisionError(JobfileError):
    """What changed since a revision cannot be told: no git, no repository, or no such revision."""

    exit_code = 64
