"""A plan as one HTML page with a chart of its load: no scripts, no external resources."""

from collections.abc import Sequence
from html import escape
from typing import Final

from jobfile.diagnostics.excerpt import visible
from jobfile.plan.text import job_lines, load_lines, risk_line, side_text, summary_line
from jobfile.plan.values import JobChange, Load, Plan
from jobfile.plan.wording import SYMBOLS

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE: Final = """
  :root { color-scheme: light dark; --line: #8b949e55; --before: #8b949e; --after: #1f6feb; --risk: #bf3989; }
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
  h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin: 2rem 0 .3rem; }
  .faint { opacity: .7; } .risk { color: var(--risk); }
  pre { border: 1px solid var(--line); border-radius: 6px; overflow-x: auto;
    padding: .8rem; margin: .3rem 0; }
  .picture { overflow-x: auto; } svg text { font: 11px system-ui, sans-serif; fill: currentColor; }
  .before { fill: var(--before); } .after { fill: var(--after); }
  .rule { stroke: var(--line); }
"""
_HOUR: Final = 36
_HEIGHT: Final = 160
_LEFT: Final = 48


def render_page(plan: Plan) -> str:
    """The page. The same plan gives the same bytes."""
    sides = f"from {side_text(plan.before)} to {side_text(plan.after)}, now {plan.now:%Y-%m-%d %H:%MZ}"
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{escape(summary_line(plan))}</title><style>{_STYLE}</style></head><body>",
        f'<h1>{escape(summary_line(plan))}</h1>\n<p class="faint">{escape(sides)}</p>',
        *(f'<p class="risk">{escape(risk_line(risk))}</p>' for risk in plan.risks),
    ]
    if plan.has_changes:
        parts += _load(plan.load)
    parts += [_job(change, plan) for change in plan.jobs]
    if plan.same:
        parts.append(f'<p class="faint">{len(plan.same):,} without a change</p>')
    return "\n".join([*parts, "</body></html>", ""])


def _job(change: JobChange, plan: Plan) -> str:
    title = f"{SYMBOLS[change.action]} {visible(change.name)}"
    mark = ' class="risk"' if change.risks else ""
    lines = "\n".join(job_lines(change, plan.now, is_full=True))
    return f"<h2{mark}>{escape(title)}</h2>\n<pre>{escape(lines)}</pre>"


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
    return [*parts, "</svg></div>", f"<pre>{escape(chr(10).join(load_lines(load)))}</pre>"]


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
