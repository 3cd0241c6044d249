"""Complete values for tests; a test overrides only the field that matters to it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from engine.core.hosts import Host
from engine.core.lifecycle import Run, RunState, TriggerKind
from jobfile.model.catalog import Catalog, CompiledJob, build_catalog
from jobfile.model.jobs import CommandAction, CronEntry, EveryEntry, JobSpec, Origin

NOON = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def a_job(name: str = "hello", **fields: Any) -> JobSpec:
    """A job that runs `true`."""
    return replace(JobSpec(name=name, action=CommandAction(argv=("true",))), **fields)


def a_host(name: str = "a", **fields: Any) -> Host:
    """A host with two slots, which takes work."""
    known = Host(id=name, name=name, process="1", boot_id="1", version="1", labels=(), slots=2, seen_at=NOON)
    return known._replace(**fields)


def every(**period: float) -> tuple[EveryEntry, ...]:
    """A schedule with a period."""
    return (EveryEntry(every=timedelta(**period), timezone="UTC"),)


def cron(text: str, zone: str = "UTC") -> tuple[CronEntry, ...]:
    """A schedule with a cron expression."""
    return (CronEntry(cron=text, timezone=zone),)


def compiled(spec: JobSpec, *, line: int = 3) -> CompiledJob:
    """A job with a place in a file."""
    return CompiledJob(spec=spec, origin=Origin(file="jobs.yaml", line=line))


def a_catalog(*specs: JobSpec) -> Catalog:
    """A catalog of these jobs."""
    return build_catalog(compiled(spec, line=index) for index, spec in enumerate(specs, start=3))


def a_run(spec: JobSpec | None = None, **fields: Any) -> Run:
    """A queued run that a user requested."""
    job = spec or a_job()
    run = Run(
        id="0" * 32,
        job=job.name,
        digest=compiled(job).digest,
        generation=None,
        trigger=TriggerKind.MANUAL,
        schedule_key=None,
        scheduled_for=NOON,
        params={},
        state=RunState.QUEUED,
        queued_at=NOON,
        not_before=NOON,
        concurrency_key=job.name,
        concurrency_limit=job.concurrency.limit,
    )
    return replace(run, **fields)
