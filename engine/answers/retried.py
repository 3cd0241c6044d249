"""An expected run with the results of its manual retries, or of the backfill that took its place."""

from typing import Final

from engine.answers.expected import INSTANT, Item, item_of
from engine.core.lifecycle import Run, TriggerKind
from engine.ledger.ports import History

MAX_BACKFILLED: Final = 1_000
"""Maximum number of runs for one instant among which those of a backfill are looked for."""


def after_retries(view: History, item: Item, job: str) -> Item:
    """The item with the results of its manual retries: of each of its runs, the last one.

    An occurrence without a run can have runs of a backfill in its place.
    """
    runs = item.runs or (_backfilled(view, item, job) if item.is_scheduled else ())
    last = tuple(_last_retry(view, run) for run in runs)
    return item if last == item.runs else item_of(*last)


def _backfilled(view: History, item: Item, job: str) -> tuple[Run, ...]:
    """The runs that the last backfill made for an occurrence without a run of its own."""
    at = item.scheduled_for
    found = [
        run
        for run in view.runs_between(job, since=at, until=at + INSTANT, limit=MAX_BACKFILLED)
        if run.trigger is TriggerKind.BACKFILL and run.retry_of is None
    ]
    if not found:
        return ()
    newest = found[0]
    return (
        tuple(reversed([run for run in found if run.occurrence == newest.occurrence]))
        if newest.occurrence
        else (newest,)
    )


def _last_retry(view: History, run: Run) -> Run:
    while retries := view.retries_of(run.id):
        run = retries[-1]
    return run
