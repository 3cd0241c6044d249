"""Artifacts of runs."""

from collections.abc import Sequence
from datetime import datetime

from engine.core.artifacts import KeptArtifact
from engine.core.lifecycle import Artifact, AttemptKey, Run
from engine.ledger.connection import Connection
from engine.ledger.rows import artifact_from_row, run_from_row, to_us


class LedgerArtifacts:
    """Every method that writes runs inside the store's transaction."""

    def __init__(self, connection: Connection) -> None:
        """Take the store's connection."""
        self._db = connection

    def of_run(self, run_id: str) -> tuple[KeptArtifact, ...]:
        return self._db.all(artifact_from_row, "artifact.artifacts", {"run_id": run_id})

    def add(self, attempt: AttemptKey, artifacts: Sequence[Artifact]) -> None:
        for one in artifacts:
            about = {"name": one.name, "size": one.size, "sha256": one.sha256}
            values = {**attempt._asdict(), **about, "copy": one.copy, "note": one.note}
            self._db.write("artifact.add_artifact", values)

    def with_copies(self, *, before: datetime, limit: int) -> tuple[Run, ...]:
        return self._db.all(run_from_row, "artifact.with_copies", {"before": to_us(before), "limit": limit})

    def drop(self, run_id: str, *, now: datetime) -> None:
        self._db.write("artifact.drop_artifacts", {"run_id": run_id, "now": to_us(now)})
