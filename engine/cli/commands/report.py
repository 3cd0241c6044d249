"""`jobfile report`: everything expected in a window, and what became of it."""

from datetime import UTC, timedelta

import click

from engine.answers.overdue import OVERDUE
from engine.answers.report import FIXED, VERDICTS, Report, Row, make_report, report_to_json
from engine.cli.exit_codes import BUG, GOOD, NOT_WELL
from engine.cli.output import print_json, width
from engine.cli.place import Place, json_option, place_options
from engine.cli.presence import presence_at
from engine.cli.times import parse_instant
from engine.core.columns import table
from engine.core.vocabulary import instant_text
from jobfile.schedule.occurrences import load_zone

DEFAULT_WINDOW = timedelta(hours=24)


@click.command("report")
@click.option("--since", metavar="TIME", help="From then on: a time, a day, or 7d back [default: 24h].")
@click.option("--until", metavar="TIME", help="Before then [default: now].")
@json_option
@place_options
def command(since: str | None, until: str | None, *, as_json: bool, place: Place) -> int:
    """Expected runs, and how many of them succeeded, failed, were skipped, missed, lost, or are open.

    An instant counts once: a run that was not well and succeeded when it was tried again is fixed by hand.
    A run is overdue when it was due and nothing has started it: no engine is running, or it is held back.

    Exit code: 0 all is well; 1 something failed, timed out, was missed or lost, is overdue, or ended and no
    engine has recorded it; 70 the sum does not add up. Times are read and shown in UTC unless they name
    another zone.
    """
    view, now = place.view(), place.now()
    utc = load_zone("UTC")
    assert utc is not None
    end = parse_instant(until, utc, now=now) if until else now + timedelta(microseconds=1)
    start = parse_instant(since, utc, now=now) if since else min(end, now) - DEFAULT_WINDOW
    if start >= end:
        raise click.UsageError("--since must be before --until")
    report = make_report(view, since=start, until=end, now=now, presence=presence_at(place, view))
    if as_json:
        print_json(report_to_json(report))
    else:
        click.echo(_as_text(report))
    if not all(row.adds_up for row in report.rows):
        wrong = ", ".join(row.job for row in report.rows if not row.adds_up)
        click.echo(f"the sum does not add up for {wrong}: please report this", err=True)
        return BUG
    return GOOD if report.is_well else NOT_WELL


def _as_text(report: Report) -> str:
    total = report.total
    shown = [verdict for verdict in VERDICTS if verdict == "succeeded" or total.verdicts.get(verdict)]
    heads = ("job", "expected", *("fixed by hand" if one == FIXED else one for one in shown))
    rows = [_cells(row, shown) for row in report.rows]
    rows.append(("total", *_cells(total, shown)[1:]))
    since, until = (instant_text(at, UTC, has_seconds=True) for at in (report.since, report.until))
    by_hand = f", {total.requested} of the expected runs asked for" if total.requested else ""
    lines = [f"{since} to {until}{by_hand}", *_idle_lines(report)]
    return "\n".join([*lines, "", table(heads, rows, right=range(1, len(heads)), width=width())])


def _idle_lines(report: Report) -> list[str]:
    """What waits for an engine, and why: it must not look like a number among others."""
    overdue, unsettled = report.total.verdicts.get(OVERDUE, 0), report.unsettled
    told = []
    if overdue:
        told.append(
            "1 run is due and nothing starts it"
            if overdue == 1
            else f"{overdue:,} runs are due and nothing starts them"
        )
    if unsettled:
        have = "1 open run has" if unsettled == 1 else f"{unsettled:,} open runs have"
        told.append(f"{have} ended, or {'was' if unsettled == 1 else 'were'} killed, and nothing records it")
    if not told:
        return []
    runs = "; ".join(told)
    obstacle = report.presence.obstacle(UTC) or "the engine is running, and has not decided about them"
    if report.presence.is_running:
        return [f"NOTHING STARTS, {obstacle}: {runs}"]
    since = obstacle.partition(" since ")[2]
    return [f"NO ENGINE{f' since {since}' if since else ''}: {runs}; start one with  jobfile up"]


def _cells(row: Row, shown: list[str]) -> tuple[str, ...]:
    numbers = (row.verdicts.get(verdict, 0) for verdict in shown)
    return (row.job, str(row.expected), *(str(number) if number else "·" for number in numbers))
