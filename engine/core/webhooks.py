"""What a call of a webhook says: the params of the run, and what a repetition of it is known by."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from math import isfinite
from typing import Any, Final  # JSON data

from engine.core.lifecycle import TriggerEvent, TriggerKind
from engine.core.webhook_proofs import Call, Proven
from jobfile.expressions.params import MAX_STRING_BYTES, ParamProblem, bind_params
from jobfile.model.hashing import sha256
from jobfile.model.jobs import JobSpec
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.values import Scalar, Value
from jobfile.model.webhooks import Proof, WebhookTrigger, is_pointer, steps_of

MAX_BODY_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 32
"""Maximum depth of the JSON of a call."""
MAX_DIGITS: Final = 18
"""Maximum number of digits of an integer that becomes a param, as on the command line."""
MAX_NUMBER: Final = 1_000
"""Maximum number of digits of any integer in a body."""
REMEMBERED: Final = timedelta(days=2)
"""How long a call is known. GitHub signs no time, and repeats a delivery for up to a day."""
_BEYOND_INTEGERS: Final = 10**MAX_DIGITS


class Refused(NamedTuple):
    """Why a call starts nothing: the HTTP status, and what is wrong with it."""

    status: int
    message: str
    problems: tuple[ParamProblem, ...] = ()


NOT_GENUINE: Final = Refused(401, "unknown webhook, or the call is not proven with its secret")
"""One answer for an unknown webhook and for a wrong signature: a stranger learns nothing from it."""


def is_ping(call: Call, hook: WebhookTrigger) -> bool:
    """Whether a genuine call only tries out the webhook, as GitHub does when it is made."""
    return hook.verify is Proof.GITHUB and call.headers.get("x-github-event") == "ping"


def read_event(
    call: Call, spec: JobSpec, hook: WebhookTrigger, proven: Proven, *, now: datetime, new_id: str
) -> TriggerEvent | Refused:
    """The event of a genuine call, or why it cannot start this job. `new_id` is for one without identity."""
    try:
        plain = _parsed(call.body)
    except ValueError as error:
        return Refused(400, f"the body is not one JSON object: {error}")
    params = _params(call, plain, spec, hook)
    if isinstance(params, Refused):
        return params
    identity = proven.identity or new_id
    if hook.key is not None:
        key = _found(call, plain, hook.key)
        if not _is_key(key):
            problem = ParamProblem("key", f"the call has neither a text nor a number at {hook.key}")
            return Refused(422, "the call has no key", (problem,))
        identity = f"key {json.dumps(key)}"
    # An id may be long and is a sender's text, so its hash is the identity.
    return TriggerEvent(
        spec.name,
        TriggerKind.WEBHOOK,
        sha256(f"{hook.webhook} {identity}".encode("utf-8", "surrogateescape")).hexdigest(),
        now,
        trigger_values={"webhook": hook.webhook, "id": proven.id},
        arguments=params,
    )


def _params(
    call: Call, plain: Mapping[str, Any], spec: JobSpec, hook: WebhookTrigger
) -> dict[str, Value] | Refused:
    """The params that a call gives to a job, with defaults; or the refusal with every problem."""
    given: dict[str, Value] = {}
    problems: list[ParamProblem] = []
    for name, value in _values(call, plain, hook):
        try:
            given[name] = _value(value)
        except ValueError as error:
            problems.append(ParamProblem(name, str(error)))
    bound, more = bind_params(spec.params, given, from_text=False)
    named = {one.name for one in problems}
    problems += [one for one in more if one.name not in named]
    return bound if not problems else Refused(422, "the params do not fit the job", tuple(problems))


def _values(call: Call, plain: Mapping[str, Any], hook: WebhookTrigger) -> Iterator[tuple[str, object]]:
    """The values of params by name. Where a body that was not made for the job has null, it has nothing."""
    if hook.params is None:
        yield from plain.items()
        return
    for name, place in hook.params.items():
        value = _found(call, plain, place)
        if value is not None:
            yield name, value


def _found(call: Call, plain: Mapping[str, Any], place: str) -> object:
    """What a call has at a place; None if there is nothing."""
    if not is_pointer(place):
        return call.headers.get(place.lower())
    value: Any = plain
    for step in steps_of(place):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isascii() and step.isdigit() and len(step) <= MAX_DIGITS:
            value = value[int(step)] if int(step) < len(value) else None
        else:
            return None
    return value


def _is_key(key: object) -> bool:
    if isinstance(key, str):
        return 0 < len(key) <= MAX_STRING_BYTES
    return isinstance(key, int) and not isinstance(key, bool)


def _value(value: object) -> Value:
    """A value of JSON as one of a param. Raises ValueError if it cannot be one."""
    return tuple(map(_scalar, value)) if isinstance(value, list) else _scalar(value)


def _scalar(value: object) -> Scalar:
    match value:
        case bool() | str():
            return value
        case int() if abs(value) < _BEYOND_INTEGERS:
            return value
        case int():
            raise ValueError(f"expected an integer of at most {MAX_DIGITS} digits")
        case float() if isfinite(value):
            return value
        case float():
            raise ValueError("expected a finite number")
        case _:
            found = "null" if value is None else "a list" if isinstance(value, list) else "an object"
            raise ValueError(f"expected a text, a number, true, false, or a list of them, found {found}")


def _parsed(body: bytes) -> dict[str, Any]:
    """One JSON object without repeated names, not nested too deeply. Raises ValueError."""
    try:
        plain = json.loads(
            body.decode("utf-8"), object_pairs_hook=_once_each, parse_constant=_no_number, parse_int=_integer
        )
    except RecursionError:
        raise ValueError(f"it is nested more than {MAX_DEPTH} deep") from None
    if not isinstance(plain, dict):
        raise ValueError("it is not an object")  # noqa: TRY004  every mistake of a body is a ValueError
    _refuse_deep(plain)
    return plain


def _refuse_deep(plain: dict[str, Any]) -> None:
    level: list[Any] = [plain]
    for _ in range(MAX_DEPTH):
        level = [
            one
            for outer in level
            for one in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(one, dict | list)
        ]
        if not level:
            return
    raise ValueError(f"it is nested more than {MAX_DEPTH} deep")


def _once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _integer(text: str) -> int:
    """Any integer: a body that was not made for the job may have large ones where no param looks."""
    if len(text) > MAX_NUMBER:
        raise ValueError(f"a number has more than {MAX_NUMBER} digits")
    return int(text)


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not a number of JSON")
