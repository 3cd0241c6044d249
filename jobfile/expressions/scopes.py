"""The names available at each place of a job: the one table of what templates and conditions may read."""

import re
from collections import ChainMap, Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from jobfile.expressions.expression import Kind, Refusal, Scope, Type
from jobfile.expressions.patterns import is_limited_to
from jobfile.model.jobs import ParamSpec, ParamType
from jobfile.model.regex import regex
from jobfile.model.values import Scalar, Value

Names = Mapping[str, Type]
_Thing = TypeVar("_Thing")

_PLAIN_WORD: Final = regex(r"[\w.,:/@%+][\w.,:/@%+-]*", re.ASCII)
"""A text that every shell reads as one word, and that is not an option."""

_NUMBERS: Final = "0._:-"
"""The characters of versions and dates: like a number, a text of them is no code anywhere."""
_WORDS: Final = "a" + _NUMBERS

_STRING: Final = Type(Kind.STRING)
_WORD: Final = Type(Kind.STRING, is_trusted=True)
"""A text made by the engine, of letters, digits and characters that are not special to a shell."""
_SECRET: Final = Type(Kind.SECRET, is_trusted=True)
_INTEGER: Final = Type(Kind.INTEGER)
_ANY: Final = Type(Kind.ANY)

UNKNOWN: Final = Type(Kind.ANY, is_trusted=True)
"""The type of a name whose declaration has a mistake: nothing that is done with it is reported."""

RUN: Final[Names] = {
    "run.id": _WORD,
    "run.job": _WORD,
    "run.attempt": _INTEGER,
    "run.trigger": _WORD,
    "run.idempotency_key": _STRING,
    "run.scheduled_at": Type(Kind.DATETIME),
    "run.started_at": Type(Kind.DATETIME),
    "run.previous_success": Type(Kind.DATETIME, may_be_null=True),
}
FILE: Final[Names] = {
    "trigger.path": _STRING,
    "trigger.name": _STRING,
    "trigger.dir": _STRING,
    "trigger.size": _INTEGER,
}
WEBHOOK: Final[Names] = {"trigger.webhook": _STRING, "trigger.id": _STRING}
AFTER: Final[Names] = {
    "trigger.job": _WORD,
    "trigger.run_id": _WORD,
    "trigger.status": _WORD,
    "trigger.error": _STRING,
}
EVENT: Final[Names] = {
    **{f"event.{name}": _STRING for name in ("title", "text", "url", "owner", "error", "log_tail")},
    **{f"event.{name}": _WORD for name in ("id", "kind", "job", "run_id", "status")},
    "event.attempt": _INTEGER,
    "event.exit_code": replace(_INTEGER, may_be_null=True),
    "event.duration": Type(Kind.NUMBER, may_be_null=True),
    "event.scheduled_at": Type(Kind.DATETIME, may_be_null=True),
}
"""What a notification is about. `error` and `duration` are empty or null where they have no meaning."""
_ELSEWHERE: Final = {
    "steps": "in a job with steps, in the steps after the named one",
    "item": "in a step with `for_each`",
    "matrix": "in a job with a matrix",
    "trigger": "in a job with a `file` or `after` trigger",
    "event": "in channels",
    "params": "in a job",
    "run": "in a job",
}
"""Heads of names that are available only at other places."""


def vars_names(variables: Mapping[str, Value]) -> dict[str, Type]:
    """The constants."""
    return {f"vars.{name}": _trusted(type_of_value(value)) for name, value in variables.items()}


def _trusted(found: Type) -> Type:
    return replace(found, is_trusted=True)


def params_names(params: Sequence[ParamSpec]) -> Names:
    """The inputs of a job."""
    return {f"params.{param.name}": type_of_param(param) for param in params}


