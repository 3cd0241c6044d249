"""Running a job now: a form made from its params, then what the run would be, then the button."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from http import HTTPStatus
from typing import Final

from starlette.responses import RedirectResponse, Response

from engine.asking.requested import (
    Found,
    Wanted,
    WrongParamsError,
    bound_to,
    dry_run_in_force,
    job_to_run,
    runs_of_request,
)
from engine.asking.requests import hand_over, is_duplicate
from engine.core.errors import WrongUsageError
from engine.dryrun.before import DryRun
from engine.service.presence import presence_at
from engine.transactions.keys import key_trouble
from engine.web.access import Access
from engine.web.refusing import words_of
from engine.web.rendering import page
from engine.web.visits import Fields, Route, Visit
from jobfile.model.dataclass import dataclass
from jobfile.model.jobs import JobSpec, ParamSpec, ParamType
from jobfile.model.values import Value

PARAM: Final = "p."
"""What the names of the fields of params begin with."""
AXIS: Final = "m."
"""What the names of the fields of axes begin with."""
MAX_REASON: Final = 1_000
MAX_CHOICES: Final = 500
"""Maximum number of values of a select; with more of them, it is a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of the form."""

    name: str
    label: str
    kind: str
    """The kind of element: `select`, `area`, or the type of an input."""
    value: str
    choices: tuple[str, ...] = ()
    is_required: bool = False
    about: str = ""
    hint: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNowPage:
    """The values of the page."""

    job: str
    title: str
    digest: str
    params: tuple[Field, ...]
    axes: tuple[Field, ...]
    others: tuple[Field, ...]
    errors: tuple[tuple[str, str], ...]
    """What is wrong with values that have no field, by name."""
    trouble: str = ""
    dry: DryRun | None = None
    """What the run would be; None until the values are sound."""
    is_changed: bool = False
    """Whether the definition has changed since the user saw the values."""
    obstacle: str = ""
    """Why nothing starts now."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """All fields."""
        return (*self.params, *self.axes, *self.others)


def show(visit: Visit) -> Response:
    """The form, with the values that the address names."""
    found = job_to_run(visit.place, visit.values["job"], is_running=True, is_strict=True)
    return _page(visit, _form(visit, found, visit.query))


def act(visit: Visit) -> Response:
    """Show what the run would be; or, when that was seen, run it."""
    found = job_to_run(visit.place, visit.values["job"], is_running=True, is_strict=True)
    form = visit.form
    is_seen = form.get("really") == "1" and form.get("digest") == found.job.digest
    try:
        wanted = _wanted(found.job.spec, form)
        if is_seen:
            return _run(visit, found, wanted)
        dry = dry_run_in_force(visit.place, found, wanted)
    except WrongParamsError as error:
        wrong = {one.name: one.message for one in error.problems}
        return _page(visit, _form(visit, found, form, wrong=wrong), HTTPStatus.UNPROCESSABLE_ENTITY)
    except WrongUsageError as error:
        refused = _form(visit, found, form, trouble=words_of(error))
        return _page(visit, refused, HTTPStatus.UNPROCESSABLE_ENTITY)
    return _page(visit, _form(visit, found, form, dry=dry))


def _run(visit: Visit, found: Found, wanted: Wanted) -> Response:
    """Record the run, as the command and the API do."""
    asked = bound_to(found, wanted, now=visit.now)
    runs = runs_of_request(visit.place, found, asked)
    why = visit.form.get("why").strip()[:MAX_REASON]
    recorded = hand_over(visit.place, runs, found.job, why=why, now=visit.now)
    note = "?was=duplicate" if is_duplicate(recorded, runs) else ""
    where = f"/jobs/{found.job.spec.name}" if len(recorded) > 1 else f"/runs/{recorded[0].id}{note}"
    return RedirectResponse(where, HTTPStatus.SEE_OTHER)


def _page(visit: Visit, found: RunNowPage, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return page(visit, "run_now.html", title=f"Run {found.job}", values={"found": found}, status=status)


def _form(
    visit: Visit,
    found: Found,
    given: Fields,
    *,
    wrong: Mapping[str, str] | None = None,
    trouble: str = "",
    dry: DryRun | None = None,
) -> RunNowPage:
    spec, wrong = found.job.spec, wrong or {}
    presence = presence_at(visit.place.config, visit.place.view(), now=visit.now)
    names = {one.name for one in spec.params}
    axes = dict.fromkeys(axis for one in spec.matrix for axis in one)
    return RunNowPage(
        job=spec.name,
        title=spec.title,
        digest=found.job.digest,
        params=tuple(_param(one, given, wrong.get(one.name, "")) for one in spec.params),
        axes=tuple(_axis(spec, axis, given) for axis in axes),
        others=(
            Field(
                name="at",
                label="For the time",
                kind="text",
                value=given.get("at"),
                hint=f"in {spec.timezone}, such as 2026-11-28T02:30 or yesterday 02:30; empty for now",
            ),
            Field(
                name="key",
                label="Key",
                kind="text",
                value=given.get("key"),
                hint="nothing starts if a request for the job had it in the last 7 days; empty for none",
            ),
            Field(name="why", label="Why", kind="text", value=given.get("why"), hint="for the audit"),
        ),
        errors=tuple((name, message) for name, message in wrong.items() if name not in names),
        trouble=trouble,
        dry=dry,
        is_changed=dry is not None and given.get("really") == "1",
        obstacle=presence.obstacle(UTC),
    )


def _param(spec: ParamSpec, given: Fields, error: str) -> Field:
    """The field of a param: a select where all values are known."""
    name, default = f"{PARAM}{spec.name}", text_of(spec.default)
    value = given.get(name, default)
    choices: tuple[str, ...] = ()
    if spec.type is ParamType.BOOLEAN:
        choices = ("true", "false")
    elif spec.type is not ParamType.ARRAY and len(spec.enum) <= MAX_CHOICES:
        choices = tuple(map(text_of, spec.enum))
    kind = "select" if choices else "area" if "\n" in default else "text"
    return Field(
        name=name,
        label=spec.name,
        kind=kind,
        value=value,
        choices=("", *choices) if choices and spec.default is None else choices,
        is_required=spec.is_required,
        about=spec.description,
        hint=_hint(spec),
        error=error,
    )


def _hint(spec: ParamSpec) -> str:
    """The type of a param and its limits, in words."""
    item = spec.item_type.value if spec.item_type else ParamType.STRING.value
    words = [f"{item}s, separated by commas" if spec.type is ParamType.ARRAY else spec.type.value]
    limits = (
        ("from", spec.minimum),
        ("above", spec.exclusive_minimum),
        ("to", spec.maximum),
        ("below", spec.exclusive_maximum),
    )
    words += [f"{word} {value:g}" for word, value in limits if value is not None]
    lengths = (
        ("at least", spec.min_length, "characters"),
        ("at most", spec.max_length, "characters"),
        ("at most", spec.max_items, "values"),
    )
    words += [f"{word} {number} {what}" for word, number, what in lengths if number is not None]
    words += [f"as {spec.pattern}"] if spec.pattern else []
    if spec.enum and spec.type is ParamType.ARRAY:
        words.append(f"of {', '.join(map(text_of, spec.enum[:MAX_CHOICES]))}")
    return " ".join([*words, "(required)" if spec.is_required else "(optional)"])


def _axis(spec: JobSpec, axis: str, given: Fields) -> Field:
    values = dict.fromkeys(text_of(one[axis]) for one in spec.matrix if axis in one)
    return Field(
        name=f"{AXIS}{axis}",
        label=axis,
        kind="select",
        value=given.get(f"{AXIS}{axis}"),
        choices=("", *values),
        hint="of the matrix; empty for all",
    )


def _wanted(spec: JobSpec, form: Fields) -> Wanted:
    """The values of the form. A field that is empty, or has the default, is not given."""
    known = {one.name: one for one in spec.params}
    params: dict[str, Value] = {}
    for field, text in form.pairs:
        name = field.removeprefix(PARAM)
        if field == name:
            continue
        value, param = text.replace("\r\n", "\n"), known.get(name)
        if param is None or not _is_left_out(param, value):
            params[name] = value
    axes = {name.removeprefix(AXIS): text for name, text in form.pairs if name.startswith(AXIS) and text}
    return Wanted(params, axes, form.get("at").strip() or None, _key(form))


def _key(form: Fields) -> str:
    """The idempotency key of the form. Raises WrongUsageError for one that cannot be."""
    key = form.get("key").strip()
    if trouble := key_trouble(key) if key else "":
        raise WrongUsageError(f"the key cannot be used: {trouble}")
    return key


def _is_left_out(param: ParamSpec, text: str) -> bool:
    if not param.is_required and param.default is not None and text == text_of(param.default):
        return True
    return not text and (param.default is None or param.type is not ParamType.STRING)


def text_of(value: Value | None) -> str:
    """A value as a field has it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(text_of, value)) if isinstance(value, tuple) else str(value)


_PATH: Final = "/jobs/{job}/run"
ROUTES: Final[Sequence[Route]] = (
    Route("GET", _PATH, Access.OPERATE, show, is_for_limited=True),
    Route("POST", _PATH, Access.OPERATE, act, is_for_limited=True, body="form"),
)
