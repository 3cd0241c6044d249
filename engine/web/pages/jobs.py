"""The page of all jobs: last result, the last thirty as a row of marks, next time, owner, tags, pause.

This is the model of a page: `answer` computes, from the engine's answers, frozen values that the template
only has to lay out; `show` is the handler; `ROUTES` says who may see it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from engine.answers.choice import Choice
from engine.answers.listing import STATES, ListedJob, Mark, last_marks
from engine.asking.choosing import named_states
from engine.service.presence import presence_at
from engine.web.access import Access
from engine.web.apart.jobs import Choices, all_jobs, with_marks
from engine.web.memory import PAGE
from engine.web.rendering import page
from engine.web.visits import Fields, Route, Visit
from jobfile.model.dataclass import dataclass
from jobfile.render.style import WORDS, Tone
from jobfile.schedule.zones import load_zone

MARKS: Final = 30
"""Number of last results of each job."""
PAGE_JOBS: Final = 100
"""Number of jobs on one page."""
_LAST: Final = datetime.max.replace(tzinfo=UTC)
_TONES: Final = (Tone.BAD, Tone.DOUBTFUL, Tone.ACTIVE, Tone.GOOD, Tone.FAINT)
SORTS: Final[dict[str, Callable[[ListedJob], object]]] = {
    "job": lambda one: one.job,
    "state": lambda one: _TONES.index(WORDS.get(one.state, Tone.FAINT)),
    "last": lambda one: -one.marks[-1].at.timestamp() if one.marks else 0.0,
    "next": lambda one: one.next_at or _LAST,
    "owner": lambda one: (not one.labels.owner, one.labels.owner),
}
"""The orders of the list; jobs that are equal in one are in the order of their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """One job, as the page shows it."""

    job: str
    title: str
    state: str
    marks: tuple[Mark, ...]
    zone: tzinfo
    next_at: datetime | None
    starts: str
    """What starts it besides its schedule."""
    owner: str
    tags: tuple[str, ...]
    paused: str
    """Who paused it, until when and why; empty if it is not paused."""
    notes: tuple[str, ...]

    @property
    def last(self) -> Mark | None:
        """The newest result."""
        return self.marks[-1] if self.marks else None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsPage:
    """The values of the page."""

    rows: tuple[JobRow, ...]
    count: int
    """How many jobs fit the filter; the page has some of them."""
    number: int
    """Of this page, from 1."""
    obstacle: str
    """Why nothing starts; empty if everything that is due starts."""
    trouble: str
    """Why the list may be incomplete."""
    tags: tuple[str, ...]
    owners: tuple[str, ...]
    states: tuple[str, ...]
    query: Fields
    at: datetime
    """When the list was made."""

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.count // PAGE_JOBS))

    def link(self, **changes: str) -> str:
        """The address of this list with other values in its query; an empty value is left out."""
        kept = [one for one in self.query.pairs if one[0] not in {*changes, "page"}]
        pairs = [(name, value) for name, value in (*kept, *changes.items()) if value]
        return f"/jobs?{urlencode(pairs)}" if pairs else "/jobs"


def show(visit: Visit) -> Response:
    """The page."""
    found = answer(visit)
    return page(visit, "jobs.html", title="Jobs", values={"found": found, "as_of": found.at})


def answer(visit: Visit) -> JobsPage:
    """The jobs that the query asks for."""
    query, (everything, choices) = visit.query, visit.ask(PAGE, all_jobs, is_patient=False)
    seen: Sequence[ListedJob] = everything.jobs
    if visit.user.is_limited:
        seen = [one for one in seen if visit.user.sees(one.job)]
        choices = Choices.of(seen)
    choice = Choice(tags=query.all("tag"), owners=query.all("owner"))
    states, text = named_states(query.all("in"), STATES), query.get("q").strip().lower()
    is_any = "paused" not in query
    is_whole = choice.is_all and is_any and not states and not text
    fitting = [
        one
        for one in (() if is_whole else seen)
        if choice.fits(one.labels)
        and (not states or one.state in states)
        and (text in one.job or text in one.labels.title.lower())
        and (is_any or one.pause is not None)
    ]
    fitting = list(seen) if is_whole else fitting
    order = SORTS.get(query.get("sort"))
    if order is not None:  # else by name, as they come
        fitting.sort(key=order)  # type: ignore[arg-type]  # comparable in one order
    number = _page_number(query.get("page"))
    shown = fitting[(number - 1) * PAGE_JOBS : number * PAGE_JOBS]
    is_invalid = everything.has_file is False
    return JobsPage(
        rows=tuple(map(_row, _with_marks(visit, shown))),
        count=len(fitting),
        number=number,
        obstacle=everything.presence.obstacle(UTC),
        trouble=f"{everything.main_file} cannot be read or has errors" if is_invalid else "",
        tags=choices.tags,
        owners=choices.owners,
        states=choices.states,
        query=query,
        at=everything.now,
    )


def _with_marks(visit: Visit, shown: Sequence[ListedJob]) -> list[ListedJob]:
    """The jobs of this page with their last results. With thousands of jobs, those of all take seconds."""
    names = tuple(one.job for one in shown)
    found = visit.recall(("marks", names), lambda visit: _marks(visit, names))
    return [with_marks(one, found.get(one.job, ()), MARKS) for one in shown]


def _marks(visit: Visit, names: Sequence[str]) -> Mapping[str, Sequence[Mark]]:
    view = visit.view()
    if view is None:
        return {}
    presence = presence_at(visit.place.config, view, now=visit.now)
    return last_marks(view, names, presence=presence, now=visit.now, limit=MARKS)


def _row(one: ListedJob) -> JobRow:
    labels, zone = one.labels, load_zone(one.labels.timezone) or UTC
    return JobRow(
        job=one.job,
        title=labels.title,
        state=one.state,
        marks=one.marks,
        zone=zone,
        next_at=one.next_at,
        starts="; ".join(labels.starts),
        owner=labels.owner,
        tags=labels.tags,
        paused=one.pause_words(zone),
        notes=(*one.late, *one.notes),
    )


def _page_number(text: str) -> int:
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < len("10000") else 1


ROUTES: Final[Sequence[Route]] = (Route("GET", "/jobs", Access.VIEW, show, is_for_limited=True),)
