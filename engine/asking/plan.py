"""The sides of a plan, and the requested part of it."""

from engine.asking.place import Place, UnknownJobError
from engine.ledger.ports import View
from engine.planning.sides import default_base, side_named
from jobfile.plan import Plan, Side
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


def chosen_of(plan: Plan, wanted: Filter) -> Plan:
    """The selected jobs; raises for a name, tag or owner that no job has."""
    problem = unknown_to(plan, wanted)
    if problem:
        raise UnknownJobError(problem)
    return filtered(plan, wanted)
