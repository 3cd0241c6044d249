"""The files that a run kept: what the ledger knows of each, and which of them are the newest."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from engine.core.lifecycle import Artifact, AttemptKey, Ended, Outcome
from jobfile.model.dataclass import dataclass
from jobfile.model.values import Shown


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class KeptArtifact(Shown):
    """A file of an attempt in the ledger; `dropped_at` is when its copy was deleted."""

    attempt: AttemptKey
    artifact: Artifact
    dropped_at: datetime | None = None

    @property
    def has_copy(self) -> bool:
        """Whether its copy is still there."""
        return self.artifact.copy > 0 and self.dropped_at is None


def artifacts_of(outcome: Outcome) -> tuple[Artifact, ...]:
    """What an attempt that has ended kept."""
    return outcome.artifacts if isinstance(outcome, Ended) else ()


def newest_of(found: Sequence[KeptArtifact]) -> tuple[KeptArtifact, ...]:
    """Of files with the same name, those of the attempt that ended last. `found` is in that order."""
    last = {one.artifact.name: one.attempt for one in found if one.artifact.name}
    return tuple(one for one in found if last.get(one.artifact.name, one.attempt) == one.attempt)


def total_bytes(found: Iterable[KeptArtifact]) -> int:
    """The bytes of all copies."""
    return sum(one.artifact.size for one in found if one.has_copy)
