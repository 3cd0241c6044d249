"""Finds the zone in which a job's times are shown."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from engine.ledger.ports import View
from jobfile.schedule.zones import load_zone


def zone_of_job(view: View, job: str) -> ZoneInfo:
    """The zone in which a job's days are counted: that of its newest definition."""
    version = view.job_in_force(job)
    if version is None:
        versions = view.job_versions(job)
        version = versions[-1] if versions else None
    digest = version.digest if version else None
    if digest is None:
        run = view.newest_run(job, until=datetime.max.replace(tzinfo=UTC))
        digest = run.digest if run else None
    text = view.definition_text(digest) if digest else None
    # Only the zone, without parsing the whole definition: commands that need nothing else start faster.
    zone = load_zone(json.loads(text)["timezone"]) if text else None
    return zone or ZoneInfo("UTC")
