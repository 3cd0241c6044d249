"""The newest runs, of a job or of all; or one run."""

from collections.abc import Sequence

from engine.answers.choice import Choice
from engine.answers.runs import BAD, Runs, newest_runs, one_run, runs_in
from engine.asking.choosing import named_states, refuse_choice_of_one, seen_jobs, window_of
from engine.asking.naming import Subject, subject
from engine.asking.place import Place
from engine.core.errors import WrongUsageError
from engine.core.lifecycle import RunState
from engine.ledger.ports import View
from engine.service.presence import presence_at
from jobfile.model.namedtuple import NamedTuple


class Options(NamedTuple):
    """Which runs to list."""

    since: str | None
    until: str | None
    choice: Choice
    states: tuple[RunState, ...]
    limit: int
    is_by_time: bool = False
    """Whether they are sorted by their scheduled time, and not by when they were recorded."""

    @property
    def has_window(self) -> bool:
        return self.is_by_time or bool(self.since or self.until) or not self.choice.is_all


def ask_runs(place: Place, name: str | None, options: Options) -> Runs:
    """The runs that the options choose; `name` is a job or a run, None for all jobs."""
    refuse_choice_of_one(name, options.choice)
    named = subject(place, name) if name else None
    if named:
        with named.at_one_moment() as current:
            return _runs(place, current.view, current, options)
    view = place.view()
    with view.soundness.snapshot():
        return _runs(place, view, None, options)


def _runs(place: Place, view: View, named: Subject | None, options: Options) -> Runs:
    now = place.now()
    presence = presence_at(place.config, view, now=now)
    if named and named.run:
        if options.has_window:
            raise WrongUsageError("--since and --until choose runs of a JOB; remove them, or name the JOB")
        return one_run(view, named.run, now=now, presence=presence)
    if not (options.has_window or place.is_limited):
        job = named.job if named else None
        return newest_runs(view, job, states=options.states, limit=options.limit, now=now, presence=presence)
    window = window_of(options.since, options.until, named.zone if named else None, now=now)
    return runs_in(
        view,
        {named.job} if named else seen_jobs(place, view, options.choice),
        since=window.since,
        until=window.until,
        states=options.states,
        limit=options.limit,
        now=now,
        presence=presence,
    )


def states_of(given: Sequence[str], *, not_ok: bool) -> tuple[RunState, ...]:
    """The states of the options; () for all."""
    named = (RunState(name) for name in named_states(given, list(RunState)))
    return tuple(dict.fromkeys([*named, *(BAD if not_ok else ())]))
