"""Everything expected in a window, and the results."""

from datetime import UTC, timedelta

from engine.answers.choice import Choice
from engine.answers.report import Report, make_report
from engine.asking.choosing import refuse_choice_of_one, seen_jobs, window_of
from engine.asking.naming import job_named
from engine.asking.place import Place
from engine.service.presence import presence_at

DEFAULT_WINDOW = timedelta(hours=24)


def ask_report(place: Place, job: str | None, since: str | None, until: str | None, choice: Choice) -> Report:
    """The report about a job, or about the chosen jobs."""
    named = job_named(place, job) if job else None
    refuse_choice_of_one(job, choice)
    view, now = named.view if named else place.view(), place.now()
    zone = named.zone if named else None
    window = window_of(since, until, zone, now=now, default=DEFAULT_WINDOW)
    return make_report(
        view,
        since=window.since,
        until=window.until,
        now=now,
        presence=presence_at(place.config, view, now=now),
        jobs={named.job} if named else seen_jobs(place, view, choice),
        zone=zone or UTC,
    )
