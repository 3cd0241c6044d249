"""`jobfile plan`: what a change of the job files means for future runs."""

from datetime import datetime
from pathlib import Path

import click

from engine.answers.choice import Choice
from engine.asking.choosing import refuse_choice_of_one
from engine.asking.place import Place
from engine.asking.plan import chosen_of, planned, sides_of
from engine.asking.times import parse_instant
from engine.cli.exit_codes import CHANGES, GOOD, NOT_WELL, RISKS
from engine.cli.filters import choice_options
from engine.cli.output import print_json
from engine.cli.place import place_options
from engine.cli.planning import print_plan, save_plan
from engine.ledger.ports import View
from engine.planning.drift import drift_of
from engine.planning.invalid import Invalid, invalid_of, invalid_to_json, invalid_to_markdown, invalid_to_text
from engine.planning.sides import InvalidSideError
from jobfile import __version__
from jobfile.diagnostics.escapes import printable
from jobfile.model.dataclass import dataclass
from jobfile.plan import Plan
from jobfile.plan.as_json import text_of, to_json
from jobfile.plan.markdown import render_markdown
from jobfile.plan.page import render_page
from jobfile.plan.text import render_text
from jobfile.plan.values import Filter
from jobfile.render.text import render_short
from jobfile.schedule.occurrences import load_zone

FORMATS = ("text", "markdown", "json", "html")


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """How to show a plan."""

    form: str
    name: str
    links: str
    is_full: bool
    is_summary: bool


@click.command("plan")
@click.argument("jobs", metavar="[JOB]...", nargs=-1)
@click.option(
    "--from",
    "before",
    metavar="SIDE",
    help="Old side: engine (what is in force), engine:N (a generation), worktree, a commit or branch, a job "
    "file [default: engine; without its ledger, the commit where the branch began].",
)
@click.option(
    "--to",
    "after",
    metavar="SIDE",
    default="worktree",
    show_default=True,
    help="New side, named in the same way; worktree is the files as they are now.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="Form of the plan; markdown is for  jobfile comment.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--full",
    "--verbose",
    "is_full",
    is_flag=True,
    help="Show whole scripts, all jobs of a group, and jobs that only moved in their file.",
)
@click.option("--summary", "is_summary", is_flag=True, help="Show counts, groups and risks in one screen.")
@click.option("--out", metavar="FILE", help="Save the plan to this file too, for  jobfile apply FILE.")
@click.option(
    "--exit-code",
    "exits_on_changes",
    is_flag=True,
    help="Exit with 2 if the plan changes anything [default: with 0].",
)
@click.option(
    "--fail-on", type=click.Choice(["risk"]), help="Exit with 3 if the plan has a risk (RISK01 to RISK14)."
)
@click.option(
    "--detect-drift",
    is_flag=True,
    help="Compare pauses and manual params with the engine too; exit with 2 on any difference.",
)
@click.option(
    "--links",
    metavar="URL",
    default="",
    help="With --format markdown: link each job to URL/FILE: https://github.com/o/r/blob/main.",
)
@click.option(
    "--now", "instant", metavar="TIME", help="Plan the runs after this time: 2026-11-28T18:04 [default: now]."
)
@choice_options
@place_options
def command(  # noqa: PLR0917  click hands over the options by name
    jobs: tuple[str, ...],
    before: str | None,
    after: str,
    form: str,
    out: str | None,
    fail_on: str | None,
    links: str,
    instant: str | None,
    *,
    choice: Choice,
    as_json: bool,
    is_full: bool,
    is_summary: bool,
    exits_on_changes: bool,
    detect_drift: bool,
    place: Place,
) -> int:
    """What a change means: jobs, fields, and the runs gained, moved and lost. Nothing is changed.

    Compares what is in force (without an engine: where the branch began) with the work tree. With JOB, --tag
    or --owner, shows only these jobs; exit codes are about the whole change.
    """
    now = _instant(instant, place)
    view = place.view_if_any()
    form = "json" if as_json else form
    refuse_choice_of_one(jobs[0] if jobs else None, choice)
    wanted = Filter(jobs=jobs, tags=choice.tags, owners=choice.owners)
    _refuse_mixed(wanted, form, out=out, is_summary=is_summary)
    shown = _View(form=form, name=str(place.main_file), links=links, is_full=is_full, is_summary=is_summary)
    try:
        base, target = sides_of(place, view, before, after, is_saved=out is not None)
    except InvalidSideError as error:
        _print_invalid(invalid_of(error), shown)
        return NOT_WELL
    plan = planned(base, target, view=view, place=place, now=now)
    if out is not None:
        text = render_text(plan, is_full=is_full)
        save_plan(Path(out), plan, place=place, text=text)
    _print(chosen_of(plan, wanted), shown)
    if out is not None:
        click.echo(printable(f"saved to {out}; to apply it:  jobfile apply {out}"), err=form != "text")
    is_drifted = detect_drift and _print_drift(plan, view, form=form, now=place.now())
    return _exit_code(
        plan, fail_on=fail_on, exits_on_changes=exits_on_changes or detect_drift, is_drifted=is_drifted
    )


def _refuse_mixed(wanted: Filter, form: str, *, out: str | None, is_summary: bool) -> None:
    """Raise if options contradict each other."""
    if out is not None and wanted != Filter():
        raise click.UsageError(
            "a saved plan is always the whole change; remove JOB, --tag and --owner, or --out"
        )
    if is_summary and form != "text":
        raise click.UsageError(f"--summary is a text; remove it, or --format {form}")


def _instant(text: str | None, place: Place) -> datetime:
    now = place.now().replace(microsecond=0)
    if text is None:
        return now
    zone = load_zone("UTC")
    assert zone is not None
    return parse_instant(text, zone, now=now)


def _print(plan: Plan, shown: _View) -> None:
    if shown.form == "json":
        click.echo(text_of(to_json(plan, version=__version__)), nl=False)
    elif shown.form == "markdown":
        text = render_markdown(plan, name=shown.name, version=__version__, links=shown.links)
        click.echo(text, nl=False)
    elif shown.form == "html":
        click.echo(render_page(plan), nl=False)
    else:
        print_plan(plan, is_full=shown.is_full, is_summary=shown.is_summary)


def _print_invalid(invalid: Invalid, shown: _View) -> None:
    if shown.form == "json":
        print_json(invalid_to_json(invalid, version=__version__))
    elif shown.form == "markdown":
        click.echo(invalid_to_markdown(invalid, name=shown.name), nl=False)
        click.echo(render_short(invalid.errors), err=True, nl=False)
    else:
        click.echo(invalid_to_text(invalid), err=True)


def _print_drift(plan: Plan, view: View | None, *, form: str, now: datetime) -> bool:
    lines = drift_of(view, plan.after.catalog, now=now)
    for index, line in enumerate(lines):
        click.echo(f"{'state' if index == 0 else '':<6}{printable(line)}", err=form != "text")
    return bool(lines)


def _exit_code(plan: Plan, *, fail_on: str | None, exits_on_changes: bool, is_drifted: bool) -> int:
    if fail_on and plan.all_risks:
        return RISKS
    return CHANGES if is_drifted or (exits_on_changes and plan.has_changes) else GOOD
