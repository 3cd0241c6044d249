"""Makes a plan with what an engine has in force, here or at a server, and prints or saves it."""

from datetime import datetime
from pathlib import Path

import click

from engine.answers.choice import Choice
from engine.asking.choosing import refuse_choice_of_one
from engine.asking.place import Place
from engine.asking.plan import chosen_of, planned_from, sides_of
from engine.asking.times import parse_instant
from engine.cli.exit_codes import CHANGES, GOOD, NOT_WELL, RISKS
from engine.cli.output import print_json
from engine.cli.planning import print_plan, save_plan
from engine.planning.drift import drift_of
from engine.planning.in_force import JobsInForce
from engine.planning.invalid import Invalid, invalid_of, invalid_to_json, invalid_to_markdown, invalid_to_text
from engine.planning.saved import Ledger
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """What `jobfile plan` was asked."""

    choice: Choice
    jobs: tuple[str, ...]
    before: str | None
    after: str
    form: str
    is_full: bool
    is_summary: bool
    out: str | None
    exits_on_changes: bool
    fail_on: str | None
    detects_drift: bool
    links: str
    instant: str | None

    @property
    def wanted(self) -> Filter:
        """The jobs to show."""
        return Filter(jobs=self.jobs, tags=self.choice.tags, owners=self.choice.owners)


def show_plan(
    place: Place,
    in_force: JobsInForce | None,
    options: PlanOptions,
    *,
    here: Ledger | None = None,
) -> int:
    """Make a plan, print it, and save it if that is asked; return the exit code.

    `here` is the ledger of the place, which may have sealed saved plans; None if there is none here.
    """
    clock = place.now() if in_force is None else in_force.now()
    now = _instant(options.instant, clock.replace(microsecond=0))
    refuse_choice_of_one(options.jobs[0] if options.jobs else None, options.choice)
    _refuse_mixed(options)
    out, name = options.out, str(place.main_file)
    try:
        base, target = sides_of(
            place, in_force, options.before, options.after, here=here, is_saved=out is not None
        )
    except InvalidSideError as error:
        _print_invalid(invalid_of(error), options.form, name=name)
        return NOT_WELL
    plan = planned_from(base, target, in_force, now=now)
    if out is not None:
        save_plan(Path(out), plan, place=place, text=render_text(plan, is_full=options.is_full))
    _print(chosen_of(plan, options.wanted), options, name=name)
    if out is not None:
        saved = printable(f"saved to {out}; to apply it:  jobfile apply {out}")
        click.echo(saved, err=options.form != "text")
    is_drifted = options.detects_drift and _print_drift(plan, in_force, form=options.form)
    return _exit_code(plan, options, is_drifted=is_drifted)


def _refuse_mixed(options: PlanOptions) -> None:
    """Raise if options contradict each other."""
    if options.out is not None and options.wanted != Filter():
        raise click.UsageError(
            "a saved plan is always the whole change; remove JOB, --tag and --owner, or --out"
        )
    if options.is_summary and options.form != "text":
        raise click.UsageError(f"--summary is a text; remove it, or --format {options.form}")


def _instant(text: str | None, now: datetime) -> datetime:
    if text is None:
        return now
    zone = load_zone("UTC")
    assert zone is not None
    return parse_instant(text, zone, now=now)


def _print(plan: Plan, options: PlanOptions, *, name: str) -> None:
    if options.form == "json":
        click.echo(text_of(to_json(plan, version=__version__)), nl=False)
    elif options.form == "markdown":
        text = render_markdown(plan, name=name, version=__version__, links=options.links)
        click.echo(text, nl=False)
    elif options.form == "html":
        click.echo(render_page(plan), nl=False)
    else:
        print_plan(plan, is_full=options.is_full, is_summary=options.is_summary)


def _print_invalid(invalid: Invalid, form: str, *, name: str) -> None:
    if form == "json":
        print_json(invalid_to_json(invalid, version=__version__))
    elif form == "markdown":
        click.echo(invalid_to_markdown(invalid, name=name), nl=False)
        click.echo(render_short(invalid.errors), err=True, nl=False)
    else:
        click.echo(invalid_to_text(invalid), err=True)


def _print_drift(plan: Plan, in_force: JobsInForce | None, *, form: str) -> bool:
    lines = drift_of(None if in_force is None else in_force.standing(), plan.after.catalog)
    for index, line in enumerate(lines):
        click.echo(f"{'state' if index == 0 else '':<6}{printable(line)}", err=form != "text")
    return bool(lines)


def _exit_code(plan: Plan, options: PlanOptions, *, is_drifted: bool) -> int:
    if options.fail_on and plan.all_risks:
        return RISKS
    exits_on_changes = options.exits_on_changes or options.detects_drift
    return CHANGES if is_drifted or (exits_on_changes and plan.has_changes) else GOOD
