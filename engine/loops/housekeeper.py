"""Loop: retention. It records late results, deletes old runs, compresses outputs and checks disk space."""

import contextlib
from collections.abc import Callable
from datetime import timedelta

from engine.config import EngineConfig
from engine.core.errors import OutputsUnavailableError
from engine.core.events import DiskHeld, DiskReleased, Event, OutputsDropped, RunResolved, RunsPruned
from engine.core.lifecycle import Run, TriggerKind
from engine.core.outputs import outputs_of
from engine.core.records import DISK_HOLD
from engine.core.retry import state_after
from engine.core.webhooks import REMEMBERED
from engine.execution import run_folders
from engine.hosts.executor import Executor
from engine.hosts.sweeping import COMPRESS_AFTER, KEEP_OUTPUT_FOR, Sweeper, stop_hoarders
from engine.ledger.store_ports import Retention
from engine.notifications.noting import owe_for_hold
from engine.ports import Clock, Journal
from engine.transactions.keys import KEY_LASTS
from engine.transactions.steps import has_steps, step_as_job

LOOK_SECONDS = 10.0
MORE_SECONDS = 0.1
"""Seconds between two batches of deletions, so that other loops get the ledger."""
LOOKS_A_ROUND = 6
"""Looks between two rounds: disk and folders are checked at each look, old runs once a minute."""
ROUNDS_A_COUNT = 60
"""Rounds between two counts of the runs of each job, once an hour: it reads an index of all runs."""

BATCH = 200
"""Maximum number of runs deleted in one transaction, so that nothing waits long for the ledger."""
EVIDENCE_WITHIN = timedelta(days=7)
"""How long the end of a lost attempt is searched for."""
LOST_AT_ONCE = 500
ENOUGH_SPACE = "there is enough space again"
FORGOTTEN = {TriggerKind.AFTER: KEY_LASTS, TriggerKind.BACKFILL: KEY_LASTS, TriggerKind.WEBHOOK: REMEMBERED}
"""Kinds of events that cannot come again, and how long they are known at least."""
_COMPRESSED = "compressed_upto"
_DROPPED = "dropped_upto"
_PIECES_DROPPED = "pieces_dropped_upto"


