"""Follows a run to its end: prints its output as it comes, and a last line with its result."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC
from types import FrameType

from engine.answers.expected import item_of
from engine.answers.presence import RUNNING
from engine.answers.reasons import end_line, item_words
from engine.answers.requested import answer_of_request, requested_to_json
from engine.answers.steps import kept_words, steps_of_run
from engine.asking.alone import Alone
from engine.asking.place import Place
from engine.asking.requests import ask_to_stop, hand_over, is_duplicate, prepare_state
from engine.cli.output import print_json, print_text, style_of
from engine.cli.showing import OutputShown
from engine.cli.step_output import PrefixedLines, StepsShown
from engine.core.errors import StoreRefusedError
from engine.core.lifecycle import AttemptKey, Run, RunState
from engine.core.vocabulary import combination_text, reason_words, seconds_text, short
from engine.execution.attempt_output import output_of
from engine.execution.attendance import Attendance
from engine.host.lock import is_engine_running
from engine.ledger.ports import View
from engine.ports import Stop
from engine.service.presence import presence_at
from jobfile.diagnostics.escapes import message
from jobfile.model.catalog import CompiledJob
from jobfile.model.counts import many
from jobfile.render.style import PLAIN, Style

LOOK_SECONDS = 0.03
"""Seconds between two reads of the ledger: too short to be noticed."""
SHOW_WAIT_AFTER_SECONDS = 0.3
"""A run that starts within this many seconds did not wait."""
CHECK_WAIT_SECONDS = 1.0
"""How often to check, in seconds, whether a run now waits for something else."""
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class EndingSignals:
    """Notes signals that end a command: they are handled between two steps, and no step stops halfway."""

    def __init__(self) -> None:
        """Begin with no signal."""
        self._names: list[str] = []

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._names.append(signal.Signals(number).name)

    def take(self) -> str:
        """Return a signal that was not handled yet, and forget it; empty when there is none."""
        return self._names.pop(0) if self._names else ""

    @contextlib.contextmanager
    def listening(self) -> Iterator["EndingSignals"]:
        """Note signals in this block instead of dying from them, even if the parent process blocked them.

        SIGHUP and SIGINT stay ignored if they were: nohup(1) relies on that, and so does a shell for a
        command in the background. Containers and service managers end a command with SIGTERM.
        """
        heard = [
            one for one in ENDING if one is signal.SIGTERM or signal.getsignal(one) is not signal.SIG_IGN
        ]
        before = {one: signal.signal(one, self._note) for one in heard}
        mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, heard)
        try:
            yield self
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            for one, handler in before.items():
                signal.signal(one, handler)


class Followed:
    """A run that is followed: each look prints new output. When the reader has left, the run continues."""

    def __init__(
        self,
        place: Place,
        view: View,
        run_id: str,
        *,
        output_to_stderr: bool,
        shows_output: bool = True,
        prefix: str = "",
    ) -> None:
        """Print nothing yet; `prefix` comes before each line: one of several runs has it."""
        self._prefix = prefix
        self._place = place
        self._view = view
        self._run_id = run_id
        self._stream = sys.stderr if output_to_stderr else sys.stdout
        self._shown: OutputShown | PrefixedLines | None = None
        self._number = 0
        self._ended = 0
        self._steps: StepsShown | None = None
        self._waited = ""
        self._check_wait_at = time.monotonic() + SHOW_WAIT_AFTER_SECONDS
        self._ledger = None if place.store else place.config.ledger.stat()
        self._is_read = shows_output

    def look(self) -> Run:
        """Print new output; return the run as it is now."""
        self._refuse_when_gone()
        run = self._view.run(self._run_id)
        assert run is not None
        if run.begun_at is not None:
            self._look_at_steps(run)
            return run
        is_between = run.state is RunState.RETRY_WAIT
        while self._number < run.attempt:  # print an earlier attempt to its end first
            if self._number:
                self._end_attempt(run, is_last=False)
            self._number += 1
            key = AttemptKey(run.id, self._number)
            tail = output_of(self._place.config, key, self._view.pieces).tail()
            self._shown = (
                PrefixedLines(tail, f"{self._prefix}| ", self._stream)
                if self._prefix
                else OutputShown(tail, stream=self._stream)
            )
        if is_between or run.state.is_final:
            self._end_attempt(run, is_last=not is_between)
        else:
            self._print(finish=False)
        if run.state is RunState.QUEUED:
            self._print_wait(run)
        return run

    def _look_at_steps(self, run: Run) -> None:
        """Print the output of steps; after a round that failed, also why, and when the next one begins."""
        if self._steps is None:
            view, place = self._view, self._place
            self._steps = StepsShown(
                lambda: view.attempts(run.id),
                lambda key: output_of(place.config, key, view.pieces).tail(),
                stream=self._stream,
                prefix=self._prefix,
            )
        self._printed(self._steps.show_new)
        if run.state is RunState.RETRY_WAIT and run.retry_at is not None and self._ended < run.attempt:
            self._ended = run.attempt
            wait = seconds_text(max(0.0, (run.retry_at - self._place.now()).total_seconds()))
            why = reason_words(run.reason, run.detail)
            say(f"{self._prefix}attempt {run.attempt}: {why}; next attempt in {wait}")

    def _end_attempt(self, run: Run, *, is_last: bool) -> None:
        """Print the rest of an attempt's output; if another attempt follows, also how this one ended."""
        if self._ended == self._number:
            return
        self._ended = self._number
        self._print(finish=True)
        if is_last:
            return
        ended = self._view.attempts(run.id)[self._number - 1]
        wait = ""
        if run.state is RunState.RETRY_WAIT and run.attempt == self._number and run.retry_at is not None:
            wait = f" in {seconds_text(max(0.0, (run.retry_at - self._place.now()).total_seconds()))}"
        why = reason_words(ended.reason, ended.detail)
        say(f"{self._prefix}attempt {self._number}: {why}; next attempt{wait}")

    def _print(self, *, finish: bool) -> None:
        if self._shown is not None:
            self._printed(self._shown.finish if finish else self._shown.show_new)

    def _printed(self, show: Callable[[], None]) -> None:
        if not self._is_read:
            return
        try:
            show()
        except BrokenPipeError:
            self._is_read = False  # the reader has left: the run and its supervisors continue
        except OSError as error:
            self._is_read = False
            why = error.strerror or error
            say(f"warning: the output cannot be shown here: {why}; see  jobfile logs {short(self._run_id)}")

    def _print_wait(self, run: Run) -> None:
        if time.monotonic() < self._check_wait_at:
            return
        self._check_wait_at = time.monotonic() + CHECK_WAIT_SECONDS
        text = self._wait_words(run)
        if text and text != self._waited:
            self._waited = text
            say(f"{self._prefix}waits: {text}  (run {short(run.id)})")

    def _wait_words(self, run: Run) -> str:
        """What a queued run waits for. Without an engine, this command or another one starts it."""
        presence = presence_at(self._place.config, self._view, now=self._place.now())
        if presence.is_running and presence.trouble:
            return presence.trouble
        return item_words(self._view, item_of(run), RUNNING, zone=UTC, now=self._place.now())

    def _refuse_when_gone(self) -> None:
        """Refuse to follow a ledger file that was deleted: no engine would ever write the end into it."""
        if self._ledger is None:
            return
        with contextlib.suppress(OSError):
            if os.path.samestat(self._place.config.ledger.stat(), self._ledger):
                return
        raise StoreRefusedError(
            f"the state folder {self._place.state_dir} was removed or replaced while the run was "
            "followed: the run's result is not known here"
        )


