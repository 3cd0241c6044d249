"""`jobfile apply`: put the job files in force."""

import click

from engine.abilities import beyond_engine
from engine.accounting import Moment
from engine.adapters.environment import user_name
from engine.adapters.files import FolderTree
from engine.adapters.lock import make_private_file, make_state_dir
from engine.adapters.syntax import SyntaxChecker
from engine.adapters.wake import poke
from engine.applying import apply_catalog, compare
from engine.cli.commands.check import print_diagnostics
from engine.cli.output import print_json
from engine.cli.place import Place, json_option, place_options
from engine.errors import JobfileError
from engine.events import GenerationApplied
from engine.records import Generation
from engine.service import new_run_id
from engine.store.sqlite.store import SqliteStore
from engine.telling import tell_text
from engine.watcher import is_mass_removal
from jobfile.pipeline import compile_files

INVALID = 1


@click.command("apply")
@click.option("--allow-removals", is_flag=True, help="Apply files that remove many jobs at once.")
@json_option
@place_options
def command(*, allow_removals: bool, as_json: bool, place: Place) -> int:
    """Put the job files in force as the next generation, whole or not at all.

    An engine that runs with --apply manual waits for this.
    """
    snapshot = FolderTree(place.main_file).snapshot()
    if snapshot.problem:
        raise JobfileError(snapshot.problem)
    compiled = compile_files(snapshot.files, outside=snapshot.outside, ask_shells=SyntaxChecker().check)
    if compiled.catalog is None:
        print_diagnostics(compiled.diagnostics, compiled.sources)
        return INVALID
    beyond = beyond_engine(compiled.catalog)
    if beyond:
        raise JobfileError("nothing is applied:\n" + "\n".join(f"  {line}" for line in beyond))
    make_state_dir(place.state_dir)
    make_private_file(place.config.ledger)
    store = SqliteStore.open(place.config.ledger)
    now = place.now()
    change = compare(store, compiled.catalog)
    jobs = len(store.jobs_in_force())
    if not allow_removals and is_mass_removal(removed=len(change.removed), jobs=jobs):
        raise JobfileError(
            f"{len(change.removed)} of {jobs} jobs would be removed at once, as if a folder were missing; "
            "nothing is applied. If they are meant to go:  jobfile apply --allow-removals"
        )
    if store.incidents.hold() is not None:
        raise JobfileError("the engine does not believe the clock, so nothing is applied:  jobfile clock")
    current = store.current_generation()
    wanted = Generation(
        number=0,
        digest=compiled.catalog.digest,
        applied_at=now,
        applied_by=user_name(),
        main_file=str(place.main_file),
        revision=snapshot.revision,
    )
    moment = Moment(now=now, generation=current.number if current else 0, new_id=new_run_id)
    with store.transaction():
        events = list(apply_catalog(store, compiled.catalog, wanted, moment))
        store.accept(now=now)
    store.close()
    poke(place.state_dir)
    applied = [event for event in events if isinstance(event, GenerationApplied)]
    if as_json:
        number = applied[0].number if applied else (current.number if current else None)
        print_json({"format": 1, "applied": bool(applied), "generation": number})
    else:
        click.echo(
            tell_text(applied[0]).strip() if applied else "nothing to apply: the files are what is in force"
        )
    return 0
