"""Answers of `metrics`: what a monitoring system collects, as values. Every number comes from another answer.

Sums of verdicts are about the last day, so they are gauges: a restart or retention changes no number. The
histograms are counters, which the ledger keeps.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from engine.answers.listing import JobList, ListedJob
from engine.answers.presence import HOLDS
from engine.answers.report import VERDICTS, Report
from engine.answers.status import Status
from engine.core.histograms import BOUNDS, UNBOUNDED, Bucket, Histogram
from engine.core.lifecycle import Run, RunState
from engine.ledger.ports import View
from jobfile.model.dataclass import dataclass
from jobfile.model.namedtuple import NamedTuple

if TYPE_CHECKING:
    from engine.answers.hosts import Fleet
    from engine.core.hosts import Host

WINDOW: Final = timedelta(days=1)
"""The time that the sums are about."""
MAX_JOBS: Final = 500
"""Maximum number of jobs with labels of their own; the sums of the others have the label OTHERS.

The others have no histogram of durations: its counts would jump when a job becomes one of the others.
"""
OTHERS: Final = "(others)"
MAX_HOSTS: Final = 100
"""Maximum number of hosts with labels of their own."""
HELP: Final = {
    Histogram.RUN_DURATION: "How long runs took, from the first start to the end",
    Histogram.START_LATENESS: "How much later than planned runs were started for the first time",
}

Labels = tuple[tuple[str, str], ...]


class Sample(NamedTuple):
    """One value, with its labels. A sample of a histogram has `counts`."""

    labels: Labels
    value: float = 0.0
    counts: tuple[int, ...] = ()
    """Of each bucket alone; `value` is the sum of what was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A metric with all its samples. With `bounds` it is a histogram, else a gauge."""

    name: str
    help: str
    samples: tuple[Sample, ...]
    bounds: tuple[float, ...] = ()


def make_metrics(
    view: View, *, status: Status, listed: JobList, report: Report, version: str, now: datetime
) -> tuple[Family, ...]:
    """Everything that is collected at one moment; `listed` and `report` are about all jobs."""
    named = {one.job for one in listed.jobs[:MAX_JOBS]}
    counted = [one for one in view.totals.histograms() if not one.job or one.job in named]
    return (
        *_engine(status, version=version, now=now),
        *_waiting(status, view.open_runs(), now),
        *(fleet_families(status.fleet) if status.fleet is not None else ()),
        *_outbox(status, now),
        *_jobs(view, listed.jobs[:MAX_JOBS], beyond=max(0, len(listed.jobs) - MAX_JOBS), now=now),
        *_sums(report, named),
        *(_histogram(name, [one for one in counted if one.histogram is name]) for name in Histogram),
    )


def _gauge(name: str, help_: str, *samples: Sample) -> Family:
    return Family(name=f"jobfile_{name}", help=help_, samples=samples)


def _one(name: str, help_: str, value: float | None) -> Family:
    """A gauge without labels; it has no sample if there is no value."""
    return _gauge(name, help_, *([] if value is None else [Sample((), float(value))]))


def _instant(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def _engine(status: Status, *, version: str, now: datetime) -> Iterator[Family]:
    session, generation = status.session, status.generation
    held = {one.kind for one in status.holds}
    yield _gauge("build_info", "The version of jobfile", Sample((("version", version),), 1))
    yield _one("collected_timestamp_seconds", "When these numbers were collected", now.timestamp())
    yield _one("up", "Whether an engine is running", status.is_running)
    yield _one("well", "Whether `jobfile status` finds nothing that needs attention", status.is_well)
    seen = _instant(session.last_seen_at) if session is not None else None
    yield _one("engine_last_seen_timestamp_seconds", "The last heartbeat of the last engine", seen)
    yield _one("engine_silent", "Whether an engine is running but has no heartbeat", status.is_silent)
    is_stuck = bool(status.stuck or status.bug)
    yield _one("engine_stuck", "Whether a loop of the engine is stuck, or repeats a bug", is_stuck)
    help_ = "Whether nothing starts, because of the clock, a restored ledger or a full disk"
    yield _gauge("hold", help_, *(Sample((("kind", str(kind)),), kind in held) for kind in HOLDS))
    yield _one("ledger_writable", "Whether the engine can write its ledger", not status.trouble)
    yield _one("unreadable_rows", "Rows of the ledger that cannot be read", len(status.unreadable))
    yield _one("disk_free_bytes", "Free space where the state folder is", status.free_bytes)
    number = None if generation is None else generation.number
    yield _one("generation", "The number of the generation in force", number)
    at = None if generation is None else _instant(generation.applied_at)
    yield _one("generation_applied_timestamp_seconds", "When this generation was put in force", at)
    is_rejected = status.rejection is not None
    yield _one("config_rejected", "Whether the newest job files were refused", is_rejected)


def _waiting(status: Status, opened: Sequence[Run], now: datetime) -> Iterator[Family]:
    yield _gauge(
        "runs",
        "Runs that are not over",
        Sample((("state", "running"),), status.running),
        Sample((("state", "waiting"),), status.waiting),
    )
    due = [run.not_before for run in opened if run.state is RunState.QUEUED and run.not_before <= now]
    oldest = (now - min(due)).total_seconds() if due else 0.0
    yield _one("oldest_waiting_run_seconds", "How long the oldest run that could start has waited", oldest)
    yield _one("overdue_runs", "Runs that were due, but nothing has started them", status.overdue)
    yield _one("unsettled_runs", "Runs whose end no engine has recorded", status.unsettled)
    queues = [((("queue", one.queue),), one) for one in status.queues]
    yield _gauge(
        "queue_slots",
        "Slots of each queue in which runs wait",
        *(Sample(label, one.slots) for label, one in queues),
    )
    yield _gauge(
        "queue_held_slots",
        "How many of these slots are in use",
        *(Sample(label, one.held) for label, one in queues),
    )
    yield _gauge(
        "queue_waiting_runs",
        "How many runs wait in the queue",
        *(Sample(label, one.waiting) for label, one in queues),
    )


def fleet_families(fleet: "Fleet") -> Iterator[Family]:
    """The hosts, where several share the ledger."""
    yield _one("leader", "Whether an engine leads", fleet.is_led)
    term = None if fleet.leader is None else fleet.leader.term
    yield _one("leader_term", "The term of the leader: a number that grows with each new leader", term)
    counts = (Sample((("state", word),), number) for word, number in fleet.counts.items())
    yield _gauge("hosts", "Hosts, by their state", *counts)
    named: dict[str, Host] = {}
    lasting = [one.host for one in fleet.hosts if not one.host.is_for_one]
    for one in sorted(lasting, key=lambda one: one.seen_at):
        named[one.name] = one  # of two with the same name, the one with the later heartbeat
    hosts = [((("host_name", name),), named[name]) for name in sorted(named)[:MAX_HOSTS]]

    def each(name: str, help_: str, value: "Callable[[Host], float]") -> Family:
        return _gauge(f"host_{name}", help_, *(Sample(label, value(host)) for label, host in hosts))

    yield each("up", "Whether a host takes work", lambda host: host.takes_work)
    yield each("slots", "How many attempts it executes at once", lambda host: host.slots)
    yield each("used_slots", "How many of its slots are in use", lambda host: host.held)
    yield each(
        "silent_seconds", "How long ago its last heartbeat was", lambda host: host.silence.total_seconds()
    )
    yield each(
        "skew_seconds", "How far its clock is ahead of the ledger's", lambda host: host.skew.total_seconds()
    )
    hosts = [(label, host) for label, host in hosts if not host.is_cluster]
    yield each("disk_free_bytes", "Free space where its state folder is", lambda host: host.free_bytes)
    offered, held = len(fleet.waiting), sum(len(one.held) for one in fleet.hosts)
    numbers = (Sample((("state", word),), number) for word, number in (("offered", offered), ("held", held)))
    yield _gauge("deliveries", "Attempts that wait for a host, or that a host has taken", *numbers)
    oldest = fleet.waiting[0].length.total_seconds() if fleet.waiting else 0.0
    yield _one(
        "deliveries_oldest_offered_seconds", "How long the oldest of those that wait has waited", oldest
    )
    at_risk = sum(len(one.held) for one in fleet.silent)
    yield _one(
        "deliveries_of_silent_hosts", "Attempts that are lost when the leases of silent hosts end", at_risk
    )
    stranded = sum(not one.can_be_taken for one in fleet.waiting)
    yield _one("deliveries_not_takeable", "Waiting attempts whose labels no reachable host has", stranded)


def _outbox(status: Status, now: datetime) -> Iterator[Family]:
    oldest = status.backlog.oldest
    age = 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
    yield _one("notifications_waiting", "Notifications and pings to send", status.backlog.owed)
    yield _one("notifications_oldest_seconds", "The age of the oldest notification to send", age)
    yield _one("notifications_failing", "Whether notifications fail to arrive", status.is_mute)
    yield _one(
        "notifications_given_up",
        "Notifications that could not be delivered for a day",
        status.given_up.given_up,
    )


def _jobs(view: View, jobs: Sequence[ListedJob], *, beyond: int, now: datetime) -> Iterator[Family]:
    yield _one("jobs", "Jobs in force", len(jobs) + beyond)
    yield _one(
        "jobs_beyond_limit", f"Jobs without labels of their own, beyond the first {MAX_JOBS:,}", beyond
    )

    def each(name: str, help_: str, values: Mapping[str, float | None]) -> Family:
        found = [Sample((("job_name", job),), value) for job, value in values.items() if value is not None]
        return _gauge(name, help_, *found)

    states = [Sample((("job_name", one.job), ("state", one.state)), 1) for one in jobs]
    yield _gauge("job_state", "1 for the state of the last expected run of a job", *states)
    successes = {one.job: _instant(view.lateness.last_success(one.job, before=now)) for one in jobs}
    yield each("job_last_success_timestamp_seconds", "When a job last succeeded", successes)
    coming = {one.job: _instant(one.next_at) for one in jobs}
    yield each("job_next_run_timestamp_seconds", "When the next run of its schedule is due", coming)
    yield each(
        "job_late", "Whether the job is late, as its `expect` says", {one.job: bool(one.late) for one in jobs}
    )
    paused = {one.job: one.pause is not None for one in jobs}
    yield each("job_paused", "Whether the job is paused", paused)


def _sums(report: Report, named: set[str]) -> Iterator[Family]:
    expected: dict[str, int] = defaultdict(int)
    verdicts: dict[tuple[str, str], int] = defaultdict(int)
    for row in report.rows:
        job = row.job if row.job in named else OTHERS
        expected[job] += row.expected
        for verdict in VERDICTS:
            verdicts[job, verdict] += row.verdicts.get(verdict, 0)
    yield _gauge(
        "expected_runs",
        "Runs of the last day that a schedule expected or a user requested",
        *(Sample((("job_name", job),), count) for job, count in expected.items()),
    )
    yield _gauge(
        "accounted_runs",
        "The verdicts on these runs; they add up to jobfile_expected_runs",
        *(
            Sample((("job_name", job), ("verdict", verdict)), count)
            for (job, verdict), count in verdicts.items()
            if count
        ),
    )
    yield _one("adds_up", "Whether each expected run has exactly one verdict", not report.wrong)


def _histogram(which: Histogram, found: Iterable[Bucket]) -> Family:
    bounds = (*(round(bound * 1e6) for bound in BOUNDS[which]), UNBOUNDED)
    counts: dict[str, list[int]] = defaultdict(lambda: [0] * len(bounds))
    lengths: dict[str, int] = defaultdict(int)
    for one in found:
        # Another version may have other bounds: its counts are still below the next of these.
        counts[one.job][bisect_left(bounds, one.bound)] += one.runs
        lengths[one.job] += one.length
    samples = (
        Sample((("job_name", job),) if job else (), lengths[job] / 1e6, tuple(counts[job]))
        for job in sorted(counts)
    )
    return Family(
        name=f"jobfile_{which}_seconds", help=HELP[which], samples=tuple(samples), bounds=BOUNDS[which]
    )
