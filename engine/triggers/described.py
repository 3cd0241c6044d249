"""Events as a user describes them, for a case or a simulation: checked against the triggers of the job."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from engine.core.following import fits_state
from engine.core.lifecycle import RunState, TriggerKind
from engine.triggers.file import folder_of
from jobfile.diagnostics.suggest import suggest
from jobfile.expressions.params import bind_params, check_value
from jobfile.model.jobs import AfterTrigger, AfterWhen, BootTrigger, FileTrigger, JobSpec, ParamSpec
from jobfile.model.name_patterns import name_matcher
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.values import Value
from jobfile.model.webhooks import WebhookTrigger

SOME_RUN: Final = "0" * 32
"""The id of the run that ended, in an event of a described end."""
SOME_CALL: Final = "call-1"
"""The id of a described call of a webhook."""
SOME_ERROR: Final = "exit code 1"
_FILE_KEYS: Final = ("name", "path", "size")
_AFTER_KEYS: Final = ("job", "status", "error", "outputs", "params")
_STARTER: Final = {
    WebhookTrigger: "no call starts it",
    FileTrigger: "no file starts it",
    AfterTrigger: "the end of no other job starts it",
    BootTrigger: "no start of the host starts it",
}
_KINDS: Final[Mapping[TriggerKind, type[WebhookTrigger | FileTrigger | AfterTrigger | BootTrigger]]] = {
    TriggerKind.WEBHOOK: WebhookTrigger,
    TriggerKind.FILE: FileTrigger,
    TriggerKind.AFTER: AfterTrigger,
    TriggerKind.BOOT: BootTrigger,
}


class NotSuchAnEventError(Exception):
    """The job is not started by what the user describes; the message says why."""


class Described(NamedTuple):
    """An event: the kind of trigger, the values that templates read as `trigger.*`, and the params."""

    trigger: TriggerKind
    trigger_values: Mapping[str, Value] = {}
    arguments: Mapping[str, Value] = {}


def described(
    spec: JobSpec,
    trigger: TriggerKind,
    given: Mapping[str, object],
    *,
    jobs: Mapping[str, JobSpec],
    base: Path,
) -> Described:
    """The event of a trigger with these values; `base` is the folder of the main file.

    Raises NotSuchAnEventError.
    """
    kind = _KINDS[trigger]
    if not any(isinstance(one, kind) for one in spec.triggers):
        raise NotSuchAnEventError(f"`{spec.name}` has no `{kind.KIND}` trigger, so {_STARTER[kind]}")
    if not spec.enabled:
        raise NotSuchAnEventError(f"`{spec.name}` is disabled (`enabled: false`), so only a user starts it")
    match trigger:
        case TriggerKind.FILE:
            return Described(trigger, _file_values(spec, given, base))
        case TriggerKind.AFTER:
            return Described(trigger, _after_values(spec, given, jobs))
        case TriggerKind.WEBHOOK:
            path = next(one.webhook for one in spec.triggers if isinstance(one, WebhookTrigger))
            params = _params(spec.params, given, "param")
            return Described(trigger, {"webhook": path, "id": SOME_CALL}, params)
        case _:
            _refuse_unknown("a start of the host", given, ())
            return Described(trigger)


def _file_values(spec: JobSpec, given: Mapping[str, object], base: Path) -> dict[str, Value]:
    _refuse_unknown("a file", given, _FILE_KEYS)
    if ("name" in given) == ("path" in given):
        raise NotSuchAnEventError("a file needs a `name`, such as a.csv, or else its whole `path`")
    size = given.get("size", 1)
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise NotSuchAnEventError(f"the `size` of a file is a number of bytes, found `{size}`")
    triggers = [one for one in spec.triggers if isinstance(one, FileTrigger)]
    named = _text("name" if "name" in given else "path", given)
    for trigger in triggers:
        start = Path(folder_of(trigger, base).path) if "name" in given else base.absolute()
        path = Path(os.path.normpath(start / named))
        if _takes(trigger, path, base):
            return {"path": str(path), "name": path.name, "dir": str(path.parent), "size": size}
    taken = " or ".join(f"{one.match} in {one.folder}" for one in triggers)
    raise NotSuchAnEventError(f"`{spec.name}` does not start for the file {named}: it waits for {taken}")


def _takes(trigger: FileTrigger, path: Path, base: Path) -> bool:
    """Whether a trigger waits for a file with this path."""
    watched = Path(folder_of(trigger, base).path)
    is_there = watched in path.parents if trigger.recursive else watched == path.parent
    return is_there and name_matcher(trigger.match)(path.name)


def _after_values(
    spec: JobSpec, given: Mapping[str, object], jobs: Mapping[str, JobSpec]
) -> dict[str, Value]:
    _refuse_unknown("the end of another job", given, _AFTER_KEYS)
    triggers = [one for one in spec.triggers if isinstance(one, AfterTrigger)]
    known = list(dict.fromkeys(job for one in triggers for job in one.jobs))
    if "job" not in given and len(known) > 1:
        raise NotSuchAnEventError(
            f"`{spec.name}` follows several jobs: say which, `job:` one of {', '.join(known)}"
        )
    job = _text("job", given) if "job" in given else known[0]
    if job not in known:
        raise NotSuchAnEventError(f"`{spec.name}` does not follow `{job}`{_near(job, known)}")
    ways = [one for one in triggers if job in one.jobs]
    status = _status(spec, job, given, ways)
    trigger = next(one for one in ways if fits_state(one.when, status))
    is_well = status is RunState.SUCCEEDED
    error = _text("error", given) if "error" in given else "" if is_well else SOME_ERROR
    values: dict[str, Value] = {"job": job, "run_id": SOME_RUN, "status": status.value, "error": error}
    upstream = [jobs[name] for name in (trigger.jobs if trigger.all else (job,))]
    outputs = _unique([one for other in upstream for one in other.outputs])
    params = _unique([one for other in upstream for one in other.params])
    values |= _declared(job, "output", outputs, given.get("outputs", {}))
    defaults = {f"params.{one.name}": one.default for one in params if one.default is not None}
    return values | defaults | _declared(job, "param", params, given.get("params", {}))


def _status(spec: JobSpec, job: str, given: Mapping[str, object], ways: Sequence[AfterTrigger]) -> RunState:
    """How the other job's run ended: as given, else so that it starts this one."""
    if "status" not in given:
        return RunState.FAILED if all(one.when is AfterWhen.FAILED for one in ways) else RunState.SUCCEEDED
    text = _text("status", given)
    ends = [state for state in RunState if fits_state(AfterWhen.ALWAYS, state)]
    if text not in ends:
        listed = ", ".join(state.value for state in ends)
        raise NotSuchAnEventError(f"a run does not end as `{text}`; `status` is one of {listed}")
    status = RunState(text)
    if not any(fits_state(one.when, status) for one in ways):
        whens = " or ".join(dict.fromkeys(one.when.value for one in ways))
        raise NotSuchAnEventError(
            f"`{spec.name}` follows `{job}` only `when: {whens}`, not one that is {text}"
        )
    return status


