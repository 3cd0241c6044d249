"""Runs by hand: each request is a new occurrence, and the command that makes it records it at once."""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.core.lifecycle import Occurrence, Run, TriggerKind
from jobfile.model.jobs import JobSpec
from jobfile.model.values import Value


class ByHand:
    """Requests. No two are the same occurrence, so there is no coverage."""

    kinds: tuple[TriggerKind, ...] = (TriggerKind.MANUAL,)

    def environment(self, run: Run, spec: JobSpec, zone: ZoneInfo) -> Mapping[str, str]:  # noqa: ARG002  the protocol's signature
        """None: its runs get only what every run gets."""
        return {}


def requested(
    job: str,
    *,
    at: datetime,
    now: datetime,
    arguments: Mapping[str, Value],
    requested_by: str = "",
    retry_of: str | None = None,
    trigger: TriggerKind = TriggerKind.MANUAL,
) -> Occurrence:
    """The occurrence that a user or an event requests; `at` is the time that the run is for."""
    return Occurrence(
        job=job,
        trigger=trigger,
        schedule_key=None,
        scheduled_for=at,
        arguments=arguments,
        not_before=now,
        requested_by=requested_by,
        retry_of=retry_of,
    )
