"""Collects the facts about an expected run for `why`: schedule, definition,
engine, attempts, manual actions.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from engine.answers.artifacts import artifacts_line
from engine.answers.as_json import hosts_of_attempts
from engine.answers.asked import Asked
from engine.answers.expected import INSTANT, NOT_ACCOUNTED, Item
from engine.answers.following import cause_words, is_following
from engine.answers.outputs import label_of
from engine.answers.starts import file_of, webhook_of
from engine.answers.steps import attempts_in_order, step_line, steps_of_run
from engine.core.lifecycle import Attempt, AttemptState, Run, RunState, TriggerKind
from engine.core.reasons import IncidentKind
from engine.core.records import Audited, JobVersion, Schedule, Session
from engine.core.step_states import StepRun
from engine.core.vocabulary import (
    combination_text,
    instant_text,
    place_text,
    reason_words,
    seconds_text,
    short,
    value_text,
)
from engine.ledger.ports import EngineHistory, Generations, History, View
from jobfile.model.counts import many
from jobfile.schedule.in_words import describe

ON_TIME_SECONDS = 10
"""A decision that was recorded within this many seconds was on time."""

SILENCE = timedelta(seconds=15)
"""How long after its last heartbeat a session without an end may still have been running."""

MAX_INCIDENTS = 1_000
"""Number of newest incidents that are searched for a hold."""

Fact = tuple[str, str]
"""A label, and its text."""

_RUN_ID = re.compile(r"\b[0-9a-f]{32}\b")
_SHOWN_ELSEWHERE = ("run",)
"""Actions of the audit that another fact already shows."""


def instant_facts(asked: Asked, item: Item) -> list[Fact]:
    """The schedule, the definition, when it was decided, the engine, and pauses."""
    is_scheduled = item.is_scheduled
    return [
        *_schedule_facts(asked.view, asked.job, item, asked.zone),
        *_definition_facts(asked.view, item),
        *_decision_facts(asked, item),
        *(_pause_facts(asked.view, asked.job, item.scheduled_for, asked.zone) if is_scheduled else ()),
    ]


def _schedule_facts(view: View, job: str, item: Item, zone: ZoneInfo) -> list[Fact]:
    if item.run is not None and item.run.trigger is TriggerKind.AFTER:
        label = "follows" if item.state is RunState.SKIPPED else "started after"
        return [(label, cause_words(view, item.run, zone)), ("for", instant_text(item.scheduled_for, zone))]
    if item.run is None and is_following(item):
        return [("follows", item.detail), ("for", instant_text(item.scheduled_for, zone))]
    if not item.is_scheduled:
        by = f" by {item.run.requested_by}" if item.run and item.run.requested_by else ""
        reason = _reason_given(view, item.run) if item.run else ""
        why = f": {reason}" if reason else ""
        asked = "found" if file_of(item.run) else "called" if webhook_of(item.run) else "requested"
        return [(asked, f"{instant_text(item.scheduled_for, zone)}{by}{why}"), *_event_facts(item.run)]
    schedule = schedule_at(view, job, item.scheduled_for)
    if schedule is None:
        return []
    rules = "; ".join(describe(entry) for entry in schedule.entries)
    since = instant_text(schedule.active_from, zone)
    return [("schedule", rules), ("", f"in force since {since}, generation {schedule.generation}")]


def _event_facts(run: Run | None) -> list[Fact]:
    """The file or the call that started a run."""
    if run is None:
        return []
    if path := file_of(run):
        return [("file", f"{path}, {run.trigger_values.get('size', '?')} bytes")]
    if hook := webhook_of(run):
        id = run.trigger_values.get("id")
        return [("webhook", f"{hook}, call {id}" if id else hook)]
    return []


def _reason_given(view: View, run: Run) -> str:
    """The reason that a user gave for a run or a retry; empty without one."""
    for one in view.audit_of(run.retry_of or run.id):
        if one.detail.endswith(f"; run {run.id}"):
            return one.detail.removesuffix(f"; run {run.id}")
    return ""


def _definition_facts(view: View, item: Item) -> list[Fact]:
    if item.run is None:
        return []
    for version in reversed(view.job_versions(item.run.job)):
        if version.digest == item.run.digest:
            return [("definition", _place(view, version))]
    return [("definition", "as it was in the files, never applied")]


def _place(view: Generations, version: JobVersion) -> str:
    generation = view.generation(version.from_generation)
    commit = f", commit {generation.revision[:12]}" if generation and generation.revision else ""
    return f"{version.file}:{version.line}, generation {version.from_generation}{commit}"


def _decision_facts(asked: Asked, item: Item) -> list[Fact]:
    """When it was decided, how late that was, and which engine was running, if any."""
    if not item.is_scheduled:
        return []
    facts = []
    if item.run is not None:
        late = (item.run.queued_at - item.scheduled_for).total_seconds()
        how = "on time" if late < ON_TIME_SECONDS else f"{seconds_text(late)} late"
        facts.append(("recorded", f"{instant_text(item.run.queued_at, asked.zone)}, {how}"))
    is_decided = item.reason != NOT_ACCOUNTED
    is_there = is_decided or asked.presence.is_running
    return facts + _engine_facts(asked.view, item.scheduled_for, asked.zone, is_there=is_there)


def _engine_facts(view: View, at: datetime, zone: ZoneInfo, *, is_there: bool) -> list[Fact]:
    """The engine that ran at an instant. Without `is_there`, no engine has decided about it and none runs
    now.

    A session that was killed has no recorded end; only a missing decision proves that it was not running.
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
        facts.append(("engine", f"absent: the previous one {how} about {instant_text(end, zone)}{back}"))
    else:
        facts.append(("engine", f"epoch {before.epoch}, since {instant_text(before.started_at, zone)}"))
    return facts + _trouble_facts(view, at, zone)


