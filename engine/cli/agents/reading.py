"""The tools that change nothing: what is defined, planned and recorded."""

import time
from collections.abc import Mapping
from typing import Any, Final

from engine.actions.unsupported import beyond_engine
from engine.answers.agenda import next_to_json
from engine.answers.did import did_to_json
from engine.answers.listing import STATES, list_to_json
from engine.answers.report_json import report_to_json
from engine.answers.requested import waited_to_json
from engine.answers.runs import runs_to_json
from engine.answers.shown import show_run, shown_to_json
from engine.answers.status import status_to_json
from engine.answers.why import story_to_json
from engine.asking.choosing import named_states
from engine.asking.did import Wanted as WantedDid
from engine.asking.did import ask_did
from engine.asking.findings import refuse_invalid
from engine.asking.naming import find_run
from engine.asking.next import Asked, ask_next
from engine.asking.plan import chosen_of, in_force_at, ledger_at, planned, sides_of
from engine.asking.report import Wanted as WantedReport
from engine.asking.report import ask_report
from engine.asking.requested import Wanted, ask_dry_run
from engine.asking.runs import Options as RunsOptions
from engine.asking.runs import ask_runs, states_of
from engine.asking.show import job_from_files, run_named
from engine.asking.simulate import catalog_of, setting_of, specs_of
from engine.asking.simulating import Options as SimulateOptions
from engine.asking.waits import is_stuck, stuck_words
from engine.asking.why import ask_why
from engine.cli.agents.asking import AgentPlace, choice_of, file_in, side_in
from engine.cli.checking import check_sets
from engine.cli.lints import project_lints, read_lints
from engine.core.errors import UnreadableFileError, WrongUsageError
from engine.core.lifecycle import Run
from engine.dryrun.rendering import dry_run_to_json
from engine.host.lock import lock_holder
from engine.integrations.mcp_tools import Call
from engine.ledger.ports import View
from engine.planning.invalid import invalid_of, invalid_to_json
from engine.planning.sides import InvalidSideError
from engine.service.listing import list_at
from engine.service.status import status_at
from engine.simulation.core import simulate
from engine.simulation.printing import outcome_to_json
from engine.sources.folder import FolderTree
from jobfile import __version__
from jobfile.diagnostics.diagnostic import Severity
from jobfile.pipeline import Compiled
from jobfile.plan.as_json import to_json as plan_to_json
from jobfile.plan.values import Filter
from jobfile.render.redact import without_secrets
from jobfile.render.text import to_json as findings_to_json

LOOK_SECONDS: Final = 0.1
"""How often a call that waits looks at its runs."""
WAIT_SECONDS: Final = 45
"""How long a call waits if it does not say: many clients give up after a minute."""
MAX_WAIT_SECONDS: Final = 600

Answer = Mapping[str, object]


def list_jobs(place: AgentPlace, call: Call) -> Answer:
    """`jobfile list`."""
    states = named_states(call.texts("states"), STATES)
    view = place.view_if_any()
    found = list_at(place.config, view, now=place.now(), choice=choice_of(call), states=states)
    if isinstance(found, Compiled):
        refuse_invalid(found)
    if found.unknown:
        raise WrongUsageError(found.unknown)
    return list_to_json(found)


def status(place: AgentPlace, _call: Call) -> Answer:
    """`jobfile status`."""
    return status_to_json(status_at(place.config, place.view_if_any(), now=place.now()))


def did(place: AgentPlace, call: Call) -> Answer:
    """`jobfile did`."""
    wanted = WantedDid(call.values("params"), call.values("matrix"), call.text("on"), call.text("at"))
    return did_to_json(ask_did(place, call.needed("job"), wanted))


def why(place: AgentPlace, call: Call) -> Answer:
    """`jobfile why`."""
    return story_to_json(ask_why(place, call.needed("job"), call.text("time") or ""))


def runs(place: AgentPlace, call: Call) -> Answer:
    """`jobfile runs`."""
    options = RunsOptions(
        call.text("since"),
        call.text("until"),
        choice_of(call),
        states_of(call.texts("states"), not_ok=call.flag("not_ok")),
        call.count("limit", 20),
    )
    return runs_to_json(ask_runs(place, call.text("job"), options))


def report(place: AgentPlace, call: Call) -> Answer:
    """`jobfile report`."""
    job = call.text("job")
    wanted = WantedReport(
        jobs=(job,) if job else (),
        choice=choice_of(call),
        matrix={},
        since=call.text("since"),
        until=call.text("until"),
    )
    return report_to_json(ask_report(place, wanted).report)


