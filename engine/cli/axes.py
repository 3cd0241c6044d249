"""The option that chooses combinations of a matrix: `--matrix region=eu`."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def matrix_option(help: str) -> Callable[[F], F]:
    """The option `--matrix AXIS=VALUE`."""
    return click.option("--matrix", "axes", multiple=True, metavar="AXIS=VALUE", help=help)
