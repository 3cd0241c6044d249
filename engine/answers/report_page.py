"""The answer of `report` as one HTML page: numbers, problems, years of squares; no script, no request."""

from collections.abc import Iterator
from html import escape
from typing import Final

from engine.answers.overdue import NOT_WELL
from engine.answers.problems import problem_text
from engine.answers.report import Report, Row
from engine.answers.report_compare import Change, Line, Trend, changes_text, compare, lines_of, rate_text
from engine.answers.report_text import head_line, idle_lines, shown_verdicts, title_of, verdict_head
from engine.answers.squares import SQUARES_STYLE, calendar_svg, legend
from engine.core.vocabulary import instant_text
from jobfile.diagnostics.excerpt import visible
from jobfile.model.counts import many

MAX_ROWS: Final = 1_000
"""Maximum number of jobs in the table, those that need attention first."""
MAX_PROBLEMS: Final = 200
"""Maximum number of problems."""
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE: Final = """
  :root { color-scheme: light dark; --line: #8b949e40; }
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 66rem; padding: 0 1rem;
    background: var(--paper); }
  h1 { font-size: 1.3rem; margin: 0 0 .2rem; } h2 { font-size: 1.05rem; margin: 2.2rem 0 .5rem; }
  h3 { font-size: .95rem; margin: 1.4rem 0 .3rem; overflow-wrap: anywhere; }
  .faint, h3 span { opacity: .7; font-weight: normal; font-size: .87em; }
  .alarm, .bad { color: var(--bad); } .good { color: var(--good); } .alarm { font-weight: 600; }
  .wide { overflow-x: auto; } .year { direction: rtl; } .year svg { direction: ltr; margin: 0 auto 0 0; }
  table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
  th, td { padding: .3rem .7rem .3rem 0; text-align: right; white-space: nowrap;
    border-top: 1px solid var(--line); }
  thead th { border: 0; font-weight: 600; font-size: .87em; opacity: .7; }
  th:first-child { text-align: left; }
  tbody th { font-weight: normal; min-width: 9rem; max-width: 22rem; white-space: normal;
    overflow-wrap: anywhere; }
  tr.total > * { font-weight: 600; } td.none { opacity: .35; }
  b { font-weight: 600; }
  ul { padding: 0; list-style: none; } li { margin: .3rem 0; overflow-wrap: anywhere; }
  .legend span { display: inline-block; margin-right: 1rem; font-size: .87em; }
  .legend .squares { display: inline-block; margin-right: .4rem; vertical-align: -1px; }
  @media (max-width: 40rem) { body { margin: 1rem auto; } tbody th { min-width: 6.5rem; }
    th, td { padding-right: .45rem; } }
"""


def report_to_html(report: Report) -> str:
    """The page. The same report gives the same bytes."""
    title = title_of(report)
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_shown(title)}</title><style>{SQUARES_STYLE}{_STYLE}</style></head><body>",
        f'<h1 class="{"good" if report.is_well else "bad"}">{_shown(title)}</h1>',
        f'<p class="faint">{_shown(head_line(report))}</p>',
        *(f'<p class="alarm">{_shown(line)}</p>' for line in idle_lines(report)),
        *_table(report),
        *_compared(report),
        *_problems(report),
        *_calendars(report),
    ]
    return "\n".join([*parts, "</body></html>", ""])


def _shown(text: str) -> str:
    return escape(visible(text))


def _table(report: Report) -> Iterator[str]:
    """The numbers of each job and their sum; each row has them as data for programs, too."""
    shown = shown_verdicts(report)
    heads = ("job", "expected", *(verdict_head(one).replace("_", " ") for one in shown), "success rate")
    rows = report.worst_first[:MAX_ROWS]
    yield '<h2>numbers</h2><div class="wide" role="region" aria-label="numbers" tabindex="0"><table>'
    yield f"<thead><tr>{''.join(f'<th scope=col>{head}</th>' for head in heads)}</tr></thead><tbody>"
    for row in rows:
        yield _row(row, shown, f'data-job="{_shown(row.job)}"', row.job)
    if len(report.rows) != 1:
        yield _row(report.total, shown, 'class="total"', "total")
    yield "</tbody></table></div>"
    if len(rows) < len(report.rows):
        yield f'<p class="faint">{many(len(report.rows) - len(rows), "more job")}, in the total</p>'


