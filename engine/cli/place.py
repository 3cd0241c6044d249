"""The options for the place where a command works, and warnings about what is found there."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from engine.asking.place import Place
from engine.host.ownership import file_troubles, refuse_foreign_files
from jobfile.diagnostics.escapes import printable
from jobfile.model.dataclass import dataclass

if TYPE_CHECKING:
    from engine.ledger.ports import View

MAX_LISTED = 5
"""Maximum number of unreadable rows that an answer names; `doctor` names all."""

Function = TypeVar("Function", bound=Callable[..., object])


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedPlace(Place):
    """A place whose command warns, at its end, about ledger rows that it could not read."""

    def view(self) -> "View":
        """The ledger for reading. Raises NothingRecordedError when there is none."""
        view = Place.view(self)  # `super` needs the class before `slots` replaced it
        context = click.get_current_context(silent=True)
        if context is not None:
            context.call_on_close(lambda: _warn_unreadable(view))
        return view


def _warn_unreadable(view: "View") -> None:
    found = view.unreadable
    for one in found[:MAX_LISTED]:
        click.echo(f"warning: {printable(one.words)}", err=True)
    if found:
        more = f" and {len(found) - MAX_LISTED} more;" if len(found) > MAX_LISTED else ""
        click.echo(f"{more} `jobfile doctor` says what to do".lstrip(), err=True)


def place_options(function: Function) -> Function:
    """-f/--file and --state, given to the command as one `place`."""

    def with_place(*args: object, file: str | None, state: str | None, **kwargs: object) -> object:
        return function(*args, place=WatchedPlace.named(file, state), **kwargs)

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
    return decorated  # type: ignore[return-value]  # same signature but for the place


def refuse_unsafe_files(place: Place, *, is_strict: bool) -> None:
    """Refuse job files that other users could change; without `is_strict`, only warn.

    A file that cannot be read is reported when it is read next.
    """
    from engine.sources.file_reader import read_job_files  # noqa: PLC0415  start-up time: few commands run files

    try:
        names = [Path(name) for name, _ in read_job_files(place.main_file).files]
    except OSError:
        return
    if is_strict:
        refuse_foreign_files(names)
        return
    found = next(file_troubles(names), None)
    if found is not None:
        click.echo(f"warning: {found.found}, and so the commands that run as you:  {found.help}", err=True)


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
