"""Finds mistakes in a case that its schema cannot express."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from jobfile.diagnostics.diagnostic import Diagnostic, DocumentPath
from jobfile.schedule.dates import parse_date
from jobfile.schedule.duration import parse_duration, why_no_duration
from jobfile.schema.forms import quoted
from jobfile.syntax.document import Document

ABOUT_FIRES: Final = ("count", "at", "includes", "excludes")
"""Keys of `fires` that say what is expected between the two dates."""

ENDS: Final = ("exit", "signal", "http")
"""Keys of an attempt that say how it ends."""
OF_A_RESPONSE: Final = ("body", "headers")


def check_case(document: Document, name: str) -> Iterator[Diagnostic]:
    """The mistakes in a case whose values all have the right type; keys may be missing."""
    path: DocumentPath = ("tests", name)
    case = document.tree["tests"][name]
    given, expected = case.get("given", {}), case.get("expect", {})
    if "expect" in case and not expected:
        yield _wrong(document, "JF102", "a case needs `expect`, or it cannot fail", (*path, "expect"))
    if given.get("trigger") == "schedule" and given.get("params"):
        yield _wrong(
            document,
            "JF109",
            "a run of the schedule gets its params from the schedule's `with`",
            (*path, "given", "params"),
            help="remove `params`, or write `trigger: manual`",
        )
    yield from _event(document, given, (*path, "given"))
    yield from _attempts(document, given.get("attempts", ()), (*path, "given", "attempts"))
    for step, attempts in given.get("steps", {}).items():
        yield from _attempts(document, attempts, (*path, "given", "steps", step))
    for index in range(len(expected.get("retried_after", ()))):
        yield from _length(document, (*path, "expect", "retried_after", index))
    if "fires" in expected:
        yield from _fires(document, expected["fires"], (*path, "expect", "fires"))


def _event(document: Document, given: Mapping[str, Any], path: DocumentPath) -> Iterator[Diagnostic]:
    """One event starts a run, and its params come from the event."""
    trigger = given.get("trigger")
    if isinstance(trigger, dict) and not trigger:
        message = "`trigger` needs one of file, after, webhook"
        yield _wrong(
            document, "JF102", message, (*path, "trigger"), help="write `trigger: {file: {name: a.csv}}`"
        )
    if isinstance(trigger, dict) and len(trigger) > 1:
        first, *others = trigger
        yield _wrong(
            document,
            "JF109",
            f"one event starts a run: `{first}` or `{others[0]}`, not both",
            (*path, "trigger", others[0]),
            help="write a case for each",
        )
    kind = "boot" if trigger == "boot" else next(iter(trigger), "") if isinstance(trigger, dict) else ""
    if kind and given.get("params"):
        help = (
            "write them under `webhook`"
            if kind == "webhook"
            else "remove `params`: such a run has the defaults of its job"
        )
        yield _wrong(
            document,
            "JF109",
            f"a run that `{kind}` starts is given no `params`",
            (*path, "params"),
            help=help,
        )


def _attempts(document: Document, attempts: Sequence[object], path: DocumentPath) -> Iterator[Diagnostic]:
    for index, attempt in enumerate(attempts):
        if not isinstance(attempt, dict):
            continue
        if "after" in attempt:
            yield from _length(document, (*path, index, "after"))
        ends = [key for key in ENDS if key in attempt]
        if len(ends) > 1:
            message = f"an attempt ends in one way; here are {' and '.join(map(quoted, ends))}"
            yield _wrong(document, "JF109", message, (*path, index, ends[1]))
        for key in OF_A_RESPONSE:
            if key in attempt and "http" not in attempt:
                message = f"{quoted(key)} needs `http`, the status of the response"
                yield _wrong(document, "JF102", message, (*path, index, key), help="write  http: 200")


def _length(document: Document, path: DocumentPath) -> Iterator[Diagnostic]:
    text = document.text(path)
    if parse_duration(text) is None:
        why, expected = why_no_duration(text)
        yield _wrong(document, "JF110", f"{quoted(text)} {why}", path, help=expected)


def _fires(document: Document, fires: Mapping[str, Any], path: DocumentPath) -> Iterator[Diagnostic]:
    if not fires.keys() & set(ABOUT_FIRES):
        yield _wrong(document, "JF102", f"`fires` needs one of {', '.join(ABOUT_FIRES)}", path)
    texts = {key: document.text((*path, key)) for key in ("from", "until") if key in fires}
    days = {key: parse_date(text) for key, text in texts.items()}
    for key, day in days.items():
        if day is None:
            message = f"{quoted(texts[key])} is not a date; write 2026-03-01"
            yield _wrong(document, "JF103", message, (*path, key))
    since, until = days.get("from"), days.get("until")
    if since and until and until < since:
        yield _wrong(document, "JF106", "`until` is before `from`", (*path, "until"))


def _wrong(document: Document, code: str, message: str, path: DocumentPath, *, help: str = "") -> Diagnostic:
    return Diagnostic(
        code=code,
        message=message,
        file=document.source.name,
        span=document.span(path),
        path=path,
        help=(help,) if help else (),
    )
