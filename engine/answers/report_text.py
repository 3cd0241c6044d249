"""The answer of `report` as text."""

from functools import partial
from typing import Final

from engine.answers.combinations import MAX_NAMED
from engine.answers.counting import FIXED
from engine.answers.overdue import OVERDUE
from engine.answers.report import VERDICTS, Report, Row
from engine.answers.report_compare import Trend, changes_text, compare, lines_of
from engine.core.columns import paragraph, table
from engine.core.vocabulary import instant_text
from jobfile.diagnostics.escapes import printable
from jobfile.model.counts import many
from jobfile.render.style import PLAIN, Style, Tone

MAX_JOBS: Final = 20
"""Maximum number of jobs of each trend."""


def report_to_text(report: Report, *, width: int | None, style: Style = PLAIN) -> str:
    """The answer as text: what waits for an engine, then one line for each job."""
    shown = shown_verdicts(report)
    heads = ("job", "expected", *map(verdict_head, shown))
    rows = [_cells(row, shown) for row in report.rows]
    if len(rows) != 1:
        rows.append(("total", *_cells(report.total, shown)[1:]))
    lines = [head_line(report), *map(style.alarms, idle_lines(report))]
    paints = {index: partial(style.count, state=verdict) for index, verdict in enumerate(shown, start=2)}
    numbers = table(heads, rows, right=range(1, len(heads)), names=(0,), paints=paints, width=width)
    more = [*_failing_lines(report), *_late_lines(report), *_compared(report, width=width, style=style)]
    return "\n".join([*lines, "", numbers, *more])


def shown_verdicts(report: Report) -> list[str]:
    """The verdicts that a table shows: those that a run has, and always `succeeded`."""
    total = report.total
    return [verdict for verdict in VERDICTS if verdict == "succeeded" or total.verdicts.get(verdict)]


def verdict_head(verdict: str) -> str:
    """The head of the column of a verdict."""
    return "fixed by hand" if verdict == FIXED else verdict


def wrong_words(report: Report) -> str:
    """Of which jobs the counts do not add up."""
    more = len(report.wrong) - MAX_NAMED
    named = ", ".join(report.wrong[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"the counts do not add up for {named}"


def title_of(report: Report) -> str:
    """What a reader must know first."""
    if report.wrong:
        return f"jobfile report: {wrong_words(report)}"
    found = [many(report.total.bad, "run needs attention", "runs need attention")] if report.total.bad else []
    found += [many(len(report.late), "job is late", "jobs are late")] if report.late else []
    if report.unsettled:
        found.append(many(report.unsettled, "end is not recorded", "ends are not recorded"))
    return f"jobfile report: {', '.join(found) or 'all is well'}"


def head_line(report: Report) -> str:
    """The window, and how many of the runs come from no schedule."""
    since, until = (instant_text(at, report.zone, has_seconds=True) for at in (report.since, report.until))
    requested = report.total.requested
    come = "comes" if requested == 1 else "come"
    by_hand = f", {requested} of the expected runs {come} from no schedule" if requested else ""
    return f"{since} to {until}{by_hand}"


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


def idle_lines(report: Report) -> list[str]:
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


def _compared(report: Report, *, width: int | None, style: Style) -> list[str]:
    """The total of both periods, and the changes of each job; what got worse comes first."""
    if report.before is None:
        return []
    found = compare(report, report.before)
    since, until = (instant_text(at, report.zone, has_seconds=True) for at in (found.since, found.until))
    heads = ("in total", "before", "now", "change")
    lines = ["", f"compared with {since} to {until}", ""]
    lines.append(table(heads, lines_of(found.total), right=(1, 2, 3), width=width))
    for trend, tone in _TRENDS.items():
        jobs = [one for one in found.jobs if one.trend is trend]
        if jobs and len(found.jobs) > 1:
            lines += ["", style.paint(f"{trend.value}:", tone)]
            lines += [paragraph(f"{one.job}: {changes_text(one)}", width=width) for one in jobs[:MAX_JOBS]]
            more = len(jobs) - MAX_JOBS
            lines += [f"and {many(more, 'more job')}; --json has all"] if more > 0 else []
    return lines


_TRENDS: Final = {Trend.WORSE: Tone.BAD, Trend.OTHER: Tone.DOUBTFUL, Trend.BETTER: Tone.GOOD}


def _cells(row: Row, shown: list[str]) -> tuple[str, ...]:
    numbers = (row.verdicts.get(verdict, 0) for verdict in shown)
    return (row.job, str(row.expected), *(str(number) if number else "·" for number in numbers))
