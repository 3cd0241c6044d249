"""The operations of plans: what a plan of files elsewhere compares with; applying one that waits here.

No operation takes a definition: a plan is applied by its id, from its file on this host.
"""

from collections.abc import Sequence
from typing import Final

from engine.asking.plan import in_force_at
from engine.asking.saved_plans import apply_saved, waiting_plan
from engine.planning.enforcing import applied_to_json, applied_to_text
from engine.planning.in_force_json import facts_to_json, side_to_json, standing_to_json
from engine.planning.ledger_in_force import LedgerInForce
from engine.web.access import Access
from engine.web.api.operations import WHY, Answered, Given, Operation
from engine.web.visits import Visit, number_of

MAX_GENERATION: Final = 999_999_999


def base(visit: Visit) -> Answered:
    """The jobs in force, or those of a generation, in full."""
    number = number_of(visit.query.get("generation"), "generation", most=MAX_GENERATION, default=0)
    found = _in_force(visit)
    return Answered(side_to_json(found.side(number or None), now=found.now()))


def facts(visit: Visit) -> Answered:
    """What is known of jobs: their open runs, how long they took, and their pauses."""
    found = _in_force(visit)
    return Answered(facts_to_json(found.facts(visit.query.all("job")), now=found.now()))


def standing(visit: Visit) -> Answered:
    """The state of the engine beside its jobs: pauses, open runs that users started, its version."""
    found = _in_force(visit)
    return Answered(standing_to_json(found.standing(), now=found.now()))


def apply(visit: Visit) -> Answered:
    """Put a saved plan in force that waits on this host, exactly as it was reviewed."""
    found = waiting_plan(visit.place, visit.place.view(), str(visit.body.get("plan", "")))
    applied = apply_saved(
        found,
        visit.place,
        why=str(visit.body.get("why", "")),
        may_remove=visit.body.get("remove_many") is True,
        fails_on_risk=visit.body.get("fail_on_risk") is True,
    )
    return Answered(
        applied_to_json(applied.events, applied.intent),
        text=lambda _: applied_to_text(applied.events),
        notes=applied.notes,
    )


def _in_force(visit: Visit) -> LedgerInForce:
    found = in_force_at(visit.place, visit.place.view())
    assert found is not None
    return found


_GENERATION = Given("generation", "This generation [default: the one in force].", "integer")
_JOB = Given("job", "This job.", is_repeated=True)
_APPLY = (
    Given("plan", "The id of a plan whose file is in the folder of the job files."),
    Given("fail_on_risk", "Apply nothing if the plan has a risk.", "boolean"),
    Given("remove_many", "Allow removing many jobs at once.", "boolean"),
    WHY,
)
_VIEW, _ADMIN = Access.VIEW, Access.ADMIN
OPERATIONS: Final[Sequence[Operation]] = (
    Operation("GET", "/plan/base", _VIEW, base, "plan-base", (_GENERATION,), is_for_limited=False),
    Operation("GET", "/plan/facts", _VIEW, facts, "plan-facts", (_JOB,), is_for_limited=False),
    Operation("GET", "/plan/standing", _VIEW, standing, "plan-standing", is_for_limited=False),
    Operation("POST", "/plan/apply", _ADMIN, apply, "apply", body=_APPLY, is_for_limited=False),
)
