"""The answer of `report` as JUnit XML: a test case for each job, as GitLab, GitHub and Jenkins read it.

The case of a job keeps its name from report to report, so these tools show which jobs fail newly and since
when. A case for each run would be a new test each time, and there is no limit to the number of runs.
"""

import re
from collections.abc import Sequence
from datetime import UTC
from html import escape
from typing import Final

from engine.answers.problems import Problem, problem_text
from engine.answers.report import UNMEASURED, VERDICTS, Report, Row
from jobfile.diagnostics.excerpt import visible
from jobfile.model.regex import regex

SUITE: Final = "jobfile report"
CLASS: Final = "jobfile"
MAX_JOBS: Final = 20_000
"""Maximum number of test cases; those of jobs that need attention come first."""
_RAN: Final = ("failed", "timed_out")
"""What is a failure. What was missed, lost or late is an error: it is not the job's program that failed."""
_NO_XML: Final = regex(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def report_to_junit(report: Report) -> str:
    """The report as one XML document."""
    rows = report.worst_first[:MAX_JOBS]
    problems: dict[str, list[Problem]] = {}
    for one in report.problems:
        problems.setdefault(one.job, []).append(one)
    cases = [_case(row, report, problems.get(row.job, [])) for row in rows]
    counts = [(name, sum(f"<{tag} " in one for one in cases)) for name, tag in _TAGS]
    seconds = sum(_seconds(report, row) for row in rows)
    about = "".join(
        f' {name}="{value}"' for name, value in (("tests", len(cases)), *counts, ("time", f"{seconds:.3f}"))
    )
    stamp = f"{report.since.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
    properties = {
        "since": report.since.isoformat(),
        "until": report.until.isoformat(),
        **{name: str(count) for name, count in report.total.numbers.items()},
        "left_off": str(len(report.rows) - len(rows)),
    }
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="{SUITE}"{about}>',
        f'<testsuite name="{SUITE}"{about} timestamp="{stamp}">',
        "<properties>",
        *(
            f"<property {_attribute('name', name)} {_attribute('value', value)}/>"
            for name, value in properties.items()
        ),
        "</properties>",
        *cases,
        "</testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


_TAGS: Final = (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))


def _case(row: Row, report: Report, problems: Sequence[Problem]) -> str:
    """The test case of a job: what happened, and in its output all numbers."""
    name = _attribute("name", row.job)
    numbers = ", ".join(f"{name} {count}" for name, count in row.numbers.items() if count)
    output = f"<system-out>{_text(numbers or 'expected 0')}</system-out>"
    begin = f'<testcase classname="{CLASS}" {name} time="{_seconds(report, row):.3f}">'
    return f"{begin}{_result(row, report, problems)}{output}</testcase>"


def _result(row: Row, report: Report, problems: Sequence[Problem]) -> str:
    """Nothing for a success; else what needs attention, or why nothing ran."""
    late = report.late.get(row.job, ())
    if row.bad or late or not row.adds_up:
        tag = "failure" if any(row.verdicts.get(one) for one in _RAN) else "error"
        kinds = [one for one in VERDICTS if one not in _QUIET and row.verdicts.get(one)]
        told = [f"{row.verdicts[one]} of {row.expected} {one.replace('_', ' ')}" for one in kinds]
        told += [] if row.adds_up else ["the counts do not add up"]
        kind = kinds[0] if kinds else "late" if late else "bug"
        body = [problem_text(one, report.zone) for one in problems]
        message = _attribute("message", ", ".join([*told, *late]))
        return f'<{tag} type="{kind}" {message}>{_text(chr(10).join(body))}</{tag}>'
    if row.good or row.verdicts.get("open"):
        return ""
    quiet = [f"{row.verdicts[one]} {one}" for one in ("skipped", "cancelled") if row.verdicts.get(one)]
    return f"<skipped {_attribute('message', ', '.join(quiet) or 'nothing was expected')}/>"


_QUIET: Final = frozenset({"succeeded", "fixed_by_hand", "cancelled", "skipped", "open"})


def _seconds(report: Report, row: Row) -> float:
    """The median duration: as the time of a test, it can be compared from report to report."""
    duration = report.measures.get(row.job, UNMEASURED).duration
    return 0.0 if duration is None else duration.total_seconds()


def _attribute(name: str, value: str) -> str:
    return f'{name}="{escape(_allowed(visible(value)))}"'


def _text(lines: str) -> str:
    return "\n".join(escape(_allowed(visible(line)), quote=False) for line in lines.split("\n"))


def _allowed(text: str) -> str:
    """A text without the characters that XML has no way to write."""
    return _NO_XML.sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
