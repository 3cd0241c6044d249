"""Records the runs of jobs that start with the host: once for each of its starts."""

from collections.abc import Iterator, Sequence
from typing import Final

from engine.core.events import Event, ScheduleQuarantined
from engine.core.lifecycle import Run, TriggerKind
from engine.core.reasons import Reason
from engine.core.records import JobVersion
from engine.ledger.store_ports import Requesting
from engine.transactions.account import Moment, record_not_run, record_runs, requested_runs
from engine.triggers.boot import starts_at_boot
from jobfile.expressions.expression import EvaluationError
from jobfile.model.jobs import JobSpec

LAST_BOOT: Final = "boot_id"
"""The fact of the ledger that names the last start of the host whose runs are recorded."""


def record_boot(store: Requesting, boot_id: str, moment: Moment) -> list[Event]:
    """Record a run of each job that starts with the host, if that was not done since its last start.

    The runs, and the start that they belong to, are recorded in one transaction, the caller's, so a crash
    neither loses nor repeats one. A job that is added later starts with the next one. Nothing can be recorded
    about a start of the host after which no engine ran.
    """
    if store.past.fact(LAST_BOOT, default="") == boot_id:
        return []
    store.past.note(LAST_BOOT, boot_id)
    return [event for version in store.jobs_in_force() for event in _start(store, version, moment)]


def _start(store: Requesting, version: JobVersion, moment: Moment) -> Iterator[Event]:
    spec = store.definition(version.digest)
    if not starts_at_boot(spec) or store.definition_trouble(version.digest):
        return
    try:
        runs = requested_runs(
            spec,
            new_id=moment.new_id,
            digest=version.digest,
            generation=moment.generation,
            params={},
            at=moment.now,
            now=moment.now,
            trigger=TriggerKind.BOOT,
        )
    except EvaluationError as error:  # in its concurrency key: one job must not stop the others
        yield ScheduleQuarantined(job=version.job, message=f"it was not started with the host: {error}")
        return
    yield from _record(store, runs, spec, moment)


def _record(store: Requesting, runs: Sequence[Run], spec: JobSpec, moment: Moment) -> tuple[Event, ...]:
    """Record the runs of a start; of a job that is paused, record that they were skipped."""
    pauses = store.pauses.between(spec.name, since=moment.now, until=moment.now)
    if pauses:
        why = pauses[0].who
        return tuple(record_not_run(store, runs, spec, moment, reason=Reason.PAUSED, detail=why))
    return tuple(record_runs(store, runs, spec, moment))
