"""What needs attention: jobs that are not well, each in the words of `did`, and what the engine reports."""

from collections.abc import Collection, Iterator
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from engine.answers.did import Answer, Did, did
from engine.answers.overdue import NOT_WELL
from engine.answers.presence import Presence
from engine.answers.status import NEWS_FOR, is_late
from engine.answers.status_text import delivery_words, rejection_words
from engine.answers.zones import zone_of_job
from engine.core.lifecycle import Run
from engine.ledger.ports import View
from jobfile.model.namedtuple import NamedTuple

MAX_ASKED: Final = 40
"""Maximum number of jobs about which `did` is asked; the others are only counted."""
MAX_DIAGNOSTICS: Final = 3
LATE: Final = "late"
_ORDER: Final = ("failed", "timed_out", "overdue", "missed", "lost", LATE)


class Concern(NamedTuple):
    """Something that needs attention."""

    state: str
    """The word that says what kind it is: a verdict, or `late`, `rejected`, `not told`."""
    words: str
    job: str = ""
    run: Run | None = None


def concerns_of_jobs(
    view: View,
    jobs: Collection[str],
    *,
    day: tuple[date, ZoneInfo] | None,
    now: datetime,
    presence: Presence,
) -> tuple[Concern, ...]:
    """The jobs that need attention: now, or with a `day`, because of what happened on it."""
    found = []
    for job in sorted(jobs)[:MAX_ASKED]:
        zone = zone_of_job(view, job) if day is None else day[1]
        on = None if day is None else (day[0], day[0])
        answer = did(view, job, zone=zone, params={}, on=on, at=None, now=now, presence=presence)
        state = _state(answer)
        if state:
            found.append(Concern(state, did_words(answer), job, _run(answer, state)))
    found.sort(key=lambda one: _ORDER.index(one.state) if one.state in _ORDER else len(_ORDER))
    return tuple(found)


def concerns_of_engine(view: View, presence: Presence, *, now: datetime) -> Iterator[Concern]:
    """What is wrong besides jobs: a rejected file set, and notifications that nobody got."""
    rejection = view.open_rejection()
    if rejection is not None:
        shown = rejection.diagnostics[:MAX_DIAGNOSTICS]
        words = rejection_words(rejection, view.current_generation())
        yield Concern("rejected", f"{words} {'; '.join(shown)}")
    backlog, given_up = view.soundness.backlog(), view.soundness.given_up()
    error = view.soundness.delivery_error()
    is_new = given_up.newest is not None and now - given_up.newest < NEWS_FOR
    is_delayed = is_late(backlog, now, has_failed=error is not None or not presence.is_running)
    if is_new or is_delayed:
        for words in delivery_words(backlog, given_up, error, is_late=is_delayed):
            yield Concern("not told", words)


def did_words(found: Did) -> str:
    """The answer without the name of its job."""
    return found.line.removeprefix(found.job).removeprefix(":").strip()


def _state(found: Did) -> str:
    """What is not well about a job; empty if it needs nobody."""
    for state in _ORDER:
        if state in found.states and state in NOT_WELL:
            return state
    if found.late:
        return LATE
    return "lost" if found.answer is Answer.NOT_WELL and "cancelled" not in found.states else ""


def _run(found: Did, state: str) -> Run | None:
    """The newest run with this verdict."""
    pairs = zip(reversed(found.items), reversed(found.states), strict=True)
    return next((item.run for item, one in pairs if one == state), None)