class Housekeeper:
    """Its work changes no answer, and may be interrupted at any point."""

    def __init__(
        self,
        *,
        store: Retention,
        clock: Clock,
        executor: Executor,
        journal: Journal,
        config: EngineConfig,
        is_held: Callable[[], bool] = lambda: False,
    ) -> None:
        """While `is_held`, nothing is deleted: the clock or the ledger is not believed."""
        self._store = store
        self._clock = clock
        self._executor = executor
        self._journal = journal
        self._config = config
        self._is_held = is_held
        self._looks = 0
        self._sweeper = Sweeper(store, config, clock)
        self._later: dict[str, Run] = {}
        # An earlier engine may have found too little space, and there may be enough again.
        self.is_disk_low = store.incidents.hold(DISK_HOLD) is not None
        self._is_disk_noted = True

    def tick(self) -> float:
        """Do a part of the work; returns the seconds until the next part."""
        self.watch_disk()
        stop_hoarders(self._store, self._config, self._clock)
        is_more = False
        if self._looks % LOOKS_A_ROUND == 0 and not self._is_held():
            counts = self._looks % (LOOKS_A_ROUND * ROUNDS_A_COUNT) == 0
            is_more = self.prune(counts=counts)
            is_more = self.forget_identities() or is_more
            if not is_more:  # the rest once a round, however many batches went before
                self.resolve()
                self.compress()
                self.drop_artifacts()
                self._sweeper.sweep()  # of runs whose folders an engine had no time to delete
                if counts:
                    self.drop_outputs()
                    with contextlib.suppress(OutputsUnavailableError):
                        self.drop_pieces()
        if not is_more:
            self._looks += 1
        return MORE_SECONDS if is_more else LOOK_SECONDS

    def resolve(self) -> None:
        """Record late ends of lost attempts: a disk came back, or a supervisor was still alive."""
        since = self._clock.now() - EVIDENCE_WITHIN
        lost = self._store.past.lost_attempts(since=since, limit=LOST_AT_ONCE)
        for attempt, found in self._executor.late_ends(lost):
            run = self._store.run(attempt.run_id)
            if run is None:
                continue
            spec = self._store.definition(run.digest)
            if attempt.step and has_steps(spec):
                spec = step_as_job(spec, attempt.step)
            outputs = outputs_of(found, spec)
            state = state_after(found, run, spec, outputs)
            same = (one for one in self._store.past.attempts(run.id) if one.key[2:] == attempt.key[2:])
            is_last = all(one.number <= attempt.number for one in same)
            detail = "its end was found later" if is_last else "its end was found later: executed twice"
            with self._store.transaction():
                if self._store.past.resolve(attempt, found, state=state, detail=detail) and is_last:
                    self._store.artifacts.add(attempt.key, found.artifacts)
                    self._store.past.set_outputs(attempt.key, outputs.values)
            self._journal.report(RunResolved(run=run, number=attempt.number, state=state, is_last=is_last))

    def prune(self, *, counts: bool) -> bool:
        """Delete one batch of runs that are too old or too many; return whether there may be more."""
        before = self._clock.now() - timedelta(days=self._config.keep_days)
        found = self._store.past.prunable(before=before, limit=BATCH)
        if not found and counts:
            for job, oldest in self._store.past.crowded(keep=self._config.keep_runs):
                found = self._store.past.prunable(before=oldest, limit=BATCH, job=job)
                if found:
                    break
        if not found:
            with self._store.transaction():
                self._store.outbox.drop_sent(before=before)
                self._store.lateness.drop(before=before)
            return False
        left = {run.id: [one.key for one in self._store.past.attempts(run.id)] for run in found}
        with self._store.transaction():
            gone = self._store.past.prune(found, now=self._clock.now())
        # Rows before folders: after a crash in between, the sweeper deletes the folders, but a row without
        # its folder would promise an output that is gone.
        for run in gone:
            run_folders.remove_run(self._config.run_dir(run.id), left[run.id])
            self._drop_pieces_of(run.id, logs=True)
        if gone:
            self._journal.report(RunsPruned(count=len(gone)))
        return bool(gone)

    def forget_identities(self) -> bool:
        """Delete one batch of expired keys, and of events that cannot come again; return whether there may be
        more. A file may stay for years, so its event is forgotten only when it is gone.
        """
        now = self._clock.now()
        kept = timedelta(days=self._config.keep_days)
        with self._store.transaction():
            counts = [self._store.keys.drop_expired(now=now, limit=BATCH)]
            for kind, least in FORGOTTEN.items():
                before = now - max(kept, least)
                counts.append(self._store.trigger_events.forget_old(kind, before=before, limit=BATCH))
        return BATCH in counts

    def compress(self) -> None:
        """Compress the outputs of runs that ended over a day ago, in the order of their recording."""
        before = self._clock.now() - COMPRESS_AFTER
        after = self._store.past.number(_COMPRESSED)
        found = self._store.past.recorded_after(after, before=before, limit=BATCH)
        waiting = {**self._later, **{run.id: run for _, run in found}}
        self._later = {}
        # Runs are visited once, by the order of recording; those that have not ended wait in `_later`.
        for known in waiting.values():
            run = self._store.run(known.id)
            if run is None:
                continue
            if run.ended_at is None or run.ended_at >= before:
                self._later[run.id] = run
                continue
            for attempt in self._store.past.attempts(run.id):
                run_folders.compress_attempt(self._config.attempt_dir(attempt.key))
            run_folders.empty_scratch(self._config.run_dir(run.id))
        if found:
            with self._store.transaction():
                self._store.past.note(_COMPRESSED, str(found[-1][0]))

    def drop_outputs(self) -> None:
        """While all run folders together are too large, delete those of the oldest finished runs."""
        over = run_folders.survey(self._config.runs_dir).total_bytes - self._config.keep_bytes
        seq, count, dropped = self._store.past.number(_DROPPED), 0, 0
        before = self._clock.now() - KEEP_OUTPUT_FOR
        while dropped < over and (found := self._store.past.recorded_after(seq, before=before, limit=BATCH)):
            gone = []
            for seq, run in found:  # noqa: B007  so far it has come
                if dropped < over and run.state.is_final:
                    folder = self._config.run_dir(run.id)
                    keys = [one.key for one in self._store.past.attempts(run.id)]
                    size = run_folders.bytes_of_run(folder, keys)
                    run_folders.remove_run(folder, keys)
                    gone.append(run.id)
                    count, dropped = count + bool(size), dropped + size
                if dropped >= over:
                    break
            with self._store.transaction():
                for run_id in gone:
                    self._store.artifacts.drop(run_id, now=self._clock.now())
                self._store.past.note(_DROPPED, str(seq))
        if dropped:
            self._journal.report(OutputsDropped(count=count, bytes=dropped))

    def drop_pieces(self) -> None:
        """While what hosts have sent to the ledger is too large, delete that of the oldest finished runs."""
        pieces = self._store.pieces
        if pieces is None:
            return
        over = pieces.total_bytes() - self._config.keep_bytes
        seq, count, dropped = self._store.past.number(_PIECES_DROPPED), 0, 0
        before = self._clock.now() - KEEP_OUTPUT_FOR
        while dropped < over and (found := self._store.past.recorded_after(seq, before=before, limit=BATCH)):
            for seq, run in found:  # noqa: B007  so far it has come
                if run.state.is_final:
                    size = pieces.drop(run.id, logs=True)
                    count, dropped = count + bool(size), dropped + size
                if dropped >= over:
                    break
            with self._store.transaction():
                self._store.past.note(_PIECES_DROPPED, str(seq))
        if dropped:
            self._journal.report(OutputsDropped(count=count, bytes=dropped))

    def _drop_pieces_of(self, run_id: str, *, logs: bool) -> None:
        """Delete what hosts have sent of a run; an object store that is away keeps it by its own rules."""
        pieces = self._store.pieces
        if pieces is not None:
            with contextlib.suppress(OutputsUnavailableError):
                pieces.drop(run_id, logs=logs)

    def drop_artifacts(self) -> None:
        """Delete the copies of artifacts of runs that ended long ago. First it is noted, as in `prune`."""
        now = self._clock.now()
        found = self._store.artifacts.with_copies(
            before=now - timedelta(days=self._config.keep_artifacts_days), limit=BATCH
        )
        if not found:
            return
        with self._store.transaction():
            for run in found:
                self._store.artifacts.drop(run.id, now=now)
        for run in found:
            for attempt in self._store.past.attempts(run.id):
                run_folders.remove(run_folders.artifacts_of(self._config.attempt_dir(attempt.key)))
            self._drop_pieces_of(run.id, logs=False)

    def watch_disk(self) -> None:
        """Hold starts while disk space is low: the rest is for running jobs,
        and for the ledger to record their ends.
        """
        free = run_folders.free_bytes(self._config.state_dir)
        is_low = free < self._config.min_free_bytes
        if is_low != self.is_disk_low:
            self.is_disk_low, self._is_disk_noted = is_low, False
            event: Event = DiskHeld(free_bytes=free) if is_low else DiskReleased(free_bytes=free)
            self._journal.report(event)
        if self._is_disk_noted:
            return
        now = self._clock.now()
        with self._store.transaction():
            if not is_low:
                self._store.incidents.end_hold(DISK_HOLD, by=ENOUGH_SPACE, now=now)
                owe_for_hold(self._store, DISK_HOLD, begins=False, detail=ENOUGH_SPACE, now=now)
            elif self._store.incidents.hold(DISK_HOLD) is None:
                detail = (
                    f"{free // 2**20} MiB free, at least {self._config.min_free_bytes // 2**20} are needed"
                )
                self._store.incidents.begin_hold(DISK_HOLD, detail=detail, now=now)
                owe_for_hold(self._store, DISK_HOLD, begins=True, detail=detail, now=now)
        self._is_disk_noted = True
