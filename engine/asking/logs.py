"""What a run wrote."""

from engine.answers.logs import Logs, logs_of
from engine.answers.steps import attempts_in_order, steps_of_run
from engine.asking.naming import Subject, UnknownRunError
from engine.asking.place import Place
from engine.asking.which import Which, run_of
from engine.core.lifecycle import Attempt, AttemptKey, Run
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
            one
            for one in attempts_in_order(view, run, view.attempts(run.id))
            if self.step in (None, one.step, place_text(one.step, one.item))
            and self.attempt in (None, one.number)
        )


def one_run(place: Place, named: Subject, which: Which, options: Options) -> Run:
    """The named run, or the newest run of the named job, or that of a time and a combination."""
    run, attempt = run_of(place, named, which), options.attempt
    known = dict.fromkeys(one.step for one in steps_of_run(named.view, run))
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
