"""What limits an answer, the same for every question: jobs by tag and owner, states, a time."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from engine.answers.choice import UNKNOWN, Choice, Labels, known_labels, unknown_word
from engine.asking.place import Place
from engine.asking.times import LATEST, parse_instant
from engine.core.errors import WrongUsageError
from engine.ledger.ports import View
from jobfile.model.namedtuple import NamedTuple
from jobfile.schedule.zones import EPOCH, load_zone


class Window(NamedTuple):
    """A time [since, until)."""

    since: datetime
    until: datetime


def seen_jobs(place: Place, view: View, choice: Choice) -> frozenset[str] | None:
    """The names of the chosen jobs that the user may see; None for all."""
    chosen = chosen_jobs(view, choice)
    if not place.is_limited:
        return chosen
    known = {*known_labels(view), *(one.job for one in view.jobs_in_force())} if chosen is None else chosen
    return frozenset(filter(place.sees, known))


def chosen_jobs(view: View, choice: Choice) -> frozenset[str] | None:
    """The names of the chosen jobs of the ledger; None for all."""
    if choice.is_all:
        return None
    known = known_labels(view)
    refuse_unknown(choice, known.values())
    all_jobs = {one.job: UNKNOWN for one in view.jobs_in_force()} | dict(known)
    return frozenset(job for job, labels in all_jobs.items() if choice.fits(labels))


def refuse_unknown(choice: Choice, known: Iterable[Labels]) -> None:
    """Refuse a tag or an owner that no job has."""
    unknown = unknown_word(choice, known)
    if unknown:
        raise WrongUsageError(unknown)


def refuse_choice_of_one(job: str | None, choice: Choice) -> None:
    """Refuse --tag and --owner beside a job: one of the two would be ignored."""
    if job is not None and not choice.is_all:
        raise WrongUsageError("--tag and --owner choose from all jobs; remove them, or the JOB")


def named_states(given: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """The states of --in, which is repeatable and takes several with commas; () for all."""
    names = [name for text in given for name in text.split(",") if name]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise WrongUsageError(f"--in: '{unknown[0]}' is not a state; the states are {', '.join(known)}")
    return tuple(dict.fromkeys(names))


def window_of(
    since: str | None,
    until: str | None,
    zone: ZoneInfo | None,
    *,
    now: datetime,
    default: timedelta | None = None,
) -> Window:
    """The window of --since and --until; times are in this zone, or in UTC.

    Without --until it ends right after `now`, and without --since it begins `default` before its end. Without
    a default the missing sides are open.
    """
    zone = zone or load_zone("UTC")
    assert zone is not None
    end = now + timedelta.resolution if default is not None else LATEST
    end = parse_instant(until, zone, now=now) if until else end
    start = min(end, now) - default if default is not None else EPOCH
    start = parse_instant(since, zone, now=now) if since else start
    if start >= end:
        raise WrongUsageError("--since must be before --until")
    return Window(start, end)
