"""Jobs that start after other jobs: what they still wait for, and the chain of causes of a run.

A follower has no instants of its own: what is expected of it are its records, and one more run for each
nominal time for which a job that it follows has not ended. It has no records for times of that job that a gap
record holds: then the gap record is its answer, too.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from typing import Final

from engine.answers.expected import INSTANT, NOT_ACCOUNTED, Item, expected_items, upcoming
from engine.answers.starts import requested_words
from engine.core.lifecycle import Run, RunState, TriggerKind
from engine.core.reasons import Reason
from engine.core.vocabulary import instant_text, reason_words, run_text, short
from engine.ledger.ports import View
from jobfile.model.canonical import spec_from_json
from jobfile.model.jobs import AfterTrigger, AfterWhen

AWAITS: Final = "awaits"
"""The reason of a run that a follower still waits for; its detail says for what."""
MOST_LINKS: Final = 1_000
"""Maximum jobs of a chain that an answer looks at."""
MOST_CAUSES: Final = 20
"""Maximum runs of a chain of causes that an answer names."""
_PENDING: Final = 10_000
"""Maximum ends that no engine has acted on that an answer reads."""


def items_of(view: View, job: str, *, since: datetime, until: datetime, now: datetime) -> tuple[Item, ...]:
    """Every run that was expected of a job in [since, until), and those that wait for another job to end."""
    own = expected_items(view, job, since=since, until=until, now=now)
    if not view.following.upstream(job):
        return own
    awaited = _awaited(view, job, since=since, until=until, now=now)
    return tuple(sorted((*own, *awaited), key=lambda item: item.scheduled_for)) if awaited else own


def is_following(item: Item) -> bool:
    """Whether an expected run is one after another job."""
    if item.run is None:
        return item.reason in (AWAITS, Reason.AFTER)
    return item.run.trigger is TriggerKind.AFTER


def again_words(run: Run) -> str:
    """How a run came about that takes the place of another."""
    return "started after all" if run.trigger is TriggerKind.AFTER else "retried by hand"


def place_words(item: Item, zone: tzinfo) -> str:
    """What an expected run was for, and when it was retried, or started after all."""
    run = item.run
    wanted = "scheduled for" if item.is_scheduled else "for" if is_following(item) else requested_words(item)
    at = instant_text(item.scheduled_for, zone)
    if run is None or run.retry_of is None:
        return f"{wanted} {at}"
    return f"for {at}, {again_words(run)} at {instant_text(run.queued_at, zone)}"


def roots(view: View, job: str) -> tuple[str, ...]:
    """The jobs at the beginning of the chains that lead to a job."""
    return tuple(one for one in _upstream_first(view, job) if not view.following.upstream(one))


def upcoming_of_roots(view: View, job: str, *, now: datetime, until: datetime) -> tuple[datetime, str] | None:
    """The next instant at which a chain that leads to a job begins, and the job that begins it."""
    if not view.following.upstream(job):
        return None
    found = ((next(upcoming(view, one, now=now, until=until), None), one) for one in roots(view, job))
    return min(((at, one) for at, one in found if at is not None), default=None)


def coming_words(view: View, job: str, at: datetime, *, zone: tzinfo) -> str:
    """When a run is expected, at a time at which the job's schedule or the chain that leads to it begins."""
    when = instant_text(at, zone)
    begins = upcoming_of_roots(view, job, now=at - INSTANT, until=at)
    is_own = next(upcoming(view, job, now=at - INSTANT, until=at), None) is not None
    return (
        f"expected at {when}"
        if begins is None or is_own
        else f"expected after {begins[1]}, at {when} or later"
    )


def cause_words(view: View, run: Run, zone: tzinfo) -> str:
    """The chain of causes of a run, from its nearest to the first."""
    return "".join(_causes(view, run, zone))


def _causes(view: View, run: Run, zone: tzinfo) -> Iterator[str]:
    cause, count = run.caused_by, 0
    while cause is not None:
        count += 1
        found = view.run(cause)
        if found is None:
            yield f"run {short(cause)}, which is no longer kept"
            return
        known = f"{run_text(found)} [run {short(found.id)}, {found.verdict.value}]"
        if found.caused_by is None:
            yield f"{known}, {_beginning(found, zone)}"
            return
        if count == MOST_CAUSES:
            yield f"{known}, which has causes of its own:  jobfile why {short(found.id)}"
            return
        link = "started after" if found.trigger is TriggerKind.AFTER else "was requested in"
        yield f"{known}, which {'follows' if found.reason == Reason.AFTER else link} "
        cause = found.caused_by


def _beginning(run: Run, zone: tzinfo) -> str:
    """How a chain began."""
    at = instant_text(run.scheduled_for, zone)
    if run.trigger.is_scheduled:
        return f"scheduled for {at}"
    by = f" by {run.requested_by}" if run.requested_by else ""
    return (
        f"requested{by} for {at}" if run.trigger is TriggerKind.MANUAL else f"by {run.trigger.value} for {at}"
    )


