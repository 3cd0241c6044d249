"""The year as the documentation tells it: which occurrences there are, and how each ends.

It was written from docs/ and uses no code of the engine. It is slow and plain: lists, one rule after another.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from tests.language.cronwalk import zone_of
from tests.year.jobs import BEGIN, Job, JobFile, fires_between, first_instant

FAR = datetime(2999, 1, 1, tzinfo=UTC)
ON_TIME = timedelta(seconds=10)
SETTLING = timedelta(seconds=15)
LOOKED_AT = timedelta(seconds=16)
ALL_WINDOW = timedelta(hours=24)
YEARS = timedelta(days=800)
LISTED = 8
"""At most so many consecutive occurrences that do not run have a record each."""
STOP_TAKES = timedelta(seconds=3.25)
OPEN = ("running", "cancelling", "retry_wait", "queued")
ACTIVE = OPEN[:3]
WORST = (*OPEN, "failed", "timed_out", "lost", "missed", "cancelled", "skipped", "succeeded")
BAD = ("failed", "timed_out", "lost")
NOT_RUN = ("skipped", "missed")


class Fate(NamedTuple):
    """How an attempt goes: how long it takes, and its end: exit(N), timeout or lost."""

    length: timedelta
    end: str


@dataclass(eq=False)
class Run:
    """One run, with what is needed to decide about it."""

    seq: int
    job: Job
    at: datetime
    trigger: str
    part: str = ""
    state: str = "queued"
    reason: str = ""
    attempt: int = 0
    nth: int = 0
    """Which manual retry it is; 0 for none."""
    not_before: datetime = BEGIN
    started_at: datetime | None = None
    ended_at: datetime | None = None
    retry_at: datetime | None = None
    start_by: datetime | None = None
    executed: int = 0
    exit_code: int | None = None


@dataclass(eq=False)
class Occurrence:
    """What was expected once: its runs, or why it has none. `is_row` when it has a record of its own."""

    name: str
    at: datetime
    is_scheduled: bool
    runs: list[Run] = field(default_factory=list)
    state: str = ""
    reason: str = ""
    region: str = ""
    is_row: bool = True
    retried: "Occurrence | None" = None
    retry_of: "Occurrence | None" = None
    is_followed_up: bool = False

    @property
    def decisive(self) -> Run | None:
        """The run that decides the verdict."""
        return (
            min(self.runs, key=lambda one: (WORST.index(one.state), not one.executed)) if self.runs else None
        )

    @property
    def verdict(self) -> str:
        """The state of the whole occurrence."""
        return self.decisive.state if self.decisive else self.state

    @property
    def why(self) -> str:
        """The reason of its verdict."""
        return self.decisive.reason if self.decisive else self.reason

    @property
    def ran(self) -> bool:
        """Whether anything was executed."""
        return any(one.executed for one in self.runs)

    @property
    def is_over(self) -> bool:
        """Whether all its runs are."""
        return self.verdict not in OPEN

    @property
    def last(self) -> "Occurrence":
        """The last of its manual retries, or itself."""
        return self if self.retried is None else self.retried.last


@dataclass(eq=False)
class Schedule:
    """A schedule in force, and how far its occurrences are accounted for."""

    name: str
    job: Job
    since: datetime
    covered: datetime
    until: datetime | None = None
    _known: tuple[object, datetime, datetime] = (None, FAR, FAR)

    def next_at(self) -> datetime:
        """The first instant after what is accounted for."""
        if self._known[:2] != (self.job, self.covered):
            span = timedelta(days=1)
            while not (fires := fires_between(self.job, self.covered, self.covered + span)) and span < YEARS:
                span *= 4
            self._known = (self.job, self.covered, fires[0][0] if fires else FAR)
        return self._known[2]


@dataclass(eq=False)
class Pause:
    """A pause of a job."""

    name: str
    since: datetime
    until: datetime | None
    ended_at: datetime | None = None

    @property
    def end(self) -> datetime | None:
        ends = [one for one in (self.until, self.ended_at) if one is not None]
        return min(ends, default=None)

    def holds(self, at: datetime) -> bool:
        return self.since <= at and (self.end is None or at < self.end)


class Told(NamedTuple):
    """A notification that must arrive once: the event, the job, and what it is about."""

    event: str
    job: str
    about: str


class Model:
    """All jobs of the year. Its methods are what happens; each is told when."""

    def __init__(self, fate: Callable[[str, Run], Fate]) -> None:
        """`fate` says how the next attempt of a run of this job goes."""
        self._fate = fate
        self.jobs: dict[str, Job] = {}
        self.known: dict[str, Job] = {}
        """The newest definition of each name, also of removed jobs."""
        self.schedules: list[Schedule] = []
        self.occurrences: list[Occurrence] = []
        self.of_job: dict[str, list[Occurrence]] = {}
        self._live: list[Occurrence] = []
        """Those that may still be open."""
        self.pauses: list[Pause] = []
        self.told: list[Told] = []
        self.first_at: dict[str, datetime] = {}
        self._ends: list[tuple[datetime, int, int, Run, str]] = []
        """The ends of attempts by true time; one that is stopped may have two, and the first counts."""
        self._ended: list[tuple[Run, str, datetime]] = []
        self._trouble: set[str] = set()
        self._late: set[tuple[str, str, object]] = set()
        self._since: dict[str, tuple[datetime, datetime]] = {}
        """Since when a job is in force and enabled, and since when with this `done_by`."""
        self._days_seen: dict[str, datetime] = {}
        self._absence = "engine_down"
        self.is_dying = False
        """Whether the engine records something and is killed before it acts on that."""
        self._unsent: list[Run] = []
        self._seq = 0
        self._pushed = 0
        self.true = BEGIN
        """The time that no clock step changes."""

    # --- the files

    def apply(self, file: JobFile, now: datetime) -> None:
        """A new generation: what fell due before is decided by the old one."""
        if file.is_broken:
            return
        new = {job.name: job for job in file.jobs}
        if new == self.jobs:
            return
        renamed = self._renamed(new)
        touched = [name for name, job in self.jobs.items() if new.get(name) != job]
        for schedule in [one for one in self._in_force() if one.name in touched]:
            self._account_one(schedule, now)
        for name in touched:
            if name not in new and name not in renamed:
                self._remove(name, now)
        for old, name in renamed.items():
            self._rename(old, name)
        for name, job in new.items():
            if self.jobs.get(name) != job:
                self._put(job, now)

    def _renamed(self, new: dict[str, Job]) -> dict[str, str]:
        """Which jobs continue under which name: docs/review.md. Undoing a rename is one too."""
        gone = {name: job.renamed_from for name, job in self.jobs.items() if name not in new}
        come = {name: job.renamed_from for name, job in new.items() if name not in self.jobs}
        pairs = [(former, name) for name, former in come.items() if former in gone]
        pairs += [
            (old, name)
            for name, former in come.items()
            for old in gone
            if former and gone[old] == former not in new
        ]
        pairs += [(old, name) for old, name in gone.items() if name in come]
        found: dict[str, str] = {}
        for old, name in pairs:
            if old not in found and name not in found.values():
                found[old] = name
        return {old: name for old, name in found.items() if name not in self.known}

    def _put(self, job: Job, now: datetime) -> None:
        name, before = job.name, self.jobs.get(job.name)
        self.jobs[name] = self.known[name] = job
        self.first_at.setdefault(name, now)
        schedule = next((one for one in self._in_force() if one.name == name), None)
        is_same = before is not None and (before.entries, before.zone) == (job.entries, job.zone)
        if schedule is not None and not (is_same and job.is_enabled):
            schedule.until, schedule.covered = now, now
            schedule = None
        if schedule is not None:
            schedule.job = job
        elif job.entries and job.is_enabled:
            self.schedules.append(Schedule(name, job, now, now))
        if not job.is_enabled:
            self._cancel_waiting(name, "disabled", now)
            self._since.pop(name, None)
        else:
            since, done_by = self._since.get(name, (now, now))
            is_kept = before is not None and before.done_by == job.done_by
            self._since[name] = (since, done_by if is_kept else now)
        for run in self._open(name):
            if run.state == "queued" and run.attempt == 0:
                run.job = job

    def _remove(self, name: str, now: datetime) -> None:
        for schedule in self._in_force():
            if schedule.name == name:
                schedule.until, schedule.covered = now, now
        self._cancel_waiting(name, "job_removed", now)
        del self.jobs[name]
        self._since.pop(name, None)
        self.first_at.pop(name, None)

    def _rename(self, old: str, new: str) -> None:
        for one in (*self.schedules, *self.occurrences, *self.pauses):
            if one.name == old:
                one.name = new
        self.of_job[new] = self.of_job.pop(old, [])
        for facts in (self.jobs, self.known, self.first_at, self._since, self._days_seen):
            if old in facts:
                facts[new] = facts.pop(old)  # type: ignore[attr-defined]
        self._trouble = {new if one == old else one for one in self._trouble}
        self._late = {(new if job == old else job, kind, about) for job, kind, about in self._late}

    def _cancel_waiting(self, name: str, reason: str, now: datetime) -> None:
        for run in self._open(name):
            if run.state in ("queued", "retry_wait"):
                run.state, run.reason, run.ended_at, run.retry_at = "cancelled", reason, now, None

    # --- what falls due

    def account(self, now: datetime, absence: str = "engine_down") -> None:
        """Decide about every occurrence that fell due."""
        self._absence = absence
        due = []
        for number, schedule in enumerate(self._in_force()):
            if schedule.next_at() <= now:
                due.append((schedule.next_at(), number, schedule))
        if due and now - min(due)[0] > ON_TIME:  # what ended meanwhile blocks nothing
            self.settle(now)
            self.start(now)
        for _, _, schedule in sorted(due, key=lambda one: one[:2]):
            self._account_one(schedule, now)

    def _account_one(self, schedule: Schedule, now: datetime) -> None:
        fires = fires_between(schedule.job, schedule.covered, now)
        if not fires:
            return
        job, by_instant = schedule.job, dict(fires)
        schedule.covered = fires[-1][0]
        chosen, state, reason = self._chosen(schedule, [at for at, _ in fires], now)
        pauses = [one for one in self.pauses if one.name == schedule.name]
        cuts = {one.since for one in pauses} | {one.end for one in pauses if one.end is not None}
        cuts |= {now - job.start_deadline} if job.start_deadline else set()
        group: list[Occurrence] = []
        place: object = None
        for at in [*by_instant, None]:
            here = None if at is None else (sum(cut <= at for cut in cuts), sum(one <= at for one in chosen))
            if (at is None or here != place or at in chosen) and group:
                self._record_not_run(schedule.name, group, now)
                group = []
            place = here
            if at is None:
                break
            if at in chosen:
                continue
            how = (state, reason)
            if self._paused(schedule.name, at):
                how = ("skipped", "paused")
            elif job.start_deadline and at + job.start_deadline < now and reason == "catchup_limit":
                how = ("missed", "start_deadline")
            region = by_instant[at].region
            group.append(Occurrence(schedule.name, at, True, state=how[0], reason=how[1], region=region))
        for at in sorted(chosen):
            trigger = "catchup" if now - at > ON_TIME else "schedule"
            occurrence = Occurrence(schedule.name, at, True, region=by_instant[at].region)
            self._request(occurrence, job, trigger, now)

    def _chosen(
        self, schedule: Schedule, fires: list[datetime], now: datetime
    ) -> tuple[set[datetime], str, str]:
        """Which occurrences run, and what becomes of the others: the table of docs/time.md."""
        job = schedule.job
        usable = [
            at
            for at in fires
            if not self._paused(schedule.name, at)
            and not (job.start_deadline and at + job.start_deadline < now)
        ]
        timely = {at for at in usable if now - at <= ON_TIME}
        if job.catchup == "none":
            return timely, "missed", self._absence
        if job.catchup == "last":
            if not usable:
                return set(), "missed", "start_deadline"
            if job.window and now - usable[-1] > job.window:
                return set(), "missed", "catchup_limit"
            return {usable[-1]} | timely, "skipped", "superseded"
        begin = now - (job.window or ALL_WINDOW)
        late = [at for at in usable if at >= begin and at not in timely]
        return {*late[-job.max_caught_up :], *timely}, "missed", "catchup_limit"

    def _record_not_run(self, name: str, group: list[Occurrence], now: datetime) -> None:
        """Consecutive occurrences that do not run: many of them are one record, and one notification."""
        is_gap = len(group) > LISTED or group[0].reason == "paused"
        for one in group:
            one.is_row = not is_gap
            self._add(one)
            if not is_gap or one is group[0]:
                self._tell_end(name, one, one.at)
        if not is_gap:
            for one in group:
                self._follow_up(one, now)

    # --- deciding about a run

    def request(self, name: str, now: datetime) -> None:
        """A user requests a run."""
        self._request(Occurrence(name, now, False, region="none"), self.jobs[name], "manual", now)

    def retry(self, old: Occurrence, now: datetime) -> None:
        """A user retries a run."""
        new = Occurrence(old.name, old.at, False, region=old.region, retry_of=old)
        old.retried = new
        self._request(new, self.jobs[old.name], "manual", now, nth=old.runs[0].nth + 1)

    def _request(self, one: Occurrence, job: Job, trigger: str, now: datetime, *, nth: int = 0) -> None:
        for part in job.matrix or ("",):
            self._seq += 1
            run = Run(self._seq, job, one.at, trigger, part, nth=nth)
            run.not_before = one.at if trigger in ("schedule", "catchup") else now
            if one.is_scheduled and job.start_deadline:
                run.start_by = one.at + job.start_deadline
            one.runs.append(run)
        open_before = self._open_occurrences(one.name)
        self._add(one)
        waiting = [each for each in open_before if all(run.state == "queued" for run in _open_of(each))]
        active = [each for each in open_before if each not in waiting]
        if job.limit is None or len(open_before) < job.limit:
            return
        policy = job.on_overlap or ("skip" if trigger in ("schedule", "catchup") else "queue")
        if trigger == "catchup" and job.catchup == "all":
            policy = "queue"
        if policy == "skip":
            self._end_unstarted(one, "skipped", "overlap", now)
        elif policy == "queue":
            if sum(len(_open_of(each)) for each in waiting) >= job.max_waiting:
                self._end_unstarted(one, "missed", "buffer_full", now)
        else:
            for each in waiting:
                for run in _open_of(each):
                    run.state, run.reason, run.ended_at = "skipped", "superseded", now
                self._follow_up(each, now)
            for each in active if policy in ("cancel_running", "kill_running") else ():
                self._stop(each, now)

    def _end_unstarted(self, one: Occurrence, state: str, reason: str, now: datetime) -> None:
        for run in one.runs:
            run.state, run.reason, run.ended_at = state, reason, now
        self._tell_end(one.name, one, one.at)
        self._follow_up(one, now)

    def _stop(self, one: Occurrence, now: datetime) -> None:
        for run in _open_of(one):
            if run.state == "retry_wait":
                run.state, run.reason, run.ended_at, run.retry_at = "cancelled", "replaced", now, None
            elif run.state == "running":
                run.state, run.reason = "cancelling", "replaced"
                self._unsent.append(run)
        self.send_stops()
        if one.is_over:
            self._follow_up(one, now)

    def send_stops(self) -> None:
        """Tell runs to stop, unless the engine is killed before it does: then the next one does."""
        for run in () if self.is_dying else self._unsent:
            if run.state == "cancelling":
                self._push(self.true + STOP_TAKES, run, "stopped")
        self._unsent = self._unsent if self.is_dying else []

    # --- attempts

    def end_attempts(self, now: datetime) -> None:
        """What ended by now, whether an engine sees it or not."""
        while self._ends and self._ends[0][0] <= self.true:
            _, _, attempt, run, end = heapq.heappop(self._ends)
            is_alive = run.attempt == attempt and run.state in ("running", "cancelling")
            if is_alive and not any(one is run for one, _, _ in self._ended):
                self._ended.append((run, end, now))

    def lose_attempts(self, now: datetime) -> None:
        """The host restarts: no process survives."""
        for run in [run for one in self._live for run in one.runs if run.state in ("running", "cancelling")]:
            if not any(one is run for one, _, _ in self._ended):
                self._ended.append((run, "lost", now))

    def settle(self, now: datetime) -> None:
        """Record the ends of attempts."""
        ended, self._ended = self._ended, []
        for run, end, at in ended:
            one = next(one for one in self._live if run in one.runs)
            self._settle(one, run, end, at, now)

    def _settle(self, one: Occurrence, run: Run, end: str, at: datetime, now: datetime) -> None:
        job, was_cancelling = run.job, run.state == "cancelling"
        states = {"exit(0)": "succeeded", "timeout": "timed_out", "lost": "lost", "stopped": "cancelled"}
        run.state, run.ended_at = states.get(end, "failed"), at
        run.exit_code = int(end[5:-1]) if end.startswith("exit") else None
        reasons = {"exit(0)": "", "lost": "supervisor_killed", "stopped": "replaced"}
        run.reason = reasons.get(end, end)
        is_tried = run.state in ("failed", "timed_out") or (run.state == "lost" and job.is_idempotent)
        in_force = self.jobs.get(one.name)
        is_gone = in_force is None or (not in_force.is_enabled and run.trigger != "manual")
        if is_tried and run.attempt < job.attempts and not was_cancelling and not is_gone:
            run.state, run.retry_at = "retry_wait", now + job.delay
            return
        assert run.started_at is not None
        if job.max_duration and at - run.started_at > job.max_duration:
            self._be_late(one.name, "max_duration", run, run.started_at + job.max_duration, now)
        if one.is_over:
            self._tell_end(one.name, one, one.at)
            self._pause_after_failures(one, now)
            self._follow_up(one, now)

    def start(self, now: datetime) -> None:
        """Start what may start."""
        self._live = [one for one in self._live if not one.is_over]
        for one in self._live:
            for run in one.runs:
                if run.state == "queued" and run.start_by is not None and run.start_by < now:
                    self._end_unstarted(one, "missed", "start_deadline", now)
        waiting = [
            (one, run)
            for one in self._live
            for run in one.runs
            if (run.state == "queued" and run.not_before <= now)
            or (run.state == "retry_wait" and run.retry_at is not None and run.retry_at <= now)
        ]
        waiting.sort(key=lambda each: (_is_last(each[1]), -each[1].job.priority, each[1].at, each[1].seq))
        for one, run in waiting:
            if run.state in ("queued", "retry_wait") and self._may_start(one, run, waiting):
                self._start(one, run, now)

    def _may_start(self, one: Occurrence, run: Run, waiting: list[tuple[Occurrence, Run]]) -> bool:
        job = run.job
        if job.queue:
            holding = [
                other
                for each in self._live
                for other in each.runs
                if other.job.queue == job.queue and other.state in ("running", "cancelling")
            ]
            if holding:
                return False
        if run.state == "retry_wait" or job.limit is None:
            return True
        others = [each for each in self._open_occurrences(one.name) if each is not one]
        if sum(any(other.state in ACTIVE for other in each.runs) for each in others) >= job.limit:
            return False
        earlier = [each for each, other in waiting if each.name == one.name and other.state == "queued"]
        return not any(each.at < one.at and each.runs[0].trigger == "catchup" for each in earlier)

    def _start(self, one: Occurrence, run: Run, now: datetime) -> None:
        run.attempt += 1
        run.executed += 1
        run.state, run.reason, run.retry_at = "running", "", None
        run.started_at = run.started_at or now
        fate = self._fate(one.name, run)
        self._push(self.true + fate.length, run, fate.end)

    def _push(self, at: datetime, run: Run, end: str) -> None:
        self._pushed += 1
        heapq.heappush(self._ends, (at, self._pushed, run.attempt, run, end))

    # --- what follows

    def _tell(self, event: str, name: str, about: str) -> None:
        self.told.append(Told(event, name, about))

    def _tell_end(self, name: str, one: Occurrence, at: datetime) -> None:
        """What is notified of an end, and whether it is a recovery."""
        if one.verdict in BAD:
            self._trouble.add(name)
            self._tell("failed", name, at.isoformat())
        elif one.verdict == "missed":
            self._trouble.add(name)
            self._tell("missed", name, at.isoformat())
        elif one.verdict == "succeeded" and name in self._trouble:
            self._trouble.discard(name)
            self._tell("recovered", name, at.isoformat())

    def _pause_after_failures(self, one: Occurrence, now: datetime) -> None:
        limit = self.known[one.name].pause_on_failure
        if limit is None or one.verdict not in BAD or self._paused(one.name, now):
            return
        resumed = max((each.end for each in self.pauses if each.name == one.name and each.end), default=BEGIN)
        ends = [
            (each.decisive.ended_at, each.verdict)
            for each in self.of_job[one.name]
            if each.decisive and each.verdict in (*BAD, "succeeded")
        ]
        newest = sorted(end for end in ends if end[0] is not None and end[0] > resumed)[-limit:]
        if len(newest) == limit and all(state in BAD for _, state in newest):
            self.pauses.append(Pause(one.name, now, None))

    def _add(self, one: Occurrence) -> None:
        self.occurrences.append(one)
        self.of_job.setdefault(one.name, []).append(one)
        self._live.append(one)

    def _follow_up(self, one: Occurrence, now: datetime) -> None:
        """Start the jobs that follow a job, or record that they do not run: docs/after.md."""
        if not one.is_over or one.is_followed_up:
            return
        one.is_followed_up = True
        for name, job in list(self.jobs.items()):
            if one.name not in job.after:
                continue
            ends = [one]
            if job.is_all:
                found = [self._at_its_time(each, one.at) for each in job.after]
                if not all(each is not None and each.is_over for each in found):
                    continue
                ends = [each for each in found if each is not None]
            is_good = all(_fits(job.when, each) for each in ends)
            if not is_good and job.when != "succeeded":
                continue
            new = Occurrence(name, one.at, False, region="none")
            how = "disabled" if not job.is_enabled else "paused" if self._paused(name, now) else ""
            how = how or ("" if is_good else "after")
            if not how:
                self._request(new, job, "after", now)
                continue
            self._seq += 1
            run = Run(self._seq, job, one.at, "after", state="skipped", reason=how, ended_at=now)
            new.runs.append(run)
            self._add(new)
            self._follow_up(new, now)

    def _at_its_time(self, name: str, at: datetime) -> Occurrence | None:
        found = [one for one in self.of_job.get(name, ()) if one.at == at and one.is_row]
        return found[-1] if found else None

    # --- late

    def look_for_late(self, now: datetime) -> None:
        """Find the jobs that are late: docs/expect.md."""
        now -= SETTLING
        for name, job in self.jobs.items():
            if name not in self._since or self._paused(name, now):
                continue
            if job.done_by:
                self._look_at_days(name, job, now)
            if job.success_every:
                base = max(self._since[name][0], self._last_success(name, now), self._last_resume(name, now))
                due = base + job.success_every
                if due <= now and not self._paused(name, due):
                    self._be_late(name, "success_every", base, due, now)
            for one in self._open_occurrences(name) if job.max_duration else ():
                for run in _open_of(one):
                    if run.started_at and run.state in ACTIVE and now - run.started_at > job.max_duration:
                        self._be_late(name, "max_duration", run, run.started_at + job.max_duration, now)

    def _look_at_days(self, name: str, job: Job, now: datetime) -> None:
        seen = max(self._days_seen.get(name, BEGIN), self._since[name][1])
        self._days_seen[name] = now
        day = seen.astimezone(zone_of(job.zone)).date() - timedelta(days=1)
        while day <= now.astimezone(zone_of(job.zone)).date():
            by = first_instant(job.zone, day, job.done_by)
            if seen < by <= now and any(_is_late(one, job, day, by) for one in self._of_day(name, job, day)):
                self._be_late(name, "done_by", day, by, now)
            day += timedelta(days=1)

    def _of_day(self, name: str, job: Job, day: date) -> Iterator[Occurrence]:
        zone = zone_of(job.zone)
        for one in self.of_job.get(name, ()):
            if one.is_scheduled and one.at.astimezone(zone).date() == day:
                yield one

    def _last_success(self, name: str, now: datetime) -> datetime:
        ends = (
            run.ended_at
            for one in self.of_job.get(name, ())
            for run in one.runs
            if run.state == "succeeded" and run.ended_at is not None and run.ended_at <= now
        )
        return max(ends, default=BEGIN)

    def _last_resume(self, name: str, now: datetime) -> datetime:
        ends = (one.end for one in self.pauses if one.name == name)
        return max((at for at in ends if at is not None and at <= now), default=BEGIN)

    def _be_late(self, name: str, kind: str, about: object, since: datetime, now: datetime) -> None:
        if (name, kind, about) not in self._late and not self._paused(name, since):
            self._late.add((name, kind, about))
            self._trouble.add(name)
            self._tell("late", name, f"{kind} {since.isoformat()}")

    # --- pauses, and what is open

    def pause(self, name: str, now: datetime, until: datetime | None) -> None:
        """A user pauses a job."""
        self.pauses.append(Pause(name, now, until))

    def resume(self, name: str, now: datetime) -> None:
        """A user resumes a job."""
        for one in self.pauses:
            if one.name == name and one.ended_at is None and (one.until is None or one.until > now):
                one.ended_at = now

    def _paused(self, name: str, at: datetime) -> bool:
        return any(one.name == name and one.holds(at) for one in self.pauses)

    def _in_force(self) -> list[Schedule]:
        return [one for one in self.schedules if one.until is None]

    def _open_occurrences(self, name: str) -> list[Occurrence]:
        return [one for one in self._live if one.name == name and one.verdict in OPEN]

    def _open(self, name: str) -> list[Run]:
        return [run for one in self._open_occurrences(name) for run in _open_of(one)]

    def next_end(self) -> datetime:
        """When the next attempt ends, in true time."""
        return self._ends[0][0] if self._ends else FAR

    def next_late(self, now: datetime) -> datetime:
        """The next instant at which a job may be found late."""
        times = []
        for name, job in self.jobs.items():
            if name in self._since and job.done_by:
                day = now.astimezone(zone_of(job.zone)).date()
                around = (day + timedelta(days=number) for number in (-1, 0, 1))
                times += [first_instant(job.zone, one, job.done_by) for one in around]
            if name in self._since and job.success_every:
                base = max(self._since[name][0], self._last_success(name, now), self._last_resume(name, now))
                times.append(base + job.success_every)
            for one in self._open_occurrences(name) if job.max_duration else ():
                times += [run.started_at + job.max_duration for run in one.runs if run.started_at]
        return min((at + LOOKED_AT for at in times if at + LOOKED_AT > now), default=FAR)

    def next_wall(self, now: datetime) -> datetime:
        """The next instant at which something falls due."""
        times = [one.next_at() for one in self._in_force()]
        for one in self._live:
            for run in one.runs if one.verdict in OPEN else ():
                times += [run.retry_at] if run.retry_at else []
                times += [run.not_before] if run.state == "queued" and run.not_before > now else []
        return min((at for at in times if at > now), default=now + timedelta(days=1))


def _open_of(one: Occurrence) -> list[Run]:
    return [run for run in one.runs if run.state in OPEN]


def _is_last(run: Run) -> bool:
    return run.trigger == "catchup" and run.attempt == 0


def _fits(when: str, one: Occurrence) -> bool:
    if when == "succeeded":
        return one.verdict == "succeeded"
    return one.verdict in (BAD if when == "failed" else ("succeeded", *BAD, "cancelled"))


def _is_late(one: Occurrence, job: Job, day: date, by: datetime) -> bool:
    last = one.last
    if one.at >= by or last.verdict == "skipped":
        return False
    ends = [run.ended_at for run in last.runs if run.ended_at is not None]
    return last.verdict != "succeeded" or max(ends) > by


def counted(occurrences: list[Occurrence]) -> Counter[str]:
    """The verdicts of occurrences."""
    return Counter(one.verdict for one in occurrences)