def _unique(declared: Sequence[ParamSpec]) -> list[ParamSpec]:
    """Those whose name only one of the jobs declares: the others have no meaning in a template."""
    counts = Counter(one.name for one in declared)
    return [one for one in declared if counts[one.name] == 1]


def _declared(job: str, what: str, declared: Sequence[ParamSpec], given: object) -> dict[str, Value]:
    """The values of declared outputs or params, by the names that templates have for them."""
    if not isinstance(given, Mapping):
        raise NotSuchAnEventError(f"`{what}s` is a map of names to values")
    known = {one.name: one for one in declared}
    found: dict[str, Value] = {}
    for name, one in given.items():
        if name not in known:
            raise NotSuchAnEventError(f"`{job}` has no {what} `{name}`{_near(name, known)}")
        value = _value(f"{what} `{name}`", one)
        trouble = check_value(known[name], value)
        if trouble is not None:
            raise NotSuchAnEventError(f"{what} `{name}` of `{job}`: {trouble}")
        found[f"{what}s.{name}"] = value
    return found


def _params(declared: Sequence[ParamSpec], given: Mapping[str, object], what: str) -> dict[str, Value]:
    values = {name: _value(f"{what} `{name}`", one) for name, one in given.items()}
    params, problems = bind_params(declared, values, from_text=False)
    if problems:
        raise NotSuchAnEventError(f"{what} `{problems[0].name}`: {problems[0].message}")
    return params


def _refuse_unknown(what: str, given: Mapping[str, object], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            rest = f"; it has {', '.join(known)}" if known else ""
            raise NotSuchAnEventError(f"{what} has no `{name}`{_near(name, known) or rest}")


def _near(name: str, known: Sequence[str] | Mapping[str, object]) -> str:
    near = suggest(name, list(known))
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _text(key: str, given: Mapping[str, object]) -> str:
    value = given[key]
    if not isinstance(value, str) or not value or "\0" in value:
        raise NotSuchAnEventError(f"`{key}` is a text, found `{value}`")
    return value


def _value(what: str, given: object) -> Value:
    parts = tuple(given) if isinstance(given, list | tuple) else (given,)
    scalars = tuple(part for part in parts if isinstance(part, str | int | float | bool))
    if len(scalars) < len(parts):
        raise NotSuchAnEventError(f"{what} is a text, a number, true or false, or a list of these")
    return scalars if isinstance(given, list | tuple) else scalars[0]
