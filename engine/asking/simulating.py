"""Reads the options of `jobfile simulate` into the setting of a simulation."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from engine.asking.times import parse_instant
from engine.core.errors import WrongUsageError
from engine.core.lifecycle import TriggerKind
from engine.ledger.ports import View
from engine.simulation.assuming import MAX_STARTS, RANKS, assume, event_params, joined, starts_in
from engine.simulation.subject import Absence, Assumed, GivenEvent, Setting
from engine.sources.file_reader import read_limited
from engine.triggers.described import NotSuchAnEventError, described
from jobfile.diagnostics.suggest import suggest
from jobfile.model.jobs import AfterTrigger, JobSpec, StepsAction
from jobfile.schedule.duration import parse_duration, why_no_duration
from jobfile.syntax.document import decode_source, parse_document

MAX_DAYS = 3660
MAX_EVENTS = 1_000_000
MAX_EVENT_BYTES = 128 * 1024 * 1024
_EVENT_KEYS: Final = {"at", "job", "trigger", "params", "values"}
_GIVEN_KINDS: Final = (TriggerKind.MANUAL, TriggerKind.FILE, TriggerKind.WEBHOOK, TriggerKind.BOOT)
"""The triggers of events in a file. Runs of schedules, and after other jobs, come by themselves."""
_WITH_PARAMS: Final = (TriggerKind.MANUAL, TriggerKind.WEBHOOK)
UTC_ZONE = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of the command line."""

    start: str | None
    days: int
    down: Sequence[str]
    assume: Sequence[str]
    durations: str
    fail: Sequence[str]
    events: str | None
    seed: int


