"""Draws a month as SVG: the load in each hour of each day, and the days of each job below it."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from html import escape

from engine.core.lifecycle import RunState
from engine.simulation.notes import day_text, zone_changes
from engine.simulation.subject import Setting, SimRun
from engine.simulation.tally import Outcome

CELL = 20
"""Width of a day in pixels."""
HOUR = 9
"""Height of an hour in pixels."""
ROW = 18
MARGIN = 190
TOP = 64
MAX_JOBS = 200
"""Maximum number of jobs that are drawn, the busiest first."""
_STYLE = """
  svg { font: 11px system-ui, sans-serif; background: #fff; color: #1c2430; }
  text { fill: currentColor; } .faint { opacity: .6; } .big { font-size: 17px; font-weight: 600; }
  .load { fill: #1f6feb; } .ran { fill: #2da44e; } .bad { fill: #cf222e; } .left { fill: #d4a72c; }
  .grid { fill: #8b949e; fill-opacity: .12; } .down { fill: #8b949e; fill-opacity: .45; }
  .change { stroke: #8250df; stroke-width: 2; }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117; color: #e6edf3; } .load { fill: #58a6ff; } .ran { fill: #3fb950; }
    .bad { fill: #f85149; } .left { fill: #d29922; } .change { stroke: #bc8cff; }
  }
"""


class Days:
    """Counts what happens to each job on each day; give `on_event` to the simulation."""

    def __init__(self) -> None:
        """Begin with no events."""
        self.counts: Counter[tuple[str, date, str]] = Counter()

    def on_event(self, at: datetime, what: str, run: SimRun) -> None:
        """Count an event of a run."""
        if what != "started" and run.is_over:
            kind = "ran" if run.state is RunState.SUCCEEDED else "bad"
            if run.state in (RunState.SKIPPED, RunState.CANCELLED):
                kind = "left"
            self.counts[run.subject.spec.name, at.date(), kind] += 1


def draw(outcome: Outcome, setting: Setting, days: Days) -> str:
    """The picture as SVG. The same simulation gives the same bytes."""
    dates = _dates(outcome)
    for _, until, returns in outcome.absences:
        for one in returns:
            for state, _reason, count in one.not_run:
                days.counts[one.job, until.date(), "bad" if state == "missed" else "left"] += count
    rows = sorted(outcome.jobs, key=lambda row: (-row.busy, row.job))[:MAX_JOBS]
    rows.sort(key=lambda row: row.job)
    width = MARGIN + CELL * len(dates) + 24
    below = TOP + 24 * HOUR + 44
    height = below + ROW * len(rows) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img">',
        f"<title>{_title(outcome)}</title><style>{_STYLE}</style>",
        f'<text class="big" x="16" y="26">{_title(outcome)}</text>',
        f'<text class="faint" x="16" y="44">{_subtitle(outcome)}</text>',
        *_load(outcome, dates),
        *_down(outcome, dates, height - 40),
        *_changes(setting, dates, height - 40),
    ]
    for index, row in enumerate(rows):
        parts += _job(row.job, days, dates, below + index * ROW)
    parts += _legend(below + len(rows) * ROW + 18)
    return "\n".join([*parts, "</svg>", ""])


def _dates(outcome: Outcome) -> list[date]:
    first, last = outcome.since.date(), (outcome.until - timedelta.resolution).date()
    return [first + timedelta(days=index) for index in range((last - first).days + 1)]


def _title(outcome: Outcome) -> str:
    last = outcome.until - timedelta.resolution
    return f"{day_text(outcome.since)} to {day_text(last)} {last.year}, simulated"


def _subtitle(outcome: Outcome) -> str:
    ran = sum(row.ran for row in outcome.jobs)
    skipped = sum(row.skipped + row.missed for row in outcome.jobs)
    return f"{ran:,} runs, {skipped:,} left out, at most {outcome.load.most} at once; hours in UTC"


def _load(outcome: Outcome, dates: Sequence[date]) -> list[str]:
    most = max([*outcome.load.seconds, 1.0])
    parts = []
    for hour in range(0, 24, 6):
        y = TOP + hour * HOUR + 8
        parts.append(f'<text class="faint" x="{MARGIN - 34}" y="{y}">{hour:02}:00</text>')
    parts.append(f'<text x="16" y="{TOP + 8}">runs at once</text>')
    for index, day in enumerate(dates):
        x = MARGIN + index * CELL
        if index == 0 or (day.weekday() == 0 and index > 2):
            parts.append(f'<text class="faint" x="{x}" y="{TOP - 6}">{day.day} {day:%b}</text>')
        parts.append(f'<rect class="grid" x="{x}" y="{TOP}" width="{CELL - 2}" height="{24 * HOUR - 1}"/>')
    for index, seconds in enumerate(outcome.load.seconds):
        if seconds:
            begin = outcome.load.first_hour + timedelta(hours=index)
            x = MARGIN + (begin.date() - dates[0]).days * CELL
            y = TOP + begin.hour * HOUR
            tip = f"{day_text(begin)} {begin:%H:%MZ}: {seconds / 3600:.2f} runs at once on average"
            parts.append(
                f'<rect class="load" x="{x}" y="{y}" width="{CELL - 2}" height="{HOUR - 1}" '
                f'fill-opacity="{0.15 + 0.85 * seconds / most:.2f}"><title>{tip}</title></rect>'
            )
    return parts


def _down(outcome: Outcome, dates: Sequence[date], bottom: int) -> list[str]:
    parts = []
    for since, until, _ in outcome.absences:
        x, end = (_x(at, dates) for at in (since, until))
        tip = f"no engine from {since:%Y-%m-%d %H:%MZ} to {until:%Y-%m-%d %H:%MZ}"
        parts.append(
            f'<rect class="down" x="{x:.1f}" y="{TOP}" width="{max(2.0, end - x):.1f}" '
            f'height="{bottom - TOP}">'
            f"<title>{tip}</title></rect>"
        )
    return parts


def _changes(setting: Setting, dates: Sequence[date], bottom: int) -> list[str]:
    parts = []
    for change in zone_changes(setting):
        x = _x(change.day, dates)
        way = "forward" if change.is_gap else "back"
        tip = f"{escape(change.zone)}: the clock goes {way}, {change.jobs} jobs affected"
        parts.append(
            f'<line class="change" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 4}" y2="{bottom}">'
            f"<title>{tip}</title></line>"
        )
    return parts


def _x(at: datetime, dates: Sequence[date]) -> float:
    day = (at.date() - dates[0]).days
    return MARGIN + CELL * (day + (at.hour * 60 + at.minute) / 1440)


def _job(job: str, days: Days, dates: Sequence[date], y: int) -> list[str]:
    name = job if len(job) <= 26 else f"{job[:25]}…"
    parts = [f'<text x="16" y="{y + 12}">{escape(name)}<title>{escape(job)}</title></text>']
    for index, day in enumerate(dates):
        x = MARGIN + index * CELL
        ran, bad, left = (days.counts[job, day, kind] for kind in ("ran", "bad", "left"))
        whole = ran + bad + left
        tip = (
            f"{escape(job)}, {day_text(day)}: {ran:,} succeeded, {bad:,} failed or missed, {left:,} left out"
        )
        parts.append(f'<rect class="grid" x="{x}" y="{y}" width="{CELL - 2}" height="{ROW - 4}"/>')
        top = float(y)
        for kind, count in (("bad", bad), ("left", left), ("ran", ran)):
            if count:
                size = max(2.0, (ROW - 4) * count / whole) if kind != "ran" else y + ROW - 4 - top
                parts.append(
                    f'<rect class="{kind}" x="{x}" y="{top:.1f}" width="{CELL - 2}" height="{size:.1f}">'
                    f"<title>{tip}</title></rect>"
                )
                top += size
    return parts


def _legend(y: int) -> list[str]:
    parts = []
    for index, (kind, text) in enumerate(
        (("ran", "succeeded"), ("bad", "failed, timed out, missed"), ("left", "skipped or cancelled"))
    ):
        x = MARGIN + index * 170
        parts.append(f'<rect class="{kind}" x="{x}" y="{y - 9}" width="10" height="10"/>')
        parts.append(f'<text class="faint" x="{x + 15}" y="{y}">{text}</text>')
    return parts
