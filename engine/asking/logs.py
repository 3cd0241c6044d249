"""What a run wrote."""

from collections.abc import Iterable

from engine.answers.logs import Logs, logs_of
from engine.answers.steps import attempts_in_order, step_names
from engine.asking.naming import Subject, UnknownRunError
from engine.asking.place import Place
from engine.asking.which import Which, run_of
from engine.core.lifecycle import Attempt, AttemptKey, Run
from engine.core.step_states import StepState
from engine.core.vocabulary import place_text, short
from engine.execution.attempt_output import output_of
from engine.execution.output_text import last_part
from engine.ledger.ports import View
from jobfile.model.namedtuple import NamedTuple


class Options(NamedTuple):
    """What to show of each run."""

    step: str | None
    attempt: int | None
    tail: int | None
    is_followed: bool = False

    def attempts(self, view: View, run: Run) -> tuple[Attempt, ...]:
        """The attempts to show, in the order of the steps."""
        return tuple(
            one for one in attempts_in_order(view, run, view.attempts(run.id)) if self.takes(one.key)
        )

    def takes(self, key: AttemptKey) -> bool:
        """Whether the output of an attempt is shown."""
        places = (None, key.step, place_text(key.step, key.item))
        return self.step in places and self.attempt in (None, key.number)

    def has_all(self, steps: Iterable[tuple[str, int, str]]) -> bool:
        """Whether nothing more can come of what is shown: its step, as place and state, has succeeded.

        One that has failed may run again with its run.
        """
        return any(
            place_text(step, item) == self.step and state == StepState.SUCCEEDED
            for step, item, state in steps
        )


def one_run(place: Place, named: Subject, which: Which, options: Options) -> Run:
    """The named run, or the newest run of the named job, or that of a time and a combination."""
    run, attempt = run_of(place, named, which), options.attempt
    known = step_names(named.view, run)
    if options.step is not None and options.step.partition("[")[0] not in known:
        has = f"its steps are {', '.join(known)}" if known else "its job has no steps"
        raise UnknownRunError(f"run {short(run.id)} has no step `{options.step}`; {has}")
    if attempt is not None and not known and attempt > run.attempt:
        has = "1 attempt" if run.attempt == 1 else f"{run.attempt or 'no'} attempts"
        raise UnknownRunError(f"run {short(run.id)} has {has}; there is no attempt {attempt}")
    return run


def logs(place: Place, view: View, run: Run, options: Options) -> Logs:
    """The output of the attempts that the options choose."""

    def read(attempt: AttemptKey) -> bytes:
        output = output_of(place.config, attempt, view.pieces)
        return last_part(output.tail().read(), options.tail)

    return logs_of(run, options.attempts(view, run), read)
