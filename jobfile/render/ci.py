"""Diagnostics in the formats of services that show them beside a change: GitHub, GitLab, SARIF."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Final
from urllib.parse import quote

from jobfile.diagnostics.diagnostic import (
    CODES,
    Diagnostic,
    Fix,
    Label,
    Severity,
    left_off_words,
    most_severe,
)
from jobfile.diagnostics.excerpt import visible
from jobfile.diagnostics.source import Span
from jobfile.pages import page_text

GITHUB_LIMIT: Final = 10
"""Maximum annotations of one level that GitHub shows for a step."""
SUMMARY_LIMIT: Final = 1_000_000
"""Maximum bytes of a step's summary; GitHub drops a summary above 1 MiB completely."""
SARIF_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"

_GITHUB_LEVEL: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
_GITLAB_LEVEL: Final = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.INFO: "info"}
_SARIF_LEVEL: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_ROOT: Final = "%SRCROOT%"
"""SARIF's usual name for the top of the repository, the base of relative paths."""


def render_github(
    diagnostics: Iterable[Diagnostic], *, paths: Mapping[str, str] | None = None, log: str = ""
) -> str:
    """Workflow commands that GitHub shows at the lines of a change, errors first; and the text for its log.

    For each level, up to GitHub's limit, in the given order. `paths` has GitHub's names for files, where they
    differ from those in the findings.
    """
    by_level: dict[Severity, list[Diagnostic]] = {level: [] for level in Severity}
    for one in diagnostics:
        by_level[one.severity].append(one)
    lines = [_github(one, paths or {}) for found in by_level.values() for one in found[:GITHUB_LIMIT]]
    hidden = sum(max(0, len(found) - GITHUB_LIMIT) for found in by_level.values())
    if hidden:
        lines.append(f"::notice::{hidden} more, see the log")
    return "".join(f"{line}\n" for line in lines) + _uncommanded(log)


def render_summary(text: str) -> str:
    """A text as Markdown for the summary of a GitHub step, in a code block that the text cannot close."""
    kept = text.encode("utf-8", "replace")[:SUMMARY_LIMIT].decode("utf-8", "ignore").rstrip("\n")
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", kept)), default=0))
    return f"{fence}text\n{kept}\n{fence}\n"


def render_gitlab(diagnostics: Iterable[Diagnostic], *, paths: Mapping[str, str] | None = None) -> str:
    """A Code Quality report. A fingerprint has no line number, so a moved finding is not new."""
    names, seen = paths or {}, Counter[str]()
    report: list[dict[str, object]] = []
    shown, left_off = most_severe(diagnostics)
    for one in shown:
        path = names.get(one.file, one.file)
        key = _digest(one.code, path, one.message)
        seen[key] += 1
        report.append(
            {
                "description": visible(one.message),
                "check_name": one.code,
                # GitLab shows only the first of those that share a fingerprint.
                "fingerprint": key if seen[key] == 1 else _digest(key, str(seen[key])),
                "severity": _GITLAB_LEVEL[one.severity],
                "location": {"path": path, "lines": {"begin": one.span.start.line}},
            }
        )
    if left_off:
        said = {"description": left_off_words(left_off), "check_name": "jobfile", "severity": "info"}
        report.append({**report[-1], **said, "fingerprint": _digest("left off")})
    return json.dumps(report, indent=2) + "\n"


def render_sarif(
    diagnostics: Sequence[Diagnostic], *, version: str, paths: Mapping[str, str] | None = None
) -> str:
    """A SARIF 2.1.0 log with one run; `version` is the version of this program."""
    diagnostics, left_off = most_severe(diagnostics)
    codes = sorted({one.code for one in diagnostics})
    indexes = {code: index for index, code in enumerate(codes)}
    seen = Counter[tuple[str, str]]()
    results: list[dict[str, object]] = []
    for one in diagnostics:
        key = _digest(one.code, json.dumps(one.path))
        seen[one.file, key] += 1
        results.append(
            {
                "ruleIndex": indexes[one.code],
                "partialFingerprints": {"jobfile/v1": f"{key}:{seen[one.file, key]}"},
                **_sarif_result(one, _sarif_artifact((paths or {}).get(one.file, one.file))),
            }
        )
    driver = {"name": "jobfile", "version": version, "rules": [_sarif_rule(code) for code in codes]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The top of the repository."}}},
        "results": results,
    }
    if left_off:
        note = {"level": "note", "message": {"text": left_off_words(left_off)}}
        run["invocations"] = [{"executionSuccessful": True, "toolExecutionNotifications": [note]}]
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _github(one: Diagnostic, paths: Mapping[str, str]) -> str:
    start, end = one.span.start, one.span.end
    properties: dict[str, str | int] = {
        "file": paths.get(one.file, one.file),
        "line": start.line,
        "col": start.column,
    }
    if end.line == start.line and end.column > start.column:
        properties["endColumn"] = end.column
    properties["title"] = one.code
    where = ",".join(f"{name}={_escape_property(str(value))}" for name, value in properties.items())
    return f"::{_GITHUB_LEVEL[one.severity]} {where}::{_escape_data(_all_said(one))}"


