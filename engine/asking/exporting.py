"""Which attempt a manifest is for."""

from engine.asking.naming import find_run
from engine.asking.place import Place
from engine.core.errors import UnreadableDefinitionError, WrongUsageError
from engine.core.hosts import LEASE, Offer
from engine.core.lifecycle import AttemptKey
from jobfile.model.canonical import spec_from_json
from jobfile.model.jobs import StepsAction

EXAMPLE = "0123456789abcdef" * 2


def sample_attempt() -> Offer:
    """An example of an attempt, of no real job."""
    return Offer(AttemptKey(EXAMPLE, 1), (), LEASE, "nightly")


def attempt_to_export(place: Place, run: str, number: int | None, step: str, item: int) -> Offer:
    """An attempt of a run in the ledger: the newest one without a number. Raises WrongUsageError."""
    view = place.view()
    found = find_run(view, run)
    text = view.definition_text(found.digest)
    if text is None:
        raise UnreadableDefinitionError(found.job)
    spec = spec_from_json(text)
    attempt = AttemptKey(found.id, number or max(found.attempt, 1), step, item)
    steps = [one.name for one in spec.action.steps] if isinstance(spec.action, StepsAction) else []
    if step not in (steps or [""]):
        known = f"a step of {found.job} is {' or '.join(steps)}" if steps else f"{found.job} has no steps"
        raise WrongUsageError(f"{known}; name it with --step" if steps else known)
    return Offer(attempt, spec.runs_on, LEASE, found.job)