def _trouble_facts(view: EngineHistory, at: datetime, zone: ZoneInfo) -> list[Fact]:
    """Other problems at an instant: rejected files, a clock that was not believed."""
    facts = [
        ("clock", f"not believed from {instant_text(one.began_at, zone)}: {one.detail}")
        for one in view.recent_incidents(limit=MAX_INCIDENTS)
        if one.kind == IncidentKind.CLOCK_HOLD
        and one.began_at <= at
        and (one.ended_at is None or at <= one.ended_at)
    ]
    refused = view.rejections_between(since=at, until=at)
    facts += [
        ("config", f"rejected at that time: {one.diagnostics[0]}") for one in refused if one.diagnostics
    ]
    return facts


def _covers(session: Session, at: datetime, after: Session | None) -> bool:
    """Whether a session was running at an instant, judged by its heartbeats."""
    if session.ended_at is not None:
        return at <= session.ended_at
    return after is None or at <= session.last_seen_at + SILENCE


def run_facts(view: View, run: Run, zone: ZoneInfo) -> list[Fact]:
    """A run with its params and attempts, and the manual actions on it."""
    resolved = f", found later to have {run.verdict.value}" if run.resolved else ""
    facts = [("run", f"{short(run.id)}, {run.trigger.value}, {run.state.value}{resolved}")]
    if run.retry_of:
        what = "in place of" if run.trigger is TriggerKind.AFTER else "a retry of"
        facts.append(("", f"{what} run {short(run.retry_of)}"))
    if run.trigger is TriggerKind.MANUAL and run.caused_by:
        facts.append(("requested in", f"run {short(run.caused_by)}"))
    if run.idempotency_key:
        facts.append(("idempotency", run.idempotency_key))
    if run.matrix:
        facts.append(("combination", combination_text(run.matrix)))
    if run.params:
        arguments = ", ".join(f"{name}={value_text(value)}" for name, value in run.params.items())
        facts.append(("params", arguments))
    steps = steps_of_run(view, run)
    wholes = [one for one in steps if not one.item]
    facts += [
        (
            "steps" if index == 0 else "",
            step_line(one, [each for each in steps if each.step == one.step and each.item]),
        )
        for index, one in enumerate(wholes)
    ]
    attempts = attempts_in_order(view, run, view.attempts(run.id))
    hosts = hosts_of_attempts(view, run)
    facts += [
        ("attempts" if index == 0 else "", _attempt_line(attempt, zone, host=hosts.get(attempt.id, "")))
        for index, attempt in enumerate(attempts)
    ]
    if outputs := view.outputs(run.id):
        facts.append(("outputs", ", ".join(f"{label_of(one)}={value_text(one.value)}" for one in outputs)))
    if artifacts := view.artifacts(run.id):
        facts.append(("artifacts", artifacts_line(artifacts)))
        facts.append(("", f"jobfile artifacts {short(run.id)}"))
    if run.state is RunState.RETRY_WAIT and run.retry_at is not None:
        facts.append(("next attempt", instant_text(run.retry_at, zone)))
    done = [one for one in view.audit_of(run.id) if one.action not in _SHOWN_ELSEWHERE]
    facts += [("by hand", _audit_line(one, zone)) for one in done]
    facts += [
        (
            "then" if one.trigger is TriggerKind.AFTER else "retried",
            f"run {short(one.id)}, {one.verdict.value}",
        )
        for one in view.retries_of(run.id)
    ]
    if any(attempt.state is not AttemptState.NOT_STARTED for attempt in attempts):
        facts.append(("output", f"jobfile logs {short(run.id)}"))
    return facts


