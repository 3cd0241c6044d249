"""A simulation as text, as JSON data, and as CSV of its events."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime, timedelta

from engine.answers.as_json import iso
from engine.core.columns import cut, display_width, facts, table
from engine.core.vocabulary import combination_text
from engine.simulation.notes import absence_lines, length_text, notes_of, zone_changes, zone_line
from engine.simulation.subject import Setting, SimRun
from engine.simulation.tally import JobTally, Outcome
from jobfile.model.counts import many

HEADS = ("job", "fires", "ran", "skipped", "missed", "waited max", "late", "busy", "note")
RIGHT = (1, 2, 3, 4, 5, 6, 7)
NARROW = 90
"""With fewer columns than this, the table of the load is narrower."""
_LEVELS = "▁▂▃▄▅▆▇█"
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_NOTHING = timedelta(0)


def outcome_to_text(outcome: Outcome, setting: Setting, beyond: Sequence[str], *, width: int) -> str:
    """A simulation as text; `beyond` lists what the jobs need and the engine cannot do yet."""
    parts = [head_line(outcome, setting), "", _table(rows(outcome, setting), width)]
    if outcome.load.most:
        parts += ["", *load_lines(outcome, is_narrow=width < NARROW)]
    parts += [f"not yet: {line}" for line in beyond]
    return "\n".join([*parts, *(cut(line, width) for line in closing_lines(outcome, setting))])


def _table(found: Sequence[Sequence[str]], width: int) -> str:
    """The table, with the notes beside it, or below it if they do not fit."""
    whole = table(HEADS, found, right=RIGHT, width=None)
    if max(map(display_width, whole.splitlines())) <= width:
        return whole
    lines = table(HEADS[:-1], [row[:-1] for row in found], right=RIGHT, names=(0,), width=width)
    notes = [(row[0], row[-1]) for row in found if row[-1]]
    return f"{lines}\n\n{facts(notes, width=width)}" if notes else lines


def head_line(outcome: Outcome, setting: Setting) -> str:
    """A line that says what was simulated, with which assumptions, and that nothing was started."""
    known = sum(one.is_known for one in setting.assumed.values())
    assumed = [one for one in setting.assumed.values() if not one.is_known]
    grounds = [f"from history for {many(known, 'job')}"] if known else []
    if assumed:
        lengths = sorted({one.length for one in assumed})
        said = " to ".join(map(length_text, dict.fromkeys((lengths[0], lengths[-1]))))
        grounds.append(f"{said} assumed for {many(len(assumed), 'job')}")
    span = f"{outcome.since:%Y-%m-%d %H:%MZ} to {outcome.until:%Y-%m-%d %H:%MZ}"
    return f"simulated {span}; nothing was started. durations: {', '.join(grounds) or 'none'}"


def rows(outcome: Outcome, setting: Setting) -> list[list[str]]:
    """One row for each job, by name."""
    specs = {spec.name: spec for spec in setting.jobs}
    return [_row(row, notes_of(row, specs[row.job], setting)) for row in _by_name(outcome)]


def _row(row: JobTally, notes: Sequence[str]) -> list[str]:
    numbers = [f"{number:,}" for number in (row.fires, row.ran, row.skipped, row.missed)]
    waited = length_text(row.waited_max) if row.waited_max else "-"
    return [row.job, *numbers, waited, f"{row.late:,}", length_text(row.busy), "; ".join(notes)]


def load_lines(outcome: Outcome, *, is_narrow: bool) -> list[str]:
    """The mean number of runs at once, for each hour of each day of the week."""
    week = outcome.load.by_weekday()
    most = max(max(row) for row in week)
    gap = "" if is_narrow else " "
    hours = (f"{hour:02}" if hour % 2 == 0 or gap else "  " for hour in range(24))
    lines = [f"     {gap.join(hours)}".rstrip()]
    for name, row in zip(_WEEKDAYS, week, strict=True):
        cells = (" " + (_level(value, most) if value else "·") for value in row)
        lines.append(f"{name:<5}{gap.join(cells)}")
    lines.append(f"█ = {most:.2f} runs at once, the mean of that hour, UTC")
    return lines


def _level(value: float, most: float) -> str:
    return _LEVELS[min(len(_LEVELS) - 1, int(value / most * len(_LEVELS)))]


def closing_lines(outcome: Outcome, setting: Setting) -> list[str]:
    """Lines for the busiest time, the clock changes and the absences."""
    lines = []
    load = outcome.load
    if load.most_since is not None and load.most_until is not None:
        runs = many(load.most, "run")
        lines.append(
            f"busiest: {load.most_since:%a %Y-%m-%d %H:%M:%SZ} to {load.most_until:%H:%M:%SZ}, {runs} at once"
        )
    lines += [f"DST: {zone_line(change)}" for change in zone_changes(setting)]
    return lines + list(absence_lines(outcome))


def outcome_to_json(outcome: Outcome, setting: Setting, beyond: Sequence[str]) -> dict[str, object]:
    """A simulation as JSON data; `beyond` lists what the jobs need and the engine cannot do yet."""
    return {**to_json(outcome, setting), "beyond": list(beyond)}


def to_json(outcome: Outcome, setting: Setting) -> dict[str, object]:
    """A simulation as JSON data, without `beyond`."""
    specs = {spec.name: spec for spec in setting.jobs}
    load = outcome.load
    return {
        "format": 1,
        "since": outcome.since.isoformat(),
        "until": outcome.until.isoformat(),
        "seed": setting.seed,
        "jobs": [_job(row, setting, notes_of(row, specs[row.job], setting)) for row in _by_name(outcome)],
        "load": {
            "unit": "mean runs at once, by day of the week from Monday and hour, UTC",
            "mean": [[round(value, 6) for value in row] for row in load.by_weekday()],
            "most": load.most,
            "most_since": iso(load.most_since),
            "most_until": iso(load.most_until),
        },
        "clock_changes": [
            {
                "zone": one.zone,
                "local": one.local.isoformat(),
                "gap": one.is_gap,
                "jobs": one.jobs,
            }
            for one in zone_changes(setting)
        ],
        "absences": [
            {
                "since": since.isoformat(),
                "until": until.isoformat(),
                "jobs": [
                    {
                        "job": one.job,
                        "caught_up": one.caught_up,
                        "not_run": [_left_out(*left) for left in one.not_run],
                    }
                    for one in returns
                ],
            }
            for since, until, returns in outcome.absences
        ],
    }


def _job(row: JobTally, setting: Setting, notes: Sequence[str]) -> dict[str, object]:
    assumed = setting.assumed[row.job]
    return {
        "job": row.job,
        "fires": row.fires,
        "ran": row.ran,
        "succeeded": row.succeeded,
        "failed": row.failed,
        "retries": row.retries,
        "caught_up": row.caught_up,
        "skipped": row.skipped,
        "missed": row.missed,
        "not_run": [_left_out(state, why, count) for (state, why), count in sorted(row.not_run.items())],
        "waits": dict(sorted(row.waits.items())),
        "waited_max_seconds": row.waited_max.total_seconds(),
        "late": row.late,
        "busy_seconds": row.busy.total_seconds(),
        "takes_seconds": assumed.length.total_seconds(),
        "is_known": assumed.is_known,
        "notes": list(notes),
    }


def _left_out(state: str, reason: str, count: int) -> dict[str, object]:
    return {"state": state, "reason": reason, "count": count}


class EventLines:
    """Writes each event as a line of CSV; give `on_event` to the simulation."""

    def __init__(self) -> None:
        """Start with the heads only."""
        self._text = io.StringIO()
        self._writer = csv.writer(self._text, lineterminator="\n")
        self._writer.writerow(
            ("at", "event", "job", "scheduled_for", "trigger", "attempt", "reason", "combination")
        )

    def on_event(self, at: datetime, what: str, run: SimRun) -> None:
        """Add an event of a run."""
        self._writer.writerow(
            (
                iso(at),
                what,
                run.subject.spec.name,
                iso(run.scheduled_for),
                run.trigger.value,
                run.attempt,
                run.reason,
                combination_text(run.matrix),
            )
        )

    @property
    def text(self) -> str:
        """All lines as one text."""
        return self._text.getvalue()


def _by_name(outcome: Outcome) -> list[JobTally]:
    return sorted(outcome.jobs, key=lambda row: row.job)
