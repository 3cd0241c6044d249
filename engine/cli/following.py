"""Follow a run to its end: its output as it comes, and a last line that says how it ended."""

import contextlib
import os
import threading
from collections.abc import Callable

import click

from engine.adapters.clock import SystemClock
from engine.adapters.journal import EngineJournal
from engine.adapters.output import OutputTail
from engine.answers.did import answer_of
from engine.cli.asking import ask_to_stop, record
from engine.cli.output import print_json, run_to_json
from engine.cli.place import Place
from engine.cli.showing import OutputShown
from engine.errors import StoreRefusedError
from engine.ledger import View
from engine.lifecycle import Run, RunState
from engine.ports import Stop
from engine.service import Service
from engine.wording import in_words, seconds_text, short
from jobfile.catalog import CompiledJob

LOOK_SECONDS = 0.03
"""How often the ledger is asked; a person does not see the difference to at once."""


def follow(place: Place, run: Run, *, as_json: bool) -> int:
    """Follow a run that an engine has; Ctrl-C stops following, not the run."""
    view = place.view()
    try:
        ended = _watch(place, view, run.id)
    except KeyboardInterrupt:
        click.echo(f"\nstill going; end it with  jobfile cancel {short(run.id)}", err=True)
        return int(answer_of(RunState.RUNNING, was_started=True))
    return _tell(view, ended, as_json=as_json)


def follow_alone(place: Place, run: Run, job: CompiledJob, *, as_json: bool) -> int:
    """Be the engine for this one run; Ctrl-C cancels it, again kills it."""
    clock = SystemClock()
    config = place.config
    journal = EngineJournal(config.state_dir / "engine.log", clock=clock, stream=None, as_json=False)
    service = Service(config, journal, clock, only=run.id)
    store = service.open()
    recorded = record(store, run, job, now=clock.now())
    service.start()
    view = place.view()
    try:
        ended = _until_over(place, view, recorded, service.wake)
    finally:
        service.stop()
    return _tell(view, ended, as_json=as_json)


def _until_over(place: Place, view: View, run: Run, wake: Callable[[], None]) -> Run:
    how = Stop.CANCEL
    while True:
        try:
            return _watch(place, view, run.id)
        except KeyboardInterrupt:
            word = "cancelling" if how is Stop.CANCEL else "killing"
            click.echo(f"\n{word} run {short(run.id)}", err=True)
            ask_to_stop(place, run, how, why="Ctrl-C", now=place.now())
            how = Stop.KILL
            wake()


def _watch(place: Place, view: View, run_id: str) -> Run:
    """Print the output of each attempt as it comes; the run when it is over."""
    pause = threading.Event()
    shown: OutputShown | None = None
    number = 0
    told_wait = False
    ledger = place.config.ledger.stat()
    while True:
        _refuse_when_gone(place, ledger)
        run = view.run(run_id)
        assert run is not None
        if run.attempt != number:
            if shown is not None:
                shown.finish()
            number = run.attempt
            shown = OutputShown(OutputTail(place.config.attempt_dir(run.id, number)))
        if run.state is RunState.RETRY_WAIT and not told_wait and run.retry_at is not None:
            wait = seconds_text(max(0.0, (run.retry_at - place.now()).total_seconds()))
            click.echo(f"attempt {run.attempt}: {in_words(run)}; tried again in {wait}", err=True)
        told_wait = run.state is RunState.RETRY_WAIT
        if run.state.is_final:
            if shown is not None:
                shown.finish()
            return run
        if shown is not None:
            shown.show_new()
        pause.wait(LOOK_SECONDS)


def _refuse_when_gone(place: Place, ledger: os.stat_result) -> None:
    """A view goes on reading a file that was deleted: nobody would ever write the end into it."""
    with contextlib.suppress(OSError):
        if os.path.samestat(place.config.ledger.stat(), ledger):
            return
    raise StoreRefusedError(
        f"the state folder {place.state_dir} was taken away or replaced while the run was followed: "
        "what became of the run is not known here"
    )


def _tell(view: View, run: Run, *, as_json: bool) -> int:
    if as_json:
        print_json(run_to_json(run, attempts=view.attempts(run.id)))
    else:
        took = ""
        if run.started_at and run.ended_at and run.attempt:
            took = f" after {seconds_text((run.ended_at - run.started_at).total_seconds())}"
        tries = f", {run.attempt} attempts" if run.attempt > 1 else ""
        words = in_words(run)
        why = f": {words}" if words else ""
        click.echo(f"{run.job}: {run.state.value}{took}{tries}{why}  (run {short(run.id)})", err=True)
    return int(answer_of(run.state, was_started=run.attempt > 0))
