"""Requests that come from a run: its job, or what that has started, submits a run of another job."""

from collections.abc import Mapping
from typing import Final

from engine.ledger.ports import Current

RUN_ID: Final = "JOBFILE_RUN_ID"
"""The variable that names the run in the environment of its processes."""
ID_DIGITS: Final = 32
"""Number of characters of a run's id."""


def requesting_run(store: Current, environ: Mapping[str, str]) -> str | None:
    """The id of the run that an environment belongs to; None if it is no run of this ledger.

    A job may set the variable itself, or ask another engine: only a run that is recorded here counts.
    """
    named = environ.get(RUN_ID, "")
    if len(named) != ID_DIGITS or not (named.isascii() and named.isalnum()):
        return None
    return None if store.run(named) is None else named
