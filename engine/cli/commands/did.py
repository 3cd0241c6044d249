"""`jobfile did`: did this job run, did it succeed?"""

from dataclasses import replace

import click

from engine.answers.as_json import run_to_json
from engine.answers.did import Answer, Did, did
from engine.cli.naming import NeverAppliedError, Subject, subject
from engine.cli.output import print_json
from engine.cli.params import split_params
from engine.cli.place import Place, json_option, place_options
from engine.cli.presence import presence_at
from engine.cli.times import parse_day, parse_instant
from jobfile.diagnostics.escapes import printable


@click.command("did")
@click.argument("job_or_run", metavar="JOB or RUN")
@click.option(
    "-p", "--param", "given", multiple=True, metavar="NAME=VALUE", help="Only runs with this value."
)
@click.option("--on", "day", metavar="DAY", help="That day in the job's zone: 2026-11-23, today, yesterday.")
@click.option("--at", "instant", metavar="TIME", help="The run expected at that time.")
@json_option
@place_options
def command(
    job_or_run: str,
    given: tuple[str, ...],
    day: str | None,
    instant: str | None,
    *,
    as_json: bool,
    place: Place,
) -> int:
    """Did JOB run, did it succeed? Or: did that RUN, named by the beginning of its id?

    Without --on or --at the answer is about the newest run that the job's schedule wanted; the same line
    says when a run that was asked for since came out otherwise. For a job without a schedule it is about the
    newest run that was asked for. With -p only runs with these values count.

    Exit code: 0 it succeeded; 1 it ran and did not, or nobody knows; 3 it did not run, or could not be
    started; 4 it is not over or not yet due; 5 it was not expected then; 6 it is overdue: it was due, and
    nothing has started it, for no engine is running or it is held back; 64 unknown job or run.
    """
    if day and instant:
        raise click.UsageError("--on and --at exclude each other")
    try:
        asked = subject(place, job_or_run)
    except NeverAppliedError as error:
        never = Did(answer=Answer.NOT_EXPECTED, line=f"{job_or_run}: not expected: {error}", items=())
        return _print(job_or_run, never, as_json=as_json)
    now, zone = place.now(), asked.zone
    if asked.run is not None and (day or instant or given):
        raise click.UsageError("--on, --at and -p are about a job; a RUN is one already")
    found = did(
        asked.view,
        asked.job,
        zone=zone,
        params=split_params(given),
        on=parse_day(day, zone, now=now) if day else None,
        at=parse_instant(instant, zone, now=now) if instant else None,
        run=asked.run,
        now=now,
        presence=presence_at(place, asked.view),
    )
    return _print(asked.job, _honest(found, asked), as_json=as_json)


def _honest(found: Did, asked: Subject) -> Did:
    """Where what the job was expected to do cannot be read, nobody knows whether it did."""
    broken = [
        one
        for one in asked.view.unreadable
        if one.job == asked.job and one.table in ("schedule", "gap", "run")
    ]
    is_known = found.answer is Answer.NOT_WELL and bool(found.items)
    if not broken or is_known:
        return found
    line = f"{found.line}; nobody knows for sure: {broken[0].words}"
    return replace(found, answer=Answer.NOT_WELL, line=line)


def _print(job: str, found: Did, *, as_json: bool) -> int:
    if not as_json:
        click.echo(printable(found.line))
        return int(found.answer)
    items = [
        {
            "scheduled_for": item.scheduled_for.isoformat(),
            "state": item_state,
            "reason": item.reason,
            "run": run_to_json(item.run) if item.run else None,
        }
        for item, item_state in zip(found.items, found.states, strict=True)
    ]
    since = run_to_json(found.asked_since) if found.asked_since else None
    answer = {"format": 1, "job": job, "answer": found.answer.name.lower(), "exit_code": int(found.answer)}
    print_json({**answer, "line": found.line, "items": items, "asked_since": since})
    return int(found.answer)
