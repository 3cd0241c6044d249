"""Reads the outputs of an attempt: JSON objects, one on each line, whose values must be as declared."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from math import inf
from typing import Final, Never

from engine.core.lifecycle import Ended, Outcome
from engine.core.reasons import OF_A_REQUEST, Reason
from jobfile.expressions.params import check_value
from jobfile.model.jobs import HttpAction, JobSpec, ParamSpec
from jobfile.model.values import Value

MAX_NAMES: Final = 100
"""Maximum number of outputs of an attempt."""
MAX_SHOWN: Final = 60
"""Maximum characters of a wrong line that a message quotes."""
MAX_INTEGER: Final = 10**18
"""Integers of this size or larger are refused, as in params."""
MAX_WAIT_SECONDS: Final = 366 * 24 * 3600
"""The longest wait that a server can ask for."""
RESPONSE: Final = "http-response"
"""The name under which the program of a request writes how it failed; no output can have this name."""
_STATUS: Final = re.compile(r"http\([1-9][0-9]{2}\)", re.ASCII)
_UNUSABLE: Final = "it is null, an object, a list with one of them, or a number that is too large"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """How a request failed: a word of the ledger with details, and how long the server asks to wait."""

    reason: str
    detail: str = ""
    wait: timedelta = timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What an attempt gave: the declared values, what is wrong, and names that are not declared."""

    values: Mapping[str, Value] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    undeclared: tuple[str, ...] = ()
    refusal: Refusal | None = None
    """How its request failed; None for a process."""


def outputs_of(outcome: Outcome, spec: JobSpec) -> Outputs:
    """The outputs of an attempt that has ended; nothing is wrong with those that are not known."""
    if not isinstance(outcome, Ended) or outcome.outputs is None:
        return Outputs()
    outputs = read_outputs(spec.outputs, outcome.outputs, trouble=outcome.outputs_trouble)
    if not isinstance(spec.action, HttpAction) or RESPONSE not in outputs.undeclared:
        return outputs
    undeclared = tuple(name for name in outputs.undeclared if name != RESPONSE)
    return replace(outputs, undeclared=undeclared, refusal=_refusal(_given(outcome.outputs)[0][RESPONSE]))


def read_outputs(specs: Sequence[ParamSpec], text: str, *, trouble: str = "") -> Outputs:
    """Read what an attempt wrote. A later line replaces an output of an earlier one.

    `trouble` says why the text cannot be read. It is a problem only for a job that declares outputs.
    """
    given, problems = ({}, [trouble]) if trouble else _given(text)
    values: dict[str, Value] = {}
    for spec in specs:
        if spec.name not in given:
            if not problems:
                problems.append(f"output `{spec.name}` is missing")
            continue
        value = _value(given[spec.name])
        wrong = _UNUSABLE if value is None else check_value(spec, value)
        if value is None or wrong is not None:
            problems.append(f"output `{spec.name}`: {wrong}")
        else:
            values[spec.name] = value
    declared = {spec.name for spec in specs}
    undeclared = tuple(name for name in given if name not in declared)
    return Outputs(values=values, problems=tuple(problems) if specs else (), undeclared=undeclared)


def _given(text: str) -> tuple[dict[str, object], list[str]]:
    """All outputs by name, and the first line that is not a JSON object."""
    given: dict[str, object] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found = _decode(line)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            shown = line if len(line) <= MAX_SHOWN else f"{line[:MAX_SHOWN]}…"
            return given, [
                f'line {number} of its outputs is not a JSON object such as {{"rows": 1}}: {shown}'
            ]
        given |= found
        if len(given) > MAX_NAMES:
            return given, [f"it gave more than {MAX_NAMES} outputs"]
    return given, []


def _refusal(found: object) -> Refusal | None:
    """What the program of a request wrote; None for anything that it does not write."""
    if not isinstance(found, dict):
        return None
    reason, detail, wait = found.get("reason"), found.get("detail"), found.get("wait")
    is_known = reason in OF_A_REQUEST or reason == Reason.OUTPUTS
    if not isinstance(reason, str) or not (is_known or _STATUS.fullmatch(reason)):
        return None
    seconds = wait if type(wait) is int and 0 <= wait <= MAX_WAIT_SECONDS else 0
    return Refusal(
        reason=reason, detail=detail if isinstance(detail, str) else "", wait=timedelta(seconds=seconds)
    )


def _value(found: object) -> Value | None:
    """A value of JSON as one of the language; None for one that the language does not have."""
    if isinstance(found, list):
        items = [_value(item) for item in found]
        scalars = [item for item in items if item is not None and not isinstance(item, tuple)]
        return tuple(scalars) if len(scalars) == len(items) else None
    if isinstance(found, (int, float)) and abs(found) >= (MAX_INTEGER if isinstance(found, int) else inf):
        return None
    return found if isinstance(found, str | int | float | bool) else None


def _no_number(name: str) -> Never:
    raise ValueError(f"{name} is not a number")


_decode = json.JSONDecoder(parse_constant=_no_number).decode
