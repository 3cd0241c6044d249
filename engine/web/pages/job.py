"""The page of a job: what it is, its year, its next times, its runs, how long they take, its definition."""

from collections.abc import Sequence
from datetime import date
from http import HTTPStatus
from typing import Final
from zoneinfo import ZoneInfo

from starlette.responses import RedirectResponse, Response

from engine.answers.choice import Labels
from engine.answers.courses import durations, latenesses
from engine.answers.did import Did
from engine.answers.expected import pause_at
from engine.answers.presence import Presence
from engine.answers.report import Calendar, year_of_job
from engine.answers.runs import Runs, listed, runs_of_job
from engine.answers.shown import Shown, show_in_force
from engine.answers.shown_text import shown_to_text
from engine.answers.squares import calendar_svg, legend
from engine.answers.starts import starts_of
from engine.answers.upcoming import Fires, Upcoming
from engine.asking.did import Wanted, ask_did
from engine.asking.naming import Subject, job_named
from engine.asking.next import Asked, next_of
from engine.asking.pauses import pause_job, resume_job
from engine.asking.show import job_from_files
from engine.core.errors import JobfileError, WrongUsageError
from engine.core.lifecycle import Run
from engine.core.records import JobVersion, Pause
from engine.service.presence import presence_at
from engine.web.access import Access
from engine.web.plots import Plot, plot
from engine.web.refusing import words_of
from engine.web.rendering import page
from engine.web.verdicts import LOOKS
from engine.web.visits import Route, Visit
from jobfile.model.canonical import spec_from_json
from jobfile.model.catalog import CompiledJob
from jobfile.model.dataclass import dataclass
from jobfile.model.jobs import JobSpec, Origin
from jobfile.schedule.in_words import describe

FIRES: Final = 8
RUNS: Final = 25
"""Number of runs in the table."""
MAX_POINTS: Final = 200
"""Number of runs in the pictures."""
MAX_VERSIONS: Final = 20
"""Number of definitions, the newest first."""
MAX_REASON: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """The values of the page."""

    job: str
    zone: ZoneInfo
    did: Did
    spec: JobSpec | None
    """The definition in force; None for a job that was removed."""
    labels: Labels | None
    schedule: tuple[str, ...]
    starts: tuple[str, ...]
    place: str
    """Where it is written."""
    pause: Pause | None
    presence: Presence
    fires: tuple[Upcoming, ...]
    year: Calendar
    last_day: date
    runs: Runs
    plots: tuple[Plot, ...]
    definition: str
    versions: tuple[JobVersion, ...]
    more_versions: int
    is_operator: bool
    until: str = ""
    why: str = ""
    trouble: str = ""
    """What is wrong with the values of the form that pauses."""

    @property
    def look(self) -> tuple[str, str]:
        """The class and the sign of the newest verdict."""
        return LOOKS[self.did.answer]

    @property
    def words(self) -> str:
        """The newest verdict in a sentence, without the name of the job."""
        return self.did.line.removeprefix(self.job).removeprefix(":").strip()

    @property
    def obstacle(self) -> str:
        """Why nothing starts; empty if everything that is due starts."""
        return self.presence.obstacle(self.zone)

    @property
    def rows(self) -> tuple[tuple[Run, str], ...]:
        """The runs of the table, each with its reason."""
        return tuple(zip(self.runs.runs, self.runs.words, strict=True))

    @property
    def squares(self) -> str:
        """The year as SVG; the names in it are escaped."""
        return calendar_svg(self.year, name=self.job, last=self.last_day)

    @property
    def legend(self) -> str:
        """What the squares mean, as HTML."""
        return legend()


def show(visit: Visit) -> Response:
    """The page."""
    return _page(visit, answer(visit))


