"""The grammar of names: what a job, a word, a step and a variable may be called. The schema says the same.

What comes from elsewhere than a checked file (a saved plan, a command line) is held against it before it is
looked up, shown or made part of a path.
"""

import re
from typing import Final

_JOB: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_WORD: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_STEP: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def is_job_name(text: str) -> bool:
    """Whether a job may be called so; calendars, queues and channels too."""
    return _JOB.fullmatch(text) is not None


def is_word(text: str) -> bool:
    """Whether a param, an output, a constant or an axis of a matrix may be called so."""
    return _WORD.fullmatch(text) is not None


def is_step_name(text: str) -> bool:
    """Whether a step may be called so."""
    return _STEP.fullmatch(text) is not None


def is_variable(text: str) -> bool:
    """Whether a variable of the environment may be called so."""
    return _VARIABLE.fullmatch(text) is not None
