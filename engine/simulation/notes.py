"""Writes notes on a simulation: on each job, on clock changes, on times without an engine."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone

from engine.core.reasons import REASONS, Reason
from engine.core.vocabulary import seconds_text
from engine.simulation.subject import Setting
from engine.simulation.tally import JobTally, Outcome
from jobfile.model.counts import many
from jobfile.model.jobs import JobSpec
from jobfile.model.namedtuple import NamedTuple
from jobfile.schedule.occurrences import clock_changes, clock_effects

_DAY = timedelta(days=1)


class ZoneChange(NamedTuple):
    """A clock change of a zone in the simulated time, and the number of jobs that it affects."""

    zone: str
    day: datetime
    is_gap: bool
    jobs: int
    offset_before: timedelta

    @property
    def local(self) -> datetime:
        """The local time just before the change, with its offset."""
        return self.day.replace(tzinfo=timezone(self.offset_before))


def notes_of(row: JobTally, spec: JobSpec, setting: Setting) -> tuple[str, ...]:
    """Notes on a job, the most important first."""
    return tuple(_notes(row, spec, setting))


def _notes(row: JobTally, spec: JobSpec, setting: Setting) -> Iterator[str]:
    assumed = setting.assumed[spec.name]
    takes = f"takes {length_text(assumed.length)}"
    if row.failed:
        failed = f"{row.failed:,} of {row.ran:,} failed"
        timeout = spec.timeout is not None and assumed.length > spec.timeout
        yield (
            f"{failed}: {takes}, timeout {length_text(spec.timeout)}" if timeout and spec.timeout else failed
        )
    if spec.matrix:
        yield f"{many(len(spec.matrix), 'run')} for each fire, because of its matrix"
    for (state, reason), count in sorted(row.not_run.items()):
        if (state, reason) == ("skipped", Reason.OVERLAP):
            fires = row.fires * max(1, len(spec.matrix))
            yield f"{takes}: {_part(count, fires)} skipped, blocked by another run"
        else:
            yield f"{count:,} {state}: {REASONS.get(reason, reason)}"
    if row.caught_up:
        yield f"caught up {row.caught_up:,}"
    for what, count in sorted(row.waits.items()):
        yield f"waited for {what} {_times(count)}"
    if row.retries:
        yield f"retried {_times(row.retries)}"
    yield from _clock_notes(spec, setting)


def _clock_notes(spec: JobSpec, setting: Setting) -> Iterator[str]:
    for entry in spec.schedule:
        for effect in clock_effects(entry, after=setting.since - _DAY, days=_days(setting) + 2):
            if setting.since.date() <= effect.date < setting.until.date() + _DAY:
                says = "does not exist" if effect.is_gap else "exists twice"
                yield f"{day_text(effect.date)}: {effect.times} {says}"


def zone_changes(setting: Setting) -> tuple[ZoneChange, ...]:
    """The clock changes in the simulated time, in the zones of the jobs."""
    found: list[ZoneChange] = []
    zones = {entry.timezone for spec in setting.jobs for entry in spec.schedule}
    for zone in sorted(zones):
        for change in clock_changes(zone, after=setting.since, days=_days(setting) + 1):
            if change.at < setting.until:
                touched = sum(_is_touched(spec, zone, change.at) for spec in setting.jobs)
                found.append(
                    ZoneChange(
                        zone, change.at + change.offset_before, change.is_gap, touched, change.offset_before
                    )
                )
    return tuple(sorted(found, key=lambda one: (one.day, one.zone)))


def _is_touched(spec: JobSpec, zone: str, at: datetime) -> bool:
    entries = [entry for entry in spec.schedule if entry.timezone == zone]
    return any(clock_effects(entry, after=at - _DAY, days=2) for entry in entries)


def zone_line(change: ZoneChange) -> str:
    """A clock change in one line."""
    way = "springs forward" if change.is_gap else "falls back"
    return f"{change.zone} {way} {day_text(change.day)}; {many(change.jobs, 'job')} affected"


def absence_lines(outcome: Outcome) -> Iterator[str]:
    """A line for each absence: what happened to the occurrences that fell due in it."""
    for since, until, returns in outcome.absences:
        parts = []
        for one in returns:
            said = [f"caught up {one.caught_up:,}"] if one.caught_up else []
            said += [f"{count:,} {state} ({reason})" for state, reason, count in one.not_run]
            parts.append(f"{one.job} {', '.join(said)}")
        length = length_text(until - since)
        yield f"down {since:%Y-%m-%d %H:%MZ} for {length}: {'; '.join(parts) or 'nothing fell due'}"


def day_text(day: date) -> str:
    """A day as text: Sun 8 Mar."""
    return f"{day:%a} {day.day} {day:%b}"


def length_text(length: timedelta) -> str:
    """A length of time, as in all commands."""
    return seconds_text(length.total_seconds()) if length else "0s"


def _part(count: int, of: int) -> str:
    if of and count * 2 in (of - 1, of, of + 1) and count > 2:
        return "every second run"
    return f"{count:,} of {of:,}"


def _times(count: int) -> str:
    return "once" if count == 1 else "twice" if count == 2 else f"{count:,} times"


def _days(setting: Setting) -> int:
    return -(-(setting.until - setting.since) // _DAY)
