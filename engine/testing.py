"""The test kit: a clock that the test sets, a scripted launcher, and files in memory."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from engine.core.confinement import Removal
from engine.core.events import Event
from engine.core.lifecycle import AttemptKey, Ended, Lost, StartError
from engine.core.reasons import Reason
from engine.core.records import Session
from engine.ledger.store_ports import Store
from engine.ports import Alive, Evidence, LaunchOrder, NotStarted, Snapshot, Stop
from jobfile import __version__


@dataclass
class FakeClock:
    """A clock that moves only when the test moves it."""

    wall: datetime
    boot_seconds: float = 1000.0

    def now(self) -> datetime:
        """The wall clock."""
        return self.wall

    def elapsed(self) -> float:
        """Seconds since boot."""
        return self.boot_seconds

    def advance(self, *, seconds: float) -> None:
        """Time passes on both clocks."""
        self.wall += timedelta(seconds=seconds)
        self.boot_seconds += seconds

    def jump(self, *, seconds: float) -> None:
        """Set the wall clock; no time passes."""
        self.wall += timedelta(seconds=seconds)


@dataclass
class Flight:
    """What a scripted attempt is doing."""

    order: LaunchOrder
    launched_at: datetime
    stops: list[Stop] = field(default_factory=list)
    until: float | None = None
    """The end of its lease, if it has one."""
    end: Ended | StartError | Lost | None = None


class ScriptedLauncher:
    """Executes nothing: an attempt runs until the test ends it. Survives a restart of the engine."""

    def __init__(self, clock: FakeClock) -> None:
        """Nothing was launched yet."""
        self._clock = clock
        self.flights: dict[Path, Flight] = {}
        self.executed: list[str] = []
        self._by_attempt: dict[str, Flight] = {}

    def launch(self, *orders: LaunchOrder) -> None:
        """Start attempts; one that has started is never started again."""
        for order in orders:
            is_too_late = order.lease is not None and self._clock.elapsed() > order.lease.start_by
            if order.run_dir not in self.flights and not is_too_late:
                until = None if order.lease is None else order.lease.until
                flight = Flight(order=order, launched_at=self._clock.now(), until=until)
                self.flights[order.run_dir] = flight
                self._by_attempt.setdefault(order.attempt_id, flight)
                self.executed.append(order.attempt_id)

    def evidence(self, run_dir: Path, *, boot_id: str) -> Evidence:  # noqa: ARG002  the port's signature
        """What is known of an attempt."""
        flight = self.flights.get(run_dir)
        if flight is None:
            return NotStarted()
        if flight.end is None and flight.until is not None and self._clock.elapsed() >= flight.until:
            flight.end = Lost(at=self._clock.now(), reason=Reason.HOST_CUT_OFF)
        return flight.end or Alive(started_at=flight.launched_at)

    def extend(self, run_dir: Path, until: float) -> bool:
        """Move the end of a lease. In time, as nothing gets SIGTERM before its end here."""
        flight = self.flights.get(run_dir)
        if flight is None:
            return False
        if flight.until is not None:
            flight.until = max(flight.until, until)
        return True

    def keep_going(self, run_dir: Path) -> bool:  # noqa: ARG002  the port's signature
        """There is no supervisor that could be stopped."""
        return False

    def end_leftovers(self, attempt: AttemptKey, *, removal: Removal | None = None) -> int:  # noqa: ARG002  the port's signature
        """Nothing was executed, so nothing is left."""
        return 0

    def stop(self, run_dir: Path, how: Stop) -> bool:
        """Note the request; the test decides how the job reacts."""
        flight = self.flights.get(run_dir)
        if flight is None or flight.end is not None:
            return False
        flight.stops.append(how)
        return True

    def running(self) -> list[str]:
        """The attempts that have no end yet."""
        return [one.order.attempt_id for one in self.flights.values() if one.end is None]

    def finish(
        self,
        attempt_id: str,
        *,
        exit_code: int | None = 0,
        signal: int | None = None,
        outputs: str | None = "",
        output_bytes: int = 0,
        unmet: str = "",
    ) -> None:
        """The attempt's command ends by itself, now; `outputs` is what it wrote to its file of outputs.

        `unmet` is the check of `expect` that it does not pass.
        """
        self._end(
            attempt_id,
            exit_code=exit_code,
            signal=signal,
            outputs=outputs,
            output_bytes=output_bytes,
            unmet=unmet,
        )

    def time_out(self, attempt_id: str) -> None:
        """The supervisor ends the attempt because its time is over."""
        self._end(attempt_id, exit_code=None, signal=15, timed_out=True)

    def obey(self, attempt_id: str) -> None:
        """The attempt ends because of a stop request."""
        self._end(attempt_id, exit_code=None, signal=15, stopped=True)

    def lose(self, attempt_id: str) -> None:
        """The supervisor dies without a record."""
        self._flight(attempt_id).end = Lost(at=self._clock.now(), reason=Reason.SUPERVISOR_KILLED)

    def cut_off(self, attempt_id: str) -> None:
        """The supervisor ends the attempt because its lease is over."""
        self._flight(attempt_id).end = Lost(at=self._clock.now(), reason=Reason.HOST_CUT_OFF)

    def _end(
        self,
        attempt_id: str,
        *,
        exit_code: int | None,
        signal: int | None,
        timed_out: bool = False,
        stopped: bool = False,
        outputs: str | None = "",
        output_bytes: int = 0,
        unmet: str = "",
    ) -> None:
        flight = self._flight(attempt_id)
        flight.end = Ended(
            started_at=flight.launched_at,
            ended_at=self._clock.now(),
            exit_code=exit_code,
            signal=signal,
            timed_out=timed_out,
            stopped=stopped,
            outputs=outputs,
            output_bytes=output_bytes,
            stdout_bytes=output_bytes,
            stderr_bytes=0,
            outputs_bytes=len((outputs or "").encode()),
            unmet=unmet,
        )

    def _flight(self, attempt_id: str) -> Flight:
        return self._by_attempt[attempt_id]


def start_session(store: Store, clock: FakeClock, *, boot_id: str) -> tuple[int, Session | None]:
    """Note the session of an engine that a test drives; its epoch, and the session before it."""
    before = store.last_session()
    epoch = store.open_session(
        kind="engine",
        boot_id=boot_id,
        pid=1,
        version=__version__,
        now=clock.now(),
        boot_seconds=clock.elapsed(),
    )
    return epoch, before


@dataclass
class GivenTree:
    """Job files in memory."""

    text: str
    problem: str = ""
    name: str = "jobs.yaml"

    def snapshot(self) -> Snapshot:
        """The file as it is now."""
        if self.problem:
            return Snapshot(files=(), problem=self.problem)
        return Snapshot(files=((self.name, self.text.encode()),))


@dataclass
class KeptJournal:
    """Keeps the reported events."""

    events: list[Event] = field(default_factory=list)

    def report(self, *events: Event) -> None:
        """Keep the events."""
        self.events += events
