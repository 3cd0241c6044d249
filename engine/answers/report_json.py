"""The answer of `report` as JSON data."""

from typing import Any  # JSON data

from engine.answers.as_json import iso
from engine.answers.report import Report
from engine.answers.report_compare import Change, Comparison, Side, compare


def report_to_json(report: Report) -> dict[str, object]:
    """The report as plain data: every verdict has a number, in total and per job."""
    return {
        "format": 1,
        "since": report.since.isoformat(),
        "until": report.until.isoformat(),
        "adds_up": not report.wrong,
        "engine": {
            "running": report.presence.is_running,
            "since": iso(report.presence.since),
            "trouble": report.presence.trouble or None,
        },
        "unsettled": report.unsettled,
        "late": [{"job": job, "words": list(words)} for job, words in report.late.items()],
        **report.total.numbers,
        "jobs": [{"job": row.job, **row.numbers, "combinations": dict(row.failing)} for row in report.rows],
        "compare": None if report.before is None else _comparison(compare(report, report.before)),
    }


def _comparison(found: Comparison) -> dict[str, object]:
    return {
        "since": found.since.isoformat(),
        "until": found.until.isoformat(),
        "total": _change(found.total),
        "jobs": [{"job": one.job, "trend": one.trend.value, **_change(one)} for one in found.jobs],
    }


def _change(change: Change) -> dict[str, object]:
    before, now = _side(change.before), _side(change.now)
    differences = {
        name: None if value is None or before[name] is None else round(value - before[name], 6)
        for name, value in now.items()
    }
    return {"before": before, "now": now, "difference": differences}


def _side(side: Side) -> dict[str, Any]:
    duration, lateness, late = side.measures
    return {
        **side.row.numbers,
        "late": late,
        "success_rate": side.row.success_rate,
        "median_duration": None if duration is None else duration.total_seconds(),
        "median_lateness": None if lateness is None else lateness.total_seconds(),
    }
