"""The options that say which run of a job a command is about."""

from collections.abc import Callable
from typing import TypeVar

import click

from engine.asking.which import Which
from engine.cli.axes import matrix_option

Function = TypeVar("Function", bound=Callable[..., object])


def which_options(function: Function) -> Function:
    """--at and --matrix, given to the command as one `which`."""

    def with_which(*args: object, time: str | None, axes: tuple[str, ...], **kwargs: object) -> object:
        return function(*args, which=Which(time, axes), **kwargs)

    with_which.__doc__ = function.__doc__
    with_which.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]  # click's own attribute
    of_matrix = matrix_option(
        "Of JOB, the run of the combination with this value: --matrix region=eu. Repeatable."
    )
    at = click.option("--at", "time", metavar="TIME", help="Of JOB, the run expected at this time.")
    return at(of_matrix(with_which))  # type: ignore[return-value]  # same signature but for the two
