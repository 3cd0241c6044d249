"""Idempotency keys: a second run of a job with the same key is a duplicate of the first, for a week."""

from datetime import datetime, timedelta
from typing import Final

from engine.core.lifecycle import Run
from engine.ledger.store_ports import Accounting

KEY_LASTS: Final = timedelta(days=7)
"""How long a key belongs to the run that has it."""
MAX_KEY: Final = 255
"""Maximum number of characters of a key that a request gives."""


def key_trouble(key: str) -> str:
    """What is wrong with a key that a request gives; empty if nothing is."""
    if not key.strip():
        return "the key is empty; expected a text that names what the run is for, such as order-1042"
    if len(key) > MAX_KEY:
        return f"the key has {len(key):,} characters; expected at most {MAX_KEY}"
    return ""


def has_own_key(run: Run) -> bool:
    """Whether a key decides about a run. A retry repeats a run on purpose, with its key."""
    return run.idempotency_key != "" and run.retry_of is None


def duplicate_of(store: Accounting, run: Run, *, now: datetime) -> str:
    """The id of the earlier run that has the key of a run; empty if there is none.

    Called for all runs of a matrix before one of them is recorded: they are no duplicates of each other.
    """
    if not has_own_key(run):
        return ""
    return store.keys.holder(run.job, run.idempotency_key, now=now)


def take_key(store: Accounting, run: Run, *, now: datetime) -> None:
    """Give a recorded run its key. One that does not run takes none: what it is for was not done."""
    if has_own_key(run) and not run.state.is_final:
        store.keys.take(
            run.job, run.idempotency_key, run_id=run.occurrence or run.id, until=now + KEY_LASTS, now=now
        )
