"""The answer of `report` as text."""

from functools import partial

from engine.answers.combinations import MAX_NAMED
from engine.answers.overdue import OVERDUE
from engine.answers.report import FIXED, VERDICTS, Report, Row
from engine.core.columns import table
from engine.core.vocabulary import instant_text
from jobfile.diagnostics.escapes import printable
from jobfile.model.counts import many
from jobfile.render.style import PLAIN, Style


def report_to_text(report: Report, *, width: int | None, style: Style = PLAIN) -> str:
    """The answer as text: what waits for an engine, then one line for each job."""
    total = report.total
    shown = [verdict for verdict in VERDICTS if verdict == "succeeded" or total.verdicts.get(verdict)]
    heads = ("job", "expected", *("fixed by hand" if one == FIXED else one for one in shown))
    rows = [_cells(row, shown) for row in report.rows]
    if len(rows) != 1:
        rows.append(("total", *_cells(total, shown)[1:]))
    since, until = (instant_text(at, report.zone, has_seconds=True) for at in (report.since, report.until))
    are = "was" if total.requested == 1 else "were"
    by_hand = f", {total.requested} of the expected runs {are} not scheduled" if total.requested else ""
    lines = [f"{since} to {until}{by_hand}", *map(style.alarms, _idle_lines(report))]
    paints = {index: partial(style.count, state=verdict) for index, verdict in enumerate(shown, start=2)}
    numbers = table(heads, rows, right=range(1, len(heads)), names=(0,), paints=paints, width=width)
    return "\n".join([*lines, "", numbers, *_failing_lines(report), *_late_lines(report)])


def _failing_lines(report: Report) -> list[str]:
    """Which combinations of a matrix need attention, and how often."""
    lines = []
    for row in report.rows:
        most = sorted(row.failing.items(), key=lambda one: (-one[1], one[0]))
        told = ", ".join(f"{count} of {name}" for name, count in most[:MAX_NAMED])
        more = f", and of {len(most) - MAX_NAMED} more" if len(most) > MAX_NAMED else ""
        lines += [f"{row.job}, runs that need attention: {told}{more}"] if told else []
    return ["", *map(printable, lines)] if lines else []


def _late_lines(report: Report) -> list[str]:
    """Which jobs are late now."""
    lines = [f"{job}: {'; '.join(words)}" for job, words in report.late.items()]
    return ["", *map(printable, lines)] if lines else []


def _idle_lines(report: Report) -> list[str]:
    """What waits for an engine, and why, in capitals: it must be noticed among the numbers."""
    overdue, unsettled = report.total.verdicts.get(OVERDUE, 0), report.unsettled
    problems = []
    if overdue:
        problems.append(
            many(overdue, "run is due and nothing starts it", "runs are due and nothing starts them")
        )
    if unsettled:
        have = many(unsettled, "open run has", "open runs have")
        problems.append(f"{have} ended, and nothing records this")
    if not problems:
        return []
    runs = "; ".join(problems)
    obstacle = report.presence.obstacle(report.zone) or "the engine is running but has not decided about them"
    if report.presence.is_running:
        return [f"NOTHING STARTS, {obstacle}: {runs}"]
    since = obstacle.partition(" since ")[2]
    return [f"NO ENGINE{f' since {since}' if since else ''}: {runs}; start one with  jobfile up"]


def _cells(row: Row, shown: list[str]) -> tuple[str, ...]:
    numbers = (row.verdicts.get(verdict, 0) for verdict in shown)
    return (row.job, str(row.expected), *(str(number) if number else "·" for number in numbers))
