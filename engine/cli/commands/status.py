"""`jobfile status`: is the system well?"""

import shutil

import click

from engine.answers.presence import Presence
from engine.answers.status import Status, make_status, status_to_json
from engine.answers.status_text import status_to_text
from engine.cli.exit_codes import GOOD, NOT_WELL
from engine.cli.output import print_json, width
from engine.cli.place import Place, json_option, place_options
from engine.host.lock import engine_bug, engine_stuck, engine_trouble, is_engine_running
from engine.service.presence import presence_at
from engine.sources.folder import FolderTree
from jobfile.model.catalog import Catalog
from jobfile.pipeline import compile_files


@click.command("status")
@json_option
@place_options
def command(*, as_json: bool, place: Place) -> int:
    """Is the system well: engine, generation, rejected config, disk. Exit code 0 or 1.

    To see whether a job ran: jobfile did, jobfile report.
    """
    status = _status(place)
    if as_json:
        print_json(status_to_json(status))
    else:
        click.echo(status_to_text(status, width=width()))
    return GOOD if status.is_well else NOT_WELL


def _status(place: Place) -> Status:
    """Collect the status from the machine, the files and the ledger."""
    there = place.state_dir if place.state_dir.exists() else place.main_file.absolute().parent
    view = place.view_if_any()
    is_locked = is_engine_running(place.state_dir)
    follows = view is not None and is_locked and bool(view.source().ref)
    return make_status(
        view,
        presence=presence_at(place.config, view, now=place.now()) if view else Presence(is_running=is_locked),
        file=None if follows else _catalog(place),  # an engine that follows commits never reads the files
        free_bytes=shutil.disk_usage(there if there.exists() else "/").free,
        now=place.now(),
        trouble=engine_trouble(place.state_dir),
        bug=engine_bug(place.state_dir),
        stuck=engine_stuck(place.state_dir),
        main_file=str(place.main_file),
        has_main_file=place.main_file.exists(),
    )


def _catalog(place: Place) -> Catalog | None:
    snapshot = FolderTree(place.main_file).snapshot()
    if snapshot.problem:
        return None
    return compile_files(snapshot.files, outside=snapshot.outside).catalog
