"""`jobfile show`: a job with all its defaults, and the origin of each value."""

from pathlib import Path

import click

from engine.answers.graph import FORMS, graph_of, graph_to_mermaid, graph_to_svg, graph_to_text
from engine.answers.shown import show_run, shown_to_json
from engine.answers.shown_text import printable_lines, shown_to_text
from engine.asking.params import split_params
from engine.asking.place import Place
from engine.asking.show import job_from_files, run_named
from engine.cli.exit_codes import GOOD
from engine.cli.output import print_json
from engine.cli.place import json_option, place_options
from engine.planning.enforcing import refuse_stale
from engine.planning.saved import PlanRefusedError, is_plan_file, ledger_here, read_plan_file
from jobfile.diagnostics.escapes import printable
from jobfile.plan.as_json import text_of

GRAPHS = {"text": graph_to_text, "mermaid": graph_to_mermaid, "svg": graph_to_svg}
UNSEALED = "was not saved here, so changes since then cannot be detected"


@click.command("show")
@click.argument("job", metavar="RUN, JOB or PLAN")
@click.option(
    "--set",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="Use this value of a var instead of that of the file: --set region=eu. Repeatable.",
)
@click.option(
    "--graph",
    "graph_form",
    type=click.Choice(FORMS),
    help="Show the graph of the steps instead: as a tree, a Mermaid flowchart, or an SVG picture.",
)
@json_option
@place_options
def command(job: str, given: tuple[str, ...], graph_form: str | None, *, as_json: bool, place: Place) -> int:
    """JOB with all its defaults filled in, and where each value comes from.

    For a RUN, named by the beginning of its id, shows the job as that run used it; for the file of a saved
    PLAN, the plan. While the job files have errors, shows the job in force, if there is one.
    """
    if graph_form is not None and as_json:
        raise click.UsageError("--graph is not JSON; show --json has the steps and what each needs")
    if is_plan_file(Path(job)):
        return _show_plan(Path(job), place, as_json=as_json)
    run = run_named(job, place)
    shown = show_run(*run) if run is not None else job_from_files(job, split_params(given), place)
    if graph_form is not None:
        states = () if run is None else run[0].steps(run[1].id)
        click.echo(GRAPHS[graph_form](graph_of(shown.spec, states)))
    elif as_json:
        print_json(shown_to_json(shown))
    else:
        click.echo(shown_to_text(shown))
    return GOOD


def _show_plan(path: Path, place: Place, *, as_json: bool) -> int:
    """A saved plan as it was printed when it was made, with a warning if it can no longer be applied."""
    view = place.view_if_any()
    saved = read_plan_file(path, here=ledger_here(view, place.state_dir))
    if not saved.is_sealed:
        click.echo(f"warning: {printable(str(path))} {UNSEALED}", err=True)
    if view is not None:
        try:
            refuse_stale(saved, view, name=str(path))
        except PlanRefusedError as error:
            click.echo(f"warning: {printable(str(error))}", err=True)
    click.echo(text_of(saved.plan).rstrip("\n") if as_json else "\n".join(printable_lines(saved.text)))
    return GOOD
