"""`jobfile cancel`: end a run."""

import click

from engine.adapters.lock import is_engine_running
from engine.cli.asking import ask_to_stop, find_run
from engine.cli.output import print_json, run_to_json
from engine.cli.place import Place, json_option, place_options
from engine.lifecycle import RunState
from engine.ports import Stop
from engine.wording import short


@click.command("cancel")
@click.argument("run")
@click.option("--kill", is_flag=True, help="Do not ask first: SIGKILL.")
@click.option("--why", default="", metavar="TEXT", help="The reason, for the record.")
@json_option
@place_options
def command(run: str, *, kill: bool, why: str, as_json: bool, place: Place) -> int:
    """End RUN: SIGTERM to its processes, SIGKILL after the job's kill_grace. Who and why is recorded."""
    view = place.view()
    found = find_run(view, run)
    after = ask_to_stop(place, found, Stop.KILL if kill else Stop.CANCEL, why=why, now=place.now())
    if after.state is RunState.CANCELLING and not is_engine_running(place.state_dir):
        from engine.adapters.process import ProcessLauncher  # noqa: PLC0415  start-up time: rare

        launcher = ProcessLauncher(None)
        folder = place.config.attempt_dir(after.id, after.attempt)
        launcher.stop(folder, Stop.KILL if kill else Stop.CANCEL)
        launcher.close()
    if as_json:
        print_json(run_to_json(after))
    else:
        click.echo(f"run {short(after.id)} of {after.job}: {after.state.value}")
    return 0
