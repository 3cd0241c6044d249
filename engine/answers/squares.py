"""A year of a job as squares, one for each day: SVG. Each verdict has a shape, and each day a text."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from html import escape
from typing import Final

from engine.answers.counting import FIXED
from engine.answers.overdue import NOT_WELL, OPEN, OVERDUE
from jobfile.diagnostics.excerpt import visible

PITCH: Final = 14
SIZE: Final = 11
LEFT: Final = 30
TOP: Final = 18

SQUARES_STYLE: Final = """
  :root { --good: #2da44e; --bad: #d1242f; --odd: #9a6700; --live: #0969da; --rest: #8b949e; --paper: #fff;
    --empty: #8b949e2b; }
  @media (prefers-color-scheme: dark) { :root { --good: #3fa653; --bad: #f06a62; --odd: #d4a72c;
    --live: #58a6ff; --rest: #8b949e; --paper: #0d1117; --empty: #8b949e33; } }
  .squares { display: block; height: auto; }
  .squares text { font: 10px system-ui, sans-serif; fill: currentColor; opacity: .65; }
  .squares .none { fill: var(--empty); } .squares .good { fill: var(--good); }
  .squares .bad { fill: var(--bad); } .squares .rest { fill: var(--rest); }
  .squares .line { fill: none; stroke: var(--bad); stroke-width: 2; }
  .squares .on { fill: none; stroke: var(--paper); stroke-width: 1.6; stroke-linecap: round; }
  .squares .odd { fill: none; stroke: var(--odd); stroke-width: 2; stroke-linecap: round; }
  .squares .live { fill: none; stroke: var(--live); stroke-width: 2; }
"""
"""The style sheet of the squares; a page has it once."""

_CROSS: Final = '<path class="on" d="M3 3l5 5m0-5l-5 5"/>'
_SQUARE: Final = '<rect class="{}" width="11" height="11" rx="2"/>'
_HOLLOW: Final = '<rect class="line" x="1" y="1" width="9" height="9" rx="1.5"/>'
_FAILED: Final = _SQUARE.format("bad") + _CROSS
SHAPES: Final[Mapping[str, str]] = {
    "failed": _FAILED,
    "timed_out": _SQUARE.format("bad") + '<path class="on" d="M5.5 2.5v3.5h3"/>',
    "lost": _HOLLOW + '<circle class="bad" cx="5.5" cy="5.5" r="1.7"/>',
    "missed": _HOLLOW,
    OVERDUE: _HOLLOW.replace('class="line"', 'class="line" stroke-dasharray="2 1.6"'),
    OPEN: '<circle class="live" cx="5.5" cy="5.5" r="4"/>',
    "cancelled": _SQUARE.format("none") + '<path class="odd" d="M3 8l5-5"/>',
    "skipped": _SQUARE.format("none") + '<rect class="rest" x="3" y="4.5" width="5" height="2" rx="1"/>',
    FIXED: _SQUARE.format("good") + '<circle fill="var(--paper)" cx="5.5" cy="5.5" r="1.9"/>',
    "succeeded": _SQUARE.format("good"),
}
"""The shape of each verdict, the worst first: a day has the shape of its worst."""
PARTLY: Final = _SQUARE.format("good") + '<path class="bad" d="M11 3v6a2 2 0 0 1-2 2h-6z"/>'
"""A day on which most runs succeeded, and some need attention."""
NOTHING: Final = _SQUARE.format("none")
"""A day on which nothing was expected."""


def calendar_svg(days: Mapping[date, Mapping[str, int]], *, name: str, last: date, weeks: int = 53) -> str:
    """The weeks up to the last day, from Monday to Sunday, with the verdicts of each day."""
    first = last - timedelta(weeks=weeks - 1, days=last.weekday())
    width, height = LEFT + weeks * PITCH, TOP + 7 * PITCH
    label = f"{visible(name)}: each day from {first} to {last}"
    parts = [
        f'<svg class="squares" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="group" aria-label="{escape(label)}">',
        *_names(first, weeks),
    ]
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        x, y = LEFT + number // 7 * PITCH, TOP + number % 7 * PITCH
        verdicts = days.get(day, {})
        parts.append(
            f'<g role="img" transform="translate({x} {y})"><title>{_day_text(day, verdicts)}</title>'
            f"{shape_of(verdicts)}</g>"
        )
    return "\n".join([*parts, "</svg>"])


def legend() -> str:
    """What each shape means, in words."""
    known = {"succeeded": SHAPES["succeeded"], "most succeeded": PARTLY}
    known |= {verdict: shape for verdict, shape in SHAPES.items() if verdict != "succeeded"}
    known["nothing expected"] = NOTHING
    items = (
        f'<span><svg class="squares" width="{SIZE}" height="{SIZE}" viewBox="0 0 {SIZE} {SIZE}" '
        f'aria-hidden="true">{shape}</svg>{word.replace("_", " ")}</span>'
        for word, shape in known.items()
    )
    return f'<p class="legend">{" ".join(items)}</p>'


def shape_of(verdicts: Mapping[str, int]) -> str:
    """The shape of a day with these verdicts."""
    worst = next((one for one in SHAPES if verdicts.get(one)), None)
    if worst is None:
        return NOTHING
    good = verdicts.get("succeeded", 0) + verdicts.get(FIXED, 0)
    bad = sum(verdicts.get(one, 0) for one in NOT_WELL)
    return PARTLY if 0 < bad <= good else SHAPES[worst]


def _day_text(day: date, verdicts: Mapping[str, int]) -> str:
    told = (f"{count:,} {one.replace('_', ' ')}" for one, count in verdicts.items() if count)
    return f"{day:%a} {day}: {', '.join(told) or 'nothing expected'}"


def _names(first: date, weeks: int) -> Iterator[str]:
    """The names of months above their first whole week, and those of three days of the week."""
    for row, name in ((0, "Mon"), (2, "Wed"), (4, "Fri")):
        yield f'<text x="0" y="{TOP + row * PITCH + 9}">{name}</text>'
    for week in range(weeks):
        monday = first + timedelta(weeks=week)
        if monday.day <= 7 and week < weeks - 1:
            yield f'<text x="{LEFT + week * PITCH}" y="11">{monday:%b}</text>'
