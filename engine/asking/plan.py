"""The sides of a plan, the plan, and the requested part of it."""

from datetime import datetime

from engine.actions.unsupported import needs_beyond
from engine.asking.place import Place, UnknownJobError
from engine.ledger.ports import View
from engine.planning.in_force import JobsInForce
from engine.planning.ledger_in_force import LedgerInForce
from engine.planning.saved import Ledger, ledger_here
from engine.planning.sides import default_base, side_named
from jobfile.plan import Plan, Side, make_plan
from jobfile.plan.filters import filtered, unknown_to
from jobfile.plan.values import Filter


def in_force_at(place: Place, view: View | None) -> LedgerInForce | None:
    """What the ledger of a place has in force; None without a ledger."""
    return None if view is None else LedgerInForce(view, now=place.now())


def ledger_at(place: Place, view: View | None) -> Ledger | None:
    """The ledger of a place, as saved plans are bound to it; None without one."""
    return ledger_here(view, place.state_dir)


def sides_of(
    place: Place,
    in_force: JobsInForce | None,
    before: str | None,
    after: str,
    *,
    here: Ledger | None,
    is_saved: bool = False,
) -> tuple[Side, Side]:
    """The two sides with these names; without a name, the old one is what is in force."""
    main_file = place.main_file
    target = side_named(after, main_file=main_file, in_force=in_force, here=here)
    if before is None:
        return default_base(main_file=main_file, in_force=in_force, is_saved=is_saved), target
    return side_named(before, main_file=main_file, in_force=in_force, here=here), target


def planned(
    before: Side, after: Side, *, view: View | None, place: Place, now: datetime | None = None
) -> Plan:
    """The plan of two sides; with facts of the ledger when the old side is what is in force."""
    return planned_from(
        before, after, in_force_at(place, view), now=now or place.now().replace(microsecond=0)
    )


def planned_from(before: Side, after: Side, in_force: JobsInForce | None, *, now: datetime) -> Plan:
    """The plan of two sides, with facts of the engine when the old side is what it has in force."""
    facts = {}
    if in_force is not None and before.lineage:
        digests = {one.spec.name: one.digest for one in after.catalog.jobs}
        touched = [one.spec.name for one in before.catalog.jobs if digests.get(one.spec.name) != one.digest]
        facts = dict(in_force.facts(touched))
    return make_plan(before, after, now=now, facts=facts, beyond=needs_beyond(after.catalog))


def chosen_of(plan: Plan, wanted: Filter) -> Plan:
    """The selected jobs; raises for a name, tag or owner that no job has."""
    problem = unknown_to(plan, wanted)
    if problem:
        raise UnknownJobError(problem)
    return filtered(plan, wanted)
