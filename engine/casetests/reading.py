"""From the text of a case file to its cases; every mistake has its place and what was expected."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Final, TypeVar

from engine.casetests.cases import Case, CaseFile, ExpectedFires, Given, GivenAttempt
from engine.config import MAIN_FILE
from jobfile.diagnostics.diagnostic import Diagnostic, DocumentPath
from jobfile.diagnostics.suggest import did_you_mean, suggest
from jobfile.model.values import Value
from jobfile.schedule.dates import parse_date
from jobfile.schedule.duration import parse_duration, why_no_duration
from jobfile.syntax.document import Document, decode_source, parse_document

TOP: Final = ("version", "jobs", "tests")
CASE: Final = ("job", "given", "expect")
GIVEN: Final = ("at", "params", "trigger", "attempts", "env", "running", "previous")
EXPECT: Final = (
    "command",
    "script",
    "env",
    "state",
    "reason",
    "attempts",
    "retried_after",
    "notify",
    "fires",
)
FIRES: Final = ("from", "until", "count", "at", "includes", "excludes")
ATTEMPT: Final = ("exit", "signal", "after")
TRIGGERS: Final = ("schedule", "manual")
STATES: Final = ("succeeded", "failed", "timed_out", "lost", "skipped", "missed", "queued", "retry_wait")
PREVIOUS: Final = ("succeeded", "failed", "missed", "late")
_WORDS: Final = {"succeeds": "succeeds", "times out": "times out", "lost": "lost"}

Read = TypeVar("Read")


class _WrongError(Exception):
    """Carries a finding out of the reading; used only in this module."""


@dataclass
class _Reader:
    document: Document
    found: list[Diagnostic] = field(default_factory=list)

    def wrong(
        self, code: str, message: str, path: DocumentPath, *, help: tuple[str, ...] = (), is_key: bool = False
    ) -> _WrongError:
        """Note a mistake; returns the error to raise if reading cannot continue."""
        source = self.document.source
        span = self.document.key_span(path) if is_key else self.document.span(path)
        self.found.append(
            Diagnostic(code=code, message=message, file=source.name, span=span, path=path, help=help)
        )
        return _WrongError()

    def mapping(self, value: object, path: DocumentPath, keys: tuple[str, ...] = ()) -> dict[str, object]:
        """A map whose keys are among some, or any."""
        if not isinstance(value, dict):
            raise self.wrong("JF103", f"expected a map, found {_kind(value)}", path)
        for key in value:
            if keys and key not in keys:
                near = suggest(str(key), keys)
                hint = (did_you_mean(near),) if near else (f"known here: {', '.join(keys)}",)
                self.wrong("JF101", f"unknown key `{key}`", (*path, key), help=hint, is_key=True)
        return value

    def items(self, value: object, path: DocumentPath) -> list[object]:
        if not isinstance(value, list):
            raise self.wrong("JF103", f"expected a list, found {_kind(value)}", path)
        return value

    def text(self, path: DocumentPath) -> str:
        """What is written at a place, as text."""
        try:
            return self.document.text(path)
        except (KeyError, TypeError, AssertionError):
            raise self.wrong("JF103", "expected text", path) from None

    def texts(self, value: object, path: DocumentPath) -> tuple[str, ...]:
        return tuple(self.text((*path, index)) for index in range(len(self.items(value, path))))

    def length(self, path: DocumentPath) -> timedelta:
        text = self.text(path)
        found = parse_duration(text)
        if found is None:
            why, expected = why_no_duration(text)
            raise self.wrong("JF110", f"`{text}` {why}", path, help=(expected,))
        return found

    def day(self, value: Mapping[str, object], key: str, path: DocumentPath) -> date:
        if key not in value:
            raise self.wrong("JF102", f"`fires` needs `{key}`, a date", path)
        text = self.text((*path, key))
        found = parse_date(text)
        if not isinstance(found, date):
            raise self.wrong("JF103", f"`{text}` is not a date; write 2026-03-01", (*path, key))
        return found

    def whole(self, value: object, path: DocumentPath) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong("JF103", f"expected a whole number, found {_kind(value)}", path)
        return value

    def one_of(self, words: tuple[str, ...], path: DocumentPath) -> str:
        text = self.text(path)
        if text not in words:
            near = suggest(text, words)
            hint = (did_you_mean(near),) if near else (f"one of {', '.join(words)}",)
            raise self.wrong("JF104", f"`{text}` is not possible here", path, help=hint)
        return text

    def tried(self, read: Callable[[], Read]) -> Read | None:
        """A readable value, or None: then the mistake is noted, and the rest is still read."""
        try:
            return read()
        except _WrongError:
            return None


def read_cases(path: Path, name: str, content: bytes) -> tuple[CaseFile | None, tuple[Diagnostic, ...]]:
    """The cases of a file, or what is wrong with it."""
    source, diagnostics = decode_source(name, content)
    if source is None:
        return None, diagnostics
    document, found = parse_document(source)
    if document is None or found:
        return None, (*diagnostics, *found)
    reader = _Reader(document)
    read = reader.tried(lambda: _file(reader, path))
    return (None, tuple(reader.found)) if reader.found else (read, ())


def _file(reader: _Reader, path: Path) -> CaseFile:
    top = reader.mapping(reader.document.tree, (), TOP)
    if "tests" not in top:
        raise reader.wrong("JF102", "required key `tests` is missing", ())
    if top.get("version") != 1:
        place: DocumentPath = ("version",) if "version" in top else ()
        raise reader.wrong("JF112", "a case file begins with `version: 1`", place)
    named = reader.tried(lambda: reader.text(("jobs",))) if "jobs" in top else None
    main = path.parent / named if named else _nearest(path.parent)
    tests = reader.mapping(top["tests"], ("tests",))
    cases = [reader.tried(lambda one=name: _case(reader, one, tests[one])) for name in tests]  # type: ignore[misc]  # bound now
    return CaseFile(
        path=path,
        source=reader.document.source,
        main_file=main,
        cases=tuple(case for case in cases if case is not None),
    )


def _nearest(folder: Path) -> Path:
    """The main job file in a folder or above it."""
    whole = folder.absolute()
    for parent in (folder, *(whole.parents)):
        if (parent / MAIN_FILE).is_file():
            return parent / MAIN_FILE
    return folder / MAIN_FILE


def _case(reader: _Reader, name: str, value: object) -> Case:
    path: DocumentPath = ("tests", name)
    parts = reader.mapping(value, path, CASE)
    if "job" not in parts:
        raise reader.wrong("JF102", "a case needs `job`, the name of the job that it is about", path)
    given = _given(reader, parts.get("given", {}), (*path, "given"))
    if not parts.get("expect"):
        raise reader.wrong("JF102", "a case needs `expect`, or it cannot fail", path)
    place: DocumentPath = (*path, "expect")
    expected = dict(reader.mapping(parts["expect"], place, EXPECT))
    fires = expected.pop("fires", None)
    read = None if fires is None else _fires(reader, fires, (*place, "fires"))
    document = reader.document
    return Case(
        name=name,
        job=reader.text((*path, "job")),
        given=given,
        expected={key: _expected(reader, key, expected[key], (*place, key)) for key in expected},
        fires=read,
        span=document.key_span(path),
        spans={key: document.span((*place, key)) for key in parts["expect"]},  # type: ignore[attr-defined]  # a map
    )


def _given(reader: _Reader, value: object, path: DocumentPath) -> Given:
    parts = reader.mapping(value, path, GIVEN)
    attempts: tuple[GivenAttempt, ...] = ()
    if "attempts" in parts:
        items = reader.items(parts["attempts"], (*path, "attempts"))
        attempts = tuple(_attempt(reader, one, (*path, "attempts", index)) for index, one in enumerate(items))
    params = reader.mapping(parts.get("params", {}), (*path, "params"))
    env = reader.mapping(parts.get("env", {}), (*path, "env"))
    trigger = reader.one_of(TRIGGERS, (*path, "trigger")) if "trigger" in parts else ""
    if trigger == "schedule" and params:
        raise reader.wrong(
            "JF109",
            "a run of the schedule gets its params from the schedule's `with`",
            (*path, "params"),
            help=("remove `params`, or write `trigger: manual`",),
        )
    is_running = parts.get("running", False)
    if not isinstance(is_running, bool):
        raise reader.wrong("JF103", "expected true or false", (*path, "running"))
    return Given(
        at=reader.text((*path, "at")) if "at" in parts else "",
        params={name: _value(params[name]) for name in params},
        trigger=trigger,
        attempts=attempts,
        env={name: reader.text((*path, "env", name)) for name in env},
        is_running=is_running,
        previous=reader.one_of(PREVIOUS, (*path, "previous")) if "previous" in parts else "",
    )


def _attempt(reader: _Reader, value: object, path: DocumentPath) -> GivenAttempt:
    if isinstance(value, dict):
        parts = reader.mapping(value, path, ATTEMPT)
        after = reader.length((*path, "after")) if "after" in parts else timedelta(seconds=1)
        if "exit" in parts:
            return GivenAttempt(kind="exit", code=reader.whole(parts["exit"], (*path, "exit")), after=after)
        if "signal" in parts:
            code = reader.whole(parts["signal"], (*path, "signal"))
            return GivenAttempt(kind="signal", code=code, after=after)
        return GivenAttempt(kind="succeeds", after=after)
    text = reader.text(path)
    word, _, number = text.partition(" ")
    if word in ("exit", "signal") and number.isascii() and number.isdigit() and len(number) < 4:
        return GivenAttempt(kind=word, code=int(number))
    if text in _WORDS:
        return GivenAttempt(kind=text)
    raise reader.wrong(
        "JF104",
        f"`{text}` is not something that an attempt does",
        path,
        help=("one of succeeds, exit 1, signal 9, times out, lost; or {exit: 0, after: 90s}",),
    )


def _fires(reader: _Reader, value: object, path: DocumentPath) -> ExpectedFires:
    parts = reader.mapping(value, path, FIRES)
    if not {"count", "at", "includes", "excludes"} & parts.keys():
        raise reader.wrong("JF102", "`fires` needs one of count, at, includes, excludes", path)
    lists = {
        key: reader.texts(parts[key], (*path, key)) for key in ("at", "includes", "excludes") if key in parts
    }
    since, until = reader.day(parts, "from", path), reader.day(parts, "until", path)
    if until < since:
        raise reader.wrong("JF106", "`until` is before `from`", (*path, "until"))
    return ExpectedFires(
        since=since,
        until=until,
        count=reader.whole(parts["count"], (*path, "count")) if "count" in parts else None,
        at=lists.get("at"),
        includes=lists.get("includes", ()),
        excludes=lists.get("excludes", ()),
    )


def _expected(reader: _Reader, key: str, value: object, path: DocumentPath) -> object:
    match key:
        case "command":
            return reader.texts(value, path)
        case "script":
            return reader.text(path).strip()
        case "reason":
            return reader.text(path)
        case "env":
            return {name: reader.text((*path, name)) for name in reader.mapping(value, path)}
        case "state":
            return reader.one_of(STATES, path)
        case "attempts":
            return reader.whole(value, path)
        case "retried_after":
            count = len(reader.items(value, path))
            return tuple(reader.length((*path, index)) for index in range(count))
        case "notify":
            events = reader.mapping(value, path)
            return {event: reader.texts(events[event], (*path, event)) for event in events}
        case _:
            return value  # reported as an unknown key already


def _value(value: object) -> Value:
    return tuple(value) if isinstance(value, list) else value  # type: ignore[return-value]  # checked with the params


def _kind(value: object) -> str:
    kinds = {dict: "a map", list: "a list", str: "text", bool: "true or false", type(None): "nothing"}
    return kinds.get(type(value), "a number")
