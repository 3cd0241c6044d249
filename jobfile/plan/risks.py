"""RISK01 to RISK14: facts about a change that a reviewer should not miss, each with its evidence."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from jobfile.model.catalog import removes_many
from jobfile.model.counts import many
from jobfile.model.jobs import AfterTrigger, CatchupMode, JobSpec
from jobfile.model.labels import hosts_text
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.webhooks import Proof, WebhookTrigger
from jobfile.plan.runs import first_after
from jobfile.plan.values import DAYS, Action, JobChange, JobFacts, Risk, Start
from jobfile.plan.wording import moment_text, times_text
from jobfile.schedule.duration import span_text
from jobfile.schedule.zones import is_same_zone

RISKS: Final = {
    "RISK01": "many more runs",
    "RISK02": "the timeout is shorter than runs take",
    "RISK03": "waiting or running runs are affected",
    "RISK04": "other jobs follow this one",
    "RISK05": "a run that was due soon does not happen, or one starts immediately",
    "RISK06": "a run may now be executed twice",
    "RISK07": "more runs at once",
    "RISK08": "a different secret, or a different webhook",
    "RISK09": "a different shell or folder",
    "RISK10": "switched off or on",
    "RISK11": "many jobs removed at once",
    "RISK12": "the time zone of many jobs changed",
    "RISK13": "the engine would refuse the whole change",
    "RISK14": "a job may gain privileges",
}
MANY_TIMES: Final = 3
MANY_A_DAY: Final = 1_000
SOON: Final = timedelta(hours=24)
AT_ONCE: Final = timedelta(minutes=1)
MANY_JOBS: Final = 3
"""From this number of jobs on, changes of zone count as one change."""
MOST_NAMED: Final = 5
"""Maximum refused jobs named in a message."""


class _Asked(NamedTuple):
    """One job's change, and the data that the rules need."""

    change: JobChange
    before: JobSpec | None
    after: JobSpec | None
    followers: Sequence[str]
    now: datetime

    @property
    def facts(self) -> JobFacts:
        """What the engine knows about the job."""
        return self.change.facts


def job_risks(change: JobChange, *, followers: Sequence[str], now: datetime) -> tuple[Risk, ...]:
    """The risks of one job's change; `followers` are the jobs that start after it and still exist."""
    before = None if change.before is None else change.before.spec
    after = None if change.after is None else change.after.spec
    asked = _Asked(change, before, after, followers, now)
    return tuple(risk for rule in _RULES for risk in rule(asked))


def risks_of_all(
    changes: Sequence[JobChange], *, jobs_before: int, beyond: Mapping[str, Sequence[str]]
) -> tuple[Risk, ...]:
    """The risks that concern several jobs."""
    found = []
    removed = [one.name for one in changes if one.action is Action.REMOVE]
    if removes_many(len(removed), of=jobs_before):
        message = f"{len(removed)} of {many(jobs_before, 'job')} removed: is an include missing?"
        found.append(Risk("RISK11", message, {"removed": len(removed), "of": jobs_before}))
    zones: Counter[tuple[str, str]] = Counter()
    for one in changes:
        if one.before is not None and one.after is not None:
            pair = (one.before.spec.timezone, one.after.spec.timezone)
            zones[pair] += not is_same_zone(*pair)
    for (old, new), count in sorted(zones.items()):
        if count >= MANY_JOBS:
            message = f"the time zone of {count} jobs changes from {old} to {new}"
            found.append(Risk("RISK12", message, {"before": old, "after": new, "jobs": count}))
    if beyond:
        found.append(_refused(beyond))
    return tuple(found)


def _refused(beyond: Mapping[str, Sequence[str]]) -> Risk:
    """The engine puts a whole set in force, or nothing."""
    jobs = [f"{', '.join(f'`{key}`' for key in keys)} of {job}" for job, keys in beyond.items()]
    more = f" and of {many(len(jobs) - MOST_NAMED, 'more job')}" if len(jobs) > MOST_NAMED else ""
    message = (
        f"the engine would refuse the whole change: it cannot run {'; '.join(jobs[:MOST_NAMED])}{more} yet"
    )
    return Risk("RISK13", message, {"beyond": {job: list(keys) for job, keys in beyond.items()}})


