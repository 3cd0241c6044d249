"""Executes attempts on this host, under supervisors that outlive the engine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import assert_never

from engine.actions.prepare import prepare
from engine.actions.removing import removal_of
from engine.config import EngineConfig
from engine.core.lifecycle import (
    Attempt,
    AttemptKey,
    AttemptState,
    Ended,
    Lost,
    Run,
    RunState,
    StartError,
)
from engine.core.reasons import Reason
from engine.core.records import LiveAttempt
from engine.hosts.executor import Checked, Flight
from engine.hosts.outcomes import Outcomes
from engine.ledger.store_ports import Execution
from engine.ports import Alive, Clock, Evidence, Launcher, LaunchOrder, NotStarted, Stop
from engine.transactions.steps import ToStart, as_executed, steps_of

LAUNCHED_AT_ONCE = 8
"""Maximum attempts handed over at once, so that a large batch does not delay its first attempts."""

GONE_SECONDS = 3.0
"""How long the evidence of an executed attempt may be missing before the attempt is lost."""
STILL_GONE_SECONDS = 2.5
"""Missing evidence is checked every second. After a longer pause between checks, it was there in between."""


class Here:
    """Implements `Executor` with a launcher of this host."""

    def __init__(
        self,
        *,
        store: Execution,
        clock: Clock,
        launcher: Launcher,
        config: EngineConfig,
        adorn: Callable[[LaunchOrder], LaunchOrder | None] = lambda order: order,
        config_for: Callable[[Run], EngineConfig | None] | None = None,
        ahead: Callable[[], timedelta] = timedelta,
        fence_of: Callable[[AttemptKey], int | None] = lambda _: None,
    ) -> None:
        """`adorn` may add something to an order, or return None if the order must not be sent. `config_for`
        returns the settings with the main file beside which a run is executed; None if it cannot run here.
        `ahead` returns how far the ledger's clock is ahead of this host's, and `fence_of` the number of an
        attempt's delivery, if it was brought here.
        """
        self._config_for = config_for or (lambda _: config)
        self._adorn = adorn
        self._fence_of = fence_of
        self._store = store
        self._clock = clock
        self._launcher = launcher
        self._config = config
        self._outcomes = Outcomes(store, config, clock, config_for=self._config_for, ahead=ahead)
        self._missed: dict[str, tuple[float, float]] = {}

    def chosen(self, runs: Sequence[Run]) -> Sequence[Run]:
        return runs

    def room(self, flying: int) -> int:
        return self._config.max_running - flying

    def launch(self, starts: Sequence[ToStart]) -> Mapping[str, StartError]:
        failed: dict[str, StartError] = {}
        succeeded: dict[str, datetime | None] = {}
        for first in range(0, len(starts), LAUNCHED_AT_ONCE):
            orders: list[LaunchOrder] = []
            try:
                for one in starts[first : first + LAUNCHED_AT_ONCE]:
                    order = self._prepared(one, succeeded)
                    if order is None:
                        continue  # a file is missing, or was not read in time: `look` finds it not started
                    if isinstance(order, StartError):
                        failed[one.attempt.id] = order
                    elif (adorned := self._adorn(order)) is not None:
                        orders.append(adorned)
            finally:  # the ledger may fail in between: launch those that are prepared
                if orders:
                    self._launcher.launch(*orders)
        return failed

    def look(self, flights: Sequence[Flight]) -> Mapping[str, Evidence]:
        found: dict[str, Evidence] = {}
        for flight in flights:
            folder = self._config.attempt_dir(flight.attempt)
            seen = self._counted(flight, self._launcher.evidence(folder, boot_id=flight.boot_id))
            if seen is not None:
                found[flight.attempt.id] = seen
        return found

    def check(self, live: Sequence[LiveAttempt]) -> Checked:
        over: list[str] = []
        alive: list[tuple[Attempt, datetime | None]] = []
        for one in live:
            folder = self._config.attempt_dir(one.attempt.key)
            evidence = self._launcher.evidence(folder, boot_id=one.attempt.boot_id)
            if not isinstance(evidence, Alive):
                over.append(one.attempt.id)
                continue
            alive.append((one.attempt, evidence.started_at))
            self._launcher.keep_going(folder)
            self._pass_on_stop(one, folder)
        return Checked(over, alive)

    def late_ends(self, lost: Sequence[Attempt]) -> Sequence[tuple[Attempt, Ended]]:
        found = []
        for attempt in lost:
            seen = self._launcher.evidence(self._config.attempt_dir(attempt.key), boot_id=attempt.boot_id)
            if isinstance(seen, Ended):
                found.append((attempt, seen))
        return found

    def _pass_on_stop(self, one: LiveAttempt, folder: Path) -> None:
        if one.run_state is RunState.CANCELLING:
            self._launcher.stop(folder, Stop(one.stop_requested))

    def _counted(self, flight: Flight, evidence: Evidence) -> Evidence | None:
        """The outcome that the evidence proves; None when it proves none yet: the rescuer looks again."""
        match evidence:
            case Alive():
                return evidence
            case NotStarted() if not self._is_proven(flight):
                return evidence
            case NotStarted() | Lost(reason=Reason.EVIDENCE_GONE | Reason.EVIDENCE_FORGED):
                if not self._is_gone(flight.attempt.id):
                    return None
                gone = Lost(at=self._clock.now(), reason=Reason.EVIDENCE_GONE)
                return self._end_lost(flight, evidence if isinstance(evidence, Lost) else gone)
            case Lost():
                return self._end_lost(flight, evidence)
            case Ended() | StartError():
                return self._outcomes.judged(flight.attempt, flight.run, evidence)
            case _:
                assert_never(evidence)

    def _is_proven(self, flight: Flight) -> bool:
        """Whether the ledger knows that the attempt was executed: then it must not be launched again."""
        known = self._store.past.attempt(flight.attempt)
        return known is not None and known.state is not AttemptState.STARTING

    def _is_gone(self, name: str) -> bool:
        """Whether an attempt's evidence has been missing for long enough: a
        live supervisor restores it within a second.
        """
        now = self._clock.elapsed()
        first, last = self._missed.get(name, (now, now))
        if now - last > STILL_GONE_SECONDS:
            first = now  # it was there in between, otherwise it would have been checked
        self._missed[name] = (first, now)
        if now - first < GONE_SECONDS:
            return False
        del self._missed[name]
        return True

    def _end_lost(self, flight: Flight, lost: Lost) -> Lost:
        """Kill the processes of a lost attempt that outlived its supervisor: lost must also mean over."""
        removal = removal_of(self._store, flight.attempt, self._config)
        return replace(lost, leftover_processes=self._launcher.end_leftovers(flight.attempt, removal=removal))

    def _prepared(
        self, one: ToStart, succeeded: dict[str, datetime | None]
    ) -> LaunchOrder | StartError | None:
        now, run = self._clock.now(), one.run
        if run.job not in succeeded:  # nothing is settled meanwhile, so one query serves all runs of a job
            succeeded[run.job] = self._store.last_success(run.job, before=now)
        if trouble := self._store.definition_trouble(run.digest):
            return StartError(at=now, reason=Reason.START_ERROR, detail=trouble)
        spec = self._store.definition(run.digest)
        executed = as_executed(spec, run, one.attempt, now=now)
        if executed is None:
            return StartError(at=now, reason=Reason.DEADLINE, detail="its deadline passed before it started")
        config = self._config_for(run)
        if config is None:
            return None
        return prepare(
            run,
            executed,
            config,
            now=now,
            last_success=succeeded[run.job],
            attempt=one.attempt,
            scope=one.scope,
            steps=steps_of(spec),
            fence=self._fence_of(one.attempt),
        )