def _row(row: Row, shown: list[str], attribute: str, name: str) -> str:
    data = "".join(f' data-{key.replace("_", "-")}="{count}"' for key, count in row.numbers.items())
    cells = [f'<th scope="row">{_shown(name)}</th><td>{row.expected:,}</td>']
    for verdict in shown:
        count = row.verdicts.get(verdict, 0)
        kind = "none" if not count else "bad" if verdict in NOT_WELL else ""
        cells.append(f"<td{f' class={kind}' if kind else ''}>{f'{count:,}' if count else '·'}</td>")
    return f"<tr {attribute}{data}>{''.join(cells)}<td>{rate_text(row.success_rate)}</td></tr>"


def _compared(report: Report) -> Iterator[str]:
    """The total of both periods, and the changes of each job; what got worse comes first."""
    if report.before is None:
        return
    found = compare(report, report.before)
    since, until = (instant_text(at, report.zone) for at in (found.since, found.until))
    yield f"<h2>compared with the period before</h2><p class=faint>{_shown(f'{since} to {until}')}</p>"
    heads = "".join(f"<th>{head}</th>" for head in ("", "before", "now", "change"))
    yield f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>'
    yield from (_compared_line(line) for line in lines_of(found.total))
    yield "</tbody></table></div>"
    changed = [one for one in found.jobs if one.trend is not Trend.SAME]
    if changed:
        yield "<ul>"
        yield from map(_changed_job, changed[:MAX_ROWS])
        yield "</ul>"
    same = len(found.jobs) - len(changed[:MAX_ROWS])
    if same:
        yield f'<p class="faint">{many(same, "other job")}</p>'


def _compared_line(line: Line) -> str:
    cells = "".join(f"<td>{cell}</td>" for cell in (line.before, line.now, line.change))
    return f'<tr><th scope="row">{line.name}</th>{cells}</tr>'


def _changed_job(change: Change) -> str:
    kind = {Trend.WORSE: "bad", Trend.BETTER: "good"}.get(change.trend, "faint")
    trend = f'<span class="{kind}">{change.trend.value}</span>'
    words = _shown(changes_text(change))
    return f'<li data-trend="{change.trend.value}">{trend} <b>{_shown(change.job)}</b> {words}</li>'


def _problems(report: Report) -> Iterator[str]:
    lines = [(job, "; ".join(words)) for job, words in report.late.items()]
    lines += [(one.job, problem_text(one, report.zone)) for one in report.problems]
    if lines:
        yield "<h2>needs attention</h2><ul>"
        yield from (f"<li><b>{_shown(job)}</b> {_shown(words)}</li>" for job, words in lines[:MAX_PROBLEMS])
        yield "</ul>"
    if len(lines) > MAX_PROBLEMS:
        yield f'<p class="faint">and {len(lines) - MAX_PROBLEMS:,} more</p>'


def _calendars(report: Report) -> Iterator[str]:
    """The year of each job up to the end of the window."""
    if not report.calendars or report.last_day is None:
        return
    zone = instant_text(report.until, report.zone).rpartition(" ")[2]
    yield f"<h2>the year to {report.last_day} <span class=faint>days of {_shown(zone)}</span></h2>{legend()}"
    for job, days in report.calendars.items():
        yield f"<h3>{_shown(job)}</h3>"
        yield f'<div class="wide year">{calendar_svg(days, name=job, last=report.last_day)}</div>'
    left = len(report.rows) - len(report.calendars)
    if left:
        yield f'<p class="faint">{many(left, "more job")}: for their calendars, name them or use --tag</p>'
