"""Answers of `why`: everything known about one expected run, or why none was expected."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from engine.answers.as_json import Details, details_of, iso, run_to_json, whole_run_to_json
from engine.answers.asked import Asked
from engine.answers.combinations import combination_facts, tally_words
from engine.answers.did import chosen_item, day_window, verdict_of, worst_of
from engine.answers.expected import INSTANT, NOT_ACCOUNTED, Item, item_of
from engine.answers.facts import Fact, instant_facts, run_facts, schedule_at
from engine.answers.following import again_words, items_of, upcoming_of_roots
from engine.answers.gone import gone_requests, gone_words
from engine.answers.lateness import item_late_words
from engine.answers.newest import decisive
from engine.answers.notifications import notification_facts, notification_to_json
from engine.answers.odd import item_odd_words
from engine.answers.overdue import OVERDUE
from engine.answers.presence import RUNNING, Presence
from engine.answers.retried import after_retries
from engine.answers.starts import folder_words, starts_of
from engine.answers.waiting import Line, first_line, line_to_json
from engine.core.columns import facts
from engine.core.lifecycle import Run, RunState
from engine.core.reasons import REASONS
from engine.core.records import Audited, Notification, Schedule
from engine.core.vocabulary import instant_text, short, start_error_words
from engine.ledger.ports import View
from jobfile.diagnostics.escapes import printable
from jobfile.model.canonical import spec_from_json
from jobfile.model.dataclass import dataclass
from jobfile.render.style import PLAIN, Style
from jobfile.schedule.in_words import describe
from jobfile.schedule.occurrences import fire_at, fires, next_fire

NEAR = timedelta(days=40)
"""How far before and after an unexpected instant the nearest expected ones are searched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Everything known about an instant: a headline, and facts with short labels."""

    job: str
    headline: str
    facts: tuple[Fact, ...]
    is_expected: bool
    is_overdue: bool
    state: RunState | None
    reason: str
    runs: tuple[Run, ...]
    details: tuple[Details, ...] = ()
    """The attempts, outputs and steps of each run."""
    last_lines: tuple[str, ...] = ()
    """The last lines of the run's output, if they were read."""
    at: datetime | None = None
    """The instant that it is about; None for a day without a run."""
    words: str = ""
    """The reason of its state in words."""
    late: tuple[str, ...] = ()
    """In which respects it is late, in words."""
    odd: tuple[str, ...] = ()
    """What is unusual about it, in words."""
    line: Line | None = None
    """The line in which its first waiting run waits."""
    by_hand: tuple[Audited, ...] = ()
    """What users did with its runs."""
    retries: tuple[Run, ...] = ()
    """The manual retries of its runs."""
    notifications: tuple[Notification, ...] = ()
    """Who was notified of its runs, and whether each message was delivered."""

    @property
    def run_ids(self) -> tuple[str, ...]:
        """The runs of the story."""
        return tuple(run.id for run in self.runs)


def story_to_text(story: Story, *, width: int, style: Style = PLAIN) -> str:
    """The answer as text: the headline, the facts, and the end of the run's output."""
    ends = (("last lines" if index == 0 else "", line) for index, line in enumerate(story.last_lines))
    shown = (*story.facts, *ends)
    headline = printable(story.headline)
    name = story.job if headline.startswith(story.job) else ""
    head = name + style.states(headline.removeprefix(name))
    return f"{head}\n\n{facts(shown, width=width, style=style)}" if shown else head


def story_to_json(story: Story) -> dict[str, object]:
    """The answer as JSON data."""
    return {
        "format": 1,
        "job": story.job,
        "headline": story.headline,
        "scheduled_for": iso(story.at),
        "is_expected": story.is_expected,
        "state": OVERDUE if story.is_overdue else story.state.value if story.state else None,
        "reason": story.reason or None,
        "words": story.words or None,
        "late": list(story.late),
        "odd": list(story.odd),
        "waits_for": line_to_json(story.line),
        "by_hand": [
            {"at": one.at.isoformat(), "action": one.action, "by": one.actor, "detail": one.detail or None}
            for one in story.by_hand
        ],
        "notifications": [notification_to_json(one) for one in story.notifications],
        "retries": [run_to_json(run) for run in story.retries],
        "last_lines": list(story.last_lines),
        "runs": list(story.run_ids),
        "run_list": [
            whole_run_to_json(run, details) for run, details in zip(story.runs, story.details, strict=True)
        ],
        "facts": [{"label": label or None, "text": text} for label, text in story.facts],
    }


