"""Reports a bug in jobfile: its details go to a file."""

import tempfile
import traceback


def bug_words(error: BaseException) -> str:
    """Write the details of a bug to a new file; return what to tell the user."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="jobfile-bug-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
    ) as file:
        traceback.print_exception(error, file=file)
    return (
        f"a bug in jobfile: {type(error).__name__}. Nothing you wrote should do this; "
        f"please report it with {file.name}"
    )