def next_fires(place: AgentPlace, call: Call) -> Answer:
    """`jobfile next`."""
    limit = call.count("limit", 0) or None
    asked = Asked(call.text("from"), call.text("until"), limit, call.text("timezone"))
    return next_to_json(ask_next(place, call.text("job"), asked, choice_of(call)))


def show(place: AgentPlace, call: Call) -> Answer:
    """`jobfile show`, of a job or a run."""
    named = call.needed("job")
    run = run_named(named, place)
    return shown_to_json(show_run(*run) if run is not None else job_from_files(named, {}, place))


def check(place: AgentPlace, call: Call) -> Answer:
    """`jobfile check`, of the main file or of a file in its folder."""
    named = call.text("file")
    name = str(place.main_file) if named is None else file_in(place, named)
    checked = check_sets((name,), place, overrides={})
    if checked.unreadable:
        raise UnreadableFileError(f"cannot read {'; '.join(checked.unreadable)}")
    allow, deny = project_lints(place.main_file.absolute().parent)
    lints = read_lints(level=Severity.WARNING, strict=False, allow=allow, deny=deny)
    shown = [one for one in checked.diagnostics if one.suppressed is None and lints.is_shown(one)]
    sources = without_secrets(checked.diagnostics, checked.sources)
    return findings_to_json(shown, sources=sources, files=checked.names)


def plan(place: AgentPlace, call: Call) -> Answer:
    """`jobfile plan`."""
    before, after = side_in(place, call.text("from")), side_in(place, call.text("to"))
    view, choice = place.view_if_any(), choice_of(call)
    try:
        base, target = sides_of(
            place, in_force_at(place, view), before, after or "worktree", here=ledger_at(place, view)
        )
    except InvalidSideError as error:
        return invalid_to_json(invalid_of(error), version=__version__)
    found = planned(base, target, view=view, place=place)
    wanted = Filter(jobs=call.texts("jobs"), tags=choice.tags, owners=choice.owners)
    plain: dict[str, Any] = plan_to_json(chosen_of(found, wanted), version=__version__)
    return plain


def dry_run(place: AgentPlace, call: Call) -> Answer:
    """`jobfile run --dry-run`."""
    wanted = Wanted(call.values("params"), call.values("matrix"), call.text("at"), key="")
    return dry_run_to_json(ask_dry_run(place, call.needed("job"), wanted, call.values("outputs")))


def simulation(place: AgentPlace, call: Call) -> Answer:
    """`jobfile simulate`."""
    options = SimulateOptions(
        start=call.text("from"),
        days=call.count("days", 7),
        down=call.texts("down"),
        assume=call.texts("assume"),
        durations=call.text("durations") or "p50",
        fail=call.texts("fail"),
        events=None,
        seed=call.count("seed", 1),
    )
    catalog = catalog_of(FolderTree(place.main_file).snapshot())
    setting = setting_of(options, specs_of(catalog), place, now=place.now())
    return outcome_to_json(simulate(setting), setting, beyond_engine(catalog))


def wait(place: AgentPlace, call: Call) -> Answer:
    """`jobfile wait`, for a bounded time, and only reading."""
    given = call.texts("runs")
    if not given:
        raise WrongUsageError("name the runs to wait for")
    view = place.view()
    ids = list(dict.fromkeys(find_run(view, one).id for one in given))
    found = until_over(place, view, ids, call, seconds=call.count("timeout_seconds", WAIT_SECONDS))
    return waited_to_json(view, found, options=place.options)


def until_over(place: AgentPlace, view: View, ids: list[str], call: Call, *, seconds: int) -> tuple[Run, ...]:
    """The runs when all are over, the time is up, the caller is gone, or nothing would start the rest."""
    until = time.monotonic() + seconds
    while True:
        found = tuple(run for one in ids if (run := view.run(one)) is not None)
        open_runs = [run for run in found if not run.state.is_final]
        if not open_runs:
            return found
        if lock_holder(place.state_dir) is None and all(is_stuck(place, run) for run in open_runs):
            for run in open_runs:
                place.note(stuck_words(run))
            return found
        left = until - time.monotonic()
        if left <= 0 or call.gone.wait(min(left, LOOK_SECONDS)):
            place.note(f"{len(open_runs)} of {len(found)} runs are not over yet; wait again")
            return found
