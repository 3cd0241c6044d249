"""A plan as one HTML page: risks, a table of changes, a chart of the load; no script, nothing external."""

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from jobfile.diagnostics.excerpt import visible
from jobfile.model.counts import many
from jobfile.plan.filters import left_out_text
from jobfile.plan.load_text import load_lines
from jobfile.plan.table import NOTHING, TableRow, risk_lines, table_rows
from jobfile.plan.text import side_text, summary_line
from jobfile.plan.values import Load, Plan

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE: Final = """
  :root { color-scheme: light dark; --line: #8b949e55; --soft: #8b949e1c; --before: #8b949e; --after: #1f6feb;
    --add: #1a7f37; --change: #9a6700; --rename: #0a7ea4; --remove: #cf222e; --risk: #bf3989; }
  @media (prefers-color-scheme: dark) { :root { --add: #3fb950; --change: #d29922; --rename: #39c5cf;
    --remove: #f85149; --risk: #f778ba; --after: #58a6ff; } }
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
  h1 { font-size: 1.3rem; margin-bottom: .2rem; } h2 { font-size: 1.05rem; margin: 2rem 0 .4rem; }
  .faint { opacity: .7; font-weight: normal; font-size: .87em; }
  .risks { border-left: 4px solid var(--risk); padding: .1rem 0 .1rem 1rem; margin: 1rem 0;
    list-style: none; }
  table { border-collapse: collapse; width: 100%; table-layout: fixed; }
  th:nth-child(1) { width: 1.2rem; } th:nth-child(2) { width: 24%; } th:nth-child(3) { width: 13%; }
  th:nth-child(4) { width: 18%; } th:nth-child(5) { width: 9rem; }
  th { text-align: left; font-weight: 600; border-bottom: 2px solid var(--line); }
  th, td { padding: .35rem .6rem; vertical-align: top; overflow-wrap: anywhere; }
  .job td { border-top: 1px solid var(--line); padding-bottom: 0; }
  .job td:nth-child(2) { font-weight: 600; } .count { white-space: nowrap; }
  .sign { font: 700 1rem ui-monospace, monospace; text-align: center; }
  .add { color: var(--add); } .change { color: var(--change); } .rename { color: var(--rename); }
  .remove { color: var(--remove); } .risk { color: var(--risk); }
  summary { cursor: pointer; font-size: .87em; opacity: .7; }
  pre { font: 13px/1.45 ui-monospace, monospace; background: var(--soft); border-radius: 6px;
    overflow-x: auto; padding: .7rem; margin: .3rem 0 .6rem; }
  .picture { overflow-x: auto; } svg { max-width: 100%; height: auto; min-width: 34rem; }
  svg text { font: 11px system-ui, sans-serif; fill: currentColor; }
  .before { fill: var(--before); } .after { fill: var(--after); }
  .rule { stroke: var(--line); }
  @media (max-width: 45rem) {
    body { margin: 1rem auto; }
    table, tbody, tr, td { display: block; } thead { display: none; }
    .job { border-top: 1px solid var(--line); padding: .5rem 0 0 1.6rem; position: relative; }
    .job td { border: 0; padding: 0; } .job td:empty { display: none; }
    .job td[title]::before { content: attr(title) ": "; opacity: .7; font-size: .87em; }
    .sign { position: absolute; left: 0; } .more td { padding: 0; }
  }
"""
_HOUR: Final = 36
_HEIGHT: Final = 160
_LEFT: Final = 48
_WIDTH: Final = 120
"""Columns of the details."""
FEW: Final = 8
"""Up to this number of rows, the details are open."""
MANY_LINES: Final = 40
"""Longer details are closed."""
_HEADS: Final = ("", "job", "change", "next run, before → after (UTC)", "runs in 30 days", "to note")
_SIGNS: Final = {"+": "add", "-": "remove", "~": "change", ">": "rename", "!": "risk"}
_SIGN: Final = re.compile(r"\s*+(?:[\w.-]++\s\s++)?([-+~>!])\s")
"""The sign of a line, alone or after the name of a field."""
_NOTE: Final = "    ! "
"""The beginning of a note in the details. The row of a job has all its notes already."""


def render_page(plan: Plan) -> str:
    """The page. The same plan gives the same bytes."""
    sides = f"from {side_text(plan.before)} to {side_text(plan.after)}, now {plan.now:%Y-%m-%d %H:%MZ}"
    rows = table_rows(plan, width=_WIDTH, is_full=True)
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{escape(summary_line(plan))}</title><style>{_STYLE}</style></head><body>",
        f'<h1>{escape(summary_line(plan))}</h1>\n<p class="faint">{escape(sides)}</p>',
        *([f"<p>{escape(left_out_text(plan))}</p>"] if plan.left_out else ()),
        *_risks(plan),
        *(_table(rows) if rows else ()),
    ]
    if plan.same:
        parts.append(f'<p class="faint">{many(len(plan.same), "job")} without a change</p>')
    if not plan.load.is_same and plan.left_out is None:
        parts += _load(plan.load)
    return "\n".join([*parts, "</body></html>", ""])


