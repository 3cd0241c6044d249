"""Compares a case with its result: one failure for each expectation that does not hold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from difflib import unified_diff
from itertools import islice
from pathlib import Path
from typing import cast

from engine.casetests.cases import Case, ExpectedFires
from engine.casetests.running import CannotTestError, Lived, Place, environment_of, live
from engine.core.notices import notices
from engine.core.vocabulary import in_words
from jobfile.diagnostics.source import Span
from jobfile.diagnostics.suggest import suggest
from jobfile.model.catalog import Catalog, CompiledJob
from jobfile.model.jobs import JobSpec, ScriptAction
from jobfile.schedule.dates import parse_moment
from jobfile.schedule.occurrences import fires, load_zone

SOME_TIME = "2026-01-15T12:00"
"""The time of the run in a case that gives none."""

MAX_FIRES = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An expectation that does not hold, with its place in the file."""

    key: str
    span: Span
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A case and its failures; `error` if it could not be tested."""

    case: Case
    failures: tuple[Failure, ...] = ()
    error: str = ""
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        """Whether the case was tested and met all its expectations."""
        return not (self.failures or self.error)


def judge(case: Case, catalog: Catalog, ledger: Path, *, main_folder: Path) -> Judged:
    """Run one case on a new ledger; `main_folder` is the folder of the main job file."""
    job = catalog.job(case.job)
    if job is None:
        near = suggest(case.job, catalog.names)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        return Judged(case=case, error=f"there is no job `{case.job}`{hint}")
    place = Place({one.spec.name: one.spec for one in catalog.jobs}, main_folder, ledger)
    try:
        return Judged(case=case, failures=tuple(_failures(case, job, place)))
    except CannotTestError as error:
        return Judged(case=case, error=str(error))


def _failures(case: Case, job: CompiledJob, place: Place) -> Iterator[Failure]:
    if case.fires is not None:
        yield from _fires_failures(case, case.fires, job.spec)
    if case.expected:
        lived = live(case, job, place, at=_at(case.given.at or SOME_TIME, job.spec))
        for key, expected in case.expected.items():
            found = _found(key, expected, lived, job.spec, case)
            if found != expected:
                yield Failure(
                    key=key, span=case.spans[key], lines=tuple(_compared(key, expected, found, lived))
                )


def _at(text: str, spec: JobSpec) -> datetime:
    found = parse_moment(text, spec.timezone)
    if isinstance(found, str):
        raise CannotTestError(f"`{text}` is not a time: {found}")
    return found


def _found(key: str, expected: object, lived: Lived, spec: JobSpec, case: Case) -> object:
    run, order = lived.run, lived.order
    match key:
        case "command":
            return order.argv if order is not None else ()
        case "script":
            return spec.action.text.strip() if isinstance(spec.action, ScriptAction) else ""
        case "env":
            env = environment_of(lived)
            return {name: env.get(name, "") for name in cast("dict[str, str]", expected)}
        case "state":
            return run.state.value
        case "reason":
            return run.reason
        case "attempts":
            return run.attempt
        case "retried_after":
            return lived.written_waits
        case "steps":
            return {name: lived.steps.get(name, "not decided") for name in cast("dict[str, str]", expected)}
        case _:
            wanted = {event: list(to) for event, to in cast("dict[str, Sequence[str]]", expected).items()}
            notified = notices(spec, run.state, previous=case.given.previous)
            found = {event: list(channels) for event, channels in notified.items()}
            return expected if wanted == found else found


def _compared(key: str, expected: object, found: object, lived: Lived) -> Iterator[str]:
    if isinstance(expected, str) and "\n" in expected:
        yield from _diff(expected.splitlines(), str(found).splitlines())
        return
    yield f"expected  {_shown(expected)}"
    yield f"found     {_shown(found)}"
    run = lived.run
    if key in ("state", "attempts", "command") and (run.reason or run.detail):
        yield f"          the run is {run.state.value}: {in_words(run)}".rstrip(": ")
    if key == "retried_after" and lived.waits and lived.waits != lived.written_waits:
        waits = ", ".join(_length(wait) for wait in lived.waits)
        yield f"          with random jitter, this run would wait {waits}"


def _diff(expected: Sequence[str], found: Sequence[str]) -> Iterator[str]:
    return islice(unified_diff(expected, found, "expected", "found", lineterm=""), 60)


def _fires_failures(case: Case, wanted: ExpectedFires, spec: JobSpec) -> Iterator[Failure]:
    found = _fires_between(spec, wanted.since, wanted.until)
    texts = [_local(at, spec) for at in found]
    lines: list[str] = []
    if wanted.count is not None and wanted.count != len(found):
        lines += [f"expected  {wanted.count} fires", f"found     {len(found)}: {_listed(texts)}"]
    if wanted.at is not None:
        expected = [_local(_at(text, spec), spec) for text in wanted.at]
        if expected != texts:
            lines += list(_diff(expected, texts))
    there = set(found)
    for text in wanted.includes:
        if _at(text, spec) not in there:
            lines += [f"expected  a fire at {text}", f"found     {_listed(texts)}"]
    for text in wanted.excludes:
        if _at(text, spec) in there:
            lines += [f"expected  no fire at {text}", "found     one"]
    if lines:
        yield Failure(key="fires", span=case.spans["fires"], lines=tuple(lines))


def _fires_between(spec: JobSpec, since: date, until: date) -> list[datetime]:
    zone = load_zone(spec.timezone)
    begin = datetime.combine(since, time(), tzinfo=zone) - timedelta.resolution
    end = datetime.combine(until + timedelta(days=1), time(), tzinfo=zone) - timedelta.resolution
    if not spec.enabled:
        return []
    found = [fire.at for fire in islice(fires(spec.schedule, after=begin, until=end), MAX_FIRES + 1)]
    if len(found) > MAX_FIRES:
        raise CannotTestError(f"more than {MAX_FIRES:,} fires from {since} to {until}")
    return found


def _local(at: datetime, spec: JobSpec) -> str:
    local = at.astimezone(load_zone(spec.timezone))
    return f"{local:%Y-%m-%dT%H:%M:%S%z}" if local.second else f"{local:%Y-%m-%dT%H:%M%z}"


def _listed(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - 5} more" if len(texts) > 5 else ""
    return (", ".join(texts[:5]) or "none") + more


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_shown(item) for item in value) + "]"
    if isinstance(value, timedelta):
        return _length(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_shown(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_shown, value)) + "]"
    return repr(value) if isinstance(value, str) and (" " in value or not value) else str(value)


def _length(length: timedelta) -> str:
    seconds = length.total_seconds()
    for size, unit in ((3_600, "h"), (60, "m")):
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{seconds:g}s"
