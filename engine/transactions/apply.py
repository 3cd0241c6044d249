"""Put a catalog in force as the next generation, whole, inside the caller's transaction."""

from collections.abc import Iterator

from engine.core.events import Event, GenerationApplied, JobRenamed
from engine.core.reasons import Reason
from engine.core.records import Generation, JobVersion, Schedule
from engine.core.vocabulary import changes_text
from engine.ledger.store_ports import Applying
from engine.ports import Stop
from engine.transactions.account import Moment, account
from engine.transactions.following import followed_jobs
from engine.transactions.rebind import rebind
from engine.transactions.stop import end_run
from engine.triggers.kind import Watched
from engine.triggers.registry import WATCHED
from jobfile.model.catalog import Catalog, CompiledJob
from jobfile.model.dataclass import dataclass
from jobfile.model.jobs import JobSpec
from jobfile.plan.renames import renamed_names
from jobfile.schedule.cron import CRON_SEMANTICS_VERSION
from jobfile.schedule.occurrences import TZDATA_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a catalog would change in the jobs in force."""

    added: tuple[CompiledJob, ...]
    changed: tuple[CompiledJob, ...]
    removed: tuple[JobVersion, ...]
    moved: tuple[CompiledJob, ...]
    renamed: tuple[tuple[JobVersion, CompiledJob], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the catalog is the same as what is in force."""
        return not (self.added or self.changed or self.removed or self.renamed)


def compare(store: Applying, catalog: Catalog) -> Change:
    """How a catalog differs from the jobs in force."""
    old = {version.job: version for version in store.jobs_in_force()}
    gone = {name: version for name, version in old.items() if name not in catalog.names}
    new = {one.spec.name: one for one in catalog.jobs if one.spec.name not in old}
    sources: dict[str, str | None] = {name: None for name in old}
    if new:
        sources |= {name: store.definition(version.digest).renamed_from for name, version in gone.items()}
    names = renamed_names(sources, {one.spec.name: one.spec.renamed_from for one in catalog.jobs})
    renamed = {name: (gone[name], new[target]) for name, target in names.items()}
    new_names = set(names.values())
    shared = [one for one in catalog.jobs if one.spec.name in old]
    same = [one for one in shared if one.digest == old[one.spec.name].digest]
    return Change(
        added=tuple(
            one for one in catalog.jobs if one.spec.name not in old and one.spec.name not in new_names
        ),
        changed=tuple(one for one in shared if one.digest != old[one.spec.name].digest),
        removed=tuple(version for name, version in gone.items() if name not in renamed),
        moved=tuple(one for one in same if not _is_at(one, old[one.spec.name])),
        renamed=tuple(renamed.values()),
    )


def apply_catalog(
    store: Applying, catalog: Catalog, generation: Generation, moment: Moment, *, why: str = ""
) -> Iterator[Event]:
    """Make a catalog the generation in force, if it changes anything; `why` is for the audit.

    The instant of activation splits time: up to it, the old schedules are accounted for by their own rules;
    after it, the new ones. No instant belongs to both or to none.
    """
    change = compare(store, catalog)
    for one in change.moved:
        store.move_job(one.spec.name, one.origin)
    if change.is_empty and store.current_generation() is not None:
        return
    touched = [one.spec.name for one in change.changed] + [version.job for version in change.removed]
    touched += [version.job for version, _ in change.renamed]
    for job in touched:
        for schedule in _in_force(store, job).values():
            yield from account(store, schedule, moment)
    number = store.add_generation(
        generation, tzdata_version=TZDATA_VERSION, cron_semantics=CRON_SEMANTICS_VERSION
    )
    for version in change.removed:
        yield from _remove(store, version, number, moment)
    for version, one in change.renamed:
        yield from _rename(store, version, one, number, moment)
    for one in (*change.changed, *change.added):
        yield from _put(store, one, number, moment)
    put = (*change.changed, *change.added, *(one for _, one in change.renamed))
    for queue in dict.fromkeys(one.spec.queue for one in put if one.spec.queue is not None):
        store.size_queue(queue)
    applied = GenerationApplied(
        number=number,
        added=tuple(one.spec.name for one in change.added),
        changed=tuple(one.spec.name for one in change.changed),
        removed=tuple(version.job for version in change.removed),
        renamed=tuple(one.spec.name for _, one in change.renamed),
        jobs=len(catalog.jobs),
    )
    store.audit(
        actor=generation.applied_by,
        action="apply",
        object=f"generation {number}",
        detail="; ".join(part for part in (why, changes_text(applied)) if part),
        now=moment.now,
    )
    yield applied