def followers_of(jobs: Sequence[JobSpec]) -> Mapping[str, Sequence[str]]:
    """The jobs that start after each job."""
    found: dict[str, list[str]] = {}
    for job in jobs:
        for trigger in job.triggers:
            if isinstance(trigger, AfterTrigger):
                for upstream in trigger.jobs:
                    found.setdefault(upstream, []).append(job.name)
    return found


def _more_runs(asked: _Asked) -> Iterator[Risk]:
    runs = asked.change.runs
    a_day = round(runs.rate_after - runs.rate_before)
    is_manifold = runs.rate_before > 0 and runs.rate_after >= MANY_TIMES * runs.rate_before
    if is_manifold or a_day > MANY_A_DAY:
        as_many = f"{times_text(runs.times_as_many)} as many runs"
        evidence = {"before": runs.count_before, "after": runs.count_after, "days": DAYS}
        yield Risk("RISK01", as_many if is_manifold else f"{a_day:,} more runs a day", evidence)


def _short_timeout(asked: _Asked) -> Iterator[Risk]:
    longest, after, before = asked.facts.longest, asked.after, asked.before
    if after is None or before is None or after.timeout is None or longest is None:
        return
    if after.timeout != before.timeout and after.timeout < longest:
        message = (
            f"the timeout is shorter than the longest of the last {many(asked.facts.of, 'run')} "
            f"({span_text(longest)})"
        )
        seconds = int(longest.total_seconds())
        yield Risk("RISK02", message, {"longest_seconds": seconds, "of": asked.facts.of})


def _open_runs(asked: _Asked) -> Iterator[Risk]:
    """What happens to open runs; a retry keeps the definition that its run started with."""
    facts, after = asked.facts, asked.after
    is_off = after is None or not after.enabled
    says = []
    if facts.waiting:
        what = "will be cancelled" if is_off else f"will run the new definition{_new_line(asked)}"
        says.append(f"{many(facts.waiting, 'waiting run')} {what}")
    if facts.running:
        keep = "keep" if facts.running > 1 else "keeps"
        says.append(f"{many(facts.running, 'running run')} {keep} the old definition")
    if facts.retrying:
        keep = "keep" if facts.retrying > 1 else "keeps"
        says.append(f"{many(facts.retrying, 'run')} between attempts {keep} the old definition")
    if says and (asked.change.fields or after is None):
        evidence = {"waiting": facts.waiting, "running": facts.running, "retrying": facts.retrying}
        yield Risk("RISK03", "; ".join(says), evidence)


def _new_line(asked: _Asked) -> str:
    """Where the waiting runs of a job will wait and run, if its queue, the slots of that, its priority or
    its labels change.
    """
    before, after = asked.before, asked.after
    if before is None or after is None:
        return ""
    host = f", on {hosts_text(after.runs_on)}" if before.runs_on != after.runs_on else ""
    if (before.queue, before.priority) == (after.queue, after.priority):
        return host
    queue = after.queue
    where = "without a queue" if queue is None else f"in queue `{queue.name}` ({many(queue.slots, 'slot')})"
    return f"{host}, {where}, with priority {after.priority}"


def _followed(asked: _Asked) -> Iterator[Risk]:
    before, after = asked.before, asked.after
    if before is None or not asked.followers:
        return
    what = ""
    if after is None:
        what = "is removed"
    elif before.enabled and not after.enabled:
        what = "is disabled"
    elif before.outputs != after.outputs:
        what = "has different outputs"
    if what:
        names = ", ".join(asked.followers[:5]) + (", …" if len(asked.followers) > 5 else "")
        starts = "starts" if len(asked.followers) == 1 else "start"
        yield Risk("RISK04", f"{what}, and {names} {starts} after it", {"followers": list(asked.followers)})


