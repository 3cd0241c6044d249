"""The report of a digest: what its message is made of, as it was when it fell due."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from engine.answers.choice import Choice, known_labels
from engine.answers.counting import FIXED
from engine.answers.lateness import late_jobs
from engine.answers.overdue import NOT_WELL
from engine.answers.presence import RUNNING
from engine.answers.report import VERDICTS, Report, Row, make_report
from engine.answers.report_text import report_to_text
from engine.core.vocabulary import instant_text
from engine.ledger.ports import View
from jobfile.model.counts import many
from jobfile.model.jobs import DigestSpec
from jobfile.schedule.zones import load_zone

MAX_JOBS = 100
"""Maximum number of jobs that a digest lists: first those that need attention. The others are one row."""


def make_digest(
    view: View, digest: DigestSpec, *, since: datetime, until: datetime, now: datetime
) -> Mapping[str, object]:
    """The facts of a digest about [since, until), and about what is late now."""
    choice = Choice(tags=digest.tags, owners=(digest.owner,) if digest.owner else ())
    zone = load_zone(digest.schedule[0].timezone)
    assert zone is not None, "a zone was checked"
    chosen = None
    if not choice.is_all:
        chosen = {job for job, labels in known_labels(view).items() if choice.fits(labels)}
    found = make_report(view, since=since, until=until, now=now, presence=RUNNING, jobs=chosen, zone=zone)
    late = late_jobs(view, RUNNING, now=now)
    found = replace(found, late={job: late[job] for job in late if chosen is None or job in chosen})
    shown = _shortened(found)
    return {"title": _title(found), "text": report_to_text(shown, width=None), "table": _table(shown)}


def _shortened(report: Report) -> Report:
    """The report with at most MAX_JOBS rows, and the others as one."""
    rows = sorted(report.rows, key=lambda row: (row.is_well and row.job not in report.late, row.job))
    rest = replace(report, rows=tuple(rows[MAX_JOBS:])).total
    others = (replace(rest, job=many(len(rows) - MAX_JOBS, "more job")),) if len(rows) > MAX_JOBS else ()
    return replace(report, rows=(*rows[:MAX_JOBS], *others))


def _title(report: Report) -> str:
    """Whether all is well, in a line."""
    total, late = report.total, len(report.late)
    bad = sum(total.verdicts.get(verdict, 0) for verdict in NOT_WELL)
    runs = many(total.expected, "expected run")
    parts = [f"{bad:,} of {runs} {'needs' if bad == 1 else 'need'} attention"] if bad else []
    parts += [f"{many(late, 'job is', 'jobs are')} late"] if late else []
    return f"report: {', '.join(parts)}" if parts else f"report: all is well, {runs}"


def _table(report: Report) -> Mapping[str, object]:
    """The rows of its table; `bad` are those that need attention."""
    total = report.total
    shown = [verdict for verdict in VERDICTS if verdict == "succeeded" or total.verdicts.get(verdict)]
    rows = [*report.rows, replace(total, job="total")]
    since, until = (instant_text(at, report.zone) for at in (report.since, report.until))
    return {
        "since": since,
        "until": until,
        "heads": ["job", "expected", *("fixed by hand" if one == FIXED else one for one in shown)],
        "rows": [_cells(row, shown) for row in rows],
        "bad": [index for index, row in enumerate(report.rows) if not row.is_well or row.job in report.late],
        "notes": [f"{job}: {'; '.join(words)}" for job, words in report.late.items()],
    }


def _cells(row: Row, shown: list[str]) -> list[str]:
    numbers = [row.verdicts.get(verdict, 0) for verdict in shown]
    return [row.job, str(row.expected), *(str(number) if number else "·" for number in numbers)]
