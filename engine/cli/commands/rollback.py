"""`jobfile rollback`: put an earlier generation in force again."""

import click

from engine.asking.place import Place
from engine.asking.plan import planned
from engine.cli.confirming import confirmed
from engine.cli.exit_codes import GOOD
from engine.cli.output import print_json
from engine.cli.place import json_option, place_options, why_option
from engine.cli.planning import apply_and_print, print_plan
from engine.core.errors import NothingRecordedError
from engine.host.environment import user_name
from engine.planning.enforcing import (
    Intent,
    refuse_mass_removal,
    refuse_what_cannot_run,
    unchanged_to_json,
)
from engine.planning.sides import UnknownGenerationError, engine_side


@click.command("rollback")
@click.argument("generation", type=click.IntRange(min=1), required=False)
@click.option("--yes", "-y", "is_sure", is_flag=True, help="Roll back without asking.")
@click.option(
    "--yes-remove-many",
    "may_remove",
    is_flag=True,
    help="Allow removing more than five jobs, and more than a fifth of all, at once.",
)
@why_option
@json_option
@place_options
def command(
    generation: int | None, *, is_sure: bool, may_remove: bool, why: str, as_json: bool, place: Place
) -> int:
    """Put the jobs of GENERATION in force again, as a new generation: shows the plan and asks.

    Without GENERATION, uses the previous one. The files are not changed: an engine that applies them itself
    ignores them until they change.
    """
    view = place.view()
    current = view.current_generation()
    if current is None:
        raise NothingRecordedError("nothing is in force yet, so there is nothing to roll back to")
    number = generation if generation is not None else current.number - 1
    if number < 1:
        raise UnknownGenerationError("there is no generation before the one in force:  jobfile generations")
    if number >= current.number:
        raise UnknownGenerationError(
            f"generation {current.number} is in force; name an earlier one:  jobfile generations"
        )
    before, after = engine_side(view), engine_side(view, number)
    plan = planned(before, after, view=view, place=place)
    view.close()
    refuse_what_cannot_run(after.catalog, place.config)
    if not plan.has_changes:
        if as_json:
            print_json(unchanged_to_json(current.number))
        else:
            click.echo(f"nothing to do: generation {number} is the same as what is in force")
        return GOOD
    if not as_json:
        print_plan(plan, is_full=False)
    refuse_mass_removal(plan, may_remove=may_remove)
    if not confirmed(f"Roll back to generation {number}?", is_sure=is_sure, as_json=as_json):
        click.echo("nothing was applied")
        return GOOD
    intent = Intent(
        catalog=after.catalog,
        base=current.number,
        by=user_name(),
        why=why,
        main_file=current.main_file,
        revision=after.revision,
        instead_of=current.digest,
        note=f"rollback to generation {number}",
    )
    return apply_and_print(place, intent, as_json=as_json)
