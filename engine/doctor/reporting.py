"""A diagnosis as text and as JSON data."""

from engine.answers.findings import AREAS, Examined, Finding, Severity
from engine.core.columns import facts
from jobfile.model.counts import many
from jobfile.render.style import PLAIN, Style


def diagnosis_to_text(examined: tuple[Examined, ...], *, width: int, style: Style = PLAIN) -> str:
    """A line for each area; below those with findings, what was found and what to do."""
    rows = []
    for one in examined:
        rows.append((_label(one.verdict), f"{AREAS[one.area]}: {one.looked_at}"))
        for finding in one.findings:
            of_job = f"{finding.job}: " if finding.job else ""
            rows.append((_label(finding.severity.value), f"{of_job}{finding.found} [{finding.code}]"))
            rows.append(("", finding.help))
    return f"{facts(rows, width=width, style=style)}\n\n{_summed_up(examined)}"


def _label(word: str) -> str:
    """A label of fixed width, so that two answers can be compared line by line."""
    return f"{word:<{len(Severity.WARNING)}}"


def _summed_up(examined: tuple[Examined, ...]) -> str:
    found = [finding.severity for one in examined for finding in one.findings]
    errors, warnings = found.count(Severity.ERROR), found.count(Severity.WARNING)
    parts = [many(count, word) for count, word in ((errors, "error"), (warnings, "warning")) if count]
    return ", ".join(parts) if parts else "all is sound"


def diagnosis_to_json(examined: tuple[Examined, ...]) -> dict[str, object]:
    """A diagnosis as JSON data: one check for each area without findings, and one for each finding."""
    checks = []
    for one in examined:
        if one.is_well:
            checks.append(_check(one.area, one.area, one.verdict, one.looked_at))
        checks += [_from_finding(one.area, finding) for finding in one.findings]
    return {"format": 1, "is_well": all(one.is_well for one in examined), "checks": checks}


def _from_finding(area: str, finding: Finding) -> dict[str, str | None]:
    return _check(area, finding.code, finding.severity.value, finding.found) | {
        "help": finding.help or None,
        "job": finding.job or None,
        "run": finding.run or None,
        "path": finding.path or None,
    }


def _check(area: str, code: str, severity: str, found: str) -> dict[str, str | None]:
    empty = dict.fromkeys(("help", "job", "run", "path"))
    return {"area": area, "code": code, "severity": severity, "found": found} | empty