def _due_soon(asked: _Asked) -> Iterator[Risk]:
    runs, now = asked.change.runs, asked.now
    if asked.before is None or asked.after is None or not asked.change.has_new_times:
        return
    gone: list[tuple[Start, Start | None]] = [(one, None) for one in runs.lost]
    gone += [(one, other) for one, other in runs.moved if other.at - one.at > runs.usual_distance / 2]
    soon = min((one for one in gone if one[0].starts <= now + SOON), default=None, key=lambda one: one[0])
    if soon is not None:
        later = soon[1] or first_after(runs.next_after, soon[0].at)
        after = f"next is {moment_text(later, now)}" if later else "there is none after it"
        message = f"the run of {moment_text(soon[0], now)} will not happen; {after}"
        yield Risk("RISK05", message, {"lost": soon[0].at.isoformat()})
    first = runs.next_after[0] if runs.next_after else None
    if first is not None and first.starts - now < AT_ONCE and first not in runs.next_before:
        message = f"starts immediately: {moment_text(first, now)}"
        yield Risk("RISK05", message, {"gained": first.at.isoformat()})


def _twice(asked: _Asked) -> Iterator[Risk]:
    before, after = asked.before, asked.after
    if before is None or after is None or after.idempotency_key is not None or after.idempotent:
        return
    if before.retry.attempts == 1 and after.retry.attempts > 1:
        message = "a failed run is now retried; the job has no idempotency_key and is not idempotent"
        yield Risk("RISK06", message, {"attempts": after.retry.attempts})
    if before.catchup.mode is CatchupMode.NONE and after.catchup.mode is not CatchupMode.NONE:
        message = "runs are now caught up; the job has no idempotency_key and is not idempotent"
        yield Risk("RISK06", message, {"catchup": after.catchup.mode.value})


def _wider(asked: _Asked) -> Iterator[Risk]:
    before, after = asked.before, asked.after
    if before is None or after is None:
        return
    old, new = before.concurrency, after.concurrency
    if old.limit is not None and (new.limit is None or new.limit > old.limit):
        message = f"at most {old.limit} at once becomes {new.limit or 'any number'}"
        yield Risk("RISK07", message, {"before": old.limit, "after": new.limit})
    elif old.key is None and new.key is not None:
        yield Risk("RISK07", "the limit now applies to each key separately", {"key": new.key})


def _way_in(asked: _Asked) -> Iterator[Risk]:
    changed = [field for field in asked.change.fields if "secrets" in field.path]
    if changed and asked.before is not None and asked.after is not None:
        names = sorted({field.path[-1] for field in changed})
        yield Risk("RISK08", f"a different source for {', '.join(names)}", {"secrets": names})
    ways = [{one.webhook: _way(one) for one in _webhooks(job)} for job in (asked.before, asked.after)]
    for path in sorted(ways[0].keys() & ways[1].keys()):
        if ways[0][path] != ways[1][path]:
            yield Risk("RISK08", f"the webhook {path} is {ways[1][path]}", {"webhook": path})


def _way(one: WebhookTrigger) -> str:
    how = "" if one.verify is Proof.STANDARD else f" ({one.verify.value})"
    return "open to everyone" if one.secret is None else f"signed with {one.secret}{how}"


def _webhooks(job: JobSpec | None) -> list[WebhookTrigger]:
    return [] if job is None else [one for one in job.triggers if isinstance(one, WebhookTrigger)]


def _elsewhere(asked: _Asked) -> Iterator[Risk]:
    if asked.before is None or asked.after is None:
        return
    names = sorted(
        {field.path[-1] for field in asked.change.fields if field.path[-1] in {"shell", "working_dir"}}
    )
    if names:
        yield Risk("RISK09", f"a different {' and '.join(names)}", {"fields": names})


def _gains_rights(asked: _Asked) -> Iterator[Risk]:
    before, after = asked.before, asked.after
    if after is not None and after.new_privileges and not (before is not None and before.new_privileges):
        yield Risk("RISK14", "its programs may now gain privileges, as sudo does", {"new_privileges": True})


def _switched(asked: _Asked) -> Iterator[Risk]:
    before, after = asked.before, asked.after
    if before is not None and after is not None and before.enabled != after.enabled:
        yield Risk("RISK10", "switched on" if after.enabled else "switched off", {"enabled": after.enabled})


_RULES: Final[tuple[Callable[[_Asked], Iterator[Risk]], ...]] = (
    *(_more_runs, _short_timeout, _open_runs, _followed, _due_soon, _twice, _wider, _way_in, _elsewhere),
    *(_switched, _gains_rights),
)
