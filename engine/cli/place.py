"""The options for the place where a command works, and warnings about what is found there."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from engine.asking.place import Place
from engine.core.errors import WrongUsageError
from jobfile.diagnostics.escapes import printable
from jobfile.model.dataclass import dataclass

if TYPE_CHECKING:
    from engine.ledger.ports import View

Function = TypeVar("Function", bound=Callable[..., object])


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedPlace(Place):
    """A place whose command warns, at its end, about ledger rows that it could not read."""

    def note(self, text: str) -> None:
        """Say something beside the answer: on standard error."""
        click.echo(printable(text), err=True)

    def keep(self, view: "View") -> None:
        """At the end of the command, warn about rows that could not be read."""
        context = click.get_current_context(silent=True)
        if context is not None:
            context.call_on_close(lambda: self.warn_unreadable(view))


def _refuse_state_of_run(given: str) -> None:
    """Refuse `--state failed`: that folder would be an empty place, where nothing has ever run."""
    from engine.core.lifecycle import RunState  # noqa: PLC0415  start-up time: only after a mistake

    if given in set(RunState):
        asked = f"runs that are {given}:  jobfile runs --in {given}"
        raise WrongUsageError(f"--state names the state folder; {asked}")


def refuse_password(url: str, option: str = "--store") -> None:
    """Refuse a password that every user of this machine can read in the list of processes."""
    user, mark, _ = url.partition("://")[2].partition("@")
    if (mark and ":" in user) or "password=" in url:
        instead = "put the URL into JOBFILE_STORE, or the " if option == "--store" else "put the "
        raise WrongUsageError(
            f"{option} has a password, which other users can see; {instead}password into ~/.pgpass"
        )


def place_options(function: Function) -> Function:
    """-f/--file, --state and --store, given to the command as one `place`."""

    def with_place(
        *args: object, file: str | None, state: str | None, store: str | None, **kwargs: object
    ) -> object:
        if state is not None and not Path(state).exists():
            _refuse_state_of_run(state)
        if store is not None:
            refuse_password(store)
        return function(*args, place=WatchedPlace.named(file, state, store), **kwargs)

    with_place.__doc__ = function.__doc__
    with_place.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]  # click's own attribute
    decorated = click.option(
        "-f",
        "--file",
        metavar="FILE",
        help="The main job file [default: jobs.yaml here, or in a folder above].",
    )(with_place)
    decorated = click.option(
        "--state",
        metavar="DIR",
        help="The state folder [default: $JOBFILE_STATE, else .jobfile beside the job file].",
    )(decorated)
    decorated = click.option(
        "--store",
        metavar="URL",
        help="The ledger, if it is in PostgreSQL: postgresql://USER@HOST/DATABASE [default: $JOBFILE_STORE, "
        "else a file in the state folder].",
    )(decorated)
    return decorated  # type: ignore[return-value]  # same signature but for the place


strict_option = click.option(
    "--no-strict-modes",
    "is_strict",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Only warn when other users can change the job files [default: refuse].",
)

why_option = click.option(
    "--why", default="", metavar="TEXT", help="The reason, recorded in the audit [default: none]."
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
