"""Reads the text of a case file into cases, or into diagnostics."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from engine.casetests.cases import Case, CaseFile, ExpectedFires, Given, GivenAttempt
from engine.casetests.checking import check_case
from engine.config import MAIN_FILE
from engine.core.lifecycle import TriggerKind
from jobfile.diagnostics.diagnostic import Diagnostic, DocumentPath, arrange
from jobfile.model.values import Scalar, Value
from jobfile.pipeline import read_file
from jobfile.schedule.dates import parse_date
from jobfile.schedule.duration import parse_duration
from jobfile.schema.forms import CASE_FILE
from jobfile.syntax.document import Document


def read_cases(path: Path, name: str, content: bytes) -> tuple[CaseFile | None, tuple[Diagnostic, ...]]:
    """The cases of a file, or diagnostics about its mistakes."""
    checked = read_file(name, content, form=CASE_FILE)
    document = checked.document
    if document is None:
        return None, checked.diagnostics
    cases = _readable_cases(document, checked.diagnostics)
    found = [*checked.diagnostics, *(one for case in cases for one in check_case(document, case))]
    return (None, arrange(found)) if found else (_file(document, path), ())


_WRONG_TYPE: Final = ("JF103", "JF108")


def _readable_cases(document: Document, found: Iterable[Diagnostic]) -> list[str]:
    """The cases whose values all have the right type: their other mistakes are reported in the same pass."""
    tests = document.tree.get("tests")
    wrong = {one.path[:2] for one in found if one.code in _WRONG_TYPE}
    return [name for name in tests if ("tests", name) not in wrong] if isinstance(tests, dict) else []


def _file(document: Document, path: Path) -> CaseFile:
    named = document.text(("jobs",))
    return CaseFile(
        path=path,
        source=document.source,
        main_file=path.parent / named if named else _nearest(path.parent),
        cases=tuple(_case(document, name) for name in document.tree["tests"]),
    )


def _nearest(folder: Path) -> Path:
    """The main job file in a folder or above it."""
    whole = folder.absolute()
    for parent in (folder, *(whole.parents)):
        if (parent / MAIN_FILE).is_file():
            return parent / MAIN_FILE
    return folder / MAIN_FILE


def _case(document: Document, name: str) -> Case:
    path: DocumentPath = ("tests", name)
    parts = document.tree["tests"][name]
    place: DocumentPath = (*path, "expect")
    expected = parts["expect"]
    return Case(
        name=name,
        job=document.text((*path, "job")),
        given=_given(document, parts.get("given", {}), (*path, "given")),
        expected={key: _expected(document, expected, (*place, key)) for key in expected if key != "fires"},
        fires=_fires(document, expected["fires"], (*place, "fires")) if "fires" in expected else None,
        span=document.key_span(path),
        spans={key: document.span((*place, key)) for key in expected},
    )


def _given(document: Document, parts: Mapping[str, Any], path: DocumentPath) -> Given:
    attempts = parts.get("attempts", ())
    kind, event = _trigger(parts.get("trigger", ""))
    return Given(
        at=document.text((*path, "at")),
        params={name: _value(value) for name, value in parts.get("params", {}).items()},
        matrix={name: _value(value) for name, value in parts.get("matrix", {}).items()},
        trigger=kind,
        event=_event(document, event, (*path, "trigger", kind)),
        attempts=tuple(
            _attempt(document, one, (*path, "attempts", index)) for index, one in enumerate(attempts)
        ),
        steps={
            name: tuple(
                _attempt(document, one, (*path, "steps", name, index)) for index, one in enumerate(results)
            )
            for name, results in parts.get("steps", {}).items()
        },
        outputs={
            name: {key: _value(value) for key, value in values.items()}
            for name, values in parts.get("outputs", {}).items()
        },
        env=_texts_by_name(document, parts.get("env", {}), (*path, "env")),
        is_running=parts.get("running", False),
        previous=parts.get("previous", ""),
    )


def _trigger(written: str | Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The word for what starts the run, and its values."""
    return (written, {}) if isinstance(written, str) else next(iter(written.items()))


_TEXTS: Final = frozenset({"name", "path", "job", "error"})
"""The keys of an event whose values are texts, whatever they look like in YAML."""


def _event(document: Document, parts: Mapping[str, Any], path: DocumentPath) -> dict[str, object]:
    if path[-1] == TriggerKind.WEBHOOK:
        return dict(parts)
    return {key: document.text((*path, key)) if key in _TEXTS else value for key, value in parts.items()}


def _attempt(document: Document, written: str | Mapping[str, Any], path: DocumentPath) -> GivenAttempt:
    if isinstance(written, str):
        word, _, number = written.partition(" ")
        return GivenAttempt(kind=word, code=int(number)) if number.isdigit() else GivenAttempt(kind=written)
    after = _length(document, (*path, "after")) if "after" in written else timedelta(seconds=1)
    if "http" in written:
        body = document.text((*path, "body")) if "body" in written else ""
        headers = _texts_by_name(document, written.get("headers", {}), (*path, "headers"))
        return GivenAttempt(kind="http", code=int(written["http"]), body=body, headers=headers, after=after)
    for kind in ("exit", "signal"):
        if kind in written:
            return GivenAttempt(kind=kind, code=int(written[kind]), after=after)
    return GivenAttempt(kind="succeeds", after=after)


def _fires(document: Document, parts: Mapping[str, Any], path: DocumentPath) -> ExpectedFires:
    lists = {
        key: _texts(document, parts.get(key, ()), (*path, key)) for key in ("at", "includes", "excludes")
    }
    return ExpectedFires(
        since=_day(document, (*path, "from")),
        until=_day(document, (*path, "until")),
        count=parts.get("count"),
        at=lists["at"] if "at" in parts else None,
        includes=lists["includes"],
        excludes=lists["excludes"],
    )


def _expected(document: Document, parts: Mapping[str, Any], path: DocumentPath) -> object:
    key = str(path[-1])
    match key:
        case "command":
            return _texts(document, parts[key], path)
        case "script":
            return document.text(path).strip()
        case "env":
            return _texts_by_name(document, parts[key], path)
        case "retried_after":
            return tuple(_length(document, (*path, index)) for index in range(len(parts[key])))
        case "notify":
            return {event: _texts(document, to, (*path, event)) for event, to in parts[key].items()}
        case "attempts":
            return int(parts[key])
        case "steps":
            return _texts_by_name(document, parts[key], path)
        case _:
            return document.text(path)


def _texts(document: Document, items: Iterable[object], path: DocumentPath) -> tuple[str, ...]:
    return tuple(document.text((*path, index)) for index, _ in enumerate(items))


def _texts_by_name(document: Document, parts: Iterable[str], path: DocumentPath) -> dict[str, str]:
    return {name: document.text((*path, name)) for name in parts}


def _length(document: Document, path: DocumentPath) -> timedelta:
    found = parse_duration(document.text(path))
    assert found is not None, "lengths are checked before they are read"
    return found


def _day(document: Document, path: DocumentPath) -> date:
    found = parse_date(document.text(path))
    assert found is not None, "dates are checked before they are read"
    return found


def _value(value: Scalar | list[Scalar]) -> Value:
    return tuple(value) if isinstance(value, list) else value
