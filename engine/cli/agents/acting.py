"""The tools that start, end and hold runs; a server has them only if its user allows it."""

from collections.abc import Mapping
from typing import Final

from engine.answers.as_json import one_run_to_json
from engine.answers.pauses import paused_to_json, resumed_to_json
from engine.answers.requested import requested_to_json
from engine.asking.pauses import pause_job, resume_job
from engine.asking.requested import Wanted, bound_to, job_to_run, runs_of_request
from engine.asking.requests import hand_over, is_duplicate
from engine.asking.retries import How, job_again, run_again, run_to_retry
from engine.asking.stops import stop_run
from engine.asking.which import Which
from engine.cli.agents.asking import AgentPlace
from engine.cli.agents.reading import WAIT_SECONDS, until_over
from engine.core.errors import WrongUsageError
from engine.core.lifecycle import Run
from engine.host.lock import is_engine_running
from engine.integrations.mcp_tools import Call
from engine.ports import Stop
from engine.transactions.keys import key_trouble

Answer = Mapping[str, object]
ACTIONS: Final = ("run", "retry", "cancel", "pause", "resume")
"""The tools that a user may allow."""


def run(place: AgentPlace, call: Call) -> Answer:
    """`jobfile run`."""
    key = call.text("key") or ""
    if key and (trouble := key_trouble(key)):
        raise WrongUsageError(f"`key`: {trouble}")
    wanted = Wanted(call.values("params"), call.values("matrix"), call.text("at"), key)
    is_running = is_engine_running(place.state_dir)
    found = job_to_run(place, call.needed("job"), is_running=is_running, is_strict=True)
    asked = bound_to(found, wanted, now=place.now())
    new = runs_of_request(place, found, asked)
    reason = call.text("why") or ""
    recorded = place.attendant.hand_over(
        new, lambda: hand_over(place, new, found.job, why=reason, now=asked.now)
    )
    return _followed(place, call, recorded, is_repeated=is_duplicate(recorded, new))


def retry(place: AgentPlace, call: Call) -> Answer:
    """`jobfile retry`, of one run."""
    which = Which(call.text("at"), tuple(f"{name}={one}" for name, one in call.values("matrix").items()))
    is_forced = call.flag("force")
    view, old = run_to_retry(place, call.needed("job"), which, is_forced=is_forced)
    how = How(call.flag("all_steps") or is_forced, is_current=not call.flag("original"))
    job, now = job_again(view, old, how), place.now()
    new = [run_again(place, view, old, job, now=now)]
    reason = call.text("why") or ""
    recorded = place.attendant.hand_over(
        new, lambda: hand_over(place, new, job, why=reason, now=now, all_steps=how.all_steps)
    )
    return _followed(place, call, recorded, is_repeated=False)


def _followed(place: AgentPlace, call: Call, recorded: tuple[Run, ...], *, is_repeated: bool) -> Answer:
    view = place.view()
    seconds = call.count("wait_seconds", WAIT_SECONDS)
    ended = until_over(place, view, [run.id for run in recorded], call, seconds=seconds)
    return requested_to_json(view, ended, is_duplicate=is_repeated, is_followed=True, options=place.options)


def cancel(place: AgentPlace, call: Call) -> Answer:
    """`jobfile cancel`, of one run."""
    how = Stop.KILL if call.flag("kill") else Stop.CANCEL
    before, after = stop_run(place, call.needed("run"), how, why=call.text("why") or "")
    if before.state.is_final:
        place.note("the run was over already")
    return one_run_to_json(after)


def pause(place: AgentPlace, call: Call) -> Answer:
    """`jobfile pause`, of one job."""
    paused = pause_job(place, call.needed("job"), until=call.text("until"), why=call.text("why") or "")
    return paused_to_json(paused)


def resume(place: AgentPlace, call: Call) -> Answer:
    """`jobfile resume`, of one job."""
    return resumed_to_json(resume_job(place, call.needed("job"), why=call.text("why") or ""))
