"""The page of a saved plan that waits: what it changes, and putting it in force as it was reviewed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import Final

from starlette.responses import RedirectResponse, Response

from engine.asking.saved_plans import ReadPlan, apply_saved, waiting_plan
from engine.core.errors import ErrorCode, JobfileError
from engine.planning.saved import PlanRefusedError
from engine.planning.sides import files_differ
from engine.web.access import Access
from engine.web.pages.changes import MAX_REASON, TONES, PlanRows
from engine.web.refusing import RefusedError, words_of
from engine.web.rendering import page
from engine.web.visits import Route, Visit
from jobfile.model.catalog import removes_many
from jobfile.model.dataclass import dataclass
from jobfile.plan.values import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPage:
    """The values of the page."""

    id: str
    file: str
    base: int
    revision: str
    at: datetime
    """When it was saved."""
    rows: PlanRows
    text: str
    """The plan as it was shown when it was saved."""
    differing: tuple[str, ...]
    """The job files that were changed since it was saved."""
    removes_many: bool
    may_apply: bool
    trouble: str


def show(visit: Visit) -> Response:
    """What the plan changes."""
    return _page(visit, _found(visit))


def apply(visit: Visit) -> Response:
    """Put the plan in force, as `jobfile apply FILE` does."""
    found, form = _found(visit), visit.form
    try:
        why = form.get("why").strip()[:MAX_REASON]
        may_remove = "remove_many" in form
        apply_saved(found, visit.place, why=why, may_remove=may_remove, fails_on_risk=False)
    except JobfileError as error:
        if error.code is ErrorCode.LEDGER_UNAVAILABLE:
            raise
        return _page(visit, found, words_of(error))
    return RedirectResponse("/changes", HTTPStatus.SEE_OTHER)


def _found(visit: Visit) -> ReadPlan:
    """The plan of the address, if it still waits."""
    try:
        return waiting_plan(visit.place, visit.place.view(), visit.values["plan"])
    except PlanRefusedError as error:
        raise RefusedError(HTTPStatus.NOT_FOUND, str(error)) from error


def _page(visit: Visit, found: ReadPlan, trouble: str = "") -> Response:
    saved, plan = found.saved, found.plan
    values = SavedPage(
        id=saved.id,
        file=found.path.name,
        base=saved.generation,
        revision=saved.revision,
        at=datetime.fromisoformat(saved.plan["now"]),
        rows=replace(PlanRows.of(plan), summary=found.summary),
        text=saved.text,
        differing=files_differ(saved.files, visit.place.main_file),
        removes_many=removes_many(plan.count(Action.REMOVE), of=len(plan.before.catalog.jobs)),
        may_apply=visit.user.may(Access.ADMIN),
        trouble=trouble,
    )
    status = HTTPStatus.CONFLICT if trouble else HTTPStatus.OK
    shown = {"found": values, "tones": TONES}
    return page(visit, "saved_plan.html", title="Saved plan", values=shown, status=status)


_PATH: Final = "/changes/plans/{plan}"
ROUTES: Final[Sequence[Route]] = (
    Route("GET", _PATH, Access.VIEW, show),
    Route("POST", _PATH, Access.ADMIN, apply, body="form"),
)
