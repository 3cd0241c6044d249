"""`jobfile apply`: put the job files, or a saved plan, in force."""

from pathlib import Path

import click

from engine.asking.applying import intent_of, open_store
from engine.asking.place import Place, refuse_unsafe_files
from engine.asking.plan import planned
from engine.asking.saved_plans import apply_saved, read_saved
from engine.cli.confirming import confirmed
from engine.cli.exit_codes import GOOD
from engine.cli.place import json_option, place_options, strict_option, why_option
from engine.cli.planning import apply_and_print, print_applied, print_plan, valid_side
from engine.planning.enforcing import refuse_mass_removal, refuse_risks, refuse_what_cannot_run
from engine.planning.saved import NoBaseError, read_plan_file
from engine.planning.sides import engine_side, revision_side, worktree_side
from jobfile.diagnostics.escapes import printable


@click.command("apply")
@click.argument("plan_file", metavar="[PLAN]", required=False)
@click.option("--yes", "-y", "is_sure", is_flag=True, help="Apply without asking.")
@click.option(
    "--git",
    "revision",
    metavar="REV",
    help="Take the files from this commit, tag or branch [default: the work tree].",
)
@click.option(
    "--fail-on", type=click.Choice(["risk"]), help="Apply nothing and exit with 3 if the plan has a risk."
)
@click.option(
    "--yes-remove-many",
    "may_remove",
    is_flag=True,
    help="Allow removing more than five jobs, and more than a fifth of all, at once.",
)
@why_option
@strict_option
@json_option
@place_options
def command(
    plan_file: str | None,
    revision: str | None,
    fail_on: str | None,
    *,
    is_sure: bool,
    may_remove: bool,
    why: str,
    is_strict: bool,
    as_json: bool,
    place: Place,
) -> int:
    """Put the job files in force as the next generation, whole or not at all: shows the plan and asks.

    With PLAN, a file of  jobfile plan --out, applies exactly that plan. An engine with --apply manual waits
    for this command. Without a ledger, one is created.
    """
    if plan_file is not None:
        if revision is not None:
            raise click.UsageError("a saved plan already defines what is applied; remove --git")
        return _apply_saved(
            Path(plan_file), place, fail_on=fail_on, may_remove=may_remove, why=why, as_json=as_json
        )
    main_file = place.main_file
    if revision is None:
        refuse_unsafe_files(place, is_strict=is_strict)
    after = valid_side(lambda: revision_side(main_file, revision) if revision else worktree_side(main_file))
    refuse_what_cannot_run(after.catalog, place.config)
    open_store(place).close()
    view = place.view()
    plan = planned(engine_side(view), after, view=view, place=place)
    view.close()
    if not as_json and plan.has_changes:
        print_plan(plan, is_full=False)
    if fail_on:
        refuse_risks(len(plan.all_risks))
    refuse_mass_removal(plan, may_remove=may_remove)
    if plan.has_changes and not confirmed("Apply this?", is_sure=is_sure, as_json=as_json):
        click.echo("nothing was applied")
        return GOOD
    return apply_and_print(place, intent_of(plan, place, why=why), as_json=as_json)


def _apply_saved(
    path: Path, place: Place, *, fail_on: str | None, may_remove: bool, why: str, as_json: bool
) -> int:
    """Apply a reviewed plan, if it still builds on what is in force."""
    view = place.view_if_any()
    if view is None:
        read_plan_file(path, here=None)
        raise NoBaseError(
            f"{path} was made for an engine's ledger, and {place.state_dir} has none; name it with --state"
        )
    found = read_saved(path, place, view)
    view.close()
    applied = apply_saved(found, place, why=why, may_remove=may_remove, fails_on_risk=bool(fail_on))
    for note in applied.notes:
        click.echo(printable(note), err=True)
    print_applied(applied.events, applied.intent, as_json=as_json)
    return GOOD
