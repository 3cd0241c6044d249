"""`jobfile wait`: wait for runs to end."""

import threading
import time

import click

from engine.answers.requested import waited_to_json, worst_answer
from engine.asking.alone import Alone
from engine.asking.naming import find_run
from engine.asking.place import Place
from engine.asking.times import parse_length
from engine.asking.waits import is_stuck, stuck_words
from engine.cli.following import LOOK_SECONDS, EndingSignals, print_end
from engine.cli.output import print_json
from engine.cli.place import json_option, place_options
from engine.core.lifecycle import Run
from engine.ledger.ports import View


@click.command("wait")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option(
    "--timeout",
    "length",
    metavar="LENGTH",
    help="Stop waiting after this length of time: 30s, 5m [default: never].",
)
@json_option
@place_options
def command(runs: tuple[str, ...], *, length: str | None, as_json: bool, place: Place) -> int:
    """Wait until every RUN is over, and print how each ended.

    Ctrl-C and --timeout end the waiting, not the runs.
    The exit code is that of the worst run.
    """
    duration = parse_length(length, of="--timeout") if length else None
    view = place.view()
    ids = list(dict.fromkeys(find_run(view, given).id for given in runs))
    seconds = float("inf") if duration is None else duration.total_seconds()
    ended = _until_over(place, view, ids, seconds=seconds, is_quiet=as_json)
    if as_json:
        print_json(waited_to_json(view, ended, options=place.options))
    return int(worst_answer(ended))


def _until_over(place: Place, view: View, ids: list[str], *, seconds: float, is_quiet: bool) -> list[Run]:
    """Wait until all runs are over, the time is up, or nothing will ever start the rest; return the runs."""
    until = time.monotonic() + seconds
    pause = threading.Event()
    printed: set[str] = set()
    with EndingSignals().listening() as signals, Alone(place, "jobfile wait", lambda _: False) as alone:
        while True:
            runs = [run for one in ids if (run := view.run(one)) is not None]
            for run in runs:
                if run.state.is_final and run.id not in printed:
                    printed.add(run.id)
                    if not is_quiet:
                        print_end(run)
            waiting = [run for run in runs if not run.state.is_final]
            if not waiting or time.monotonic() >= until or signals.take():
                return runs
            alone.look()  # records runs that ended without an engine
            if alone.is_in_place and all(is_stuck(place, run) for run in waiting):
                for run in waiting:
                    click.echo(stuck_words(run), err=True)
                return runs
            pause.wait(LOOK_SECONDS)
