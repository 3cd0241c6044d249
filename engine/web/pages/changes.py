"""The pages of changes: each generation and what it changed, refused files, a change that waits."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Final

from starlette.responses import RedirectResponse, Response

from engine.asking.applying import intent_of, put
from engine.asking.place import Place, refuse_unsafe_files
from engine.asking.plan import planned
from engine.asking.saved_plans import ReadPlan, waiting_plans
from engine.core.errors import ErrorCode, JobfileError, NothingRecordedError
from engine.core.records import Applied, Generation, Rejection, Source
from engine.ledger.ports import View
from engine.planning.enforcing import refuse_mass_removal, refuse_what_cannot_run
from engine.planning.invalid import invalid_of
from engine.planning.sides import (
    ENGINE,
    WORKTREE,
    InvalidSideError,
    UnknownGenerationError,
    engine_side,
    revision_side,
    worktree_side,
)
from engine.service.presence import has_engine
from engine.web.access import Access
from engine.web.refusing import words_of
from engine.web.rendering import page
from engine.web.visits import Route, Visit
from jobfile.model.catalog import build_catalog, removes_many
from jobfile.model.dataclass import dataclass
from jobfile.model.namedtuple import NamedTuple
from jobfile.plan import Plan, Side
from jobfile.plan.table import TableRow, risk_lines, table_rows
from jobfile.plan.text import side_text, summary_line
from jobfile.plan.values import Action
from jobfile.render.text import render_text

SHOWN: Final = 50
"""Number of generations that the list begins with."""
MAX_GENERATIONS: Final = 1_000
MAX_ROWS: Final = 500
"""Maximum number of rows of a plan; the command shows all."""
MAX_REASON: Final = 1_000
WIDTH: Final = 100
"""Columns of the details of a plan."""
CHECK_WIDTH: Final = 88
"""Columns of findings in files."""
TONES: Final = {Action.ADD: "good", Action.CHANGE: "doubtful", Action.RENAME: "active", Action.REMOVE: "bad"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRows:
    """A plan, as the page lays it out."""

    summary: str
    before: str
    after: str
    at: datetime
    risks: tuple[str, ...]
    rows: tuple[TableRow, ...]
    more: int
    """Number of rows that are left out."""
    same: int

    @classmethod
    def of(cls, plan: Plan) -> "PlanRows":
        """The rows of a plan."""
        rows = table_rows(plan, width=WIDTH, is_full=True)
        return cls(
            summary=summary_line(plan).removeprefix("plan: "),
            before=side_text(plan.before),
            after=side_text(plan.after),
            at=plan.now,
            risks=tuple(risk_lines(plan)),
            rows=rows[:MAX_ROWS],
            more=max(0, len(rows) - MAX_ROWS),
            same=len(plan.same),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The files beside what is in force."""

    at: datetime
    plan: Plan | None = None
    """None if the files cannot be applied."""
    errors: str = ""
    """What is wrong with the files, as `check` shows it."""
    trouble: str = ""
    """Why they cannot be read."""

    @property
    def jobs(self) -> int:
        """How many jobs differ."""
        return 0 if self.plan is None else len(self.plan.jobs)


