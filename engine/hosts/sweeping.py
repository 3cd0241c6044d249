"""Keeps the folders of runs small: deletes those that the ledger does not have any more, compresses and
deletes those of a host that executes attempts for others, and ends runs whose folders grow too large.
"""

from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Final

from engine.config import EngineConfig
from engine.core.events import OutputsDropped
from engine.core.lifecycle import AttemptState, RunState
from engine.core.reasons import Reason
from engine.execution import run_folders
from engine.ledger.store_ports import Retention
from engine.ports import Clock, Journal, Stop

COMPRESS_AFTER: Final = timedelta(days=1)
KEEP_OUTPUT_FOR: Final = timedelta(hours=1)
"""Output of younger runs is kept, however large all outputs are."""
GONE_FOR: Final = timedelta(days=1)
"""How long a host keeps a folder whose run the ledger has deleted."""
LOOK_SECONDS: Final = 10.0
LOOKS_A_SHARD: Final = 6
"""Number of calls of `tick` between two shards: all shards take four hours."""
LOOKS_A_COUNT: Final = 360
"""Number of calls of `tick` between two counts of the bytes in all folders: once an hour."""


class Sweeper:
    """Examines one shard of the run folders at a time."""

    def __init__(
        self,
        store: Retention,
        config: EngineConfig,
        clock: Clock,
        *,
        is_deleted: Callable[[str], bool] | None = None,
    ) -> None:
        """Begin with the first. `is_deleted` says whether the ledger has had a run, and has deleted it."""
        self._store = store
        self._config = config
        self._clock = clock
        self._is_deleted = is_deleted
        self.shard = 0

    def sweep(self) -> None:
        """Delete old folders of one shard that belong to no run.

        A run of which the ledger has nothing may be one that it lost, after a failover or because it is an
        older copy: then its folder is the only evidence, and stays as long as any run does.
        """
        self._remove(timedelta(days=self._config.keep_days), lambda _: True)
        if self._is_deleted is not None:
            self._remove(GONE_FOR, self._is_deleted)
        self.shard = (self.shard + 1) % run_folders.SHARDS

    def _remove(self, kept: timedelta, may_go: Callable[[str], bool]) -> None:
        older_than = (self._clock.now() - kept).timestamp()
        for path in run_folders.old_entries(self._config.runs_dir, shard=self.shard, older_than=older_than):
            run_id = run_folders.run_of(path.name)
            if self._store.run(run_id) is None and may_go(run_id):
                run_folders.remove(path)


class Upkeep:
    """Looks after the folders of a host on a shared ledger. The leader deletes what the ledger has of them.

    It looks at what is on the disk, and asks the ledger only about that: most runs were executed elsewhere.
    """

    def __init__(
        self,
        store: Retention,
        config: EngineConfig,
        clock: Clock,
        journal: Journal,
        *,
        is_deleted: Callable[[str], bool],
    ) -> None:
        """No folder was examined yet. `is_deleted` is as that of `Sweeper`."""
        self._store = store
        self._config = config
        self._clock = clock
        self._journal = journal
        self._sweeper = Sweeper(store, config, clock, is_deleted=is_deleted)
        self._looks = 0

    def tick(self, held: Collection[str]) -> float:
        """Do a part of the work, but nothing to runs that are `held`; the seconds until the next part."""
        if self._looks % LOOKS_A_SHARD == 0:
            self.shrink(held)
            self._sweeper.sweep()
        if self._looks % LOOKS_A_COUNT == 0:
            self.drop_outputs(held)
        self._looks += 1
        if held:  # last: a user with the rights of workers may not end runs, and that is reported
            stop_hoarders(self._store, self._config, self._clock, is_here=lambda run_id: run_id in held)
        return LOOK_SECONDS

    def shrink(self, held: Collection[str]) -> None:
        """Compress outputs of one shard after a day, and delete copies that the ledger calls deleted."""
        before = self._clock.now() - COMPRESS_AFTER
        for found in run_folders.shrinkable(self._config.runs_dir, shard=self._sweeper.shard):
            run = None if found.run_id in held else self._store.run(found.run_id)
            if run is None or run.ended_at is None or run.ended_at >= before:
                continue
            if found.is_plain:
                for attempt in self._store.past.attempts(run.id):
                    run_folders.compress_attempt(self._config.attempt_dir(attempt.key))
                run_folders.empty_scratch(self._config.run_dir(run.id))
            if found.has_copies:
                self._drop_copies(run.id)

    def _drop_copies(self, run_id: str) -> None:
        """Delete the copies that are deleted by what the ledger says: the leader decides that."""
        copies = [one for one in self._store.artifacts.of_run(run_id) if one.artifact.copy]
        kept = {one.attempt for one in copies if one.has_copy}
        for attempt in {one.attempt for one in copies} - kept:
            run_folders.remove(run_folders.artifacts_of(self._config.attempt_dir(attempt)))

    def drop_outputs(self, held: Collection[str]) -> None:
        """While all folders here together are too large, delete those of the oldest finished runs."""
        over = run_folders.survey(self._config.runs_dir).total_bytes - self._config.keep_bytes
        if over <= 0:
            return
        before, count, dropped = self._clock.now() - KEEP_OUTPUT_FOR, 0, 0
        for run_id in run_folders.oldest_first(self._config.runs_dir):
            run = None if run_id in held else self._store.run(run_id)
            if run is None or run.ended_at is None or run.ended_at >= before:
                continue
            keys = [one.key for one in self._store.past.attempts(run.id)]
            folder = self._config.run_dir(run.id)
            size = run_folders.bytes_of_run(folder, keys)
            run_folders.remove_run(folder, keys)
            count, dropped = count + bool(size), dropped + size
            if dropped >= over:
                break
        if dropped:
            self._journal.report(OutputsDropped(count=count, bytes=dropped))


def stop_hoarders(
    store: Retention, config: EngineConfig, clock: Clock, *, is_here: Callable[[str], bool] = lambda _: True
) -> None:
    """End runs whose folders here are too large."""
    for live in store.live_attempts():
        is_running = live.run_state is RunState.RUNNING and live.attempt.state is AttemptState.RUNNING
        run_id = live.attempt.run_id
        if not is_running or not is_here(run_id):
            continue
        if run_folders.exceeds(config.run_dir(run_id), limit=config.max_folder_bytes):
            detail = f"more than {config.max_folder_bytes // 2**20} MiB in its folder"
            reason = Reason.FOLDER_LIMIT
            with store.transaction():
                store.request_stop(run_id, Stop.CANCEL, reason=reason, detail=detail, now=clock.now())
