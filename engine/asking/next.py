"""When a job, or a cron expression, fires next; or all jobs, in order of time."""

from collections.abc import Collection, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.answers.agenda import Next, agenda
from engine.answers.choice import Choice, Labels
from engine.answers.presence import Presence
from engine.answers.starts import starts_of
from engine.answers.upcoming import next_fires
from engine.asking.choosing import refuse_choice_of_one, refuse_unknown
from engine.asking.expressions import entry_of, zone_named
from engine.asking.in_force import catalog_in_force
from engine.asking.naming import unknown_job
from engine.asking.place import Place
from engine.asking.times import parse_coming
from engine.core.errors import UnreadableFileError, WrongUsageError
from engine.core.records import Pause
from engine.service.presence import presence_at
from engine.sources.folder import FolderTree
from jobfile.model.catalog import Catalog
from jobfile.model.jobs import JobSpec
from jobfile.model.namedtuple import NamedTuple
from jobfile.pipeline import compile_files
from jobfile.schedule.duration import parse_duration

FIRES_OF_ONE, FIRES_OF_ALL, FIRES_UNTIL = 5, 20, 1_000
"""How many fires are shown without --limit: of one schedule, of all jobs, and with --until."""


class Asked(NamedTuple):
    """The options about which fires to show."""

    start: str | None
    end: str | None
    limit: int | None
    zone_name: str | None

    def since(self, zone: ZoneInfo, now: datetime) -> datetime:
        """The start of the time."""
        return parse_coming(self.start, zone, now=now) if self.start else now

    def until(self, zone: ZoneInfo, since: datetime) -> datetime | None:
        """The end of the time; None for no end."""
        end = parse_coming(self.end, zone, now=since) if self.end else None
        if end is not None and end <= since:
            raise WrongUsageError("--from must be before --until")
        return end

    def most(self, otherwise: int) -> int:
        """The maximum number of fires."""
        return self.limit or (FIRES_UNTIL if self.end else otherwise)


def ask_next(place: Place, what: str | None, asked: Asked, choice: Choice) -> Next:
    """The next fires of a job, of an expression or a period, or of all jobs."""
    refuse_choice_of_one(what, choice)
    if what is not None and (" " in what.strip() or what.startswith("@") or parse_duration(what)):
        return _of_expression(what, zone_named(asked.zone_name), asked, place)
    catalog = _catalog(place, () if what is None else (what,))
    if what is None:
        return _of_all(catalog, choice, zone_named(asked.zone_name), asked, place)
    job = catalog.job(what)
    if job is None:
        raise unknown_job(what, f"in {place.main_file}", known=catalog.names)
    return next_of(job.spec, asked, place)


def _of_expression(text: str, zone: ZoneInfo, asked: Asked, place: Place) -> Next:
    since = asked.since(zone, place.now())
    entries = (entry_of(text, zone.key),)
    limit, until = asked.most(FIRES_OF_ONE), asked.until(zone, since)
    return Next(next_fires(text, entries, limit, now=since, until=until, is_job=False))


def next_of(spec: JobSpec, asked: Asked, place: Place) -> Next:
    """The next fires of a job with this definition."""
    zone = zone_named(spec.timezone)
    since = asked.since(zone, place.now())
    limit, until = asked.most(FIRES_OF_ONE), asked.until(zone, since)
    entries = spec.schedule if spec.enabled else ()
    starts = starts_of(spec) if spec.enabled else ()
    found = next_fires(spec.name, entries, limit, now=since, until=until, is_job=True, starts=starts)
    pauses, presence = _obstacles(place, (spec.name,), since)
    return Next(found, pauses, presence, {spec.name: spec.timezone})


def _of_all(catalog: Catalog, choice: Choice, zone: ZoneInfo, asked: Asked, place: Place) -> Next:
    since = asked.since(zone, place.now())
    refuse_unknown(choice, (Labels.of(one.spec) for one in catalog.jobs))
    specs = [one.spec for one in catalog.jobs if one.spec.enabled and choice.fits(Labels.of(one.spec))]
    schedules = {spec.name: spec.schedule for spec in specs}
    pauses, presence = _obstacles(place, tuple(schedules), since)
    limit, until = asked.most(FIRES_OF_ALL), asked.until(zone, since)
    starts = {spec.name: words for spec in specs if (words := starts_of(spec))}
    found = agenda(schedules, since=since, until=until, limit=limit, pauses=pauses, starts=starts)
    return Next(found, pauses, presence, {spec.name: spec.timezone for spec in specs})


def _catalog(place: Place, jobs: Collection[str]) -> Catalog:
    """The jobs of the files; those in force when the files have errors.

    When nothing is in force, or these jobs are not, prints the errors and raises.
    """
    snapshot = FolderTree(place.main_file).snapshot()
    if snapshot.problem:
        raise UnreadableFileError(
            f"{snapshot.problem}; name the job file with -f, or give an expression in quotes"
        )
    compiled = compile_files(snapshot.files, outside=snapshot.outside)
    return compiled.catalog or catalog_in_force(compiled, place, jobs=jobs)


def _obstacles(place: Place, jobs: Sequence[str], since: datetime) -> tuple[list[Pause], Presence | None]:
    """The pauses of these jobs, and whether an engine is running; without a ledger, nothing is known."""
    view, now = place.view_if_any(), place.now()
    if view is None:
        return [], None
    found = view.pauses_between(None, since=min(since, now), until=now)
    return [one for one in found if one.job in jobs], presence_at(place.config, view, now=now)
