"""Prints plans, for the commands plan, apply and rollback."""

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from engine.actions.beyond_host import ignored_labels
from engine.asking.applying import put
from engine.asking.findings import refuse_invalid
from engine.asking.place import Place
from engine.cli.exit_codes import GOOD
from engine.cli.output import print_json, print_text, style_of, width
from engine.core.events import Event
from engine.host.keys import make_key
from engine.planning.enforcing import Intent, applied_to_json, applied_to_text
from engine.planning.saved import refuse_without_ledger, write_plan_file
from engine.planning.sides import InvalidSideError
from jobfile.diagnostics.escapes import printable
from jobfile.plan import Plan, Side
from jobfile.plan.summary import render_summary
from jobfile.plan.text import render_text

NARROWEST = 60


def valid_side(side: Callable[[], Side]) -> Side:
    """A side; when its files have errors, prints them and raises."""
    try:
        return side()
    except InvalidSideError as error:
        click.echo(printable(f"{error.name} has errors:"), err=True)
        refuse_invalid(error.compiled)


def print_plan(plan: Plan, *, is_full: bool, is_summary: bool = False) -> None:
    """Print a plan as text, or its summary."""
    columns = max(NARROWEST, width())
    text = (
        render_summary(plan, width=columns)
        if is_summary
        else render_text(plan, width=columns, is_full=is_full)
    )
    style = style_of()
    # Painted line by line at the end: without colours, the sign of a line has the same meaning.
    print_text("\n".join(map(style.change, text.split("\n"))), style, nl=False)


def save_plan(path: Path, plan: Plan, *, place: Place, text: str) -> None:
    """Save a plan for `apply` to a file, with the seal of this state folder."""
    refuse_without_ledger(plan)
    write_plan_file(path, plan, key=make_key(place.state_dir), main_file=place.main_file, text=text)


def apply_and_print(place: Place, intent: Intent, *, as_json: bool) -> int:
    """Put a set in force and print its generation; return the exit code."""
    print_applied(put(place, intent), intent, as_json=as_json)
    if told := ignored_labels(intent.catalog, place.config):
        click.echo(f"warning: {told}", err=True)
    return GOOD


def print_applied(events: Sequence[Event], intent: Intent, *, as_json: bool) -> None:
    """Print which generation is in force now."""
    if as_json:
        print_json(applied_to_json(events, intent))
    else:
        click.echo(applied_to_text(events))
