"""Deletes the folders of runs that are no longer in the ledger."""

from datetime import timedelta

from engine.config import EngineConfig
from engine.execution import run_folders
from engine.ledger.store_ports import Retention
from engine.ports import Clock


class Sweeper:
    """Looks at one shard of the run folders at a time."""

    def __init__(self, store: Retention, config: EngineConfig, clock: Clock) -> None:
        """Begin with the first."""
        self._store = store
        self._config = config
        self._clock = clock
        self._shard = 0

    def sweep(self) -> None:
        """Delete old folders of one shard that belong to no run."""
        older_than = (self._clock.now() - timedelta(days=self._config.keep_days)).timestamp()
        for path in run_folders.old_entries(self._config.runs_dir, shard=self._shard, older_than=older_than):
            if self._store.run(run_folders.run_of(path.name)) is None:
                run_folders.remove(path)
        self._shard = (self._shard + 1) % run_folders.SHARDS