def answer(visit: Visit, *, until: str = "", why: str = "", trouble: str = "") -> JobPage:
    """The job of the path; with the values of a form that was refused."""
    named = job_named(visit.place, visit.values["job"])
    view, job, now = named.view, named.job, visit.now
    version = view.job_in_force(job)
    spec = _spec(named, version)
    presence = presence_at(visit.place.config, view, now=now)
    coming = None if spec is None else next_of(spec, Asked(None, None, FIRES, None), visit.place)
    newest, last = runs_of_job(view, job, limit=MAX_POINTS), now.astimezone(named.zone).date()
    versions = tuple(reversed(view.job_versions(job)))
    plots = (
        plot("duration", durations(newest), named.zone),
        plot("lateness", latenesses(newest), named.zone),
    )
    return JobPage(
        job=job,
        zone=named.zone,
        did=ask_did(visit.place, job, Wanted({}, {}, None, None)),
        spec=spec,
        labels=None if spec is None else Labels.of(spec),
        schedule=() if spec is None or not spec.enabled else tuple(map(describe, spec.schedule)),
        starts=() if spec is None or not spec.enabled else starts_of(spec),
        place="" if version is None else f"{version.file}:{version.line}",
        pause=None if coming is None else pause_at(coming.pauses, now),
        presence=presence,
        fires=coming.fires.fires if coming and isinstance(coming.fires, Fires) else (),
        year=_year(visit, job, last),
        last_day=last,
        runs=listed(view, newest[:RUNS], now=now, presence=presence),
        plots=tuple(one for one in plots if one is not None),
        definition="" if spec is None or version is None else _text(spec, version),
        versions=versions[:MAX_VERSIONS],
        more_versions=max(0, len(versions) - MAX_VERSIONS),
        is_operator=visit.user.may(Access.OPERATE),
        until=until,
        why=why,
        trouble=trouble,
    )


def pause(visit: Visit) -> Response:
    """Pause the job."""
    until, why = visit.form.get("until").strip(), visit.form.get("why").strip()[:MAX_REASON]
    try:
        pause_job(visit.place, visit.values["job"], until=until or None, why=why)
    except WrongUsageError as error:
        refused = answer(visit, until=until, why=why, trouble=words_of(error))
        return _page(visit, refused, HTTPStatus.UNPROCESSABLE_ENTITY)
    return _back(visit)


def resume(visit: Visit) -> Response:
    """Let the job run on its schedule again."""
    resume_job(visit.place, visit.values["job"], why=visit.form.get("why").strip()[:MAX_REASON])
    return _back(visit)


def definition(visit: Visit) -> Response:
    """The job as the files define it, each value with the place where it is written: `jobfile show`."""
    job = visit.values["job"]
    trouble, text = "", ""
    try:
        text = shown_to_text(job_from_files(job, {}, visit.place))
    except JobfileError as error:
        trouble = words_of(error)
    values = {"job": job, "text": text, "trouble": trouble, "file": visit.place.main_file.name}
    return page(visit, "definition.html", title=f"{job}, definition", values=values)


def _page(visit: Visit, found: JobPage, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return page(visit, "job.html", title=found.job, values={"found": found}, status=status)


def _back(visit: Visit) -> Response:
    return RedirectResponse(f"/jobs/{visit.values['job']}", HTTPStatus.SEE_OTHER)


def _spec(named: Subject, version: JobVersion | None) -> JobSpec | None:
    text = None if version is None else named.view.definition_text(version.digest)
    return None if text is None else spec_from_json(text)


def _text(spec: JobSpec, version: JobVersion) -> str:
    """The definition in force, in the words of `show`."""
    shown: Shown = show_in_force(CompiledJob(spec, Origin(file=version.file, line=version.line)))
    return shown_to_text(shown)


def _year(visit: Visit, job: str, last: date) -> Calendar:
    """The year of the job; the same for all who look within a few seconds."""

    def ask(visit: Visit) -> Calendar:
        named = job_named(visit.place, job)
        presence = presence_at(visit.place.config, named.view, now=visit.now)
        return year_of_job(named.view, job, last=last, zone=named.zone, now=visit.now, presence=presence)

    return visit.recall(f"year of {job} to {last}", ask, is_rough=True)


_PATH: Final = "/jobs/{job}"
ROUTES: Final[Sequence[Route]] = (
    Route("GET", _PATH, Access.VIEW, show, is_for_limited=True),
    Route("GET", f"{_PATH}/definition", Access.VIEW, definition, is_for_limited=True),
    Route("POST", f"{_PATH}/pause", Access.OPERATE, pause, is_for_limited=True, body="form"),
    Route("POST", f"{_PATH}/resume", Access.OPERATE, resume, is_for_limited=True, body="form"),
)
