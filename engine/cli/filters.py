"""The options that limit an answer, the same in every command: jobs by tag and owner, states, a time."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import click

from engine.answers.choice import UNKNOWN, Choice, Labels, known_labels, unknown_word
from engine.cli.times import LATEST, parse_instant
from engine.ledger.ports import View
from jobfile.schedule.zones import EPOCH, load_zone

Function = TypeVar("Function", bound=Callable[..., object])


class Window(NamedTuple):
    """A time [since, until)."""

    since: datetime
    until: datetime


def choice_options(function: Function) -> Function:
    """--tag and --owner, given to the command as one `choice`."""

    def with_choice(*args: object, tags: Sequence[str], owners: Sequence[str], **kwargs: object) -> object:
        return function(*args, choice=Choice(tags=tuple(tags), owners=tuple(owners)), **kwargs)

    with_choice.__doc__ = function.__doc__
    with_choice.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]  # click's own attribute
    decorated = click.option(
        "--owner", "owners", multiple=True, metavar="OWNER", help="Only jobs of this owner. Repeatable."
    )(with_choice)
    decorated = click.option(
        "--tag", "tags", multiple=True, metavar="TAG", help="Only jobs with this tag. Repeatable."
    )(decorated)
    return decorated  # type: ignore[return-value]  # same signature but for the choice


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
        raise click.UsageError(unknown)


def refuse_choice_of_one(job: str | None, choice: Choice) -> None:
    """Refuse --tag and --owner beside a job: one of the two would be ignored."""
    if job is not None and not choice.is_all:
        raise click.UsageError("--tag and --owner choose from all jobs; remove them, or the JOB")


def named_states(given: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """The states of --in, which is repeatable and takes several with commas; () for all."""
    names = [name for text in given for name in text.split(",") if name]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise click.UsageError(f"--in: '{unknown[0]}' is not a state; the states are {', '.join(known)}")
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
        raise click.UsageError("--since must be before --until")
    return Window(start, end)
