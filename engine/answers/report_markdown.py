"""The answer of `report` as a comment on a pull request or an issue; names and reasons are escaped."""

from collections.abc import Iterator, Sequence
from typing import Final

from engine.answers.problems import problem_text
from engine.answers.report import Report, Row
from engine.answers.report_compare import Trend, changes_text, compare, lines_of, rate_text
from engine.answers.report_text import head_line, idle_lines, shown_verdicts, title_of, verdict_head
from engine.core.vocabulary import instant_text
from jobfile.model.counts import many
from jobfile.plan.markdown import LIMIT, code, plain

MARKER: Final = "<!-- jobfile-report -->"
"""The first line; the next version of the comment is found by it."""
MAX_PROBLEMS: Final = 50
"""Maximum number of problems."""
_ROOM_FOR_ENDS: Final = 500


def report_to_markdown(report: Report) -> str:
    """The comment, at most LIMIT characters; jobs that need attention come first."""
    shown = shown_verdicts(report)
    heads = ["job", "expected", *map(verdict_head, shown), "success rate"]
    start = [MARKER, f"### {plain(title_of(report))}", "", plain(head_line(report)), ""]
    start += [f":warning: {plain(line)}\n" for line in idle_lines(report)]
    start += [_line(heads), _line(["---", *["---:"] * (len(heads) - 1)])]
    end = [_line([f"**{cell}**" for cell in ("total", *_cells(report.total, shown))])]
    room = LIMIT - len("\n".join([*start, *end])) - _ROOM_FOR_ENDS
    room, rest = room // 2, room // 2
    rows = [_line([code(row.job), *_cells(row, shown)]) for row in report.worst_first]
    kept, room = _fit(rows, room)
    room += rest
    more = [f"\n{many(len(rows) - len(kept), 'more job')}, in the total"] if len(kept) < len(rows) else []
    last = end if len(rows) != 1 else []
    parts = [*start, *kept, *last, *more]
    for part in (_problems(report), _compared(report)):
        lines, room = _fit(list(part), room)
        parts += lines
    return "\n".join(parts) + "\n"


def _fit(lines: Sequence[str], room: int) -> tuple[list[str], int]:
    """As many lines as there is room for."""
    kept = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    return kept, room


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(row: Row, shown: Sequence[str]) -> list[str]:
    counts = (row.verdicts.get(verdict, 0) for verdict in shown)
    return [
        str(row.expected),
        *(str(count) if count else "·" for count in counts),
        rate_text(row.success_rate),
    ]


def _problems(report: Report) -> Iterator[str]:
    lines = [f"- {code(job)} {plain('; '.join(words))}" for job, words in report.late.items()]
    lines += [f"- {code(one.job)} {plain(problem_text(one, report.zone))}" for one in report.problems]
    if lines:
        yield "\n#### needs attention\n"
        yield from lines[:MAX_PROBLEMS]
    if len(lines) > MAX_PROBLEMS:
        yield f"- and {len(lines) - MAX_PROBLEMS:,} more"


def _compared(report: Report) -> Iterator[str]:
    if report.before is None:
        return
    found = compare(report, report.before)
    since, until = (instant_text(at, report.zone) for at in (found.since, found.until))
    yield f"\n#### compared with {plain(f'{since} to {until}')}\n"
    yield _line(["", "before", "now", "change"])
    yield _line(["---", "---:", "---:", "---:"])
    yield from (_line([line.name, line.before, line.now, line.change]) for line in lines_of(found.total))
    changed = [one for one in found.jobs if one.trend is not Trend.SAME]
    if changed and len(found.jobs) > 1:
        yield ""
        yield from (f"- {one.trend.value}: {code(one.job)} {plain(changes_text(one))}" for one in changed)
