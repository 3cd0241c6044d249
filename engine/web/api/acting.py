"""The operations that change something: the same steps and the same audit as the commands."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from engine.answers.as_json import one_run_to_json
from engine.answers.hosts import drained_to_json, drained_to_text
from engine.answers.pauses import paused_to_json, paused_to_text, resumed_to_json, resumed_to_text
from engine.answers.requested import requested_to_json
from engine.answers.steps import kept_words, steps_of_run
from engine.asking.hosts import drain_host
from engine.asking.pauses import pause_job, resume_job
from engine.asking.requested import Wanted, WrongParamsError, bound_to, job_to_run, runs_of_request
from engine.asking.requests import ask_to_stop, hand_over, is_duplicate
from engine.asking.retries import How, job_again, run_again, run_to_retry
from engine.asking.stops import end_beside
from engine.asking.which import NEWEST
from engine.client.api import WAIT_SECONDS
from engine.client.errors import InvalidParamsError, UnknownJobError
from engine.client.ledger import LocalLedger
from engine.client.submitted import submitted_to_json
from engine.core.errors import WrongUsageError
from engine.core.lifecycle import Run, RunState
from engine.core.vocabulary import short
from engine.host.lock import lock_holder
from engine.ports import Stop
from engine.service.presence import has_engine
from engine.transactions.keys import key_trouble
from engine.web.access import Access
from engine.web.api.of_runs import seen_run
from engine.web.api.operations import WHY, Answered, Given, Operation
from engine.web.refusing import RefusedError
from engine.web.visits import Visit
from jobfile.model.values import Value


def run(visit: Visit) -> Answered:
    """Run a job now, with the definition in force. The answer comes when the run is recorded."""
    body, place = visit.body, visit.place
    key = _text(body, "key")
    if trouble := key_trouble(key) if key else "":
        raise WrongUsageError(f"`key`: {trouble}")
    if "texts" in body and "params" in body:
        raise WrongUsageError("`texts` and `params` both give the params; remove one of them")
    is_text = "texts" in body
    params = _texts(body, "texts") if is_text else _params(body)
    wanted = Wanted(params, _texts(body, "matrix"), _text(body, "at") or None, key, from_text=is_text)
    found = job_to_run(place, visit.values["job"], is_running=True, is_strict=True)
    try:
        asked = bound_to(found, wanted, now=visit.now)
    except WrongParamsError as error:
        fields = {f"params.{one.name}": one.message for one in error.problems}
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        detail, words = "the params do not fit the job", str(error)
        raise RefusedError(status, detail, code="usage", fields=fields, words=words) from error
    runs = runs_of_request(place, found, asked)
    recorded = hand_over(place, runs, found.job, why=_text(body, "why"), now=visit.now)
    return _requested(visit, recorded, is_duplicate=is_duplicate(recorded, runs))


def retry(visit: Visit) -> Answered:
    """Run it again: a new run of the same job for the same time with the same params."""
    place, is_forced = visit.place, _flag(visit, "force")
    _, seen = seen_run(visit)
    view, old = run_to_retry(place, seen.id, NEWEST, is_forced=is_forced)
    how = How(_flag(visit, "all_steps") or is_forced, not _flag(visit, "original"))
    job = job_again(view, old, how)
    new = run_again(place, view, old, job, now=visit.now)
    why = _text(visit.body, "why")
    recorded = hand_over(place, [new], job, why=why, now=visit.now, all_steps=how.all_steps)
    return _requested(visit, recorded, is_duplicate=False)


def cancel(visit: Visit) -> Answered:
    """End a run: SIGTERM to its processes, SIGKILL after its grace. One that is over stays as it is."""
    view, found = seen_run(visit)
    how = Stop.KILL if _flag(visit, "kill") else Stop.CANCEL
    (after,) = ask_to_stop(visit.place, [found], how, why=_text(visit.body, "why"), now=visit.now)
    if after.state is RunState.CANCELLING and lock_holder(visit.place.state_dir) is None:
        end_beside(visit.place, after)
        after = view.run(after.id) or after
    already = " was over already" if found.state.is_final else ""
    line = f"run {short(after.id)} of {after.job}{already}: {after.state.value}"
    return Answered(one_run_to_json(after), text=lambda _: line)


def pause(visit: Visit) -> Answered:
    """Stop a job from running on its schedule, until it is resumed or until a time."""
    until, why = _text(visit.body, "until") or None, _text(visit.body, "why")
    paused = pause_job(visit.place, visit.values["job"], until=until, why=why)
    return Answered(paused_to_json(paused), text=lambda _: paused_to_text(paused))


def resume(visit: Visit) -> Answered:
    """Let a job run on its schedule again."""
    resumed = resume_job(visit.place, visit.values["job"], why=_text(visit.body, "why"))
    return Answered(resumed_to_json(resumed), text=lambda _: resumed_to_text(resumed))


def drain(visit: Visit) -> Answered:
    """Let all hosts of this name take nothing new; what they run continues to its end."""
    return _drained(visit, is_draining=True)


def undrain(visit: Visit) -> Answered:
    """Let all hosts of this name take work again."""
    return _drained(visit, is_draining=False)


def _drained(visit: Visit, *, is_draining: bool) -> Answered:
    name, why = _text(visit.body, "host"), _text(visit.body, "why")
    drained = drain_host(visit.place, name, is_draining=is_draining, why=why)
    return Answered(drained_to_json(drained), text=lambda _: drained_to_text(drained))


def submit(visit: Visit) -> Answered:
    """Record requests of a program in one transaction: all, or none if one of them is wrong."""
    asked = [_submission(one) for one in _list(visit.body, "runs")]
    hidden = next((job for job, _, _ in asked if not visit.place.sees(job)), None)
    if hidden is not None:
        raise UnknownJobError(f"no job `{hidden}` is in force")
    place = visit.place
    ledger = LocalLedger(place.state_dir, store=place.store, wait_seconds=WAIT_SECONDS, user=place.user)
    try:
        found = ledger.submit(asked)
        is_running = ledger.is_engine_running()
    except InvalidParamsError as error:
        fields = {f"problems.{number}": one for number, one in enumerate(error.problems, start=1)}
        status, words = HTTPStatus.UNPROCESSABLE_ENTITY, str(error)
        detail = "values are missing or wrong"
        raise RefusedError(status, detail, code="usage", fields=fields, words=words) from error
    finally:
        ledger.close()
    is_new = not all(one.is_duplicate for one in found)
    return Answered(
        submitted_to_json(found, is_engine_running=is_running),
        status=HTTPStatus.ACCEPTED if is_new else HTTPStatus.OK,
        text=lambda _: "\n".join(run for one in found for run in one.runs),
    )


def _requested(visit: Visit, runs: Sequence[Run], *, is_duplicate: bool) -> Answered:
    view = visit.place.view()
    body = requested_to_json(view, runs, is_duplicate=is_duplicate, is_followed=len(runs) > 1)
    notes = [f"duplicate of {runs[0].occurrence or runs[0].id}"] if is_duplicate else []
    kept = kept_words(steps_of_run(view, runs[0])) if runs[0].retry_of else ""
    notes += [kept] if kept else []
    is_waiting = any(run.state is RunState.QUEUED for run in runs)
    if is_waiting and not has_engine(visit.place.config, view, now=visit.now):
        waits = f"run {short(runs[0].id)} waits" if len(runs) == 1 else f"{len(runs)} runs wait"
        notes.append(f"no engine is running: {waits} for  jobfile up")
    return Answered(
        body,
        status=HTTPStatus.OK if is_duplicate else HTTPStatus.ACCEPTED,
        location=f"/runs/{runs[0].id}",
        text=lambda _: "\n".join(run.id for run in runs),
        notes=notes,
    )


def _submission(given: object) -> tuple[str, Mapping[str, object], str | None]:
    """One request of a list: `{"job": …, "params": {…}, "key": …}`."""
    fields = given if isinstance(given, dict) else {}
    unknown = fields.keys() - {"job", "params", "key"}
    job, params, key = fields.get("job"), fields.get("params", {}), fields.get("key")
    if unknown or not isinstance(job, str) or not isinstance(params, dict):
        raise WrongUsageError("`runs`: expected objects with job, params and key")
    if key is not None and not isinstance(key, str):
        raise WrongUsageError("`runs`: expected a text as key")
    return job, params, key


def _list(body: Mapping[str, object], name: str) -> list[object]:
    found = body.get(name)
    if not isinstance(found, list) or not found:
        raise WrongUsageError(f"`{name}`: expected a list that is not empty")
    return found


def _text(body: Mapping[str, object], name: str) -> str:
    return str(body.get(name, ""))


def _flag(visit: Visit, name: str) -> bool:
    return visit.body.get(name) is True


def _params(body: Mapping[str, object]) -> dict[str, Value]:
    """The params as values; a value that no param can have is refused with its name."""
    found: dict[str, Value] = {}
    given = body.get("params", {})
    assert isinstance(given, dict)
    for name, value in given.items():
        if isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
            found[name] = tuple(value)
        elif isinstance(value, str | int | float):
            found[name] = value
        else:
            raise WrongUsageError(f"`params.{name}`: expected text, a number, true, false, or a list of them")
    return found


def _texts(body: Mapping[str, object], name: str) -> dict[str, str]:
    given = body.get(name, {})
    assert isinstance(given, dict)
    if not all(isinstance(value, str) for value in given.values()):
        raise WrongUsageError(f"`{name}`: expected texts as values")
    return dict(given)


_RUN = (
    Given("params", "The params of the job.", "object"),
    Given("texts", "In place of `params`: texts, converted as on the command line.", "object"),
    Given("at", "The time that the run is for [default: now]."),
    Given("matrix", "Only the combinations with these values.", "object"),
    Given("key", "Start nothing if a request for the job had this key in the last 7 days."),
    WHY,
)
_RETRY = (
    Given("force", "Also if it succeeded.", "boolean"),
    Given("all_steps", "Run all steps again, not only those that have not succeeded.", "boolean"),
    Given("original", "Use the definition of the old run, not that in force.", "boolean"),
    WHY,
)
_PAUSE = (Given("until", "A time, or a length from now."), WHY)
_CANCEL = (Given("kill", "Send SIGKILL at once.", "boolean"), WHY)
_REQUEST = {
    "type": "object",
    "required": ["job"],
    "properties": {"job": {"type": "string"}, "params": {"type": "object"}, "key": {"type": "string"}},
    "additionalProperties": False,
}
_SUBMIT = (Given("runs", "What to run, at most 10,000.", "array", more={"items": _REQUEST, "minItems": 1}),)
_OPERATE = Access.OPERATE
_DRAINED = "hosts-drain"
_HOST = (Given("host", "The name of the host."), WHY)
OPERATIONS: Final[Sequence[Operation]] = (
    Operation("POST", "/jobs/{job}/runs", _OPERATE, run, "run", body=_RUN, also="wait"),
    Operation("POST", "/jobs/{job}/pause", _OPERATE, pause, "pause", body=_PAUSE),
    Operation("POST", "/jobs/{job}/resume", _OPERATE, resume, "resume", body=(WHY,)),
    Operation("POST", "/runs/{run}/retry", _OPERATE, retry, "run", body=_RETRY),
    Operation("POST", "/runs/{run}/cancel", _OPERATE, cancel, "run", body=_CANCEL),
    Operation("POST", "/hosts/drain", _OPERATE, drain, _DRAINED, body=_HOST, is_for_limited=False),
    Operation("POST", "/hosts/resume", _OPERATE, undrain, _DRAINED, body=_HOST, is_for_limited=False),
    Operation("POST", "/submissions", _OPERATE, submit, "submitted", body=_SUBMIT),
)
