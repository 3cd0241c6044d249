"""Runs that follow an event: a file that arrived, the end of another job's run, a request over HTTP."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from engine.core.lifecycle import Run, TriggerKind
from jobfile.model.jobs import JobSpec


class ByEvent:
    """Events from outside the schedules. The ledger keeps the identity of each, so there is no coverage."""

    kinds: tuple[TriggerKind, ...] = (TriggerKind.FILE, TriggerKind.AFTER, TriggerKind.WEBHOOK)

    def environment(self, run: Run, spec: JobSpec, zone: ZoneInfo) -> Mapping[str, str]:  # noqa: ARG002  the protocol's signature
        """None: its runs get only what every run gets."""
        return {}
