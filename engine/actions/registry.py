"""The registry of the kinds of action: a new kind needs one line here.

Steps are not in it; they contain actions.
"""

from typing import Final

from engine.actions.command import Command
from engine.actions.http import Http
from engine.actions.kind import ActionKind
from engine.actions.python import Python
from engine.actions.refused import refuse
from engine.actions.run import Run
from jobfile.actions.registry import STEPS
from jobfile.model.jobs import Action, SimpleAction, StepsAction

KINDS: Final[tuple[ActionKind, ...]] = (Run(), Command(), Python(), Http())
_BY_TYPE: Final = {kind.made: kind for kind in KINDS}


def kind_of(action: SimpleAction) -> ActionKind:
    """The kind of an action that is not a list of steps."""
    return _BY_TYPE[type(action)]


def runnable_kind_of(action: Action) -> ActionKind:
    """The kind of an action in force, which the engine can run."""
    if isinstance(action, StepsAction):
        refuse(STEPS)
    return kind_of(action)


def simple_actions(action: Action) -> tuple[SimpleAction, ...]:
    """The actions of the steps; or the action itself, if it is not a list of steps."""
    return tuple(step.action for step in action.steps) if isinstance(action, StepsAction) else (action,)


def is_runnable(action: Action) -> bool:
    """Whether the engine can run an action."""
    return all(kind_of(one).is_runnable for one in simple_actions(action))
