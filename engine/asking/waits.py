"""Whether a run can still start while no engine is running."""

from engine.asking.place import Place
from engine.core.lifecycle import Run, RunState
from engine.core.vocabulary import short
from engine.execution.attendance import is_attended


def is_stuck(place: Place, run: Run) -> bool:
    """Whether a run needs an engine to start it and none is running."""
    waits = run.state in (RunState.QUEUED, RunState.RETRY_WAIT)
    return waits and not is_attended(place.state_dir, run.id)


def stuck_words(run: Run) -> str:
    """That nothing will start the run."""
    what = "waits for its retry" if run.state is RunState.RETRY_WAIT else "has not started"
    return f"run {short(run.id)} of {run.job} {what}, and no engine is running; start one with  jobfile up"
