"""Saved plans: those that wait beside the job files, and putting one in force exactly as it was reviewed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from engine.actions.beyond_host import ignored_labels
from engine.asking.applying import UNCOMMITTED, put
from engine.asking.place import Place
from engine.asking.plan import planned
from engine.core.errors import UnreadableFileError
from engine.core.events import Event
from engine.ledger.ports import View
from engine.notifications.system_channels import known_channels
from engine.planning.enforcing import (
    Intent,
    refuse_mass_removal,
    refuse_other_meaning,
    refuse_risks,
    refuse_stale,
    refuse_what_cannot_run,
)
from engine.planning.saved import PlanRefusedError, SavedPlan, ledger_here, read_plan_file
from engine.planning.sides import engine_side, files_differ, worktree_side
from jobfile.model.counts import many
from jobfile.model.namedtuple import NamedTuple
from jobfile.plan import Plan, Side
from jobfile.plan.text import counts_text

SUFFIX: Final = ".jfplan"
MAX_FILES: Final = 20
"""Maximum number of files of saved plans that are read."""


class AppliedPlan(NamedTuple):
    """What applying a saved plan did, and what there is to say about it."""

    intent: Intent
    events: Sequence[Event]
    notes: Sequence[str]


class ReadPlan(NamedTuple):
    """A saved plan that can be applied now, and what it changes in the set in force."""

    path: Path
    saved: SavedPlan
    plan: Plan
    """With what is known now: which runs are active, and when the next ones are."""

    @property
    def summary(self) -> str:
        """What it changes, in numbers. Warnings are about the files as they were."""
        risks, warnings = len(self.plan.all_risks), int(self.saved.plan["summary"]["warnings"])
        known = f"{many(risks, 'risk')} now, {many(warnings, 'warning')} when it was saved"
        return f"{counts_text(self.plan)}. {known}."


def read_saved(path: Path, place: Place, view: View) -> ReadPlan:
    """Read a saved plan; refused if it was changed, was applied, or a different generation is in force."""
    saved = read_plan_file(path, here=ledger_here(view, place.state_dir))
    refuse_stale(saved, view, name=str(path))
    before = engine_side(view)
    refuse_other_meaning(saved, before, name=str(path))
    after = Side(kind="plan", catalog=saved.target, revision=saved.revision)
    return ReadPlan(path, saved, planned(before, after, view=view, place=place))


def waiting_plans(place: Place, view: View) -> tuple[ReadPlan, ...]:
    """The plans in the folder of the job files that can be applied now, by the names of their files."""
    found = []
    for path in sorted(place.main_file.parent.glob(f"*{SUFFIX}"))[:MAX_FILES]:
        try:
            found.append(read_saved(path, place, view))
        except (PlanRefusedError, UnreadableFileError):
            continue  # applied, too old, of another ledger or changed: `jobfile apply` says which
    return tuple(found)


def waiting_plan(place: Place, view: View, plan_id: str) -> ReadPlan:
    """The plan with this id, if it waits. Raises PlanRefusedError."""
    found = next((one for one in waiting_plans(place, view) if one.saved.id == plan_id), None)
    if found is None:
        raise PlanRefusedError(
            "no such plan waits: it was applied, changed or removed, or a different generation is in force"
        )
    return found


def intent_of_saved(saved: SavedPlan, place: Place, *, why: str) -> tuple[Intent, Sequence[str]]:
    """What applying a saved plan means, and the files that were changed since it was saved."""
    differing = files_differ(saved.files, place.main_file)
    files = None if differing else worktree_side(place.main_file).written
    intent = Intent(
        catalog=saved.target,
        base=saved.generation,
        by=place.user,
        why=why,
        main_file=saved.main_file,
        revision=saved.revision,
        plan_id=saved.id,
        note=f"a saved plan, {UNCOMMITTED}" if saved.plan["to"]["dirty"] else "a saved plan",
        channels=None if files is None else known_channels(files),
    )
    return intent, differing


def apply_saved(
    found: ReadPlan, place: Place, *, why: str, may_remove: bool, fails_on_risk: bool
) -> AppliedPlan:
    """Put a saved plan in force. Raises, and changes nothing, if it must not or cannot be."""
    saved = found.saved
    refuse_what_cannot_run(saved.target, place.config)
    if fails_on_risk:
        refuse_risks(saved.plan["summary"]["risks"])
    refuse_mass_removal(found.plan, may_remove=may_remove)
    intent, differing = intent_of_saved(saved, place, why=why)
    notes = [f"{name} was changed since then; the plan is applied as it was saved" for name in differing]
    events = put(place, intent)
    ignored = ignored_labels(intent.catalog, place.config)
    return AppliedPlan(intent, events, [*notes, *([f"warning: {ignored}"] if ignored else [])])