def _uncommanded(log: str) -> str:
    """A text in which the runner does not look for commands: it quotes files, which anyone can have written.

    The token that turns commands on again is a digest of the text, so the text cannot contain it.
    """
    token = _digest(log)
    return f"::stop-commands::{token}\n{log.rstrip()}\n::{token}::\n" if log else ""


def _escape_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(visible(text)).replace(":", "%3A").replace(",", "%2C")


def _all_said(one: Diagnostic) -> str:
    texts = (one.message, *one.notes, *one.help)
    return "\n".join(visible(line) for text in texts for line in text.split("\n"))


def _digest(*parts: str) -> str:
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _sarif_rule(code: str) -> dict[str, object]:
    about, page = CODES[code], page_text(code) or ""
    says = f"{visible(about.says)}."
    # A page has a title, the meaning of the code, a bad and a good example, and the reason.
    meaning = re.search(r"\A# .*\n\n(.+)", page)
    why = re.search(r"^Why: (.+(?:\n.+)*)", page, re.MULTILINE)
    full = " ".join(match[1].replace("\n", " ") for match in (meaning, why) if match)
    words = re.findall("[A-Za-z0-9]+", about.says)
    return {
        "id": code,
        "name": "".join(word[0].upper() + word[1:] for word in words),
        "shortDescription": {"text": says},
        "fullDescription": {"text": full or says},
        "help": {"text": page or says, "markdown": page or says},
        "defaultConfiguration": {"level": _SARIF_LEVEL[about.severity]},
    }


def _sarif_result(one: Diagnostic, artifact: Mapping[str, object]) -> dict[str, object]:
    result: dict[str, object] = {
        "ruleId": one.code,
        "level": _SARIF_LEVEL[one.severity],
        # Text that looks like a link would become one, and the author of the file could have chosen it.
        "message": {"text": _all_said(one).replace("](", "] (")},
        "locations": [{"physicalLocation": _sarif_place(one.span, artifact)}],
    }
    if one.related:
        result["relatedLocations"] = [
            _sarif_related(number, label, artifact) for number, label in enumerate(one.related, 1)
        ]
    if one.suppressed is not None:
        result["suppressions"] = [{"kind": "inSource", "justification": visible(one.suppressed)}]
    if one.fixes:
        result["fixes"] = [_sarif_fix(fix, artifact) for fix in one.fixes]
    return result


def _sarif_related(number: int, label: Label, artifact: Mapping[str, object]) -> dict[str, object]:
    place = {"id": number, "physicalLocation": _sarif_place(label.span, artifact)}
    return {**place, "message": {"text": visible(label.text)}} if label.text else place


def _sarif_fix(fix: Fix, artifact: Mapping[str, object]) -> dict[str, object]:
    replacements = [
        {"deletedRegion": _sarif_region(edit.span), "insertedContent": {"text": edit.text}}
        for edit in fix.edits
    ]
    return {
        "description": {"text": visible(fix.title)},
        "artifactChanges": [{"artifactLocation": artifact, "replacements": replacements}],
    }


def _sarif_place(span: Span, artifact: Mapping[str, object]) -> dict[str, object]:
    return {"artifactLocation": artifact, "region": _sarif_region(span)}


def _sarif_region(span: Span) -> dict[str, int]:
    return {
        "startLine": span.start.line,
        "startColumn": span.start.column,
        "endLine": span.end.line,
        "endColumn": span.end.column,
    }


def _sarif_artifact(path: str) -> dict[str, object]:
    """A path as a URI: relative to the top of the repository, or absolute if it is outside.

    A colon is escaped too: before the first slash it would end a URI scheme.
    """
    uri = quote(path.encode("utf-8", "surrogateescape"))
    return {"uri": f"file://{uri}"} if path.startswith("/") else {"uri": uri, "uriBaseId": _ROOT}
