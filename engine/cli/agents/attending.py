"""Starts the runs that agents request while no engine is running, as `jobfile run` does."""

import threading
from collections.abc import Callable, Sequence
from typing import Final

from engine.asking.alone import Alone
from engine.asking.place import Place
from engine.asking.requests import prepare_state
from engine.core.errors import JobfileError
from engine.core.lifecycle import Run
from engine.execution.attendance import Attendance
from engine.host.lock import is_engine_running
from engine.ledger.opening import open_view

MAX_ATTENDED: Final = 64
"""How many runs of this server may be open while no engine is running."""
LOOK_SECONDS: Final = 0.05
END_SECONDS: Final = 5.0
"""How long the end of the server waits for the thread: it only gives the engine's place back."""


class Attendant:
    """One thread that takes the engine's place while runs that were requested here are open.

    When the server ends, a run that has not started is withdrawn, and one that has started continues under
    its supervisor; the next engine or command records its end.
    """

    def __init__(self, place: Place) -> None:
        """Begin with nothing to attend to."""
        self._place = place
        self._lock = threading.Lock()
        self._runs: dict[str, Attendance] = {}
        self._recorded: set[str] = set()
        self._turn: _Turn | None = None
        self._woken = threading.Event()
        self._is_ended = False

    def hand_over(self, runs: Sequence[Run], record: Callable[[], tuple[Run, ...]]) -> tuple[Run, ...]:
        """Record runs by calling `record`, and make sure that something starts them."""
        if is_engine_running(self._place.state_dir):
            return record()
        prepare_state(self._place)
        ids = [run.id for run in runs]
        turn = self._attend_to(ids)
        try:
            turn.wait()
            recorded = record()
        except BaseException:
            self._forget(ids)
            raise
        with self._lock:
            self._recorded |= {run.id for run in recorded}
        self._forget(set(ids) - {run.id for run in recorded})
        self._woken.set()
        return recorded

    def end(self) -> None:
        """Give the engine's place back."""
        with self._lock:
            self._is_ended, turn = True, self._turn
        self._woken.set()
        if turn is not None:
            turn.thread.join(END_SECONDS)

    def _attend_to(self, ids: Sequence[str]) -> "_Turn":
        with self._lock:
            if len(self._runs) + len(ids) > MAX_ATTENDED:
                raise JobfileError(
                    f"{len(self._runs)} runs that were requested here are not over, and no engine is "
                    "running; start one with  jobfile up, or wait"
                )
            self._runs |= {one: Attendance.begin(self._place.state_dir, one) for one in ids}
            if self._turn is None:
                self._turn = _Turn(self._attend)
            return self._turn

    def _forget(self, ids: "Sequence[str] | set[str]") -> None:
        with self._lock:
            for one in ids:
                attendance = self._runs.pop(one, None)
                if attendance is not None:
                    attendance.leave()
        self._woken.set()

    def _serves(self, run_id: str) -> bool:
        return run_id in self._runs or run_id in self._recorded

    def _attend(self, turn: "_Turn") -> None:
        try:
            with Alone(self._place, "jobfile mcp", self._serves) as alone:
                while True:
                    alone.look()
                    turn.looked.set()
                    self._let_go()
                    with self._lock:
                        if self._is_ended or not (self._runs or self._recorded):
                            self._turn = None
                            return
                    if self._woken.wait(LOOK_SECONDS):
                        self._woken.clear()
                        alone.wake()
        except Exception as error:  # noqa: BLE001  it is raised where the runs are requested
            turn.trouble = error
            with self._lock:
                self._turn = None
                self._recorded.clear()
            self._forget(list(self._runs))
            turn.looked.set()

    def _let_go(self) -> None:
        """Attend no longer to runs that are over."""
        with self._lock:
            recorded = set(self._recorded)
        if not recorded:
            return
        view = open_view(self._place.config.ledger_url)
        try:
            over = {one for one in recorded if (run := view.run(one)) is None or run.state.is_final}
        finally:
            view.close()
        with self._lock:
            self._recorded -= over
        if over:
            self._forget(over)


class _Turn:
    """One life of the thread: whether it has looked at the ledger, and why it ended."""

    def __init__(self, attend: Callable[["_Turn"], None]) -> None:
        self.looked = threading.Event()
        self.trouble: Exception | None = None
        self.thread = threading.Thread(target=attend, args=(self,), name="attendant", daemon=True)
        self.thread.start()

    def wait(self) -> None:
        """Wait until it has looked. Raises the error that it met: it refuses a ledger with a hold."""
        self.looked.wait()
        if self.trouble is not None:
            raise self.trouble
