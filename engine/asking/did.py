"""Did a job run, did it succeed?"""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.answers.did import Days, Did, did, did_never
from engine.asking.axes import refuse_unknown_axes
from engine.asking.naming import NeverAppliedError, Subject, subject
from engine.asking.params import split_params
from engine.asking.place import Place
from engine.core.errors import WrongUsageError
from engine.service.presence import presence_at
from jobfile.model.namedtuple import NamedTuple


class Wanted(NamedTuple):
    """The runs that the question is about."""

    params: Mapping[str, str]
    matrix: Mapping[str, str]
    day: str | None
    instant: str | None
    words: str = ""
    """A time without an option."""


def ask_did(place: Place, question: str, wanted: Wanted) -> Did:
    """The answer to a question as it is typed: a job or a run, and after it params and a time."""
    name, *rest = question.split() or [""]
    time = " ".join(one for one in rest if "=" not in one)
    if time and (wanted.day or wanted.instant):
        raise WrongUsageError(f"'{time}' and {'--on' if wanted.day else '--at'} both name a time")
    if wanted.day and wanted.instant:
        raise WrongUsageError("--on and --at exclude each other")
    asked = split_params(tuple(one for one in rest if "=" in one))
    if twice := asked.keys() & wanted.params.keys():
        raise WrongUsageError(f"-p {min(twice)} is given twice")
    return _did(name, wanted._replace(params={**wanted.params, **asked}, words=time), place)


def _did(name: str, wanted: Wanted, place: Place) -> Did:
    try:
        asked = subject(place, name)
    except NeverAppliedError as error:
        return did_never(name, str(error))
    with asked.at_one_moment() as current:
        return _answer(current, wanted, place)


def _answer(asked: Subject, wanted: Wanted, place: Place) -> Did:
    now, zone = place.now(), asked.zone
    if asked.run is not None and any(wanted):
        raise WrongUsageError(
            "--on, --at, -p, --matrix and a time choose runs of a JOB; a RUN takes none of them"
        )
    refuse_unknown_axes(asked.view, asked.job, wanted.matrix)
    on, at = _time(wanted, zone, now=now)
    return did(
        asked.view,
        asked.job,
        zone=zone,
        params=wanted.params,
        matrix=wanted.matrix,
        on=on,
        at=at,
        run=asked.run,
        now=now,
        presence=presence_at(place.config, asked.view, now=now),
    )


def _time(wanted: Wanted, zone: ZoneInfo, *, now: datetime) -> tuple[Days | None, datetime | None]:
    """The days, or the instant, that the question is about; neither for the newest run."""
    if not (wanted.words or wanted.day or wanted.instant):
        return None, None
    from engine.asking.times import named_days, parse_days, parse_instant  # noqa: PLC0415  start-up time: only for a time

    day, instant = wanted.day, wanted.instant
    if wanted.words:
        is_day = named_days(wanted.words, zone, now=now) is not None
        day, instant = (wanted.words, None) if is_day else (None, wanted.words)
    on = parse_days(day, zone, now=now) if day else None
    return on, parse_instant(instant, zone, now=now) if instant else None
