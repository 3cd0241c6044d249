"""The jobs of the year, as plain values: what the model reads, and what is written into the job file."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise

from tests.language.cronwalk import Plain, read, zone_of

QUARTER = timedelta(minutes=15)
BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
END = datetime(2027, 1, 5, tzinfo=UTC)
BEYOND = timedelta(days=2)
"""The engine works on for some hours, and its clock may be ahead."""
ZONES = ("Europe/Oslo", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo")
CLOSED = ("2026-04-03", "2026-05-01", "2026-12-25")
EVENTS = ("failed", "missed", "late", "recovered")


@dataclass(frozen=True)
class Entry:
    """One entry of a schedule: a cron expression or a period; `region` is the value that it gives."""

    cron: str = ""
    every: timedelta | None = None
    is_open_days: bool = False
    region: str = ""


@dataclass(frozen=True)
class Job:
    """A job; the fields are the keys of the language."""

    name: str
    zone: str
    entries: tuple[Entry, ...] = ()
    catchup: str = "last"
    window: timedelta | None = None
    max_caught_up: int = 10
    on_overlap: str = ""
    limit: int | None = 1
    max_waiting: int = 100
    attempts: int = 1
    delay: timedelta = timedelta(minutes=2)
    timeout: timedelta | None = None
    start_deadline: timedelta | None = None
    is_idempotent: bool = False
    pause_on_failure: int | None = None
    done_by: str = ""
    success_every: timedelta | None = None
    max_duration: timedelta | None = None
    matrix: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    when: str = "succeeded"
    is_all: bool = False
    queue: str = ""
    priority: int = 0
    is_enabled: bool = True
    description: str = ""
    renamed_from: str = ""

    @property
    def has_params(self) -> bool:
        """Whether its runs have a region."""
        return any(one.region for one in self.entries)


@dataclass(frozen=True)
class JobFile:
    """The jobs of a file; with `is_broken`, one that nobody can read is beside them."""

    jobs: tuple[Job, ...]
    is_broken: bool = False

    def text(self) -> str:
        """The file in the language."""
        lines = ["version: 1", "channels: {ops: {command: ['true']}}", "queues: {narrow: {slots: 1}}"]
        closed = ", ".join(CLOSED)
        lines += [
            f"calendars: {{bank: {{weekdays: [mon, tue, wed, thu, fri], except: [{closed}]}}}}",
            "jobs:",
        ]
        for job in self.jobs:
            lines += job_lines(job)
        if self.is_broken:
            lines += ["  broken: {schedule: nonsense, command: ['true']}"]
        return "\n".join(lines) + "\n"


def job_lines(job: Job) -> list[str]:
    """A job in the language."""
    told = ", ".join(f"{event}: [ops]" for event in EVENTS)
    lines = [
        f"  {job.name}:",
        f"    timezone: {job.zone}",
        f"    notify: {{{told}}}",
        "    command: ['true']",
    ]
    lines += [f"    schedule: [{', '.join(map(entry_text, job.entries))}]"] if job.entries else []
    window = f", window: {span(job.window)}" if job.window else ""
    most = f", max: {job.max_caught_up}" if job.catchup == "all" else ""
    mode = f"{{mode: {job.catchup}{window}{most}}}" if window or most else job.catchup
    lines += [f"    catchup: {mode}"] if job.entries else []
    overlap = f", on_overlap: {job.on_overlap}, max_waiting: {job.max_waiting}" if job.on_overlap else ""
    lines += [f"    concurrency: {{limit: {job.limit or 'none'}{overlap}}}"]
    retry = f"{{attempts: {job.attempts}, delay: {span(job.delay)}, backoff: fixed, jitter: none}}"
    lines += [f"    retry: {retry}"] if job.attempts > 1 else []
    lines += [f"    timeout: {span(job.timeout)}"] if job.timeout else []
    lines += [f"    start_deadline: {span(job.start_deadline)}"] if job.start_deadline else []
    lines += ["    idempotent: true"] if job.is_idempotent else []
    lines += [f"    pause_on_failure: {job.pause_on_failure}"] if job.pause_on_failure else []
    late = [f'done_by: "{job.done_by}"'] if job.done_by else []
    late += [f"success_every: {span(job.success_every)}"] if job.success_every else []
    late += [f"max_duration: {span(job.max_duration)}"] if job.max_duration else []
    lines += [f"    expect: {{{', '.join(late)}}}"] if late else []
    lines += [f"    matrix: {{part: [{', '.join(job.matrix)}]}}"] if job.matrix else []
    named = (
        f"{{all: [{', '.join(job.after)}]}}"
        if job.is_all
        else f"{{job: {''.join(job.after[:1])}, when: {job.when}}}"
    )
    lines += [f"    triggers: [{{after: {named}}}]"] if job.after else []
    lines += [f"    queue: {job.queue}", f"    priority: {job.priority}"] if job.queue else []
    lines += ["    params: {region: {type: string, default: none}}"] if job.has_params else []
    lines += ["    enabled: false"] if not job.is_enabled else []
    lines += [f"    description: {job.description}"] if job.description else []
    lines += [f"    renamed_from: {job.renamed_from}"] if job.renamed_from else []
    return lines


def entry_text(entry: Entry) -> str:
    """An entry in the language."""
    text = f"every: {span(entry.every)}" if entry.every else f'cron: "{entry.cron}"'
    text += ", calendar: bank" if entry.is_open_days else ""
    text += f", with: {{region: {entry.region}}}" if entry.region else ""
    return f"{{{text}}}"


def span(length: timedelta) -> str:
    """A length in the language."""
    seconds = round(length.total_seconds())
    return f"{seconds // 60}m" if seconds % 60 == 0 else f"{seconds}s"


# --- when a schedule fires, found in the simplest way


@cache
def offsets_of(zone: str) -> tuple[tuple[datetime, timedelta], ...]:
    """Each instant around the year at which the clock of a zone changes, and its offset from then on."""
    clock = zone_of(zone)
    found: list[tuple[datetime, timedelta]] = []
    at = BEGIN - timedelta(days=10)
    while at < END + timedelta(days=10):
        offset = at.astimezone(clock).utcoffset()
        assert offset is not None
        if not found or found[-1][1] != offset:
            found.append((at, offset))
        at += QUARTER
    return tuple(found)


def instants_of(zone: str, local: datetime) -> list[datetime]:
    """The instants at which the clock of a zone shows a local time: none, one or two."""
    changes = offsets_of(zone)
    found = []
    for number, (begin, offset) in enumerate(changes):
        end = changes[number + 1][0] if number + 1 < len(changes) else datetime.max.replace(tzinfo=UTC)
        at = local.replace(tzinfo=UTC) - offset
        if begin <= at < end:
            found.append(at)
    return found


def end_of_gap(zone: str, local: datetime) -> datetime:
    """The instant at which the clock jumped over a local time."""
    changes = offsets_of(zone)
    return next(
        at
        for (_, before), (at, offset) in pairwise(changes)
        if at + before <= local.replace(tzinfo=UTC) < at + offset
    )


@cache
def fires_of(entry: Entry, zone: str) -> tuple[datetime, ...]:
    """Every instant of the year at which an entry fires, oldest first."""
    if entry.every:
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        first = (BEGIN - epoch) // entry.every
        last = (END + BEYOND - epoch) // entry.every
        return tuple(epoch + entry.every * number for number in range(first, last + 2))
    plain = read(entry.cron)
    found: set[datetime] = set()
    for number in range(-2, (END - BEGIN).days + 3):
        day = (BEGIN + timedelta(days=number)).date()
        if plain.is_day(day) and not (entry.is_open_days and is_closed(day)):
            found.update(fires_on(plain, zone, day))
    return tuple(sorted(found))


def is_closed(day: date) -> bool:
    """Whether the calendar `bank` is closed."""
    return day.weekday() > 4 or day.isoformat() in CLOSED


def fires_on(plain: Plain, zone: str, day: date) -> set[datetime]:
    """The instants that an expression names on a local day: see docs/time.md."""
    found: set[datetime] = set()
    for minute in plain.minutes:
        local = datetime(day.year, day.month, day.day, minute // 60, minute % 60)  # noqa: DTZ001  a clock's face
        instants = instants_of(zone, local)
        if not plain.is_fixed:
            found.update(instants)
        else:
            found.add(instants[0] if instants else end_of_gap(zone, local))
    return found


def first_instant(zone: str, day: date, text: str = "00:00") -> datetime:
    """The instant of a time of day: after a gap, or at its first pass."""
    hour, minute = map(int, text.split(":"))
    local = datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001  a clock's face
    instants = instants_of(zone, local)
    return instants[0] if instants else end_of_gap(zone, local)


def fires_between(job: Job, after: datetime, until: datetime) -> list[tuple[datetime, Entry]]:
    """The instants of a job's schedule in (after, until], oldest first, each once."""
    found: dict[datetime, Entry] = {}
    for entry in job.entries:
        every = fires_of(entry, job.zone)
        for at in every[bisect_right(every, after) : bisect_right(every, until)]:
            found.setdefault(at, entry)
    return sorted(found.items(), key=lambda one: one[0])
