"""`jobfile list`: every job, its last results, and when it runs next."""

from collections.abc import Sequence

import click

from engine.answers.choice import Choice
from engine.answers.listing import NO_STATE, STATES, JobList, list_jobs, list_to_json
from engine.answers.listing_text import list_to_text
from engine.answers.presence import Presence
from engine.cli.exit_codes import GOOD, NOT_WELL
from engine.cli.filters import choice_options, named_states
from engine.cli.findings import print_errors
from engine.cli.output import print_json, width
from engine.cli.place import Place, json_option, place_options
from engine.core.errors import JobfileError
from engine.host.lock import is_engine_running
from engine.service.presence import presence_at
from engine.sources.folder import FolderTree
from jobfile.model.catalog import Catalog
from jobfile.pipeline import compile_files


@click.command("list")
@choice_options
@click.option(
    "--in",
    "given",
    multiple=True,
    metavar="STATE",
    help=f"Only jobs whose newest result is one of these: a,b. Repeatable. {NO_STATE}: without a result.",
)
@json_option
@place_options
def command(given: tuple[str, ...], *, choice: Choice, as_json: bool, place: Place) -> int:
    """Every job with its newest result, its last ten, when it is expected next, its owner and its tags.

    As in  jobfile did, the results are those of the schedule; of a job without one, those of its manual runs.
    A manual retry counts as the run that it retries. Notes say which jobs are paused, and how the files
    differ from what the engine has. Each time is in the zone of its job.

    Exit code: 0, whatever the results; 1 there is no ledger, and the files have errors. To see whether all
    is well: jobfile report.
    """
    found = _list(place, choice, named_states(given, STATES))
    if found is None:
        return NOT_WELL
    if as_json:
        print_json(list_to_json(found))
    else:
        click.echo(list_to_text(found, width=width()))
    return GOOD


def _list(place: Place, choice: Choice, states: Sequence[str]) -> JobList | None:
    """The answer; None if there are only files, and they have errors, which are printed."""
    view, now = place.view_if_any(), place.now()
    is_locked = is_engine_running(place.state_dir)
    follows_git = view is not None and is_locked and bool(view.source().ref)
    file = None if follows_git else _catalog(place, is_needed=view is None)
    if file is None and view is None:
        return None
    return list_jobs(
        view,
        file,
        presence=presence_at(place.config, view, now=now) if view else Presence(is_running=is_locked),
        now=now,
        has_file=None if follows_git else file is not None,
        main_file=str(place.main_file),
        choice=choice,
        states=states,
    )


def _catalog(place: Place, *, is_needed: bool) -> Catalog | None:
    """The jobs of the files; None if they cannot be read or have errors. If needed, they are shown."""
    snapshot = FolderTree(place.main_file).snapshot()
    if snapshot.problem:
        if is_needed:
            raise JobfileError(snapshot.trouble)
        return None
    compiled = compile_files(snapshot.files, outside=snapshot.outside)
    if compiled.catalog is None and is_needed:
        print_errors(compiled)
    return compiled.catalog
