"""The states of the steps of a run, and of the items of their lists: values that the ledger keeps."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from jobfile.model.dataclass import dataclass
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.values import Scalar, Shown


class StepState(StrEnum):
    """The state of a step, or of one item of a step. The final ones are those of a run."""

    READY = "ready"
    RUNNING = "running"
    RETRY_WAIT = "retry_wait"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    LOST = "lost"
    SKIPPED = "skipped"

    @property
    def is_final(self) -> bool:
        """Whether the step is over."""
        return self not in OPEN_STEPS

    @property
    def is_bad(self) -> bool:
        """Whether the step is over and did not do its work."""
        return self in BAD_STEPS


OPEN_STEPS: Final = (StepState.READY, StepState.RUNNING, StepState.RETRY_WAIT)
BAD_STEPS: Final = (StepState.LOST, StepState.TIMED_OUT, StepState.FAILED, StepState.CANCELLED)


class StepKey(NamedTuple):
    """A step of a run; with an item, one round of its `for_each`, from 1."""

    step: str
    item: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StepRun(Shown):
    """The state of a step, or of an item, in a run. A step without a record is not decided yet."""

    step: str
    item: int = 0
    state: StepState
    reason: str = ""
    detail: str = ""
    attempt: int = 0
    """The number of its newest attempt."""
    tries: int = 0
    """How many attempts it had since the run, or the newest retry of the run, began."""
    retry_at: datetime | None = None
    """When its next try starts; of a failed request, until when its server asks to wait."""
    items: tuple[Scalar, ...] | None = None
    """The values of a `for_each`, kept from when they were decided; None for other steps, and for items."""

    @property
    def key(self) -> StepKey:
        """Which step or item it is."""
        return StepKey(self.step, self.item)
