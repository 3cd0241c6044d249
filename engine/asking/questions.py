"""The questions that commands, the page and the API ask in the same way; each answer is a frozen value."""

from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import timedelta
from typing import NamedTuple

from engine.answers.asked import Asked
from engine.answers.choice import ALL, Choice, known_labels
from engine.answers.did import Did, did, did_never
from engine.answers.report import Report, make_report
from engine.answers.runs import Runs, newest_runs, one_run, runs_in
from engine.answers.why import Story, why, why_day, why_newest, why_run
from engine.asking.axes import refuse_unknown_axes
from engine.asking.choosing import chosen_jobs, refuse_choice_of_one, window_of
from engine.asking.naming import NeverAppliedError, Subject, job_named, subject
from engine.asking.place import Place
from engine.asking.times import named_day, named_days, parse_days, parse_instant
from engine.core.errors import WrongUsageError
from engine.core.lifecycle import RunState
from engine.ledger.ports import View
from engine.service.presence import presence_at
from jobfile.schedule.zones import load_zone

REPORT_WINDOW = timedelta(hours=24)
Sees = Callable[[str], bool]
"""Whether a job may be seen by who asks."""


class Window(NamedTuple):
    """From when until when, as given; None for an open side."""

    since: str | None = None
    until: str | None = None


class DidAsked(NamedTuple):
    """Which runs of a job the question is about."""

    params: Mapping[str, str] = {}
    matrix: Mapping[str, str] = {}
    day: str | None = None
    instant: str | None = None
    words: str = ""
    """A time that may be a day or an instant."""


class RunsAsked(NamedTuple):
    """Which runs to list."""

    window: Window = Window()
    choice: Choice = ALL
    states: tuple[RunState, ...] = ()
    limit: int = 20
    is_by_time: bool = False
    """Whether they are sorted by their scheduled time, and not by when they were recorded."""

    @property
    def has_window(self) -> bool:
        """Whether the runs are those of a time or of some jobs, and not just the newest."""
        return self.is_by_time or self.window != Window() or not self.choice.is_all


def ask_did(place: Place, name: str, wanted: DidAsked = DidAsked()) -> Did:  # noqa: B008  immutable
    """Did this job, or this run, succeed?"""
    if wanted.day and wanted.instant:
        raise WrongUsageError("--on and --at exclude each other")
    try:
        asked = subject(place, name)
    except NeverAppliedError as error:
        return did_never(name, str(error))
    with closing(asked.view):
        return _did(place, asked, wanted)


def _did(place: Place, asked: Subject, wanted: DidAsked) -> Did:
    now, zone = place.now(), asked.zone
    if asked.run is not None and any(wanted):
        raise WrongUsageError("--on, --at, -p, --matrix and a time are about a job; a RUN is one already")
    refuse_unknown_axes(asked.view, asked.job, wanted.matrix)
    day, instant = wanted.day, wanted.instant
    if wanted.words:
        is_day = named_days(wanted.words, zone, now=now) is not None
        day, instant = (wanted.words, None) if is_day else (None, wanted.words)
    return did(
        asked.view,
        asked.job,
        zone=zone,
        params=wanted.params,
        matrix=wanted.matrix,
        on=parse_days(day, zone, now=now) if day else None,
        at=parse_instant(instant, zone, now=now) if instant else None,
        run=asked.run,
        now=now,
        presence=presence_at(place.config, asked.view, now=now),
    )


def ask_why(place: Place, named: Subject, time: str = "") -> Story:
    """The story of a run, or of what a job was expected to do at a time. The caller closes the view."""
    if time and named.run is not None:
        raise WrongUsageError("a RUN needs no TIME")
    view, job, zone, now = named.view, named.job, named.zone, place.now()
    asked = Asked(view=view, job=job, zone=zone, now=now, presence=presence_at(place.config, view, now=now))
    if named.run is not None:
        return why_run(asked, named.run)
    if not time:
        return why_newest(asked)
    day = named_day(time, zone, now=now)
    if day is not None:
        return why_day(asked, day)
    at = parse_instant(time, zone, now=now)
    return why(view, job, at, zone=zone, now=now, presence=asked.presence)


def ask_runs(place: Place, name: str | None, wanted: RunsAsked, *, sees: Sees | None = None) -> Runs:
    """The newest runs of a job or of all, or those of a time; with `sees`, only of jobs that may be seen."""
    refuse_choice_of_one(name, wanted.choice)
    named = subject(place, name) if name else None
    view, now = named.view if named else place.view(), place.now()
    with closing(view):
        presence = presence_at(place.config, view, now=now)
        if named and named.run:
            if wanted.has_window:
                raise WrongUsageError("--since and --until are about a job; a RUN is one already")
            return one_run(view, named.run, now=now, presence=presence)
        if not wanted.has_window and sees is None:
            job = named.job if named else None
            return newest_runs(
                view, job, states=wanted.states, limit=wanted.limit, now=now, presence=presence
            )
        window = window_of(*wanted.window, named.zone if named else None, now=now)
        return runs_in(
            view,
            {named.job} if named else seen_jobs(view, wanted.choice, sees),
            since=window.since,
            until=window.until,
            states=wanted.states,
            limit=wanted.limit,
            now=now,
            presence=presence,
        )


def ask_report(
    place: Place, job: str | None, window: Window, choice: Choice, *, sees: Sees | None = None
) -> Report:
    """Everything expected in a window, by default the last 24 hours, and how it ended."""
    named = job_named(place, job) if job else None
    refuse_choice_of_one(job, choice)
    view, now = named.view if named else place.view(), place.now()
    zone = named.zone if named else load_zone("UTC")
    assert zone is not None
    with closing(view):
        found = window_of(*window, zone, now=now, default=REPORT_WINDOW)
        return make_report(
            view,
            since=found.since,
            until=found.until,
            now=now,
            presence=presence_at(place.config, view, now=now),
            jobs={named.job} if named else seen_jobs(view, choice, sees),
            zone=zone,
        )


def seen_jobs(view: View, choice: Choice, sees: Sees | None) -> frozenset[str] | None:
    """The chosen jobs that may be seen; None for all."""
    chosen = chosen_jobs(view, choice)
    if sees is None:
        return chosen
    known = (
        chosen if chosen is not None else {*known_labels(view), *(one.job for one in view.jobs_in_force())}
    )
    return frozenset(filter(sees, known))