class SavedLine(NamedTuple):
    """A saved plan, as the list has it."""

    id: str
    file: str
    at: datetime
    summary: str

    @classmethod
    def of(cls, found: ReadPlan) -> "SavedLine":
        """The line of a plan."""
        return cls(
            found.saved.id, found.path.name, datetime.fromisoformat(found.saved.plan["now"]), found.summary
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesPage:
    """The values of the list."""

    current: Generation | None
    jobs: int
    generations: tuple[Applied, ...]
    more: int
    """How many generations to show next; 0 if these are all."""
    rejection: Rejection | None
    waiting: Waiting
    source: Source
    plans: tuple[SavedLine, ...]
    """The saved plans that can be applied now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingPage:
    """The values of the page of a change that waits."""

    waiting: Waiting
    rows: PlanRows | None
    digest: str = ""
    """The digest of the files that the form applies: they are refused if they have changed by then."""
    base: int = 0
    removes_many: bool = False
    may_apply: bool = False
    trouble: str = ""


def show(visit: Visit) -> Response:
    """The list."""
    found = answer(visit)
    values = {"found": found, "as_of": found.waiting.at}
    return page(visit, "changes.html", title="Changes", values=values)


def answer(visit: Visit) -> ChangesPage:
    """The generations, newest first, and the state of the files."""
    view = visit.place.view()
    text = visit.query.get("limit")
    limit = min(MAX_GENERATIONS, max(SHOWN, int(text) if text.isascii() and text.isdigit() else SHOWN))
    generations = tuple(view.generations(limit=limit))
    is_all = len(generations) < limit or limit == MAX_GENERATIONS
    return ChangesPage(
        current=view.current_generation(),
        jobs=len(view.jobs_in_force()),
        generations=generations,
        more=0 if is_all else min(MAX_GENERATIONS, limit * 2),
        rejection=view.open_rejection(),
        waiting=visit.recall("waiting change", _waiting),
        source=_source(visit.place, view),
        plans=visit.recall("saved plans", _saved_plans),
    )


def _saved_plans(visit: Visit) -> tuple[SavedLine, ...]:
    return tuple(map(SavedLine.of, waiting_plans(visit.place, visit.place.view())))


def generation(visit: Visit) -> Response:
    """What one generation changed, as `plan` shows it."""
    view, number = visit.place.view(), int(visit.values["number"])
    found = view.generation(number)
    if found is None:
        raise UnknownGenerationError(f"there is no generation {number}")
    before = engine_side(view, number - 1) if number > 1 else Side(kind=ENGINE, catalog=build_catalog(()))
    plan = planned(before, engine_side(view, number), view=None, place=visit.place, now=found.applied_at)
    has_next = view.generation(number + 1) is not None
    values = {"found": found, "plan": PlanRows.of(plan), "has_next": has_next, "tones": TONES}
    return page(visit, "generation.html", title=f"Generation {number}", values=values)


def waiting(visit: Visit) -> Response:
    """What applying the files would change."""
    return _waiting_page(visit, visit.recall("waiting change", _waiting))


def apply(visit: Visit) -> Response:
    """Put the files that the user has seen in force, as `jobfile apply` does."""
    found, form = _waiting(visit), visit.form
    plan = found.plan
    if plan is None:
        return _waiting_page(visit, found, "The files cannot be applied now. Nothing was applied.")
    seen = (form.get("digest"), form.get("base"))
    if seen != (plan.after.catalog.digest, str(plan.before.generation or 0)):
        trouble = "This has changed since you looked: it is what would be applied now. Nothing was applied."
        return _waiting_page(visit, found, trouble)
    try:
        if plan.after.kind == WORKTREE:
            refuse_unsafe_files(visit.place, is_strict=True)
        refuse_what_cannot_run(plan.after.catalog, visit.place.config)
        refuse_mass_removal(plan, may_remove="remove_many" in form)
        put(visit.place, intent_of(plan, visit.place, why=form.get("why").strip()[:MAX_REASON]))
    except JobfileError as error:
        if error.code is ErrorCode.LEDGER_UNAVAILABLE:
            raise
        return _waiting_page(visit, found, words_of(error))
    return RedirectResponse("/changes", HTTPStatus.SEE_OTHER)


def _waiting_page(visit: Visit, found: Waiting, trouble: str = "") -> Response:
    plan = found.plan
    values = WaitingPage(
        waiting=found,
        rows=None if plan is None else PlanRows.of(plan),
        digest="" if plan is None else plan.after.catalog.digest,
        base=0 if plan is None else plan.before.generation or 0,
        removes_many=plan is not None
        and removes_many(plan.count(Action.REMOVE), of=len(plan.before.catalog.jobs)),
        may_apply=plan is not None and plan.has_changes and visit.user.may(Access.ADMIN),
        trouble=trouble,
    )
    status = HTTPStatus.CONFLICT if trouble else HTTPStatus.OK
    shown = {"found": values, "tones": TONES, "as_of": found.at}
    return page(visit, "waiting.html", title="Waiting change", values=shown, status=status)


def _waiting(visit: Visit) -> Waiting:
    """The files as they are now, beside what is in force."""
    place, view = visit.place, visit.place.view()
    source = _source(place, view)
    try:
        after = revision_side(place.main_file, source.ref) if source.ref else worktree_side(place.main_file)
        return Waiting(at=visit.now, plan=planned(engine_side(view), after, view=view, place=place))
    except InvalidSideError as error:
        found = invalid_of(error)
        text = render_text(found.errors, sources=found.sources, width=CHECK_WIDTH)
        return Waiting(at=visit.now, errors=text)
    except JobfileError as error:
        if isinstance(error, NothingRecordedError) or error.code is ErrorCode.LEDGER_UNAVAILABLE:
            raise
        return Waiting(at=visit.now, trouble=words_of(error))


def _source(place: Place, view: View) -> Source:
    """Where the running engine takes its jobs from; the files if none runs."""
    return view.source() if has_engine(place.config, view, now=place.now()) else Source()


_PATH: Final = "/changes"
ROUTES: Final[Sequence[Route]] = (
    Route("GET", _PATH, Access.VIEW, show),
    Route("GET", f"{_PATH}/waiting", Access.VIEW, waiting),
    Route("POST", f"{_PATH}/waiting", Access.ADMIN, apply, body="form"),
    Route("GET", f"{_PATH}/{{number}}", Access.VIEW, generation),
)
