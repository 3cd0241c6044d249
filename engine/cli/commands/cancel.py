"""`jobfile cancel`: end a run."""

import threading
import time

import click

from engine.answers.as_json import one_run_to_json
from engine.cli.asking import ask_to_stop
from engine.cli.exit_codes import GOOD
from engine.cli.naming import find_run
from engine.cli.output import print_json
from engine.cli.place import Place, json_option, place_options, why_option
from engine.core.lifecycle import Run, RunState
from engine.core.vocabulary import short
from engine.host.lock import lock_holder
from engine.ledger.ports import View
from engine.ports import Stop
from jobfile.model.canonical import spec_from_json

SLACK_SECONDS = 5.0
"""How long to wait for a cancelled run to end, beyond its grace."""
LOOK_SECONDS = 0.05


@click.command("cancel")
@click.argument("run")
@click.option(
    "--kill",
    is_flag=True,
    help="Send SIGKILL immediately [default: SIGTERM first, SIGKILL after the job's kill_grace].",
)
@why_option
@json_option
@place_options
def command(run: str, *, kill: bool, why: str, as_json: bool, place: Place) -> int:
    """End RUN: SIGTERM to its processes, SIGKILL after the job's kill_grace.

    The audit records who cancelled the run, and why. A run that is over stays as it is.
    """
    view = place.view()
    found = find_run(view, run)
    after = ask_to_stop(place, found, Stop.KILL if kill else Stop.CANCEL, why=why, now=place.now())
    if after.state is RunState.CANCELLING and lock_holder(place.state_dir) is None:
        after = _end_without_engine(place, view, after)
    if as_json:
        print_json(one_run_to_json(after))
    else:
        already = " was over already" if found.state.is_final else ""
        click.echo(f"run {short(after.id)} of {after.job}{already}: {after.state.value}")
    return GOOD


def _end_without_engine(place: Place, view: View, run: Run) -> Run:
    """Notify the supervisor and record the end here, because no engine is
    running; wait at most for the grace.
    """
    from engine.cli.alone import Alone  # noqa: PLC0415  start-up time: only without an engine

    text = view.definition_text(run.digest)
    grace = spec_from_json(text).kill_grace.total_seconds() if text else 0.0
    pause = threading.Event()
    until = time.monotonic() + grace + SLACK_SECONDS
    with Alone(place, "jobfile cancel", lambda _: False) as alone:
        while not run.state.is_final and time.monotonic() < until:
            alone.look()
            pause.wait(LOOK_SECONDS)
            run = view.run(run.id) or run
    return run
