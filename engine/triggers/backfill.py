"""Runs that a user requests for past occurrences of a schedule."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from engine.core.lifecycle import Run, TriggerKind
from engine.triggers.schedule import OnSchedule
from jobfile.model.jobs import JobSpec


class Backfilled:
    """Requests for past occurrences. They count as requested, never as scheduled."""

    kinds: tuple[TriggerKind, ...] = (TriggerKind.BACKFILL,)

    def environment(self, run: Run, spec: JobSpec, zone: ZoneInfo) -> Mapping[str, str]:
        """The interval of the occurrence, as its scheduled run has it."""
        return OnSchedule().environment(run, spec, zone)