def event_names(jobs: Iterable[Sequence[ParamSpec]]) -> Names:
    """The names in a channel: those of the event, and the params of all jobs. A job may lack some."""
    found: dict[str, Type] = dict(EVENT)
    for params in jobs:
        for name, one in params_names(params).items():
            known = found.get(f"event.{name}")
            is_same = known is None or known.kind is one.kind
            found[f"event.{name}"] = Type(one.kind if is_same else Kind.ANY, one.item, may_be_null=True)
    return found


def matrix_names(combinations: Sequence[Mapping[str, Scalar]]) -> Names:
    """The axes of a matrix; an axis with values of several types has type `any`."""
    kinds: dict[str, set[Kind]] = {}
    for combination in combinations:
        for name, value in combination.items():
            kinds.setdefault(name, set()).add(type_of_value(value).kind)
    return {f"matrix.{name}": _trusted(_common(found)) for name, found in kinds.items()}


def _common(kinds: set[Kind]) -> Type:
    if kinds == {Kind.INTEGER, Kind.NUMBER}:
        return Type(Kind.NUMBER)
    return Type(next(iter(kinds))) if len(kinds) == 1 else _ANY


def outputs_names(holder: str, outputs: Sequence[ParamSpec], *, is_list: bool = False) -> Names:
    """The declared outputs of a step or job; each is a list in a step with `for_each`."""
    types = {f"{holder}.outputs.{one.name}": type_of_param(one) for one in outputs}
    return {name: Type(Kind.LIST, one.kind) if is_list else one for name, one in types.items()}


def after_names(upstream: Sequence[Names], *, needs_all: bool) -> Names:
    """The names in runs that follow other jobs; `upstream` has the declared outputs and params of each.

    If a run follows all of the jobs, a name that one of them declares is available, and a name that several
    declare is not. If it follows any of them, only the names that all declare alike are available.
    """
    if not needs_all or len(upstream) == 1:
        return {**AFTER, **common_names(upstream)}
    found: dict[str, list[Type]] = {}
    for names in upstream:
        for name, one in names.items():
            found.setdefault(name, []).append(one)
    unique = {name: types[0] for name, types in found.items() if len(types) == 1 or name.endswith(".*")}
    return {**AFTER, **unique}


def unclear_names(upstream: Sequence[Names]) -> dict[str, Refusal]:
    """The names that several of the jobs of one trigger declare, each with its refusal."""
    counts = Counter(name for names in upstream for name in names if not name.endswith(".*"))
    return {name: _unclear(name) for name, count in counts.items() if count > 1}


def _unclear(name: str) -> Refusal:
    what, own = name.split(".")[1:]
    return Refusal(
        "JF424",
        f"several of the jobs that this one follows have `{own}` in their {what}",
        "it is not known which job is meant",
        ("rename it in one of them, or follow one job only",),
    )


def refused_secrets(of_webhooks: Iterable[str]) -> dict[str, Refusal]:
    """The secrets with which calls of webhooks are proven, each with its refusal."""
    return {f"secrets.{name}": _of_a_webhook(name) for name in of_webhooks}


def _of_a_webhook(name: str) -> Refusal:
    return Refusal(
        "JF403",
        f"`secrets.{name}` is not available here",
        "it is the secret of a webhook, and no process gets it",
        ("if the job needs the same value, add an entry with another name to `secrets`",),
    )


def common_names(ways: Sequence[Names]) -> Names:
    """The names that exist in every one of several ways of starting, and all unknown names of each."""
    unknown = {name: one for names in ways for name, one in names.items() if name.endswith(".*")}
    return {**_shared(ways), **unknown}


def upstream_names(outputs: Sequence[ParamSpec], params: Sequence[ParamSpec]) -> Names:
    """What a job that follows another can read of it: its declared outputs and params."""
    types = {f"trigger.params.{one.name}": type_of_param(one) for one in params}
    return {**outputs_names("trigger", outputs), **types}


def step_names(step: str, outputs: Sequence[ParamSpec], *, is_for_each: bool) -> Names:
    """The names of a step that later steps may read."""
    holder = f"steps.{step}"
    names = {f"{holder}.status": _WORD, **outputs_names(holder, outputs, is_list=is_for_each)}
    if is_for_each:
        names |= {f"{holder}.{word}": _INTEGER for word in ("total", "failed", "succeeded")}
    return names