def why(
    view: View, job: str, at: datetime, *, zone: ZoneInfo, now: datetime, presence: Presence = RUNNING
) -> Story:
    """Explain the instant `at`: the run that was expected then, or why none was."""
    asked = Asked(view=view, job=job, zone=zone, now=now, presence=presence)
    items = items_of(view, job, since=at, until=at + timedelta(seconds=1), now=now)
    if not items:
        return _not_expected(asked, at)
    item = decisive(items)
    return _story(asked, item, at, beside=[one for one in items if one is not item])


def why_run(asked: Asked, run: Run) -> Story:
    """Explain one run."""
    return _story(asked, item_of(run), run.scheduled_for)


def why_newest(asked: Asked) -> Story:
    """Explain the run that `did` answers for: the newest expected one, or else the next."""
    item, coming = chosen_item(asked)
    if item is not None:
        return _story(asked, item, item.scheduled_for)
    return _not_expected(asked, coming or asked.now)


def why_day(asked: Asked, day: date) -> Story:
    """Explain the worst run of a local day (the last, if there are several), with the number of its kind."""
    since, until = day_window(day, asked.zone)
    items = items_of(asked.view, asked.job, since=since, until=until, now=asked.now)
    items = tuple(item for item in items if item.run is None or item.run.retry_of is None)
    if not items:
        return _not_expected_on(asked, day, since, until)
    item = worst_of(asked, items)
    counts = Counter(verdict_of(asked, after_retries(asked.view, one, asked.job)) for one in items)
    shown = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    story = _story(asked, item, item.scheduled_for)
    day_fact = ("that day", f"{shown} of {len(items)}: jobfile did {asked.job} --on {day.isoformat()}")
    return replace(story, facts=(*story.facts, day_fact)) if len(items) > 1 else story


def _story(asked: Asked, item: Item, at: datetime, *, beside: Sequence[Item] = ()) -> Story:
    found = instant_facts(asked, item)
    found += combination_facts(item)
    for run in (one.run for one in (item, *beside) if one.run is not None):
        found += run_facts(asked.view, run, asked.zone)
    runs = tuple(run for one in (item, *beside) for run in one.runs)
    told = tuple(one for run in runs for one in asked.view.notifications(run.id))
    found += notification_facts(told, asked.zone)
    if item.state is RunState.FAILED and not item.ran:
        found.append(("ran", "no, its command was never executed"))
    if item.pruned_at is not None:
        shown = f"no longer kept: removed by retention {instant_text(item.pruned_at, asked.zone)}"
        found.append(("details", shown))
    late = item_late_words(asked.view, asked.job, item, asked.presence, zone=asked.zone, now=asked.now)
    found += [("late" if number == 0 else "", one.removeprefix("late: ")) for number, one in enumerate(late)]
    odd = item_odd_words(asked.view, item)
    found += [("odd" if number == 0 else "", one.removeprefix("odd: ")) for number, one in enumerate(odd)]
    last = after_retries(asked.view, item, asked.job)
    if last is not item and (words := asked.words(item)):
        found.insert(0, ("at first", f"{item.state.value}, {words}"))
    return Story(
        job=asked.job,
        headline=f"{asked.job}, {instant_text(at, asked.zone)}: {_headline(asked, item, last)}",
        facts=tuple(found),
        is_expected=True,
        is_overdue=asked.is_overdue(item),
        state=item.state,
        reason=asked.with_reason(item).reason,
        runs=runs,
        details=tuple(details_of(asked.view, run) for run in runs),
        at=at,
        late=late,
        odd=odd,
        words=asked.words(item),
        line=first_line(asked.view, runs, asked.now),
        by_hand=tuple(one for run in runs for one in asked.view.audit_of(run.id)),
        retries=tuple(one for run in runs for one in asked.view.retries_of(run.id)),
        notifications=told,
    )


