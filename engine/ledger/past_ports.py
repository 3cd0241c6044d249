"""The ports of a ledger for finished runs. A store has them as `past` and `artifacts`.

Every method that writes must be called inside a transaction of the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from engine.core.artifacts import KeptArtifact
    from engine.core.lifecycle import Artifact, Attempt, AttemptKey, Ended, Run, RunState
    from engine.core.records import Audited, Output
    from jobfile.model.values import Value


class Past(Protocol):
    """Finished runs, what retention deletes, and facts that the engine notes about its own upkeep."""

    def attempt(self, key: AttemptKey) -> Attempt | None:
        """One attempt of a run by its number."""
        ...

    def attempts(self, run_id: str) -> tuple[Attempt, ...]:
        """The attempts of a run, by step, item and number."""
        ...

    def lost_attempts(self, *, since: datetime, limit: int) -> tuple[Attempt, ...]:
        """Attempts that were recorded as lost after `since` and are not resolved, oldest first."""
        ...

    def resolve(self, attempt: Attempt, ended: Ended, *, state: RunState, detail: str) -> bool:
        """Record the end of a lost attempt, found late. It is recorded once.

        True if this also resolves the run; it does not if a later attempt has started.
        """
        ...

    def outputs(self, run_id: str) -> tuple[Output, ...]:
        """The outputs of a run, by step, item and name."""
        ...

    def set_outputs(self, attempt: AttemptKey, outputs: Mapping[str, Value]) -> None:
        """Record the outputs of an attempt. Those of an earlier attempt of its step are deleted."""
        ...

    def prunable(self, *, before: datetime, limit: int, job: str | None = None) -> tuple[Run, ...]:
        """Runs that ended before an instant and may be deleted, oldest first; None for all jobs.

        Of a matrix, whole occurrences: so the first one may exceed the limit.
        """
        ...

    def crowded(self, *, keep: int) -> tuple[tuple[str, datetime], ...]:
        """Jobs with more than `keep` runs, each with the nominal time of the oldest
        run to keep; unordered.
        """
        ...

    def prune(self, runs: Sequence[Run], *, now: datetime) -> tuple[Run, ...]:
        """Delete runs; a gap record or a count keeps the result of each occurrence. Return the deleted ones.

        A scheduled run whose schedule is not found stays: its row is unreadable, and no gap record can
        replace it.
        """
        ...

    def recorded_after(self, seq: int, *, before: datetime, limit: int) -> tuple[tuple[int, Run], ...]:
        """Runs recorded after the run numbered `seq` and before an instant, each
        with its number, in order.
        """
        ...

    def newest_audit(self) -> tuple[int, str]:
        """The number and the hash of the newest audit record; (0, "") when there is none."""
        ...

    def audit_after(self, seq: int, *, limit: int) -> tuple[tuple[int, Audited], ...]:
        """Audit records after the one numbered `seq`, oldest first, each with its number."""
        ...

    def fact(self, key: str, *, default: str) -> str:
        """The text noted last under a key."""
        ...

    def number(self, key: str) -> int:
        """The number noted last under a key; 0 when nothing was noted, or no number."""
        ...

    def note(self, key: str, value: str) -> None:
        """Note a text under a key, in place of an earlier one."""
        ...


class Artifacts(Protocol):
    """The files that runs kept: their names and digests, and whether there still are copies."""

    def of_run(self, run_id: str) -> tuple[KeptArtifact, ...]:
        """The artifacts of a run, in the order in which they were recorded."""
        ...

    def add(self, attempt: AttemptKey, artifacts: Sequence[Artifact]) -> None:
        """Record the artifacts of an attempt that has ended."""
        ...

    def with_copies(self, *, before: datetime, limit: int) -> tuple[Run, ...]:
        """Runs that ended before an instant and have copies of artifacts, in the order of their recording."""
        ...

    def drop(self, run_id: str, *, now: datetime) -> None:
        """Note that the copies of a run's artifacts are deleted; their names and digests stay."""
        ...
