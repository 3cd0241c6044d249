"""Ends runs: through the engine, or here when none is running."""

import threading
import time
from collections.abc import Sequence

from engine.asking.naming import find_run
from engine.asking.place import Place
from engine.asking.requests import ask_to_stop
from engine.core.errors import JobfileError
from engine.core.lifecycle import Run, RunState
from engine.host.lock import lock_holder
from engine.ledger.ports import View
from engine.ports import Stop
from jobfile.model.canonical import spec_from_json

SLACK_SECONDS = 5.0
"""How long to wait for a cancelled run to end, beyond its grace."""
LOOK_SECONDS = 0.05
BESIDE_SECONDS = 2.0
"""How long a server waits for such an end before it answers; the run then ends meanwhile."""
MAX_BESIDE = 4
"""How many ends a server waits for at the same time. The next engine records any other."""
_beside = threading.BoundedSemaphore(MAX_BESIDE)


def stop_run(place: Place, text: str, how: Stop, *, why: str) -> tuple[Run, Run]:
    """End the run whose id begins with `text`; return it as it was, and as it is then."""
    view = place.view()
    found = find_run(view, text)
    (after,) = ask_to_stop(place, [found], how, why=why, now=place.now())
    if after.state is RunState.CANCELLING and lock_holder(place.state_dir) is None:
        (after,) = end_without_engine(place, view, [after])
    return found, after


def end_without_engine(place: Place, view: View, runs: Sequence[Run]) -> tuple[Run, ...]:
    """Notify the supervisors and record the ends here, because no engine is running; wait at most for the
    longest grace.
    """
    ending = [run for run in runs if run.state is RunState.CANCELLING]
    if not ending:
        return tuple(runs)
    from engine.asking.alone import Alone  # noqa: PLC0415  start-up time: only without an engine

    texts = [view.definition_text(run.digest) for run in ending]
    grace = max(spec_from_json(text).kill_grace.total_seconds() if text else 0.0 for text in texts)
    pause = threading.Event()
    until = time.monotonic() + grace + SLACK_SECONDS
    with Alone(place, "jobfile cancel", lambda _: False) as alone:
        while any(not run.state.is_final for run in runs) and time.monotonic() < until:
            alone.look()
            pause.wait(LOOK_SECONDS)
            runs = [view.run(run.id) or run for run in runs]
            if all(run.state is not RunState.CANCELLING for run in runs):
                break
    return tuple(runs)


def end_beside(place: Place, run: Run) -> None:
    """End a run without an engine, in a thread of its own: a grace may be an hour, and a request must
    not wait for that. Returns when the run has ended, or after a moment.
    """
    if not _beside.acquire(blocking=False):
        return
    thread = threading.Thread(target=_end_apart, args=(place.apart(), run), name="ending", daemon=True)
    thread.start()
    thread.join(BESIDE_SECONDS)


def _end_apart(place: Place, run: Run) -> None:
    try:
        view = place.view()
        try:
            end_without_engine(place, view, [run])
        finally:
            view.close()
    except JobfileError:
        return  # no engine can use the ledger either, for the same reason: `doctor` shows it
    finally:
        _beside.release()
