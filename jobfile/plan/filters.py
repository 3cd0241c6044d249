"""Selects jobs of a plan by name, tag or owner, and counts what is left out."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from jobfile.diagnostics.excerpt import visible
from jobfile.diagnostics.suggest import suggest
from jobfile.model.counts import many
from jobfile.model.jobs import JobSpec
from jobfile.plan.values import Filter, JobChange, LeftOut, Plan

NAMES_SHOWN: Final = 8
"""Maximum names in the message about an unknown one."""


def filtered(plan: Plan, wanted: Filter) -> Plan:
    """The plan of the selected jobs; the risks of the whole change stay, and so does its load.

    A job is selected by its version on either side: a plan for an owner has the jobs that leave this owner.
    """
    if wanted == Filter():
        return plan
    shown = [one for one in plan.jobs if any(_fits(spec, wanted) for spec in _versions(one))]
    rest = [one for one in plan.jobs if one not in shown]
    same = {job.spec.name for job in plan.after.catalog.jobs if _fits(job.spec, wanted)}
    return replace(
        plan,
        jobs=tuple(shown),
        same=tuple(name for name in plan.same if name in same),
        moved=tuple((old, new) for old, new in plan.moved if new.spec.name in same),
        left_out=LeftOut(
            filter=wanted,
            jobs=len(rest),
            risks=sum(len(one.risks) for one in rest),
            warnings=sum(len(one.diagnostics) + len(one.effects) for one in rest),
            of=len(plan.jobs),
        ),
    )


def unknown_to(plan: Plan, wanted: Filter) -> str:
    """A message about the first name, tag or owner that no job of either side has; empty if there is none."""
    specs = [job.spec for side in (plan.before, plan.after) for job in side.catalog.jobs]
    for asked, word, known in (
        (wanted.jobs, "no job `{}`", {spec.name for spec in specs}),
        (wanted.tags, "no job has the tag `{}`", {tag for spec in specs for tag in spec.tags}),
        (wanted.owners, "no job has the owner `{}`", {spec.owner for spec in specs if spec.owner}),
    ):
        for name in asked:
            if name not in known:
                return f"{word.format(visible(name))} before or after the change{_hint(name, known)}"
    return ""


def left_out_text(plan: Plan) -> str:
    """What a filtered plan shows and leaves out; empty if it is not filtered."""
    left = plan.left_out
    if left is None:
        return ""
    shown = f"only {filter_text(left.filter)}: {len(plan.jobs):,} of {many(left.of, 'changed job')}"
    if not left.jobs:
        return shown
    counts = (many(left.jobs, "job"), many(left.risks, "risk"), many(left.warnings, "warning"))
    return f"{shown}; left out: {', '.join(counts)}"


def filter_text(wanted: Filter) -> str:
    """A filter in words: `job a or b, tag nightly`."""
    parts = (("job", wanted.jobs), ("tag", wanted.tags), ("owner", wanted.owners))
    return ", ".join(f"{word} {' or '.join(map(visible, names))}" for word, names in parts if names)


def _fits(spec: JobSpec, wanted: Filter) -> bool:
    return (
        (not wanted.jobs or spec.name in wanted.jobs)
        and (not wanted.tags or not {*wanted.tags}.isdisjoint(spec.tags))
        and (not wanted.owners or spec.owner in wanted.owners)
    )


def _versions(change: JobChange) -> Sequence[JobSpec]:
    return [one.spec for one in (change.before, change.after) if one is not None]


def _hint(name: str, known: Iterable[str]) -> str:
    near = suggest(name, known)
    if near:
        return f"; did you mean {' or '.join(map(visible, near))}?"
    names = sorted(known)
    more = ", …" if len(names) > NAMES_SHOWN else ""
    return f"; there are {', '.join(map(visible, names[:NAMES_SHOWN]))}{more}" if names else ""