def attend(
    place: Place,
    runs: Sequence[Run],
    job: CompiledJob,
    *,
    why: str,
    as_json: bool,
    all_steps: bool = False,
    shows_output: bool = True,
) -> int:
    """Record the runs of a request, make sure that they start, and follow them to their ends; return the
    exit code.

    With an engine, the engine starts them. Without one this command takes the engine's place. On a signal
    that ends a command, a run that has not started is withdrawn; one that has started continues under an
    engine, and is cancelled if there is none. If the request is a duplicate, the earlier runs are followed,
    and continue in any case.
    """
    prepare_state(place)
    ids = {run.id for run in runs}
    with (
        EndingSignals().listening() as told,
        Alone(place, f"jobfile run {job.spec.name}", ids.__contains__) as alone,
    ):
        alone.look()  # before anything is recorded: it refuses a ledger with a hold
        attendances = [Attendance.begin(place.state_dir, run.id) for run in runs]
        recorded = hand_over(place, runs, job, why=why, now=place.now(), all_steps=all_steps)
        is_repeated = is_duplicate(recorded, runs)
        if is_repeated:
            tell_duplicate(recorded[0])
            ids |= {run.id for run in recorded}  # nothing else may start them
            alone.wake()  # it has looked already, before it served these
        view = place.view()
        tell_kept(view, recorded[0])
        _tell_wait(place, alone, len(recorded))
        followed = [
            Followed(
                place,
                view,
                run.id,
                output_to_stderr=as_json,
                shows_output=shows_output,
                prefix=f"{combination_text(run.matrix)} " if len(recorded) > 1 else "",
            )
            for run in recorded
        ]
        ended = _until_over(
            place, followed, alone, told, is_quiet=as_json or len(recorded) == 1, is_ours=not is_repeated
        )
        for attendance in attendances:
            attendance.leave()
    if as_json:
        found = requested_to_json(
            view, ended, is_duplicate=is_repeated, is_followed=True, options=place.options
        )
        print_json(found)
    elif len(ended) == 1 and ended[0].state.is_final:
        print_end(ended[0])
    return int(answer_of_request(ended))


