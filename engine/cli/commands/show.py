"""`jobfile show`: a job with all its defaults, and the origin of each value."""

from collections.abc import Mapping
from pathlib import Path

import click

from engine.answers.graph import FORMS, graph_of, graph_to_mermaid, graph_to_svg, graph_to_text
from engine.answers.shown import Shown, show_in_force, show_job, show_run, shown_to_json
from engine.answers.shown_text import printable_lines, shown_to_text
from engine.asking.naming import find_run, is_known, is_run_id, unknown_job
from engine.asking.params import split_params
from engine.asking.place import Place
from engine.cli.exit_codes import GOOD
from engine.cli.findings import refuse_invalid
from engine.cli.in_force import catalog_in_force
from engine.cli.output import print_json
from engine.cli.place import json_option, place_options
from engine.core.errors import UnreadableFileError
from engine.core.lifecycle import Run
from engine.ledger.ports import View
from engine.planning.enforcing import refuse_stale
from engine.planning.saved import PlanRefusedError, is_plan_file, ledger_here, read_plan_file
from engine.sources.folder import FolderTree
from jobfile.diagnostics.escapes import printable
from jobfile.pipeline import compile_files
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
    run = _run_named(job, place)
    shown = show_run(*run) if run is not None else _from_files(job, split_params(given), place)
    if graph_form is not None:
        states = () if run is None else run[0].steps(run[1].id)
        click.echo(GRAPHS[graph_form](graph_of(shown.spec, states)))
    elif as_json:
        print_json(shown_to_json(shown))
    else:
        click.echo(shown_to_text(shown))
    return GOOD


def _from_files(job: str, overrides: Mapping[str, str], place: Place) -> Shown:
    """The job as the files define it; when they have errors, the one in force, or the errors are printed."""
    snapshot = FolderTree(place.main_file).snapshot()
    if snapshot.problem:
        raise UnreadableFileError(snapshot.trouble)
    compiled = compile_files(snapshot.files, outside=snapshot.outside, overrides=overrides)
    if compiled.catalog is None or compiled.files is None:
        if overrides:
            refuse_invalid(compiled)
        old = catalog_in_force(compiled, place, jobs=(job,)).job(job)
        assert old is not None
        return show_in_force(old)
    found = compiled.catalog.job(job)
    if found is None:
        raise unknown_job(job, f"in {place.main_file}", known=compiled.catalog.names)
    return show_job(found, compiled.files.jobs[job])


def _run_named(text: str, place: Place) -> tuple[View, Run] | None:
    """The run whose id begins with `text`, with its ledger; None if `text` is the name of a job."""
    view = place.view_if_any() if is_run_id(text) else None
    if view is None or is_known(view, text) or not view.runs_with_prefix(text.lower()):
        return None
    return view, find_run(view, text)


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
