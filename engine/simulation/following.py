"""Jobs that follow other jobs in a simulation: the engine's own decision about each end."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from engine.core.following import Follow, Upstream, follow
from engine.core.lifecycle import RunState, TriggerKind
from engine.core.occurrences import deciding
from engine.core.reasons import Reason
from engine.core.vocabulary import in_words
from engine.simulation.asking import as_run
from engine.simulation.subject import GivenEvent, SimRun, Subject
from jobfile.model.jobs import AfterTrigger
from jobfile.model.values import Value


class Following:
    """What follows from the ends of runs."""

    def __init__(self, subjects: Sequence[Subject]) -> None:
        """Find the jobs that follow each job."""
        self._subjects = {one.spec.name: one for one in subjects}
        self._triggers: dict[str, list[tuple[Subject, AfterTrigger]]] = {}
        for one in subjects:
            for trigger in one.spec.triggers if one.spec.enabled else ():
                if isinstance(trigger, AfterTrigger):
                    self._follow_jobs(one, trigger)
        self._of_time: dict[tuple[str, datetime], list[SimRun]] = {}
        self._told: set[tuple[int, bool, bool, str]] = set()
        self.ends: list[SimRun] = []
        """The ended occurrences on which nobody has acted, each by one of its runs."""

    def _follow_jobs(self, follower: Subject, trigger: AfterTrigger) -> None:
        for job in trigger.jobs:
            if job in self._subjects:
                self._triggers.setdefault(job, []).append((follower, trigger))
                self._subjects[job].is_followed = True
                self._subjects[job].is_timed |= trigger.job is None

    def note(self, run: SimRun) -> None:
        """Remember a run of a job that others follow together with further jobs."""
        self._of_time.setdefault((run.subject.spec.name, run.scheduled_for), []).append(run)

    def events(self) -> Iterator[GivenEvent]:
        """What follows from the ends so far, each once, in the order of the ends."""
        ends, self.ends = self.ends, []
        for run in ends:
            ended = _upstream(run)
            for follower, trigger in self._triggers[run.subject.spec.name]:
                found = follow(trigger, ended, self._at_its_time(trigger, run))
                if found is not None and self._is_new(follower, trigger, found):
                    yield self._event(follower, found)

    def _at_its_time(self, trigger: AfterTrigger, run: SimRun) -> Mapping[str, Sequence[Upstream]]:
        if trigger.job is not None:
            return {}
        return {job: _upstreams(self._of_time.get((job, run.scheduled_for), ())) for job in trigger.jobs}

    def _is_new(self, follower: Subject, trigger: AfterTrigger, found: Follow) -> bool:
        """Whether this was not decided before; only a trigger with several jobs can decide more than once."""
        if trigger.job is not None:
            return True
        cause, _, how = found.identity.rpartition(" ")
        told = (follower.index, found.is_start, bool(trigger.all), f"{cause} {how}")
        is_superfluous = not found.is_start and any(
            one[0] == follower.index and one[3].rpartition(" ")[0] == cause for one in self._told
        )
        is_new = told not in self._told and not is_superfluous
        self._told.add(told)
        return is_new

    def _event(self, follower: Subject, found: Follow) -> GivenEvent:
        cause = found.by[0]
        values: dict[str, Value] = {
            "job": cause.job,
            "run_id": cause.id,
            "status": cause.verdict.value,
            "error": "" if cause.verdict is RunState.SUCCEEDED else in_words(cause),
        }
        params = [
            (one.name, run.params.get(one.name))
            for run in found.by
            for one in self._subjects[run.job].spec.params
        ]
        counts = Counter(name for name, _ in params)
        values |= {
            f"params.{name}": value for name, value in params if value is not None and counts[name] == 1
        }
        return GivenEvent(
            at=cause.scheduled_for,
            job=follower.spec.name,
            trigger=TriggerKind.AFTER,
            values=values,
            not_run="" if found.is_start else Reason.AFTER,
        )


def _upstreams(runs: Sequence[SimRun]) -> tuple[Upstream, ...]:
    """Runs as occurrences, in the order of their first run."""
    firsts = {id(one.occurrence or one): one for one in reversed(runs)}
    return tuple(_upstream(one) for one in reversed(firsts.values()))


def _upstream(run: SimRun) -> Upstream:
    """The occurrence of a run."""
    runs = [run] if run.occurrence is None else run.occurrence.runs
    return Upstream(deciding([as_run(one) for one in runs]), all(one.is_over for one in runs))