def item_of_loop(found: Type) -> Type:
    """The type of an item of the `for_each` list."""
    is_list = found.kind is Kind.LIST
    return Type(found.item if is_list else Kind.ANY, is_trusted=is_list and found.is_trusted)


def build(
    names: Names,
    *,
    constants: dict[str, Type] | None = None,
    secrets: Iterable[str] = (),
    kinds: Mapping[str, Names] | None = None,
    steps: Names | None = None,
    refused: Mapping[str, Refusal] | None = None,
) -> Scope:
    """The scope of a place; `kinds` are the ways in which its runs start, with the names that each adds.

    `constants`, the names of `steps` and the refusals are shared by many places, and so not copied.
    """
    kinds = kinds or {}
    shared = _shared(list(kinds.values()))
    readable = (f"secrets.{name}" for name in secrets)
    every = {**names, **shared, **{name: _SECRET for name in readable if name not in (refused or {})}}
    heads = {name.partition(".")[0] for name in every}
    if steps:
        heads.add("steps")
    if "run" in heads:
        heads.add("params")  # a job can have params, but this one has none
    said = {head: _elsewhere(head) for head in _ELSEWHERE if head not in heads}
    for kind, own in kinds.items():
        for name in own.keys() - shared.keys():
            said[name] = _only_after_a_test(name, kind)
            said.pop("trigger", None)
    return Scope(_together(every, steps, constants), kinds, _together(refused or {}, said))


def _together(*maps: Mapping[str, _Thing] | None) -> Mapping[str, _Thing]:
    """Several maps as one read-only map; the first one that has a name gives its value."""
    some = [one for one in maps if one]
    return ChainMap(*some) if len(some) > 1 else some[0] if some else {}  # type: ignore[arg-type]


def _shared(kinds: Sequence[Names]) -> Names:
    """The names that every way of starting has, with the same type."""
    if not kinds:
        return {}
    first, *rest = kinds
    return {name: one for name, one in first.items() if all(other.get(name) == one for other in rest)}


def _elsewhere(head: str) -> Refusal:
    return Refusal("JF403", f"`{head}` is not available here", f"only {_ELSEWHERE[head]}")


def _only_after_a_test(name: str, kind: str) -> Refusal:
    return Refusal(
        "JF403",
        f"`{name}` exists only in runs started by `{kind}`",
        "other runs of this job do not have it",
        (f"test it first:  {name} if run.trigger == '{kind}' else …",),
    )


def type_of_value(value: Value) -> Type:
    """The type of a constant."""
    if isinstance(value, tuple):
        kinds = {type_of_value(item).kind for item in value}
        return Type(Kind.LIST, kinds.pop() if len(kinds) == 1 else Kind.ANY)
    if isinstance(value, bool):
        return Type(Kind.BOOLEAN)
    if isinstance(value, int):
        return _INTEGER
    return Type(Kind.NUMBER) if isinstance(value, float) else _STRING


def type_of_param(param: ParamSpec) -> Type:
    """The type of an input or output."""
    is_trusted = bool(param.enum) and all(_is_plain_word(one) for one in param.enum)
    if param.type is ParamType.ARRAY:
        item = Kind(param.item_type.value) if param.item_type else Kind.ANY
        return Type(Kind.LIST, item, is_trusted=is_trusted)
    if param.pattern is None:
        return Type(Kind(param.type.value), is_trusted=is_trusted)
    return Type(
        Kind(param.type.value),
        is_trusted=is_trusted or is_limited_to(param.pattern, _NUMBERS),
        is_word=is_limited_to(param.pattern, _WORDS),
    )


def _is_plain_word(value: object) -> bool:
    return not isinstance(value, str) or _PLAIN_WORD.fullmatch(value) is not None
