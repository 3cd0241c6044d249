"""The whole story of one instant of one job: total, for any instant up to now."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from engine.answers.expected import INSTANT, NOT_ACCOUNTED, Item, expected_items
from engine.answers.overdue import is_overdue, overdue_words
from engine.answers.presence import RUNNING, Presence, unsettled_words
from engine.ledger import View
from engine.lifecycle import Attempt, Run, RunState
from engine.records import Audited, JobVersion, Schedule, Session
from engine.wording import REASONS, in_words, instant_text, reason_words, seconds_text, short
from jobfile.occurrences import fires, next_fire
from jobfile.words import describe

NEAR = timedelta(days=40)
"""How far around an instant that was not expected the nearest expected ones are looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What is known about an instant: a headline, and facts under short labels."""

    headline: str
    facts: tuple[tuple[str, str], ...]
    is_expected: bool
    is_overdue: bool
    state: RunState | None
    reason: str
    run_ids: tuple[str, ...]


def why(
    view: View, job: str, at: datetime, *, zone: ZoneInfo, now: datetime, presence: Presence = RUNNING
) -> Story:
    """Tell the story of the instant `at`: of the run expected then, or why none was."""
    items = expected_items(view, job, since=at, until=at + timedelta(seconds=1), now=now)
    if not items:
        return _not_expected(view, job, at, zone=zone, now=now)
    item = next((one for one in items if one.is_scheduled), items[-1])
    facts = [
        *_schedule_facts(view, job, item, zone),
        *_definition_facts(view, item),
        *_decision_facts(view, item, zone, presence),
        *(_pause_facts(view, job, item.scheduled_for, zone) if item.is_scheduled else ()),
    ]
    for one in items:
        if one.run is not None:
            facts += _run_facts(view, one.run, zone)
    if item.pruned_at is not None:
        told = f"no longer kept: retention took them away {instant_text(item.pruned_at, zone)}"
        facts.append(("details", told))
    return Story(
        headline=f"{job}, {instant_text(at, zone)}: {_headline(view, item, zone, now, presence)}",
        facts=tuple(facts),
        is_expected=True,
        is_overdue=is_overdue(item, presence, now),
        state=item.state,
        reason=item.reason if item.run is None else item.run.reason,
        run_ids=tuple(one.run.id for one in items if one.run is not None),
    )


def _headline(view: View, item: Item, zone: ZoneInfo, now: datetime, presence: Presence) -> str:
    """How an expected run stands, and why."""
    if is_overdue(item, presence, now):
        has_run = "its next attempt has not started" if item.ran else "has not run"
        return f"{has_run}: {overdue_words(view, item, presence, zone=zone, now=now)}"
    if item.run is None and item.reason == NOT_ACCOUNTED:
        paused = f"{reason_words('paused', item.detail)}, and " if item.detail else ""
        return f"has not run: {paused}{presence.obstacle(zone) or 'the engine is about to decide'}"
    if item.run is not None and item.run.id in presence.fates:
        return f"{item.state.value}: {unsettled_words(presence.fates[item.run.id])}"
    words = in_words(item.run) if item.run is not None else reason_words(item.reason, item.detail)
    return f"{item.state.value}{f', {words}' if words else ''}"


def _schedule_facts(view: View, job: str, item: Item, zone: ZoneInfo) -> list[tuple[str, str]]:
    if not item.is_scheduled:
        by = f" by {item.run.requested_by}" if item.run and item.run.requested_by else ""
        return [("asked for", f"{instant_text(item.scheduled_for, zone)}{by}")]
    schedule = _schedule_at(view, job, item.scheduled_for)
    if schedule is None:
        return []
    rules = "; ".join(describe(entry) for entry in schedule.entries)
    since = instant_text(schedule.active_from, zone)
    return [("schedule", rules), ("", f"in force since {since}, generation {schedule.generation}")]


def _definition_facts(view: View, item: Item) -> list[tuple[str, str]]:
    if item.run is None:
        return []
    for version in reversed(view.job_versions(item.run.job)):
        if version.digest == item.run.digest:
            return [("definition", _place(view, version))]
    return [("definition", "as it was in the files, never applied")]


def _place(view: View, version: JobVersion) -> str:
    generation = view.generation(version.from_generation)
    commit = f", commit {generation.revision[:12]}" if generation and generation.revision else ""
    return f"{version.file}:{version.line}, generation {version.from_generation}{commit}"


def _decision_facts(view: View, item: Item, zone: ZoneInfo, presence: Presence) -> list[tuple[str, str]]:
    """When it was decided, how late that was, and which engine was there, or was not."""
    decided = item.run.queued_at if item.run is not None else None
    facts = []
    if decided is not None and item.is_scheduled:
        late = (decided - item.scheduled_for).total_seconds()
        how = "on time" if late < 10 else f"{seconds_text(late)} late"
        facts.append(("recorded", f"{instant_text(decided, zone)}, {how}"))
    if item.is_scheduled:
        is_decided = item.run is not None or item.reason != NOT_ACCOUNTED
        facts += _engine_facts(view, item.scheduled_for, zone, is_there=is_decided or presence.is_running)
    return facts


def _engine_facts(view: View, at: datetime, zone: ZoneInfo, *, is_there: bool) -> list[tuple[str, str]]:
    """The engine of an instant. Without `is_there` nobody has decided about it, and no engine runs now.

    A session that was killed has no end: only then is it known that it cannot have been there.
    """
    before, after = view.session_before(at), view.session_after(at)
    facts = []
    if before is None:
        facts.append(("engine", "none had run yet"))
    elif not _covers(before, at, after) or not (is_there or after):
        end = before.ended_at or before.last_seen_at
        how = before.end_reason if before.ended_at else "was killed"
        back = (
            f", the next one started {instant_text(after.started_at, zone)}" if after else ", and none since"
        )
        facts.append(("engine", f"absent: the one before {how} about {instant_text(end, zone)}{back}"))
    else:
        facts.append(("engine", f"epoch {before.epoch}, since {instant_text(before.started_at, zone)}"))
    return facts + _trouble_facts(view, at, zone)


def _trouble_facts(view: View, at: datetime, zone: ZoneInfo) -> list[tuple[str, str]]:
    """What else was out of order at an instant: files that were refused, a clock that was not believed."""
    facts = [
        ("clock", f"not believed from {instant_text(one.began_at, zone)}: {one.detail}")
        for one in view.recent_incidents(limit=1_000)
        if one.kind == "clock_hold" and one.began_at <= at and (one.ended_at is None or at <= one.ended_at)
    ]
    refused = view.rejections_between(since=at, until=at)
    facts += [
        ("config", f"rejected at that time: {one.diagnostics[0]}") for one in refused if one.diagnostics
    ]
    return facts


def _covers(session: Session, at: datetime, after: Session | None) -> bool:
    """Whether a session was there at an instant, as far as its signs of life tell."""
    if session.ended_at is not None:
        return at <= session.ended_at
    return after is None or at <= session.last_seen_at + timedelta(seconds=15)


def _run_facts(view: View, run: Run, zone: ZoneInfo) -> list[tuple[str, str]]:
    resolved = f", found later to have {run.verdict.value}" if run.resolved else ""
    facts = [("run", f"{short(run.id)}, {run.trigger.value}, {run.state.value}{resolved}")]
    if run.params:
        facts.append(("params", ", ".join(f"{name}={value}" for name, value in run.params.items())))
    facts += [
        ("attempts" if index == 0 else "", _attempt_line(attempt, zone))
        for index, attempt in enumerate(view.attempts(run.id))
    ]
    if run.state is RunState.RETRY_WAIT and run.retry_at is not None:
        facts.append(("next try", instant_text(run.retry_at, zone)))
    facts += [("by hand", _audit_line(one, zone)) for one in view.audit_of(run.id)]
    facts += [("tried again", f"run {short(one.id)}, {one.state.value}") for one in view.retries_of(run.id)]
    if run.attempt:
        facts.append(("output", f"jobfile logs {short(run.id)}"))
    return facts


def _audit_line(one: Audited, zone: ZoneInfo) -> str:
    detail = f", {one.detail}" if one.detail else ""
    return f"{instant_text(one.at, zone)}  {one.actor}: {one.action}{detail}"


def _pause_facts(view: View, job: str, at: datetime, zone: ZoneInfo) -> list[tuple[str, str]]:
    """Who had paused the job at an instant, why, and how it went on."""
    facts = []
    for pause in view.pauses_between(job, since=at, until=at):
        if pause.holds_at(at):
            why_paused = f": {pause.reason}" if pause.reason else ""
            facts.append(("paused", f"by {pause.actor} {instant_text(pause.paused_at, zone)}{why_paused}"))
            if pause.ended_at is not None:
                facts.append(("", f"resumed by {pause.ended_by} {instant_text(pause.ended_at, zone)}"))
            elif pause.until is not None:
                facts.append(("", f"until {instant_text(pause.until, zone)}"))
    return facts


def _attempt_line(attempt: Attempt, zone: ZoneInfo) -> str:
    start = attempt.started_at or attempt.created_at
    took = f", took {seconds_text((attempt.ended_at - start).total_seconds())}" if attempt.ended_at else ""
    reason = f" {attempt.reason}" if attempt.reason else ""
    detail = f": {attempt.detail}" if attempt.detail else ""
    line = f"{attempt.number}  {start.astimezone(zone):%H:%M:%S}  {attempt.state.value}{reason}{took}"
    return f"{line}{_used(attempt)}{detail}"


def _used(attempt: Attempt) -> str:
    """What it used of the machine, and what it left running, which was ended."""
    memory = f", {attempt.max_rss_kb / 1024:.0f} MiB" if attempt.max_rss_kb else ""
    left = attempt.leftover_processes
    return memory + (f", left {left} process{'es' if left > 1 else ''} behind (ended)" if left else "")


def _not_expected(view: View, job: str, at: datetime, *, zone: ZoneInfo, now: datetime) -> Story:
    schedule = _schedule_at(view, job, at)
    facts: list[tuple[str, str]] = []
    if schedule is not None:
        because = "its schedule does not name that time"
        facts.append(("schedule", "; ".join(describe(entry) for entry in schedule.entries)))
        facts += _neighbours(schedule, at, zone)
    else:
        because = _why_no_schedule(view, job, at, zone)
    is_coming = schedule is not None and at > now and _names(schedule, at)
    what = "expected, not yet due" if is_coming else f"not expected: {because}"
    return Story(
        headline=f"{job}, {instant_text(at, zone)}: {what}",
        facts=tuple(facts),
        is_expected=is_coming,
        is_overdue=False,
        state=None,
        reason="" if is_coming else because,
        run_ids=(),
    )


def _names(schedule: Schedule, at: datetime) -> bool:
    return any(True for _ in fires(schedule.entries, after=at - INSTANT, until=at))


def _neighbours(schedule: Schedule, at: datetime, zone: ZoneInfo) -> list[tuple[str, str]]:
    facts = []
    span = timedelta(hours=1)
    while span <= NEAR:
        before = [fire.at for fire in fires(schedule.entries, after=at - span, until=at - INSTANT)]
        if before:
            facts.append(("the one before", instant_text(before[-1], zone)))
            break
        span *= 4
    after = next_fire(schedule.entries, after=at)
    if after is not None:
        facts.append(("the one after", instant_text(after.at, zone)))
    return facts


def _why_no_schedule(view: View, job: str, at: datetime, zone: ZoneInfo) -> str:
    versions = view.job_versions(job)
    if not versions:
        return "no generation knows the job"
    first = versions[0].applied_at
    if first is not None and at <= first:
        return f"the job was first applied {instant_text(first, zone)}"
    ended = [one for one in view.schedules_between(job, since=versions[0].applied_at or at, until=at)]
    if ended:
        last = ended[-1]
        assert last.active_until is not None
        why_ended = REASONS.get(last.ended_because, "its schedule was changed")
        return f"{why_ended} {instant_text(last.active_until, zone)}"
    return "the job has no schedule"


def _schedule_at(view: View, job: str, at: datetime) -> Schedule | None:
    """The schedule that owns an instant: in force after its start, up to and including its end."""
    found = [
        schedule
        for schedule in view.schedules_between(job, since=at, until=at + INSTANT)
        if schedule.active_from < at and (schedule.active_until is None or at <= schedule.active_until)
    ]
    return found[-1] if found else None