class Reader:
    """Reads the options for one set of jobs."""

    def __init__(self, options: Options, jobs: Sequence[JobSpec], *, now: datetime, base: Path) -> None:
        """Relative times are relative to `now`; without --from, the simulation begins with its day. Folders
        of file triggers are relative to `base`.
        """
        self.options = options
        self._base = base
        self._now = now
        self.jobs = {job.name: job for job in jobs}
        self.since = now.replace(hour=0, minute=0, second=0, microsecond=0)
        if options.start is not None:
            self.since = self._instant(options.start)
        self.until = self.since + timedelta(days=options.days)

    def setting(self, view: View | None, *, max_running: int, catchup_starts: int) -> Setting:
        """The setting of the simulation; `view` gives the lengths of past runs."""
        starts = starts_in(self.jobs.values(), days=self.options.days)
        if starts > MAX_STARTS:
            message = (
                f"the schedules have {starts:,} starts in that time; at most {MAX_STARTS:,} can be simulated"
            )
            raise WrongUsageError(f"{message}: give fewer --days")
        return Setting(
            jobs=tuple(self.jobs.values()),
            since=self.since,
            until=self.until,
            assumed=self._assumed(view),
            absences=self._absences(),
            events=self._events(),
            seed=self.options.seed,
            max_running=max_running,
            catchup_starts=catchup_starts,
        )

    def _instant(self, text: str) -> datetime:
        return parse_instant(text, UTC_ZONE, now=self._now)

    def _job(self, name: str, option: str) -> str:
        if name not in self.jobs:
            near = suggest(name, self.jobs)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise WrongUsageError(f"{option}: there is no job `{name}`{hint}")
        return name

    def _subject(self, name: str, option: str) -> str:
        """A job, or JOB.STEP."""
        job, dot, step = name.partition(".")
        action = self.jobs[self._job(job, option)].action
        steps = [one.name for one in action.steps] if isinstance(action, StepsAction) else []
        if dot and step not in steps:
            near = suggest(step, steps)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise WrongUsageError(f"{option}: job `{job}` has no step `{step}`{hint}")
        return name

    def _absences(self) -> tuple[Absence, ...]:
        """Times without an engine."""
        found: list[Absence] = []
        for text in self.options.down:
            begin, slash, length = text.rpartition("/")
            duration = parse_duration(length) if slash else None
            if duration is None:
                raise WrongUsageError(
                    f"--down takes TIME/LENGTH such as 2026-03-10T01:00Z/6h, found '{text}'"
                )
            since = self._instant(begin)
            if not self.since < since < self.until:
                raise WrongUsageError(f"--down {text} does not begin in the time that is simulated")
            found.append(Absence(since=since, until=min(since + duration, self.until)))
        return joined(found)

    def _assumed(self, view: View | None) -> dict[str, Assumed]:
        rank = RANKS.get(self.options.durations, RANKS["p50"])
        lengths, failing = self._lengths(), dict(self._failing(text) for text in self.options.fail)
        return assume(self.jobs.values(), view, lengths=lengths, failing=failing, rank=rank)

    def _lengths(self) -> dict[str, timedelta]:
        """The given lengths by job; "" is for all jobs without one."""
        found = {}
        if self.options.durations not in RANKS:
            found = self._lengths_of_file(self.options.durations)
        for text in self.options.assume:
            name, equals, length = text.rpartition("=")
            duration = parse_duration(length)
            if duration is None:
                why, expected = why_no_duration(length)
                raise WrongUsageError(f"--assume takes 5m or JOB=5m; '{length}' {why}: {expected}")
            found[self._subject(name, "--assume") if equals else ""] = duration
        return found

    def _lengths_of_file(self, name: str) -> dict[str, timedelta]:
        try:
            content = read_limited(Path(name))
        except OSError as error:
            raise WrongUsageError(
                f"--durations takes p50, p95 or a file; {name}: {error.strerror}"
            ) from error
        source, _ = decode_source(name, content)
        document = parse_document(source)[0] if source is not None else None
        tree = document.tree if document is not None else {}
        found = {}
        for job, length in tree.items():
            duration = parse_duration(str(length))
            if duration is None:
                why, expected = why_no_duration(str(length))
                raise WrongUsageError(f"{name}: {job}: '{length}' {why}: {expected}")
            found[self._subject(str(job), name)] = duration
        if not found:
            raise WrongUsageError(f"{name} is not a map of jobs to lengths such as  nightly-orders: 5m")
        return found

    def _failing(self, text: str) -> tuple[str, float]:
        name, equals, part = text.rpartition("=")
        try:
            chance = float(part)
        except ValueError:
            chance = -1.0
        if not 0 <= chance <= 1:
            raise WrongUsageError(f"--fail takes JOB=0.1 (a chance from 0 to 1), found '{text}'")
        return (self._subject(name, "--fail") if equals else "", chance)

    def _events(self) -> tuple[GivenEvent, ...]:
        if self.options.events is None:
            return ()
        try:
            data = read_limited(Path(self.options.events), most=MAX_EVENT_BYTES, what="file of events")
            lines = data.decode().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise WrongUsageError(f"--event: cannot read {self.options.events}: {why}") from error
        if len(data) > MAX_EVENT_BYTES:
            raise WrongUsageError(f"{self.options.events}: more than {MAX_EVENT_BYTES:,} bytes")
        if len(lines) > MAX_EVENTS:
            raise WrongUsageError(f"{self.options.events}: more than {MAX_EVENTS:,} events")
        found = (self._event(line, number) for number, line in enumerate(lines, 1) if line.strip())
        return tuple(sorted(found, key=lambda event: event.at))

    def _event(self, line: str, number: int) -> GivenEvent:
        where = f"{self.options.events}:{number}"
        try:
            plain = json.loads(line)
        except (ValueError, RecursionError):
            plain = None
        if not isinstance(plain, dict) or not {"at", "job"} <= plain.keys() <= _EVENT_KEYS:
            example = '{"at": "2026-03-01T10:00Z", "job": "load", "trigger": "file", "values": {"name": "a"}}'
            raise WrongUsageError(f"{where}: expected one JSON object a line, such as {example}")
        job = self.jobs[self._job(str(plain["job"]), where)]
        params, values = (_object(plain, key, where) for key in ("params", "values"))
        at = self._instant(str(plain["at"]))
        if not self.since <= at < self.until:
            raise WrongUsageError(f"{where}: {plain['at']} is not in the time that is simulated")
        kind = self._trigger_kind(plain, job, where)
        if kind is TriggerKind.MANUAL and not values:
            bound = event_params(job, params)
            if isinstance(bound, str):
                raise WrongUsageError(f"{where}: {bound}")
            return GivenEvent(at=at, job=job.name, trigger=kind, params=bound)
        wrong, right = ("values", "params") if kind in _WITH_PARAMS else ("params", "values")
        if plain.get(wrong):
            raise WrongUsageError(f"{where}: an event of trigger `{kind}` has no {wrong}; write `{right}`")
        try:
            event = described(job, kind, params or values, jobs=self.jobs, base=self._base)
        except NotSuchAnEventError as error:
            raise WrongUsageError(f"{where}: {error}") from error
        return GivenEvent(
            at=at, job=job.name, trigger=kind, params=event.arguments, values=event.trigger_values
        )

    def _trigger_kind(self, plain: Mapping[str, object], job: JobSpec, where: str) -> TriggerKind:
        word = str(plain.get("trigger", TriggerKind.MANUAL))
        if word == TriggerKind.AFTER:
            jobs = [name for one in job.triggers if isinstance(one, AfterTrigger) for name in one.jobs]
            whose = f" of {' and '.join(dict.fromkeys(jobs))}" if jobs else ""
            raise WrongUsageError(
                f"{where}: the simulation starts followers by itself; write an event{whose} instead"
            )
        if word not in _GIVEN_KINDS:
            listed = ", ".join(_GIVEN_KINDS)
            raise WrongUsageError(f"{where}: unknown trigger `{word}`; expected one of {listed}")
        return TriggerKind(word)


def _object(plain: Mapping[str, object], key: str, where: str) -> Mapping[str, object]:
    given = plain.get(key, {})
    if not isinstance(given, dict):
        raise WrongUsageError(f"{where}: {key} must be an object")
    return given
