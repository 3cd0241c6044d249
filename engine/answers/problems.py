"""Finds the newest runs and gaps of a window that need attention."""

from collections import Counter
from datetime import datetime, tzinfo
from typing import Final

from engine.answers.combinations import has_values
from engine.answers.counting import ATTENTION, Scope, of_jobs
from engine.answers.expected import gap_within
from engine.core.lifecycle import Run
from engine.core.vocabulary import combination_text, in_words, instant_text, reason_words, short
from engine.ledger.ports import View
from jobfile.model.namedtuple import NamedTuple

OF_EACH: Final = 10
"""Maximum number of problems of one job."""
MAX_PROBLEMS: Final = 5_000
"""Maximum number of problems."""


class Problem(NamedTuple):
    """A run that needs attention, or consecutive occurrences without a run."""

    job: str
    verdict: str
    at: datetime
    words: str
    """Why, as a sentence."""
    run: Run | None = None
    times: int = 1
    last_at: datetime | None = None
    """The last one of several occurrences."""


def find_problems(view: View, scope: Scope) -> tuple[Problem, ...]:
    """The newest problems of each job, newest first. A run that was retried by hand is none."""
    runs = view.totals.newest_in_states(
        scope.jobs, ATTENTION, since=scope.since, until=scope.due, of_each=OF_EACH, limit=MAX_PROBLEMS
    )
    found = [
        Problem(run.job, run.verdict.value, run.scheduled_for, in_words(run), run)
        for run in runs
        if has_values(run.matrix, scope.matrix)
    ]
    since, until = scope.since, scope.until
    for gap in of_jobs(scope, lambda job: view.gaps_between(job, since=since, until=until)):
        inside = gap_within(gap, since=since, until=until) if gap.state in ATTENTION else None
        if inside is not None:
            words, last = reason_words(gap.reason, gap.detail), inside.last_at
            found.append(Problem(gap.job, gap.state.value, inside.first_at, words, None, inside.count, last))
    found.sort(key=lambda one: (one.last_at or one.at, one.at, one.job), reverse=True)
    kept: Counter[str] = Counter()
    return tuple(one for one in found if _counted(kept, one.job) <= OF_EACH)[:MAX_PROBLEMS]


def problem_text(problem: Problem, zone: tzinfo) -> str:
    """A problem in one line: when, what, why."""
    at = instant_text(problem.at, zone)
    if problem.run is not None:
        name = combination_text(problem.run.matrix)
        why = f", {problem.words}" if problem.words else ""
        return f"{at}: {name + ' ' if name else ''}{problem.verdict}{why} (run {short(problem.run.id)})"
    until = "" if problem.last_at in (None, problem.at) else f" to {instant_text(problem.last_at, zone)}"
    times = f" {problem.times:,} times" if problem.times > 1 else ""
    return f"{at}{until}: {problem.verdict}{times}, {problem.words}"


def _counted(kept: Counter[str], job: str) -> int:
    kept[job] += 1
    return kept[job]