def _rename(
    store: Applying, version: JobVersion, one: CompiledJob, number: int, moment: Moment
) -> Iterator[Event]:
    """The job continues under its new name, if that name is free; else one job ends and another begins."""
    old, new = version.job, one.spec.name
    is_kept = not store.knows_job(new)
    if is_kept:
        store.rename_job(old, new)
        store.audit(actor="engine", action="rename", object=new, detail=f"{old} is now {new}", now=moment.now)
    else:
        yield from _remove(store, version, number, moment)
    yield from _put(store, one, number, moment)
    yield JobRenamed(old=old, new=new, is_kept=is_kept)


def _remove(store: Applying, version: JobVersion, number: int, moment: Moment) -> Iterator[Event]:
    for schedule in _in_force(store, version.job).values():
        store.end_schedule(schedule.id, at=moment.now, because=Reason.JOB_REMOVED)
    yield from _cancel_waiting(store, version.job, Reason.JOB_REMOVED, moment)
    store.end_job(version.job, generation=number)
    store.following.put(version.job, (), generation=number)


def _put(store: Applying, one: CompiledJob, number: int, moment: Moment) -> Iterator[Event]:
    in_force = _in_force(store, one.spec.name)
    store.end_job(one.spec.name, generation=number)
    store.add_job(one, generation=number)
    store.following.put(one.spec.name, followed_jobs(one.spec), generation=number)
    for trigger in WATCHED:
        _watch(store, trigger, in_force.get(trigger.key), one.spec, number=number, moment=moment)
    if not one.spec.enabled:
        yield from _cancel_waiting(store, one.spec.name, Reason.DISABLED, moment)
    for run in store.waiting_of_job(one.spec.name):
        rebound = rebind(run, old=store.definition(run.digest), new=one)
        if rebound is not None:
            store.repin(rebound)


def _in_force(store: Applying, job: str) -> dict[str, Schedule]:
    """The schedules in force for a job, by the key of their trigger."""
    found = {trigger.key: store.schedule_in_force(job, trigger.key) for trigger in WATCHED}
    return {key: schedule for key, schedule in found.items() if schedule is not None}


def _watch(
    store: Applying, trigger: Watched, before: Schedule | None, spec: JobSpec, *, number: int, moment: Moment
) -> None:
    """Put a trigger's rule in force. An unchanged rule keeps its coverage, whatever else has changed."""
    rule = trigger.rule(spec)
    if before is not None and not (spec.enabled and before.entries == rule):
        because = Reason.SCHEDULE_CHANGED if spec.enabled else Reason.DISABLED
        store.end_schedule(before.id, at=moment.now, because=because)
        before = None
    if before is None and rule and spec.enabled:
        store.add_schedule(spec.name, rule, schedule_key=trigger.key, generation=number, now=moment.now)


def _cancel_waiting(store: Applying, job: str, reason: str, moment: Moment) -> Iterator[Event]:
    """End runs that wait to start or for a retry: a job that is not in the files does not run."""
    for run in store.waiting_of_job(job):
        yield from end_run(store, run, Stop.CANCEL, reason=reason, detail="", now=moment.now) or ()


def _is_at(one: CompiledJob, version: JobVersion) -> bool:
    return (one.origin.file, one.origin.line) == (version.file, version.line)
