"""Makes a plan from two sets of jobs and an instant: each change and its effects. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from jobfile.diagnostics.diagnostic import Diagnostic, Severity
from jobfile.model.catalog import CompiledJob
from jobfile.plan.fields import changed_fields, whole_fields
from jobfile.plan.load import compare_load
from jobfile.plan.renames import pair_jobs
from jobfile.plan.risks import followers_of, job_risks, risks_of_all
from jobfile.plan.runs import compare_runs, effects_of
from jobfile.plan.values import NO_FACTS, Action, FieldChange, JobChange, JobFacts, Plan, Side

_NO_ENGINE: Mapping[str, JobFacts] = {}
_NOTHING: Mapping[str, Sequence[str]] = {}
_OWN_EFFECTS = frozenset({"JF608"})
"""Findings that a plan makes itself, relative to its instant."""


def make_plan(
    before: Side,
    after: Side,
    *,
    now: datetime,
    facts: Mapping[str, JobFacts] = _NO_ENGINE,
    beyond: Mapping[str, Sequence[str]] = _NOTHING,
) -> Plan:
    """Compare two sets of jobs, job by job and field by field. The same input gives the same plan.

    `now` is the instant after which runs are compared; `facts` is what the engine knows about the jobs of the
    first side, by name. `beyond` has the keys of the second side that the engine cannot run, by job.
    """
    pairs = pair_jobs(before.catalog, after.catalog)
    changes, same = [], []
    for old, new in pairs.both:
        fields = () if old.digest == new.digest else changed_fields(old.spec, new.spec)
        if fields:
            changes.append(_change(Action.CHANGE, old, new, fields, now))
        else:
            same.append(new.spec.name)
    for old, new in pairs.renamed:
        changed = [one for one in changed_fields(old.spec, new.spec) if one.path != ("renamed_from",)]
        changes.append(_change(Action.RENAME, old, new, changed, now))
    for new in pairs.added:
        one = _change(Action.ADD, None, new, whole_fields(new.spec), now)
        guess = pairs.guessed.get(new.spec.name)
        changes.append(replace(one, hint=f"renamed_from: {guess}") if guess else one)
    changes += [_change(Action.REMOVE, old, None, (), now) for old in pairs.removed]
    followers = followers_of([one.spec for one in before.catalog.jobs])
    staying = after.catalog.names | {old.spec.name for old, _ in pairs.renamed}
    fresh = _fresh(before.diagnostics, after.diagnostics)
    finished = []
    for one in sorted(changes, key=_place):
        known = facts.get(one.before.spec.name, NO_FACTS) if one.before is not None else NO_FACTS
        seen = replace(one, facts=known, diagnostics=tuple(fresh.get(one.name, ())) if one.after else ())
        names = [] if one.before is None else followers.get(one.before.spec.name, [])
        kept = [name for name in names if name in staying]
        finished.append(replace(seen, risks=job_risks(seen, followers=kept, now=now)))
    load = compare_load(
        (one.spec for one in before.catalog.jobs), (one.spec for one in after.catalog.jobs), now=now
    )
    return Plan(
        now=now,
        before=before,
        after=after,
        jobs=tuple(finished),
        same=tuple(sorted(same)),
        load=load,
        risks=risks_of_all(finished, jobs_before=len(before.catalog.jobs), beyond=beyond),
        moved=tuple((old, new) for old, new in pairs.both if old.origin.file != new.origin.file),
    )


def _change(
    action: Action,
    old: CompiledJob | None,
    new: CompiledJob | None,
    fields: Sequence[FieldChange],
    now: datetime,
) -> JobChange:
    before = None if old is None else old.spec
    after = None if new is None else new.spec
    return JobChange(
        action=action,
        before=old,
        after=new,
        fields=tuple(fields),
        runs=compare_runs(before, after, now=now),
        effects=effects_of(before, after, now=now),
    )


def _place(change: JobChange) -> tuple[int, str]:
    return list(Action).index(change.action), change.name


def _fresh(before: Sequence[Diagnostic], after: Sequence[Diagnostic]) -> dict[str, list[Diagnostic]]:
    """The warnings of the second side that are not on the first, by job."""
    known = {(one.code, one.path[:2], one.message) for one in before}
    found: dict[str, list[Diagnostic]] = {}
    for one in after:
        is_new = (one.code, one.path[:2], one.message) not in known and one.suppressed is None
        is_new = is_new and one.severity is Severity.WARNING
        if is_new and one.path[:1] == ("jobs",) and len(one.path) > 1 and one.code not in _OWN_EFFECTS:
            found.setdefault(str(one.path[1]), []).append(one)
    return found