def _items_of(steps: Sequence[StepRun], whole: StepRun) -> list[StepRun]:
    return [one for one in steps if one.step == whole.step and one.item]


def _audit_line(one: Audited, zone: ZoneInfo) -> str:
    detail = _RUN_ID.sub(lambda found: short(found[0]), one.detail)
    return f"{instant_text(one.at, zone)}  {one.action} by {one.actor}{f': {detail}' if detail else ''}"


def _pause_facts(view: History, job: str, at: datetime, zone: ZoneInfo) -> list[Fact]:
    """Who had paused the job at an instant, why, and how the pause ended."""
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


def _attempt_line(attempt: Attempt, zone: ZoneInfo, *, host: str) -> str:
    start = attempt.started_at or attempt.created_at
    took = f", took {seconds_text((attempt.ended_at - start).total_seconds())}" if attempt.ended_at else ""
    words = reason_words(attempt.reason, attempt.detail) if attempt.reason else attempt.detail
    detail = f": {attempt.detail}" if attempt.detail not in words else ""
    how = f"{attempt.state.value}{f', {words}{detail}' if words else ''}"
    which, began = _step_and_number(attempt), instant_text(start, zone, has_seconds=True)
    return f"{which}  {began}  {how}{took}{f', on {host}' if host else ''}{_used(attempt)}"


def _step_and_number(attempt: Attempt) -> str:
    """Which attempt of its run it is, as `2`, `extract 2`, or `load[7] 1` for the seventh item."""
    if not attempt.step:
        return str(attempt.number)
    return f"{place_text(attempt.step, attempt.item)} {attempt.number}"


def _used(attempt: Attempt) -> str:
    """The peak memory of an attempt, and the processes that it left behind, as the end of a line."""
    memory = f", peak memory {attempt.max_rss_kb / 1024:.0f} MiB" if attempt.max_rss_kb else ""
    left = attempt.leftover_processes
    return memory + (f", left {many(left, 'process', 'processes')} behind (ended)" if left else "")


def schedule_at(view: History, job: str, at: datetime) -> Schedule | None:
    """The schedule that owns an instant: in force after its start, up to and including its end."""
    found = [
        schedule
        for schedule in view.schedules_between(job, since=at, until=at + INSTANT)
        if schedule.active_from < at and (schedule.active_until is None or at <= schedule.active_until)
    ]
    return found[-1] if found else None
