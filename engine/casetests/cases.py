"""A case as written: its input and its expected result. Each value has its place in the file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from jobfile.diagnostics.source import Source, Span
from jobfile.model.values import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenAttempt:
    """How an attempt ends (exit, signal, http, connect, expectation, times out, lost), and its length."""

    kind: str
    code: int = 0
    """The exit code, the signal, or the status of the response."""
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    after: timedelta = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The input of a case: what the job gets, and what its attempts do."""

    at: str = ""
    params: Mapping[str, Value] = field(default_factory=dict)
    matrix: Mapping[str, Value] = field(default_factory=dict)
    """Values of axes: the run is of the first combination that has them."""
    trigger: str = ""
    event: Mapping[str, object] = field(default_factory=dict)
    """What the user says about the event that starts the run, for a trigger with values."""
    attempts: tuple[GivenAttempt, ...] = ()
    steps: Mapping[str, tuple[GivenAttempt, ...]] = field(default_factory=dict)
    """The attempts of steps, by name, or by name and item as `load[2]`; others succeed."""
    outputs: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    """The outputs of steps by name."""
    env: Mapping[str, str] = field(default_factory=dict)
    is_running: bool = False
    previous: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedFires:
    """Fires between two local dates, both inclusive."""

    since: date
    until: date
    count: int | None = None
    at: tuple[str, ...] | None = None
    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case. `expected` holds the value written under each key of `expect`; `spans` the places."""

    name: str
    job: str
    given: Given
    expected: Mapping[str, object]
    fires: ExpectedFires | None
    span: Span
    spans: Mapping[str, Span]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """A file of cases, and the main job file that they are about."""

    path: Path
    source: Source
    main_file: Path
    cases: tuple[Case, ...]
