"""Compares two simulations of the same time."""

from engine.core.columns import table
from engine.simulation.notes import length_text, notes_of
from engine.simulation.printing import head_line, to_json
from engine.simulation.subject import Setting
from engine.simulation.tally import JobTally, Outcome

_HEADS = ("", "job", "fires", "ran", "skipped", "missed", "waited max", "busy", "note")


def compare_rows(
    before: Outcome, before_setting: Setting, after: Outcome, after_setting: Setting
) -> tuple[tuple[str, ...], list[list[str]]]:
    """The column heads, and a row for each job that behaves differently."""
    old = {row.job: row for row in before.jobs}
    new = {row.job: row for row in after.jobs}
    specs = {spec.name: (spec, before_setting) for spec in before_setting.jobs}
    specs |= {spec.name: (spec, after_setting) for spec in after_setting.jobs}
    rows = []
    for job in sorted({*old, *new}):
        cells = [_cell(one, two) for one, two in zip(_cells(old.get(job)), _cells(new.get(job)), strict=True)]
        if _cells(old.get(job)) != _cells(new.get(job)):
            spec, setting = specs[job]
            row = new.get(job) or old[job]
            sign = "+" if job not in old else "-" if job not in new else "~"
            note = "; ".join(notes_of(row, spec, setting)) if job in new else ""
            rows.append([sign, job, *cells, note])
    return _HEADS, rows


def compare_to_text(
    before: Outcome,
    before_setting: Setting,
    after: Outcome,
    after_setting: Setting,
    *,
    revision: str,
    width: int,
) -> str:
    """The comparison as text: the jobs that behave differently than with the files of a revision."""
    heads, found = compare_rows(before, before_setting, after, after_setting)
    return "\n".join(
        [
            head_line(after, after_setting),
            f"before is {revision}; jobs that behave the same are left out",
            "",
            table(heads, found, width=width) if found else "no difference",
            "",
            f"at most {before.load.most} -> {after.load.most} runs at once",
        ]
    )


def compare_to_json(
    before: Outcome, before_setting: Setting, after: Outcome, after_setting: Setting
) -> dict[str, object]:
    """Both simulations as JSON data, in full."""
    return {
        "format": 1,
        "before": to_json(before, before_setting),
        "after": to_json(after, after_setting),
    }


def _cells(row: JobTally | None) -> list[str]:
    if row is None:
        return ["-"] * 6
    numbers = [f"{number:,}" for number in (row.fires, row.ran, row.skipped, row.missed)]
    return [*numbers, length_text(row.waited_max), length_text(row.busy)]


def _cell(before: str, after: str) -> str:
    return after if before == after else f"{before} -> {after}"
