"""The sides of a plan, the plan, and the requested part of it."""

from datetime import datetime

from engine.actions.unsupported import needs_beyond
from engine.asking.place import Place, UnknownJobError
from engine.ledger.ports import View
from engine.planning.facts import facts_of
from engine.planning.sides import default_base, side_named
from jobfile.plan import Plan, Side, make_plan
from jobfile.plan.filters import filtered, unknown_to
from jobfile.plan.values import Filter


def sides_of(
    place: Place, view: View | None, before: str | None, after: str, *, is_saved: bool = False
) -> tuple[Side, Side]:
    """The two sides with these names; without a name, the old one is what is in force."""
    target = side_named(after, main_file=place.main_file, state_dir=place.state_dir, view=view)
    if before is None:
        return default_base(main_file=place.main_file, view=view, is_saved=is_saved), target
    return side_named(before, main_file=place.main_file, state_dir=place.state_dir, view=view), target


def planned(
    before: Side, after: Side, *, view: View | None, place: Place, now: datetime | None = None
) -> Plan:
    """The plan of two sides; with facts of the ledger when the old side is what is in force."""
    facts = {}
    if view is not None and before.lineage:
        digests = {one.spec.name: one.digest for one in after.catalog.jobs}
        touched = [one.spec.name for one in before.catalog.jobs if digests.get(one.spec.name) != one.digest]
        facts = dict(facts_of(view, touched, now=place.now()))
    return make_plan(
        before,
        after,
        now=now or place.now().replace(microsecond=0),
        facts=facts,
        beyond=needs_beyond(after.catalog),
    )


def chosen_of(plan: Plan, wanted: Filter) -> Plan:
    """The selected jobs; raises for a name, tag or owner that no job has."""
    problem = unknown_to(plan, wanted)
    if problem:
        raise UnknownJobError(problem)
    return filtered(plan, wanted)
