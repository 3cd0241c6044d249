"""The variables that a job's process has in addition to those in the file."""

from typing import Final

PASSED_ON: Final = ("PATH", "HOME", "USER", "LOGNAME", "LANG")
"""Variables passed from the engine's environment; the file must name all others."""
GIVEN: Final = ("SHELL",)
"""Variables that every process has, and that a file may replace."""
SET_FOR_EACH_RUN: Final = ("TZ", "TMPDIR")
"""Variables that jobfile sets for each run; a job's `env` can replace them."""
FENCE: Final = "JOBFILE_FENCE"
"""A number that grows from attempt to attempt, for what a job changes elsewhere; set on several hosts."""
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
    FENCE,
)
"""Variables that describe the run to its process; a file cannot replace them."""
RESERVED: Final = ("JF_", "JOBFILE_")
"""Prefixes reserved by jobfile: for the values of templates, facts about the run, and its settings."""
PARAM_PREFIX: Final = "JOBFILE_PARAM_"
"""The variable of a param begins with this."""


def param_variable(name: str) -> str:
    """The variable that holds the value of a param: the prefix and its name in capital letters."""
    return PARAM_PREFIX + name.upper()


def axis_variable(name: str) -> str:
    """The variable that holds a run's value of an axis of the matrix."""
    return f"JOBFILE_MATRIX_{name.upper()}"


def is_reserved(name: str) -> bool:
    """Whether a file may not set a variable because jobfile sets it."""
    return name.startswith(RESERVED)
