"""Refuses to answer from job files that have errors."""

from typing import NoReturn

from engine.core.errors import ErrorCode, JobfileError
from jobfile.model.counts import many
from jobfile.pipeline import Looked


class InvalidFilesError(JobfileError):
    """The job files have errors. The caller shows them."""

    code = ErrorCode.INVALID_FILES
    is_reported = True

    def __init__(self, looked: Looked) -> None:
        """The error, with what was found in the files."""
        errors = sum(one.is_error for one in looked.diagnostics)
        super().__init__(f"the job files have {many(errors, 'error')}")
        self.looked = looked


def refuse_invalid(looked: Looked) -> NoReturn:
    """Refuse files with errors."""
    raise InvalidFilesError(looked)