def _upstream_first(view: View, job: str) -> list[str]:
    """The jobs that a job follows, directly or through others, each after those that it follows itself."""
    found: dict[str, tuple[str, ...]] = {}
    waiting = list(view.following.upstream(job))
    while waiting and len(found) < MOST_LINKS:
        one = waiting.pop()
        if one not in found:
            found[one] = tuple(view.following.upstream(one))
            waiting += found[one]
    ordered: dict[str, None] = {}
    stack = [(one, iter(above)) for one, above in found.items()]
    while stack:
        one, rest = stack[-1]
        above = next((other for other in rest if other in found and other not in ordered), None)
        if one in ordered or above is None:
            ordered.setdefault(one)
            stack.pop()
        else:
            stack.append((above, iter(found[above])))
    return list(ordered)


def _awaited(view: View, job: str, *, since: datetime, until: datetime, now: datetime) -> list[Item]:
    """The runs of a job that wait for the end of another, by their nominal time."""
    pending = {end.run_id for end in view.following.ends(limit=_PENDING)}
    known: dict[str, Mapping[datetime, Item]] = {}
    for one in (*_upstream_first(view, job), job):
        own = {
            item.scheduled_for: item for item in expected_items(view, one, since=since, until=until, now=now)
        }
        waits = _waiting(view, one, own, known, pending) if view.following.upstream(one) else {}
        known[one] = {**waits, **own}
    return [item for item in known[job].values() if item.run is None and is_following(item)]


def _waiting(
    view: View,
    job: str,
    own: Mapping[datetime, Item],
    known: Mapping[str, Mapping[datetime, Item]],
    pending: set[str],
) -> dict[datetime, Item]:
    found: dict[datetime, Item] = {}
    for trigger in _triggers(view, job):
        # A follower of failures is expected to run only once there is a failure.
        upstream = [] if trigger.when is AfterWhen.FAILED else [known.get(one, {}) for one in trigger.jobs]
        for at in sorted({at for items in upstream for at in items} - own.keys()):
            items = {one: items[at] for one, items in zip(trigger.jobs, upstream, strict=True) if at in items}
            if trigger.all and len(items) < len(trigger.jobs):
                continue
            waits = [_wait(one, item, pending) for one, item in items.items()]
            wait = next((one for one in waits if one is not None), None)
            if wait is None and trigger.when is AfterWhen.SUCCEEDED:
                wait = _absent(view, job, items)
            if wait is not None:
                found.setdefault(at, wait)
    return found


def _absent(view: View, job: str, items: Mapping[str, Item]) -> Item | None:
    """The record that replaces that of a follower if a gap record is all that is known of a job that it
    follows; None if it did not yet follow that job.
    """
    for name, item in items.items():
        since = view.generation(view.following.upstream(job).get(name, 0))
        is_gap = item.run is None and item.pruned_at is None and item.state is not RunState.SUCCEEDED
        if is_gap and since is not None and since.applied_at < item.scheduled_for:
            if item.reason == Reason.AFTER:
                words = f"{item.detail}, so {name} did not run"
            else:
                words = f"{name} was {item.state.value}, {reason_words(item.reason, item.detail)}"
            return Item(
                scheduled_for=item.scheduled_for,
                state=RunState.SKIPPED,
                reason=Reason.AFTER,
                is_scheduled=False,
                detail=words,
            )
    return None


def _triggers(view: View, job: str) -> tuple[AfterTrigger, ...]:
    version = view.job_in_force(job)
    text = None if version is None else view.definition_text(version.digest)
    spec = None if text is None else spec_from_json(text)
    if spec is None or not spec.enabled:
        return ()
    return tuple(one for one in spec.triggers if isinstance(one, AfterTrigger))


def _wait(job: str, item: Item, pending: set[str]) -> Item | None:
    """The run that waits for the end of an expected run of a job; None if it has ended and was acted on."""
    is_pending = item.run is not None and item.run.id in pending
    if item.state.is_final and not is_pending:
        return None
    which = f" (run {short(item.run.id)})" if item.run is not None else ""
    if item.reason == AWAITS:
        words = item.detail
    elif is_pending:
        words = f"{job} has ended{which}, and no engine has acted on that yet"
    elif item.reason == NOT_ACCOUNTED:
        words = f"{job} has not started"
    else:
        words = f"{job} is {item.state.value.replace('_', ' ')}{which}"
    ended_at = item.run.ended_at if is_pending and item.run is not None else None
    return Item(
        scheduled_for=item.scheduled_for,
        state=RunState.QUEUED,
        reason=AWAITS,
        is_scheduled=False,
        detail=words,
        due_at=ended_at or item.due_at,
    )
