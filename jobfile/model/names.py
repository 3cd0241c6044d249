"""The grammar of names of jobs, words, steps and variables. The schema has the same rules.

A name that does not come from a checked file (but from a saved plan or the command line) is checked against
it before it is looked up, shown or used in a path.
"""

from typing import Final

from jobfile.model.regex import regex

_JOB: Final = regex(r"[a-z][a-z0-9_-]{0,62}")
_WORD: Final = regex(r"[a-z][a-z0-9_]{0,63}")
_PARAM: Final = regex(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_STEP: Final = regex(r"[a-z][a-z0-9_]{0,62}")
_VARIABLE: Final = regex(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def is_job_name(text: str) -> bool:
    """Whether this is a valid name for a job, a calendar, a queue or a channel."""
    return _JOB.fullmatch(text) is not None


def is_word(text: str) -> bool:
    """Whether this is a valid name for an output, a constant or an axis of a matrix."""
    return _WORD.fullmatch(text) is not None


def is_param_name(text: str) -> bool:
    """Whether this is a valid name for a param; capital letters are allowed, as in names of variables."""
    return _PARAM.fullmatch(text) is not None


def is_step_name(text: str) -> bool:
    """Whether this is a valid name for a step."""
    return _STEP.fullmatch(text) is not None


def is_variable(text: str) -> bool:
    """Whether this is a valid name for an environment variable."""
    return _VARIABLE.fullmatch(text) is not None
