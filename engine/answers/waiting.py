"""What a queued run waits for."""

from engine.ledger import View
from engine.lifecycle import ACTIVE_STATES, Run, RunState
from engine.records import CLOCK_HOLD, DISK_HOLD, RESTORED_HOLD
from engine.wording import short

_HOLDS = {
    CLOCK_HOLD: "nothing starts while the clock is not believed",
    RESTORED_HOLD: "nothing starts from an older copy of the ledger",
    DISK_HOLD: "nothing starts while the disk is nearly full",
}
_WITH_PROCESS = (RunState.RUNNING, RunState.CANCELLING)


def why_waits(view: View, run: Run, *, max_running: int, is_engine_running: bool) -> str:
    """Why a queued run has not started, in words: a hold, a run in the way, no free place, no engine."""
    for kind, words in _HOLDS.items():
        if view.soundness.hold(kind) is not None:
            return words
    others = [one for one in view.open_runs() if one.id != run.id]
    same = [one for one in others if one.concurrency_key == run.concurrency_key]
    active = [one for one in same if one.state in ACTIVE_STATES]
    if run.concurrency_limit is not None and len(active) >= run.concurrency_limit:
        return _in_the_way(active[0], is_engine_running=is_engine_running)
    running = [one for one in others if one.state in _WITH_PROCESS]
    if len(running) >= max_running:
        places = "the only place is" if max_running == 1 else f"all {max_running} places are"
        return f"{places} taken, the first of them by run {short(running[0].id)} of {running[0].job}"
    return "it is about to start" if is_engine_running else "no engine is running; start one with  jobfile up"


def _in_the_way(other: Run, *, is_engine_running: bool) -> str:
    text = f"run {short(other.id)} of {other.job} is in the way"
    if other.state is not RunState.RETRY_WAIT:
        return text
    if is_engine_running:
        return f"{text}: it waits to be tried again"
    end = f"end it with  jobfile cancel {short(other.id)}"
    return f"{text}: it waits to be tried again, and no engine is running; {end}"
