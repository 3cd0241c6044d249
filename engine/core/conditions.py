"""Decides whether the `if` of a job or a step is met, and which values decided."""

from collections.abc import Callable, Mapping
from typing import Final

from jobfile.expressions.expression import EvaluationError
from jobfile.expressions.template import evaluate_source, names_in, to_text

MAX_SHOWN: Final = 80
"""Maximum characters of a value that decided."""


def unmet(condition: str | None, values: Callable[[], Mapping[str, object]]) -> str | None:
    """The values that made a condition false, such as `params.dry = true`; None when it is met.

    Raises EvaluationError for a condition that cannot be evaluated.
    """
    if condition is None or evaluate_source(condition, values()) is True:
        return None
    parts = []
    for name in names_in(condition):
        try:
            text = to_text(evaluate_source(name, values()))
        except EvaluationError:
            continue
        parts.append(f"{name} = {text if len(text) <= MAX_SHOWN else f'{text[:MAX_SHOWN]}…'}")
    return ", ".join(parts)