def tell_duplicate(earlier: Run) -> None:
    """Say on stderr that a request started nothing, because an earlier one has its key."""
    say(f"duplicate of {earlier.occurrence or earlier.id}")


def tell_kept(view: View, run: Run) -> None:
    """Say on stderr which steps a retry does not run again."""
    kept = kept_words(steps_of_run(view, run)) if run.retry_of else ""
    if kept:
        say(kept)


def _tell_wait(place: Place, alone: Alone, count: int) -> None:
    """Say on stderr that nothing starts a request for now: another host has the ledger, and is silent."""
    if place.config.store and not alone.is_in_place and not place.has_engine():
        waits = "the run waits" if count == 1 else f"{many(count, 'run')} wait"
        say(f"no engine uses the ledger now; {waits} for one")


def _until_over(
    place: Place,
    followed: Sequence[Followed],
    alone: Alone,
    told: EndingSignals,
    *,
    is_quiet: bool,
    is_ours: bool,
) -> list[Run]:
    """Follow runs until each is over, or until a signal ends this command and the rest continues.

    Those that this command did not request continue in any case.
    """
    pause = threading.Event()
    how = Stop.CANCEL
    ended: dict[Followed, Run] = {}
    while True:
        looked = {one: one.look() for one in followed if one not in ended}
        for one, run in looked.items():
            if run.state.is_final:
                ended[one] = run
                if not is_quiet:
                    print_end(run)
        if signal_name := told.take():
            is_continued = not is_ours or is_engine_running(place.state_dir)
            for one, run in looked.items():
                if one not in ended and is_continued and (not is_ours or run.state is not RunState.QUEUED):
                    say(f"\nstill {_still(run)}; end it with  jobfile cancel {short(run.id)}")
                    ended[one] = run
                elif one not in ended:
                    _end(place, run, how, why=signal_name)
            alone.wake()
            how = Stop.KILL
        if len(ended) == len(followed):
            return [ended[one] for one in followed]
        alone.look()
        pause.wait(LOOK_SECONDS)


def _still(run: Run) -> str:
    return "waiting" if run.state is RunState.QUEUED else "running"


def _end(place: Place, run: Run, how: Stop, *, why: str) -> None:
    ending = "cancelling" if how is Stop.CANCEL else "killing"
    word = "withdrawing" if run.attempt == 0 else ending
    say(f"\n{word} run {short(run.id)}")
    ask_to_stop(place, [run], how, why="Ctrl-C" if why == "SIGINT" else why, now=place.now())


def say(text: str, style: Style = PLAIN) -> None:
    """Print to standard error; errors are ignored, because the terminal may be closed."""
    with contextlib.suppress(OSError):
        print_text(text, style, err=True)


def print_end(run: Run) -> None:
    """Print on stderr how a run ended."""
    style = style_of(sys.stderr)
    line = message(end_line(run))
    say(run.job + style.states(line.removeprefix(run.job)), style)
