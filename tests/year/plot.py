"""What happens in the year: sixty jobs, and all that can befall them; drawn from a seed."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tests.year.jobs import BEGIN, END, ZONES, Entry, Job, JobFile

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
YEAR = END - BEGIN


@dataclass(frozen=True)
class Size:
    """How much there is of everything."""

    jobs: int
    hourly: int
    """Jobs that run every hour or so."""
    often: int
    """Jobs that run some times a day, and often for longer than until the next time."""
    brief: int
    """Times that a job runs every ten minutes for a while."""
    events: int
    """Events of each kind."""
    asks: int
    questions: int
    windows: int
    is_thin: bool = False
    """Whether a daily job runs only every third day."""


SMALL = Size(jobs=16, hourly=0, often=1, brief=1, events=8, asks=12, questions=900, windows=90, is_thin=True)
WHOLE = Size(jobs=60, hourly=6, often=6, brief=4, events=24, asks=200, questions=10_000, windows=1_000)


@dataclass(frozen=True, order=True)
class Event:
    """Something that happens at a time that no clock step changes."""

    at: datetime
    kind: str
    name: str = field(default="", compare=False)
    file: JobFile | None = field(default=None, compare=False)
    length: timedelta = field(default=timedelta(), compare=False)


DAILY = (
    ("30 2 * * *", {"done_by": "06:30"}),
    ("30 1 * * *", {"catchup": "none"}),
    ("15 0 * * *", {"catchup": "all", "attempts": 3}),
    ("0 2,3 * * *", {"catchup": "all", "max_caught_up": 3, "window": 30 * HOUR}),
    ("45 23 * * 1-5", {"window": 6 * HOUR}),
    ("0 7 * * 1-5", {"success_every": 80 * HOUR, "attempts": 2}),
    ("10 4 * * *", {"max_duration": HOUR, "attempts": 2, "delay": 7 * timedelta(minutes=1)}),
    ("0 9 1,15 * *", {"start_deadline": 2 * HOUR}),
    ("5 22 L * *", {"catchup": "none"}),
    ("20 12 * * mon#1", {}),
    ("30 3 * * sun", {"is_idempotent": True, "attempts": 3}),
    ("0 0 * * *", {"pause_on_failure": 2, "matrix": ("a", "b", "c")}),
    ("50 5 * * *", {"timeout": 20 * timedelta(minutes=1), "start_deadline": HOUR}),
)
OFTEN = (
    (Entry(every=5 * HOUR), {"on_overlap": "queue", "max_waiting": 2}),
    (Entry(every=7 * HOUR), {"on_overlap": "latest"}),
    (Entry(every=6 * HOUR), {"on_overlap": "cancel_running"}),
    (Entry(cron="0 */8 * * *"), {"on_overlap": "kill_running", "attempts": 2}),
    (Entry(cron="0 3/6 * * *"), {"on_overlap": "skip", "limit": 2}),
    (Entry(every=9 * HOUR), {"limit": None, "pause_on_failure": 3}),
)
HOURLY = (
    (Entry(cron="0 * * * *"), {}),
    (Entry(every=HOUR), {"catchup": "all", "max_caught_up": 5}),
    (Entry(cron="*/90 1-23/2 * * *"), {"catchup": "none"}),
    (Entry(cron="40 0-23/1 * * *"), {"window": 3 * HOUR}),
    (Entry(every=50 * timedelta(minutes=1)), {"start_deadline": timedelta(minutes=20)}),
    (Entry(cron="0,30 8-18 * * 1-5"), {"on_overlap": "latest"}),
)


def first_jobs(size: Size, draw: random.Random) -> list[Job]:
    """The jobs with which the year begins."""
    jobs = []
    for number in range(size.hourly):
        entry, keys = HOURLY[number % len(HOURLY)]
        jobs.append(Job(f"hourly-{number}", ZONES[number % 5], (entry,), **keys))
    for number, (entry, keys) in enumerate(OFTEN[: size.often]):
        jobs.append(Job(f"often-{number}", ZONES[(number + 2) % 5], (entry,), **keys))
    jobs += [
        Job("loads", "Europe/Oslo", (Entry(cron="0 5 * * *"),), attempts=2),
        Job("stock", "Europe/Oslo", (Entry(cron="0 5 * * 1-6"),), catchup="all"),
        Job("after-load", "Europe/Oslo", after=("loads",)),
        Job("alarm", "Europe/Oslo", after=("loads",), when="failed"),
        Job("after-both", "Europe/Oslo", after=("loads", "stock"), is_all=True),
        Job("after-after", "Europe/Oslo", after=("after-load",), when="always"),
        Job("by-hand", "America/New_York"),
        Job(
            "regions",
            "Africa/Cairo",
            (Entry(cron="0 1 * * *", region="eu"), Entry(cron="0 13 * * *", region="us")),
        ),
        Job("open-days", "Australia/Lord_Howe", (Entry(cron="0 2 * * *", is_open_days=True),)),
        Job("narrow-1", "America/Santiago", (Entry(cron="0 11 * * *"),), queue="narrow", priority=5),
        Job("narrow-2", "America/Santiago", (Entry(cron="0 11 * * *"),), queue="narrow"),
    ]
    number = 0
    while len(jobs) < size.jobs:
        cron, keys = DAILY[number % len(DAILY)]
        jobs.append(Job(f"daily-{number}", ZONES[draw.randrange(5)], (Entry(cron=cron),), **keys))
        number += 1
    return [thinned(job, number) for number, job in enumerate(jobs)] if size.is_thin else jobs


def thinned(job: Job, number: int) -> Job:
    """The job on every third day; which days these are differs, so that some are those of a clock change."""
    days = "2-31/3" if number % 2 and job.name.startswith("daily") else "*/3"
    entries = [
        replace(one, cron=" ".join((*one.cron.split()[:2], days, "*", "*")))
        if one.cron.endswith(" * * *") and "-" not in one.cron
        else replace(one, every=one.every * 4 if one.every else None)
        for one in job.entries
    ]
    return replace(job, entries=tuple(entries))


class Plot:
    """The events of a year in their order, and the file with which it begins."""

    def __init__(self, seed: int, size: Size) -> None:
        self._draw = random.Random(f"year {seed}")
        self._size = size
        jobs = first_jobs(size, self._draw)
        self.first = JobFile(tuple(jobs))
        self._file = self.first
        self._gone: list[Job] = []
        self._count = 0
        self.events = sorted(self._events())

    def _events(self) -> Iterator[Event]:
        """Times of edits come first: what an edit changes depends on those before it."""
        count = self._size.events
        downs = list(self._outages(count))
        yield from downs
        for kind in ("manual", "retry", "pause", "clock"):
            for at in self._times(count * (2 if kind in ("manual", "retry") else 1)):
                if kind == "clock" and any(-3 * HOUR < at - one.at < one.length + 3 * HOUR for one in downs):
                    continue
                length = timedelta(seconds=self._draw.choice((-600, -90, 70, 500, 1300)))
                if kind == "pause":
                    length = self._draw.choice((timedelta(), 5 * HOUR, 3 * DAY, 20 * DAY))
                yield Event(at, kind, self._draw.choice(self.first.jobs).name, length=length)
        for at in self._times(37):
            yield Event(at, "prune")
        for at in self._times(self._size.asks):
            yield Event(at, "ask")
        yield from self._edits(sorted(self._times(count * 2)))

    def _times(self, count: int) -> Iterator[datetime]:
        """Instants at which nothing else happens: no schedule and no deadline has their seconds."""
        for _ in range(count):
            minute = BEGIN + timedelta(
                minutes=self._draw.randrange(120, YEAR // timedelta(minutes=1) - 10_000)
            )
            second, part = self._draw.randrange(20, 40), self._draw.randrange(999_999)
            yield minute + timedelta(seconds=second, microseconds=part)

    def _outages(self, count: int) -> Iterator[Event]:
        free = BEGIN
        for at in sorted(self._times(count)):
            hours = self._draw.choice((0.01, 0.05, 0.5, 2, 3, 5, 9, 14, 30, 60, 100))
            kind = self._draw.choice(("kill", "kill", "reboot", "half"))
            if at > free:
                yield Event(at, kind, length=timedelta(hours=hours, seconds=self._draw.random()))
                free = at + timedelta(hours=hours + 4)

    # --- edits

    def _edits(self, times: list[datetime]) -> Iterator[Event]:
        brief = set(self._draw.sample(range(len(times)), self._size.brief))
        for number, at in enumerate(times):
            if number in brief:
                yield from self._brief(at, number)
                continue
            if self._draw.random() < 0.2:
                yield Event(at, "edit", file=replace(self._file, is_broken=True))
                at += timedelta(hours=self._draw.choice((0.2, 3, 30)))
            self._file = self._changed(self._file)
            yield Event(at, "edit", file=self._file)

    def _brief(self, at: datetime, number: int) -> Iterator[Event]:
        """A job that runs every ten minutes, for a few days."""
        minutes = 30 if self._size.is_thin else 10
        entry = Entry(cron=f"*/{minutes} * * * *")
        new = Job(f"brief-{number}", ZONES[number % 5], (entry,), catchup="all")
        self._file = JobFile((*self._file.jobs, new))
        yield Event(at, "edit", file=self._file)
        self._file = JobFile(tuple(job for job in self._file.jobs if job is not new))
        yield Event(at + 3 * DAY, "edit", file=self._file)

    def _changed(self, file: JobFile) -> JobFile:
        """The file after an edit."""
        self._count += 1
        changes: tuple[Callable[[Job], Job | None], ...] = (
            lambda job: replace(job, description=f"edit {self._count}"),
            lambda job: replace(job, is_enabled=not job.is_enabled),
            lambda job: replace(job, entries=self._other_entries(job)),
            lambda job: replace(job, catchup=self._draw.choice(("none", "last", "all"))),
            lambda job: replace(job, attempts=self._draw.choice((1, 2, 4))),
            lambda job: replace(job, name=f"{job.name}-r{self._count}", renamed_from=job.name),
            lambda job: None,
        )
        change = self._draw.choice(changes)
        if self._gone and self._draw.random() < 0.4:
            back = self._gone.pop()
            return JobFile((*file.jobs, replace(back, renamed_from="")))
        old = self._draw.choice(file.jobs)
        new = change(old)
        followed = {name for job in file.jobs for name in job.after}
        if new is None:
            if old.name in followed:
                return file
            self._gone.append(old)
            return JobFile(tuple(job for job in file.jobs if job is not old))
        after = {old.name: new.name}
        return JobFile(
            tuple(
                new if job is old else replace(job, after=tuple(after.get(name, name) for name in job.after))
                for job in file.jobs
            )
        )

    def _other_entries(self, job: Job) -> tuple[Entry, ...]:
        if not job.entries or job.entries[0].region:
            return job.entries
        minute, hour = self._draw.randrange(0, 60, 5), self._draw.randrange(24)
        days = self._draw.choice(("*", "1-5", "tue,fri"))
        return (Entry(cron=f"{minute} {hour} * * {days}"),)
