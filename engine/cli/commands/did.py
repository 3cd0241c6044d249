"""`jobfile did`: did this job run, did it succeed?"""

from collections.abc import Mapping
from typing import NamedTuple

import click

from engine.answers.did import Did, did, did_never, did_to_json, did_to_text
from engine.asking.axes import refuse_unknown_axes, split_axes
from engine.asking.naming import NeverAppliedError, subject
from engine.asking.params import split_params
from engine.asking.place import Place
from engine.asking.times import named_days, parse_days, parse_instant
from engine.cli.axes import matrix_option
from engine.cli.output import print_json, print_text, style_of
from engine.cli.place import json_option, place_options
from engine.service.presence import presence_at


class _Wanted(NamedTuple):
    """The runs that the question is about."""

    params: Mapping[str, str]
    matrix: Mapping[str, str]
    day: str | None
    instant: str | None
    words: str = ""
    """A time without an option."""


@click.command("did")
@click.argument("run_or_job", metavar="RUN or JOB")
@click.argument("words", metavar="[NAME=VALUE or TIME]...", nargs=-1)
@click.option(
    "-p",
    "--param",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="Only runs with this value of a param: -p region=eu. Repeatable.",
)
@click.option(
    "--on",
    "day",
    metavar="DAY",
    help="Answer for every run of this day, week or month in the job's zone: 2026-11-23, 'last month'.",
)
@click.option(
    "--at",
    "instant",
    metavar="TIME",
    help="Answer for the run expected at this time: 02:30, 2026-11-28T02:30, 'yesterday 02:30'.",
)
@matrix_option("Only combinations of the matrix with this value: --matrix region=eu. Repeatable.")
@json_option
@place_options
def command(
    run_or_job: str,
    words: tuple[str, ...],
    given: tuple[str, ...],
    axes: tuple[str, ...],
    *,
    day: str | None,
    instant: str | None,
    as_json: bool,
    place: Place,
) -> int:
    """Did JOB run, did it succeed? Or: did that RUN, named by the beginning of its id?

    Without --on or --at the answer is about the newest scheduled run; the same line says if a later manual
    run has a different result. For a job without a schedule it is about the newest manual run. With -p only
    runs with these values count. A job with a matrix has succeeded when all its combinations have.

    The question can be typed as it is asked: params and a time after the name, in one text or as words. A
    time with a clock is that of --at, any other that of --on.
    """
    name, *rest = " ".join((run_or_job, *words)).split()
    asked = (*given, *(one for one in rest if "=" in one))
    time = " ".join(one for one in rest if "=" not in one)
    if time and (day or instant):
        raise click.UsageError(f"'{time}' and {'--on' if day else '--at'} both name a time")
    if day and instant:
        raise click.UsageError("--on and --at exclude each other")
    found = _did(name, _Wanted(split_params(asked), split_axes(axes), day, instant, time), place)
    if as_json:
        print_json(did_to_json(found))
    else:
        style = style_of()
        print_text(did_to_text(found, style=style), style)
    return int(found.answer)


def _did(name: str, wanted: _Wanted, place: Place) -> Did:
    try:
        asked = subject(place, name)
    except NeverAppliedError as error:
        return did_never(name, str(error))
    now, zone = place.now(), asked.zone
    if asked.run is not None and any(wanted):
        raise click.UsageError("--on, --at, -p, --matrix and a time are about a job; a RUN is one already")
    refuse_unknown_axes(asked.view, asked.job, wanted.matrix)
    day, instant = wanted.day, wanted.instant
    if wanted.words:
        is_day = named_days(wanted.words, zone, now=now) is not None
        day, instant = (wanted.words, None) if is_day else (None, wanted.words)
    return did(
        asked.view,
        asked.job,
        zone=zone,
        params=wanted.params,
        matrix=wanted.matrix,
        on=parse_days(day, zone, now=now) if day else None,
        at=parse_instant(instant, zone, now=now) if instant else None,
        run=asked.run,
        now=now,
        presence=presence_at(place.config, asked.view, now=now),
    )