def _risks(plan: Plan) -> Iterator[str]:
    lines = risk_lines(plan)
    if lines:
        yield '<ul class="risks">'
        yield from (f'<li class="risk">{escape(line)}</li>' for line in lines)
        yield "</ul>"


def _table(rows: Sequence[TableRow]) -> Iterator[str]:
    yield f"<table><thead><tr>{''.join(f'<th>{head}</th>' for head in _HEADS)}</tr></thead><tbody>"
    for row in rows:
        yield from _row(row, is_open=len(rows) <= FEW)
    yield "</tbody></table>"


def _row(row: TableRow, *, is_open: bool) -> Iterator[str]:
    """A row, and below it its details, without what the row says already."""
    name = escape(visible(row.name))
    name = f"{escape(visible(row.previous))} → {name}" if row.previous else name
    about = [visible(one) for one in (row.place_text, row.owner) if one]
    name += f'<br><span class="faint">{escape(" · ".join(about))}</span>' if about else ""
    counts = f"{row.runs_before:,} → {row.runs_after:,}" if row.runs_before or row.runs_after else ""
    counts = f'<span class="risk">{counts}</span>' if row.has_many_more else counts
    next_run = "" if row.next_run == NOTHING else escape(visible(row.next_run))
    notes = "<br>".join(map(_note, row.notes))
    sign = "−" if row.sign == "-" else escape(row.sign)
    yield f'<tr class="job"><td class="sign {row.action.value}">{sign}</td><td>{name}</td>'
    yield f"<td>{escape(visible(row.change))}</td>"
    yield f'<td title="next run">{next_run}</td>' if next_run else "<td></td>"
    yield f'<td class="count" title="runs in 30 days">{counts}</td>' if counts else "<td></td>"
    yield f"<td{' class=risk' if row.has_risk else ''}>{notes}</td></tr>"
    lines = [line for line in row.details[1:] if row.is_group or not line.startswith(_NOTE)]
    if lines:
        body = "\n".join(map(_line, lines))
        state = " open" if is_open and len(lines) <= MANY_LINES else ""
        yield f'<tr class="more"><td></td><td colspan="5"><details{state}><summary>details</summary>'
        yield f"<pre>{body}</pre></details></td></tr>"


def _note(note: str) -> str:
    kind = "risk" if note.startswith("RISK") else "change"
    return f'<span class="{kind}">{escape(visible(note))}</span>'


def _line(line: str) -> str:
    found = _SIGN.match(line)
    text = escape(line.removeprefix("    "))
    return f'<span class="{_SIGNS[found[1]]}">{text}</span>' if found else text


def _load(load: Load) -> list[str]:
    """Two bars for each hour of the day, and the numbers below."""
    width = _LEFT + 24 * _HOUR + 8
    most = max([*load.before, *load.after, 1.0])
    parts = [
        f'<h2>starts per hour</h2>\n<div class="picture"><svg xmlns="http://www.w3.org/2000/svg" '
        f'width="{width}" height="{_HEIGHT + 48}" viewBox="0 0 {width} {_HEIGHT + 48}" role="img">',
        f"<title>starts per hour of the day, mean of {load.days} days, before and after</title>",
        f'<line class="rule" x1="{_LEFT}" x2="{width}" y1="{_HEIGHT}" y2="{_HEIGHT}"/>',
        f'<text x="4" y="14">{most:,.0f}</text><text x="4" y="{_HEIGHT}">0</text>',
    ]
    for hour in range(24):
        x = _LEFT + hour * _HOUR
        parts += _bars(hour, x, most, load)
        parts.append(f'<text x="{x + 10}" y="{_HEIGHT + 16}">{hour:02}</text>')
    parts.append(_key(_HEIGHT + 40))
    return [*parts, "</svg></div>", f"<pre>{escape(chr(10).join(load_lines(load, _WIDTH)))}</pre>"]


def _bars(hour: int, x: int, most: float, load: Load) -> Sequence[str]:
    bars = []
    for index, (name, counts) in enumerate((("before", load.before), ("after", load.after))):
        height = (_HEIGHT - 10) * counts[hour] / most
        bars.append(
            f'<rect class="{name}" x="{x + index * 16}" y="{_HEIGHT - height:.1f}" width="14" '
            f'height="{height:.1f}"><title>{name}, {hour:02}:00Z: {counts[hour]:,.2f}</title></rect>'
        )
    return bars


def _key(y: int) -> str:
    return "".join(
        f'<rect class="{name}" x="{_LEFT + index * 90}" y="{y - 9}" width="10" height="10"/>'
        f'<text x="{_LEFT + index * 90 + 15}" y="{y}">{name}</text>'
        for index, name in enumerate(("before", "after"))
    )
