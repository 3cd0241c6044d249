"""`jobfile plan`: what a change of the job files means for future runs."""

import click

from engine.answers.choice import Choice
from engine.asking.place import Place
from engine.asking.plan import in_force_at, ledger_at
from engine.cli.filters import choice_options
from engine.cli.place import place_options
from engine.cli.plan_shown import PlanOptions, show_plan

FORMATS = ("text", "markdown", "json", "html")


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
    options = PlanOptions(
        choice=choice,
        jobs=jobs,
        before=before,
        after=after,
        form="json" if as_json else form,
        is_full=is_full,
        is_summary=is_summary,
        out=out,
        exits_on_changes=exits_on_changes,
        fail_on=fail_on,
        detects_drift=detect_drift,
        links=links,
        instant=instant,
    )
    view = place.view_if_any()
    return show_plan(place, in_force_at(place, view), options, here=ledger_at(place, view))
