"""A plan as JSON, in the form of schemas/plan.schema.json. The same plan gives the same bytes."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from difflib import unified_diff
from hashlib import sha256
from typing import Final

from jobfile.model.canonical import Plain, canonical_json, to_plain
from jobfile.model.jobs import JobSpec
from jobfile.plan.groups import Group, group_changes
from jobfile.plan.values import Action, FieldChange, JobChange, Kind, LeftOut, Plan, Risk, Row, Side, Start
from jobfile.plan.wording import zone_of

FORMAT: Final = 1
"""Version of the JSON form; it changes when the old reader would misread the new form."""
RUNS_LISTED: Final = 50
"""Maximum gained, lost and moved runs of a job that are listed beside their number."""


def to_json(plan: Plan, *, version: str) -> Plain:
    """The plan as plain data; `version` is the version of this program."""
    return {
        "format": FORMAT,
        "jobfile": version,
        "now": _instant(plan.now),
        "from": _side(plan.before),
        "to": _side(plan.after),
        "valid": True,
        "changes": plan.has_changes,
        "summary": {
            **{one.value: plan.count(one) for one in Action},
            "same": len(plan.same),
            "risks": len(plan.all_risks),
            "warnings": plan.warnings,
        },
        "filter": _filter(plan.left_out),
        "risks": [_risk(one) for one in plan.risks],
        "groups": [_group(one) for one in group_changes(plan).groups],
        "jobs": [_job(one) for one in plan.jobs],
        "load": {
            "unit": f"starts per hour, mean of {plan.load.days} days, UTC",
            "before": [round(count, 3) for count in plan.load.before],
            "after": [round(count, 3) for count in plan.load.after],
            "total_before": plan.load.total_before,
            "total_after": plan.load.total_after,
            "peak_minute_before": plan.load.peak_before,
            "peak_minute_after": plan.load.peak_after,
        },
    }


def plan_digest(plan: Plan, *, version: str) -> str:
    """The hash of a plan's JSON."""
    return digest_of(to_json(plan, version=version))


def digest_of(plain: object) -> str:
    """The hash of plain data."""
    return sha256(canonical_json(plain).encode()).hexdigest()


def text_of(plain: object) -> str:
    """Plain data as a JSON text: sorted keys, so that equal data is equal bytes."""
    return json.dumps(plain, indent=2, sort_keys=True) + "\n"


def _side(side: Side) -> Plain:
    return {
        "kind": side.kind,
        "name": side.name or None,
        "lineage": side.lineage or None,
        "generation": side.generation,
        "rev": side.revision or None,
        "dirty": side.is_dirty,
        "sha256": side.catalog.digest,
        "files": [{"path": name, "sha256": digest} for name, digest in side.files],
    }


def _filter(left: LeftOut | None) -> Plain | None:
    """Which jobs are listed, and what is left out; the load is always that of the whole change."""
    if left is None:
        return None
    wanted = {
        "jobs": list(left.filter.jobs),
        "tags": list(left.filter.tags),
        "owners": list(left.filter.owners),
    }
    return {**wanted, "left_out": {"jobs": left.jobs, "risks": left.risks, "warnings": left.warnings}}


def _group(group: Group) -> Plain:
    """An equal change of several jobs; the plan's `jobs` has each of them in full."""
    cause = group.cause
    return {
        "fields": [_field(one) for one in group.fields],
        "cause": None
        if cause is None
        else {
            "section": cause.section,
            "file": None if cause.origin is None else cause.origin.file,
            "line": None if cause.origin is None else cause.origin.line,
            "removed": cause.is_removed,
        },
        "jobs": list(group.jobs),
    }


def _job(change: JobChange) -> Plain:
    is_off = change.after is None or not change.after.spec.enabled
    facts = change.facts
    return {
        "job": change.name,
        "previous": change.before.spec.name if change.action is Action.RENAME and change.before else None,
        "action": change.action.value,
        "file": change.job.origin.file,
        "line": change.job.origin.line,
        "owner": change.job.spec.owner or None,
        "hint": change.hint or None,
        "fields": [_field(one) for one in change.fields],
        "schedule": _runs(change),
        "effects": list(change.effects),
        "runs": {
            "running": facts.running,
            "waiting": facts.waiting,
            "retrying": facts.retrying,
            "waiting_cancelled": facts.waiting if is_off else 0,
        },
        "paused": facts.paused or None,
        "risks": [_risk(one) for one in change.risks],
        "diagnostics": [
            {"code": one.code, "message": one.message, "file": one.file, "line": one.span.start.line}
            for one in change.diagnostics
        ],
    }


def _field(field: FieldChange) -> Plain:
    plain: Plain = {"path": list(field.path), "kind": field.kind.value}
    if field.is_hidden:
        return {**plain, "hidden": True}
    if field.kind is not Kind.SCRIPT:
        return {**plain, "before": to_plain(field.before), "after": to_plain(field.after)}
    before, after = (None if side is None else str(side) for side in (field.before, field.after))
    old, new = (side.splitlines() if side is not None else [] for side in (before, after))
    return {
        **plain,
        "before_sha256": _hash(before),
        "after_sha256": _hash(after),
        "diff": "\n".join(list(unified_diff(old, new, lineterm="", n=1))[2:]),
    }


def _hash(text: str | None) -> str | None:
    return None if text is None else sha256(text.encode()).hexdigest()


def _runs(change: JobChange) -> Plain:
    runs = change.runs
    before, after = (None if one is None else one.spec for one in (change.before, change.after))
    return {
        "next_before": [_instant(start.starts) for start in runs.next_before],
        "next_after": [_instant(start.starts) for start in runs.next_after],
        "fires30_before": runs.count_before,
        "fires30_after": runs.count_after,
        "compared_until": _instant(runs.compared_until),
        "first_difference": _difference(runs.first_difference, before, after),
        "gained": _listed(runs.gained, after),
        "lost": _listed(runs.lost, before),
        "moved": {
            "count": len(runs.moved),
            "runs": [
                {"before": _start(one, before), "after": _start(other, after)}
                for one, other in runs.moved[:RUNS_LISTED]
            ],
        },
    }


def _difference(row: Row | None, before: JobSpec | None, after: JobSpec | None) -> Plain | None:
    if row is None:
        return None
    pairs = (("before", row.before, before), ("after", row.after, after))
    return {word: None if start is None else _start(start, job) for word, start, job in pairs}


def _listed(starts: Sequence[Start], job: JobSpec | None) -> Plain:
    return {"count": len(starts), "runs": [_start(one, job) for one in starts[:RUNS_LISTED]]}


def _start(start: Start, job: JobSpec | None) -> Plain:
    """A run; its local time is in the zone of its schedule entry."""
    local = start.starts if job is None else start.starts.astimezone(zone_of(start, job))
    return {"for": _instant(start.at), "starts": _instant(start.starts), "local": local.isoformat()}


def _risk(risk: Risk) -> Plain:
    return {"code": risk.code, "message": risk.message, "evidence": dict(risk.evidence)}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
