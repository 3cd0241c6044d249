"""Runs after the start of the host: the first session of an engine after it records one for each such job."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from engine.core.lifecycle import Run, TriggerKind
from jobfile.model.jobs import BootTrigger, JobSpec


class AtBoot:
    """The trigger `boot`. The ledger names the last recorded start of the host, so there is no coverage."""

    kinds: tuple[TriggerKind, ...] = (TriggerKind.BOOT,)

    def environment(self, run: Run, spec: JobSpec, zone: ZoneInfo) -> Mapping[str, str]:  # noqa: ARG002  the protocol's signature
        """None: its runs get only what every run gets."""
        return {}


def starts_at_boot(spec: JobSpec) -> bool:
    """Whether a start of the host starts a job."""
    return spec.enabled and any(isinstance(one, BootTrigger) for one in spec.triggers)
