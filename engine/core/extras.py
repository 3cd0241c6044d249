"""The error when a package of an extra is missing."""

from engine.core.errors import ErrorCode, JobfileError


class NotInstalledError(JobfileError):
    """An extra that the command needs is not installed."""

    code = ErrorCode.USAGE


def not_installed(what: str, error: ImportError, *, extra: str) -> NotInstalledError:
    """The error about a missing package: `what` begins the sentence, such as `the metrics need`."""
    return NotInstalledError(f"{what} {error.name}; install it with  pip install 'jobfile[{extra}]'")
