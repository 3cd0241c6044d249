"""The options that limit an answer to the jobs of a tag or an owner, the same in every command."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import click

from engine.answers.choice import Choice

Function = TypeVar("Function", bound=Callable[..., object])


def choice_options(function: Function) -> Function:
    """--tag and --owner, given to the command as one `choice`."""

    def with_choice(*args: object, tags: Sequence[str], owners: Sequence[str], **kwargs: object) -> object:
        return function(*args, choice=Choice(tags=tuple(tags), owners=tuple(owners)), **kwargs)

    with_choice.__doc__ = function.__doc__
    with_choice.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]  # click's own attribute
    decorated = click.option(
        "--owner", "owners", multiple=True, metavar="OWNER", help="Only jobs of this owner. Repeatable."
    )(with_choice)
    decorated = click.option(
        "--tag", "tags", multiple=True, metavar="TAG", help="Only jobs with this tag. Repeatable."
    )(decorated)
    return decorated  # type: ignore[return-value]  # same signature but for the choice
