"""Many small cases as one test: each test of its own costs milliseconds, in each worker that collects it."""

import functools
import inspect
from collections.abc import Callable, Collection, Iterator
from typing import Any

import pytest

LONGEST = 120
"""How much of a case is shown, in characters."""


def together(names: str | tuple[str, ...], cases: Collection[Any]) -> Callable[..., Any]:
    """Like `pytest.mark.parametrize`, for cases that leave nothing behind; a failure names all that fail."""
    assert cases, "no case would be tested"
    filled = (names,) if isinstance(names, str) else names
    values = [(case,) if isinstance(names, str) else case for case in cases]

    def decorated(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def all_cases(**fixtures: Any) -> None:
            given = (dict(zip(filled, one, strict=True)) for one in values)
            failures = [error for one in given for error in _failure(test, one, fixtures)]
            if failures:
                failed = "\n".join(error.__notes__[-1] for error in failures)
                raise BaseExceptionGroup(
                    f"{len(failures)} of {len(values)} cases fail:\n{failed}\n", failures
                )

        parameters = inspect.signature(test).parameters
        assert set(filled) <= set(parameters), f"{test.__name__} does not take {filled}"
        left = [one for name, one in parameters.items() if name not in filled]
        all_cases.__signature__ = inspect.Signature(left)  # type: ignore[attr-defined]  # pytest reads it
        return all_cases

    return decorated


def _failure(
    test: Callable[..., None], case: dict[str, Any], fixtures: dict[str, Any]
) -> Iterator[BaseException]:
    try:
        test(**case, **fixtures)
    except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001  # each other case is tested, too
        shown = repr(next(iter(case.values())) if len(case) == 1 else tuple(case.values()))
        error.add_note(f"  in the case {shown[:LONGEST]}")
        yield error
