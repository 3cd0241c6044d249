"""Records occurrences in a simulation: those of schedules, of events and of jobs that follow others."""

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from engine.core.admission import policy_for
from engine.core.due import NotRun
from engine.core.lifecycle import RunState, TriggerKind
from engine.core.reasons import Reason
from engine.simulation.asking import bound, rendered_key
from engine.simulation.following import Following
from engine.simulation.keys import Keys
from engine.simulation.matrices import blocking, with_combinations
from engine.simulation.subject import Absence, GivenEvent, Lane, SimRun, Subject
from engine.simulation.tally import JobTally
from jobfile.expressions.expression import EvaluationError
from jobfile.model.jobs import OverlapPolicy
from jobfile.schedule.occurrences import Fire

_INSTANT: Final = timedelta.resolution


class Deciding(Protocol):
    """The part of a simulation that decides about recorded runs."""

    absent: Absence | None
    rows: list[JobTally]

    def at(self, at: datetime, act: Callable[[datetime, object], None], about: object) -> None:
        """Do something at an instant."""

    def decide(self, now: datetime, about: object) -> None:
        """Decide about a run by the overlap policy."""

    def give_up(self, now: datetime, about: object) -> None:
        """End a run that has not started in time."""

    def leave_out(self, now: datetime, run: SimRun, state: RunState, reason: str) -> None:
        """End a run that does not run."""

    def new_number(self) -> int:
        """The next number of a run."""
        ...


class Recording:
    """What is recorded: each occurrence once, unless a key says that it is a duplicate."""

    def __init__(self, deciding: Deciding, subjects: Sequence[Subject]) -> None:
        """Nothing is recorded yet."""
        self._deciding = deciding
        self._by_name = {one.spec.name: one for one in subjects}
        self._keys = Keys()
        self._lanes: dict[str, Lane] = {}
        self._files: dict[int, deque[GivenEvent]] = {}
        """The files that are not taken yet, by job."""
        self.following = Following(subjects)

    def number(self, run: SimRun) -> None:
        """Number a run when it arrives, once."""
        if not run.number:
            run.number = self._deciding.new_number()
            if run.subject.is_timed:
                self.following.note(run)

    def find_lane(self, run: SimRun) -> bool:
        """Find the runs with the concurrency key of a run; false if that key cannot be filled in."""
        if run.subject.has_key:
            try:
                run.lane = self._lanes.setdefault(rendered_key(run), Lane())
            except EvaluationError:
                return False
        return True

    def expect(self, now: datetime, runs: Sequence[SimRun]) -> None:
        """Record the runs of an occurrence, and decide about each after its spread, unless its start
        deadline has passed. A run whose key an earlier one has is skipped.
        """
        deciding = self._deciding
        duplicates = [one for one in runs if one.subject.has_own_key and self._is_duplicate(now, one)]
        for run in runs:
            self.number(run)
            if run.is_over:
                continue
            if run in duplicates:
                deciding.leave_out(now, run, RunState.SKIPPED, Reason.DUPLICATE)
                continue
            deadline = run.subject.start_deadline if run.trigger.is_scheduled else None
            if deadline is not None:
                deciding.at(max(now, run.scheduled_for + deadline + _INSTANT), deciding.give_up, run)
            if run.not_before > now:
                deciding.at(run.not_before, deciding.decide, run)
            else:
                deciding.decide(now, run)
            if run.subject.has_own_key and not run.is_over:
                self._keys.take(run, now=now)

    def _is_duplicate(self, now: datetime, run: SimRun) -> bool:
        """Whether an earlier run has the key of a run; one whose key cannot be filled in is left out."""
        try:
            return self._keys.is_duplicate(run, now=now)
        except EvaluationError:
            self.number(run)
            self._deciding.leave_out(now, run, RunState.SKIPPED, Reason.TEMPLATE_ERROR)
            return False

    # events

    def hear(self, now: datetime, about: object) -> None:
        """An event happens; while no engine runs, it waits. A file is taken after the turn."""
        assert isinstance(about, GivenEvent)
        absent = self._deciding.absent
        if absent is not None:
            self._deciding.at(absent.until, self.hear, about)
        elif about.trigger is TriggerKind.FILE:
            self._files.setdefault(self._by_name[about.job].index, deque()).append(about)
        else:
            self._make_runs(now, about)

    def take_files(self, now: datetime) -> bool:
        """Make the runs of files for which there is room; return whether any were made. Other files wait."""
        took = False
        for waiting in self._files.values() if self._deciding.absent is None else ():
            while waiting and self._has_room(self._runs_of(now, waiting[0])[0]):
                self._make_runs(now, waiting.popleft())
                took = True
        return took

    def _has_room(self, run: SimRun) -> bool:
        """Whether a run may still wait, or start."""
        concurrency, policy = run.subject.concurrency, policy_for(run.subject.spec, run.trigger)
        if concurrency.limit is None or policy is not OverlapPolicy.QUEUE or not self.find_lane(run):
            return True
        at_most = concurrency.limit + concurrency.max_waiting
        active, waiting = blocking(run, policy).count(at_most=at_most)
        return active + waiting < concurrency.limit or waiting < concurrency.max_waiting

    def _make_runs(self, now: datetime, event: GivenEvent) -> None:
        runs = self._runs_of(now, event)
        subject = runs[0].subject
        is_answered = event.trigger in (TriggerKind.MANUAL, TriggerKind.WEBHOOK)
        if is_answered and subject.has_own_key and all(self._is_duplicate(now, one) for one in runs):
            return  # the answer names the earlier run, and nothing is recorded
        self._deciding.rows[subject.index].fires += 1
        is_paused = subject.paused_at is not None and event.trigger is not TriggerKind.MANUAL
        reason = Reason.PAUSED if is_paused else event.not_run
        if not reason:
            self.expect(now, runs)
            return
        for run in runs:
            self.number(run)
            self._deciding.leave_out(now, run, RunState.SKIPPED, reason)

    def _runs_of(self, now: datetime, event: GivenEvent) -> list[SimRun]:
        """The runs of an event. Those of a request or of a follower have a time that may be past."""
        has_time = event.trigger in (TriggerKind.MANUAL, TriggerKind.AFTER)
        run = SimRun(self._by_name[event.job], event.at if has_time else now, event.trigger, now)
        run.params, run.values = bound(run.subject.spec, event.params), event.values
        return with_combinations(run.subject.spec, run)

    # jobs that follow others

    def follow_ends(self, now: datetime) -> None:
        """Record what follows from the ends so far, and from those that this records."""
        while self.following.ends:
            for event in self.following.events():
                self._make_runs(now, event)

    def note_not_made(self, now: datetime, subject: Subject, fire: Fire, gap: NotRun) -> None:
        """Note an occurrence that did not run because of an absence, for the jobs that follow its job."""
        runs = with_combinations(subject.spec, SimRun(subject, fire.at, TriggerKind.CATCHUP, now))
        for run in runs:
            run.state, run.reason, run.ended_at, run.is_over = gap.state, gap.reason, now, True
            self.number(run)
        self.following.ends.append(runs[0])
