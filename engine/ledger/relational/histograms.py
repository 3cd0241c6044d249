"""Histograms: each run is counted in the transaction that starts or ends it."""

from datetime import datetime

from engine.core.histograms import Bucket, Histogram, bucket_of
from engine.core.lifecycle import Run
from engine.ledger.connection import Connection


def count_start(db: Connection, run: Run, *, now: datetime) -> None:
    """Count how late a run is started; `run` is as it was before the start. A retry is not counted."""
    if run.attempt == 0:
        _count(db, bucket_of(Histogram.START_LATENESS, "", now - run.not_before))


def count_end(db: Connection, run: Run, *, started_at: datetime | None, ended_at: datetime) -> None:
    """Count how long a finished run took."""
    if started_at is not None:
        _count(db, bucket_of(Histogram.RUN_DURATION, run.job, ended_at - started_at))


def _count(db: Connection, bucket: Bucket) -> None:
    db.write("histogram.count", {**bucket._asdict(), "name": bucket.histogram.value})
