"""`http`: a request. The engine cannot run it yet."""

from collections.abc import Mapping, Sequence

from engine.actions.kind import Filled, Prepared, Row, Surroundings, Values
from engine.actions.refused import refuse
from jobfile.expressions.template import to_text
from jobfile.model.jobs import HttpAction


class Http:
    """The kind `http`: a request, with the statuses that count as success."""

    made = HttpAction
    is_runnable = False

    def prepare(self, action: HttpAction, values: Values, around: Surroundings) -> Prepared:  # noqa: ARG002  the protocol's signature
        """Raise: the engine cannot run this kind yet."""
        refuse("http")

    def describe(self, action: HttpAction, filled: Filled) -> list[Row]:
        """The request, its headers and body, and when it succeeds."""
        rows = [("request", f"{action.method} {filled.text(action.url)}")]
        rows += [("header", f"{name}: {filled.text(text)}") for name, text in action.headers.items()]
        if action.body is not None:
            rows.append(("body", filled.text(action.body)))
        if action.json is not None:
            rows.append(("body", to_text(_filled(action.json, filled))))
        ranges = ", ".join(f"{low}" if low == high else f"{low}-{high}" for low, high in action.status)
        return [*rows, ("succeeds on", ranges)]

    def program(self, action: HttpAction, filled: Filled) -> str:  # noqa: ARG002  the protocol's signature
        """Return "": a request executes no program."""
        return ""


def _filled(value: object, filled: Filled) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_filled(one, filled)}" for key, one in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(_filled(one, filled) for one in value) + "]"
    return filled.text(value) if isinstance(value, str) else to_text(value)
