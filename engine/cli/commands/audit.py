"""`jobfile audit`: who changed what, and whether the record is complete."""

import click

from engine.answers.audit import records_to_json, records_to_text, verified_to_json, verified_to_text, verify
from engine.asking.place import Place
from engine.cli.exit_codes import GOOD, NOT_WELL
from engine.cli.output import print_json, print_text, row_width, style_of
from engine.cli.place import json_option, place_options

SHORTEST_HASH = 12
"""Minimum number of digits of a hash to search for: fewer could match by chance."""


@click.command("audit")
@click.argument("what", metavar="[verify]", type=click.Choice(["verify"]), required=False)
@click.option(
    "--head",
    "noted",
    metavar="HASH",
    help="With verify: a hash that was printed earlier and must be found again; 12 digits or more.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=50,
    show_default=True,
    help="Maximum number of records to print.",
)
@json_option
@place_options
def command(what: str | None, noted: str | None, limit: int, *, as_json: bool, place: Place) -> int:
    """Who did what, when and why, the newest first: pauses, cancels, generations, starts and stops.

    With `verify`, checks that every record follows from the one before, and so finds one that was edited,
    removed or inserted. To find out whether the newest records were cut off, or all were rewritten, give a
    hash that was printed earlier, here or when an engine started: --head HASH."""
    if what:
        return _verify(place, _hash(noted), as_json=as_json)
    if noted is not None:
        raise click.UsageError("--head is for  jobfile audit verify")
    records = place.view().recent_audit(limit=limit)
    if as_json:
        print_json(records_to_json(records))
    else:
        click.echo(records_to_text(records, width=row_width()))
    return GOOD


def _hash(text: str | None) -> str:
    if text is None:
        return ""
    given = text.lower()
    if len(given) < SHORTEST_HASH or not all(one in "0123456789abcdef" for one in given):
        raise click.UsageError(f"--head: '{text}' is not a hash; give at least {SHORTEST_HASH} digits of it")
    return given


def _verify(place: Place, noted: str, *, as_json: bool) -> int:
    verified = verify(place.view().audit_links(), noted=noted)
    if as_json:
        print_json(verified_to_json(verified))
    else:
        style = style_of()
        print_text(verified_to_text(verified, style=style), style)
    return GOOD if verified.is_whole else NOT_WELL
