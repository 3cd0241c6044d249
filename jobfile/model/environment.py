"""Which variables a job's process has without being given them in the file."""

from typing import Final

PASSED_ON: Final = ("PATH", "HOME", "USER", "LOGNAME", "LANG")
"""What a process gets of the engine's own environment; everything else is named in the file."""
GIVEN: Final = ("SHELL",)
"""What every process has, and a file may replace."""
SET_FOR_EACH_RUN: Final = ("TZ", "TMPDIR")
"""What jobfile sets for each run; a job's own `env` comes after it and replaces it."""
ABOUT_THE_RUN: Final = (
    "JOBFILE_RUN_ID",
    "JOBFILE_JOB",
    "JOBFILE_ATTEMPT",
    "JOBFILE_TRIGGER",
    "JOBFILE_SCHEDULED_AT",
    "JOBFILE_NOT_BEFORE",
    "JOBFILE_LATENESS_SECONDS",
    "JOBFILE_CATCHUP",
    "JOBFILE_PREV_SUCCESS_AT",
    "JOBFILE_RUN_DIR",
    "JOBFILE_INTERVAL_START",
    "JOBFILE_INTERVAL_END",
    "JOBFILE_OUTPUT",
)
"""What tells a process about its run; nothing in a file replaces it."""
RESERVED: Final = ("JF_", "JOBFILE_")
"""What names begin with that are jobfile's own: values of templates, facts of the run, its own settings."""
PARAM_PREFIX: Final = "JOBFILE_PARAM_"
"""Before the name of a param in capital letters: the variable with its value."""


def is_reserved(name: str) -> bool:
    """Whether a variable may not be given by a file, because jobfile gives it."""
    return name.startswith(RESERVED)
