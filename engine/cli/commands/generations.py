"""`jobfile generations`: what was in force when, by whom, from which commit."""

from datetime import UTC

import click

from engine.cli.exit_codes import GOOD
from engine.cli.output import print_json, width
from engine.cli.place import Place, json_option, place_options
from engine.core.columns import table
from engine.core.records import Applied
from engine.core.vocabulary import instant_text

HEADS = ("generation", "applied", "by", "commit", "changed", "note")


@click.command("generations")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many.")
@json_option
@place_options
def command(limit: int, *, as_json: bool, place: Place) -> int:
    """Every set of jobs that was put in force, the newest first.

    What one changed:  jobfile plan --from engine:N --to engine:M.
    """
    found = place.view().generations(limit=limit)
    if as_json:
        print_json({"format": 1, "generations": [_as_json(one) for one in found]})
        return GOOD
    if not found:
        click.echo("nothing was applied yet:  jobfile up  or  jobfile apply")
        return GOOD
    rows = [
        (
            str(one.generation.number),
            instant_text(one.generation.applied_at, UTC, has_seconds=True),
            one.generation.applied_by,
            one.generation.revision[:7],
            _changes(one),
            one.generation.note,
        )
        for one in found
    ]
    click.echo(table(HEADS, rows, right=(0,), width=width()))
    return GOOD


def _changes(one: Applied) -> str:
    told = [
        f"{sign}{count}"
        for sign, count in (("+", one.added), ("~", one.changed), ("-", one.removed))
        if count
    ]
    return " ".join(told) or "-"


def _as_json(one: Applied) -> dict[str, object]:
    generation = one.generation
    return {
        "generation": generation.number,
        "applied_at": generation.applied_at.isoformat(),
        "applied_by": generation.applied_by,
        "main_file": generation.main_file,
        "commit": generation.revision or None,
        "digest": generation.digest,
        "plan": generation.plan_id or None,
        "note": generation.note,
        "added": one.added,
        "changed": one.changed,
        "removed": one.removed,
    }
