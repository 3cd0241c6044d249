"""Why a submission was refused. Whatever the error, no run was recorded, unless its text reports one."""

from engine.core.errors import ErrorCode, JobfileError


class SubmitError(JobfileError):
    """No run was recorded; the message says why, and what to do."""


class InvalidParamsError(SubmitError, ValueError):
    """Values of params, or keys, are missing or wrong."""

    code = ErrorCode.USAGE

    def __init__(self, message: str, problems: tuple[str, ...]) -> None:
        """The error with this message, and each problem."""
        super().__init__(message)
        self.problems = problems
        """Every problem, each as one line."""


class UnknownJobError(SubmitError, LookupError):
    """No job with this name is in force."""

    code = ErrorCode.UNKNOWN_JOB


class UnavailableError(SubmitError):
    """The ledger cannot be written now: others use it, or the disk is full. Submit again later.

    Give a key, and submitting again is safe, whatever has happened to the first request.
    """

    code = ErrorCode.LEDGER_UNAVAILABLE


class RefusedError(SubmitError):
    """The ledger may not be used by this program: it is of another user or version, or has no jobs yet."""

    code = ErrorCode.LEDGER_REFUSED
