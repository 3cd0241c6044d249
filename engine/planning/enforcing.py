"""Puts a planned set of jobs in force: all of it, and only on the generation that it was planned from."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from engine.actions.beyond_host import beyond_host
from engine.actions.unsupported import beyond_engine, needs_beyond
from engine.config import EngineConfig
from engine.core.errors import ErrorCode, JobfileError
from engine.core.events import Event, GenerationApplied
from engine.core.records import Generation
from engine.journal.lines import event_text
from engine.ledger.ports import View
from engine.ledger.store_ports import Applying
from engine.notifications.noting import CONFIG_CHANNEL, note_channels, owe_for_engine
from engine.notifications.system_channels import KnownChannel
from engine.planning.saved import PlanRefusedError, SavedPlan
from engine.transactions.account import Moment
from engine.transactions.apply import apply_catalog
from jobfile import __version__
from jobfile.model.canonical import Plain, canonical_json
from jobfile.model.catalog import Catalog, removes_many
from jobfile.model.counts import many
from jobfile.model.dataclass import dataclass
from jobfile.plan import Plan, Side, make_plan
from jobfile.plan.as_json import to_json
from jobfile.plan.values import Action

_LASTING_OF_JOBS = ("job", "previous", "action", "owner", "hint", "fields", "schedule", "effects")


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """The jobs to put in force, the user, and the generation that they replace; 0 is before the first."""

    catalog: Catalog
    base: int
    by: str
    main_file: str
    why: str = ""
    """The reason that the user gave."""
    revision: str = ""
    plan_id: str = ""
    instead_of: str = ""
    note: str = ""
    channels: Mapping[str, KnownChannel] | None = None
    """The channels of the files; None for jobs that come from no files: those that are known stay."""


class RisksError(JobfileError):
    """The plan has risks, and the user wants none."""

    code = ErrorCode.RISKS


def refuse_risks(count: int) -> None:
    """Raise if a plan has risks."""
    if count:
        raise RisksError(f"the plan has {many(count, 'risk')}, so nothing was applied")


def refuse_what_cannot_run(catalog: Catalog, config: EngineConfig) -> None:
    """Raise if a set has a job that the engine cannot run yet, or not on this machine."""
    beyond = (*beyond_engine(catalog), *beyond_host(catalog, config, is_engine=False))
    if beyond:
        raise JobfileError("nothing was applied:\n" + "\n".join(f"  {line}" for line in beyond))


def refuse_mass_removal(plan: Plan, *, may_remove: bool) -> None:
    """Raise if a plan removes many jobs at once without permission: a file may be missing."""
    removed, jobs = plan.count(Action.REMOVE), len(plan.before.catalog.jobs)
    if removes_many(removed, of=jobs) and not may_remove:
        raise JobfileError(
            f"{removed} of {jobs} jobs would be removed at once, as if a file or a folder were missing; "
            "nothing was applied. If this is intended:  --yes-remove-many"
        )


def refuse_stale(saved: SavedPlan, view: View, *, name: str) -> None:
    """Raise if a saved plan is for a different ledger or generation, or was applied already."""
    used = view.generation_of_plan(saved.id)
    if used is not None:
        raise PlanRefusedError(
            f"{name} was applied already, as generation {used}; a plan can be applied only once"
        )
    if view.lineage() != saved.lineage:
        raise PlanRefusedError(
            f"{name} was made for another ledger than the one here (its lineage is {saved.lineage[:8]}, this "
            f"is {view.lineage()[:8]}), or was changed after it was made: make it where it is applied, or "
            "name the state folder with --state"
        )
    current = view.current_generation()
    number = 0 if current is None else current.number
    if number != saved.generation:
        raise PlanRefusedError(_moved(name, planned=saved.generation, now=number))


def refuse_other_meaning(saved: SavedPlan, before: Side, *, name: str) -> Plan:
    """Compute again what a saved plan changes in `before`, the set in force; raise if the plan shows anything
    else.

    Only the parts that do not depend on the moment are compared: jobs, fields, and the runs as seen from the
    plan's own instant.
    """
    after = Side(kind="plan", catalog=saved.target)
    now = datetime.fromisoformat(saved.plan["now"])
    plan = make_plan(before, after, now=now, beyond=needs_beyond(saved.target))
    if not saved.is_sealed or _lasting(to_json(plan, version=__version__)) != _lasting(saved.plan):
        raise PlanRefusedError(
            f"{name} would make changes that it does not show: it was changed after it was made, or made by "
            "another version of jobfile; nothing was applied. Make it again:  jobfile plan --out"
        )
    return plan


def _lasting(plan: Plain) -> str:
    """The part of a plan about the two sets of jobs, without the engine, the files and the moment."""
    jobs = [{key: one[key] for key in _LASTING_OF_JOBS} for one in plan["jobs"]]
    counts = {key: plan["summary"][key] for key in (*(one.value for one in Action), "same")}
    return canonical_json([plan["from"]["sha256"], plan["to"]["sha256"], jobs, counts, plan["load"]])


def put_in_force(
    store: Applying, intent: Intent, *, now: datetime, new_id: Callable[[], str]
) -> Sequence[Event]:
    """Make a set the next generation, or raise and change nothing.

    A set that is in force already changes nothing.
    """
    if store.incidents.hold() is not None:
        raise JobfileError("the engine does not believe the clock, so nothing was applied:  jobfile clock")
    wanted = Generation(
        number=0,
        digest=intent.catalog.digest,
        applied_at=now,
        applied_by=intent.by,
        main_file=intent.main_file,
        revision=intent.revision,
        plan_id=intent.plan_id,
        instead_of=intent.instead_of,
        note="; ".join(part for part in (intent.why, intent.note) if part),
    )
    with store.transaction():
        current = store.current_generation()
        number = 0 if current is None else current.number
        if number != intent.base:
            raise PlanRefusedError(_moved("the plan", planned=intent.base, now=number))
        moment = Moment(now=now, generation=number, new_id=new_id)
        events = list(apply_catalog(store, intent.catalog, wanted, moment, why=intent.why))
        if intent.channels is not None:
            note_channels(store, intent.channels)
        if store.accept(now=now):
            owe_for_engine(store, CONFIG_CHANNEL, "accepted", {}, now=now)
    return events


def applied_to_text(events: Sequence[Event]) -> str:
    """The result as text."""
    applied = _applied(events)
    if applied is None:
        return "nothing to apply: the files are what is in force"
    return event_text(applied).strip()


def applied_to_json(events: Sequence[Event], intent: Intent) -> dict[str, object]:
    """The result as JSON data, with the generation that is now in force."""
    applied = _applied(events)
    number = applied.number if applied else intent.base or None
    return {"format": 1, "applied": applied is not None, "generation": number}


def unchanged_to_json(generation: int) -> dict[str, object]:
    """The result as JSON data if there was nothing to do."""
    return {"format": 1, "applied": False, "generation": generation}


def _applied(events: Sequence[Event]) -> GenerationApplied | None:
    return next((event for event in events if isinstance(event, GenerationApplied)), None)


def _moved(name: str, *, planned: int, now: int) -> str:
    return (
        f"{name} was made from generation {planned}, but generation {now} is in force now: "
        "nothing was applied; make the plan again"
    )