def _headline(asked: Asked, item: Item, last: Item) -> str:
    """The state of an expected run, and why; or the result of its retry."""
    words = "; ".join(part for part in (asked.words(item), tally_words(item)) if part)
    if asked.is_overdue(item):
        return f"{'its next attempt has not started' if item.ran else 'has not run'}: {words}"
    if last.run is not None and last is not item:
        again = f"{last.state.value} (run {short(last.run.id)})"
        return f"{item.state.value}, then {again_words(last.run)}: {again}"
    if item.run is None and item.reason == NOT_ACCOUNTED:
        return f"has not run: {words}"
    if item.state is RunState.FAILED and not item.ran:
        return f"did not run, {start_error_words(words)}"
    return f"{item.state.value}{f', {words}' if words else ''}"


def _not_expected_on(asked: Asked, day: date, since: datetime, until: datetime) -> Story:
    """Why nothing was expected on a day, or not yet."""
    after = max(since, asked.now)
    schedule = schedule_at(asked.view, asked.job, after)
    coming = next_fire(schedule.entries, after=after - INSTANT) if schedule is not None else None
    if coming is not None and coming.at < until:
        return _not_expected(asked, coming.at)
    story = _not_expected(asked, since)
    has_schedule = schedule_at(asked.view, asked.job, since) is not None
    because = "its schedule has no run on that day" if has_schedule else story.reason
    return replace(
        story, headline=f"{asked.job}, {day.isoformat()}: not expected: {because}", reason=because, at=None
    )


def _not_expected(asked: Asked, at: datetime) -> Story:
    view, job, zone = asked.view, asked.job, asked.zone
    schedule = schedule_at(view, job, at)
    found: list[Fact] = []
    if schedule is not None:
        because = "its schedule has no run at that time"
        found.append(("schedule", "; ".join(describe(entry) for entry in schedule.entries)))
        found += _neighbours(schedule, at, zone)
    else:
        because = _why_no_schedule(view, job, at, zone)
    if gone := gone_requests(view, job, since=at, until=at + INSTANT):
        found.append(("details", gone_words(gone)))
    found += _other_starts(asked)
    is_coming = schedule is not None and at > asked.now and fire_at(schedule.entries, at) is not None
    what = "expected, not yet due" if is_coming else f"not expected: {because}"
    jobs = " or ".join(view.following.upstream(job)) if schedule is None else ""
    if jobs:
        because = f"it starts after {jobs}, and no run of it was for that time"
        begins = upcoming_of_roots(view, job, now=at - INSTANT, until=at) if at > asked.now else None
        is_coming = begins is not None
        what = (
            f"expected after {begins[1]}, not yet due" if begins is not None else f"not expected: {because}"
        )
        found.append(("follows", jobs))
    return Story(
        job=job,
        headline=f"{job}, {instant_text(at, zone)}: {what}",
        facts=tuple(found),
        is_expected=is_coming,
        is_overdue=False,
        state=None,
        reason="" if is_coming else because,
        runs=(),
        at=at,
    )


def _neighbours(schedule: Schedule, at: datetime, zone: ZoneInfo) -> list[Fact]:
    found = []
    span, looked = timedelta(hours=1), timedelta()
    while looked < NEAR:
        looked, span = min(span, NEAR), span * 4
        before = [fire.at for fire in fires(schedule.entries, after=at - looked, until=at - INSTANT)]
        if before:
            found.append(("previous", instant_text(before[-1], zone)))
            break
    after = next_fire(schedule.entries, after=at)
    if after is not None:
        found.append(("next", instant_text(after.at, zone)))
    return found


def _why_no_schedule(view: View, job: str, at: datetime, zone: ZoneInfo) -> str:
    versions = view.job_versions(job)
    if not versions:
        return "no generation has the job"
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


def _other_starts(asked: Asked) -> list[Fact]:
    """What else starts the job now, and what is wrong with the folders that are watched for it."""
    version = asked.view.job_in_force(asked.job)
    text = None if version is None else asked.view.definition_text(version.digest)
    words = () if text is None else starts_of(spec_from_json(text))
    troubles = [folder_words(one) for one in asked.view.watched() if asked.job in one.jobs]
    known = troubles if asked.presence.is_running else []
    return [*(("starts", one) for one in words), *(("folder", one) for one in known if one)]
