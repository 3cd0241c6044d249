"""Every kind of action, in the order in which they are listed; one more kind is one more line here.

Steps are not in it: they are a list of actions, and other modules compile and compare them.
"""

from collections.abc import Iterator
from typing import Any, Final  # a kind's own values

from jobfile.actions.command import Command
from jobfile.actions.http import Http
from jobfile.actions.kind import ActionKind
from jobfile.actions.python import Python
from jobfile.actions.run import Run
from jobfile.files.fileset import Payload
from jobfile.model.jobs import Action, SimpleAction, StepsAction

KINDS: Final[tuple[ActionKind, ...]] = (Run(), Command(), Python(), Http())
STEPS: Final = "steps"
KEYS: Final = (*(kind.key for kind in KINDS), STEPS)
"""The keys that name an action, in their order."""
_BY_TYPE: Final = {kind.made: kind for kind in KINDS}


def kind_of(action: SimpleAction) -> ActionKind:
    """The kind of an action that is not a list of steps."""
    return _BY_TYPE[type(action)]


def key_of(action: Action) -> str:
    """The key in the file that names an action."""
    return STEPS if isinstance(action, StepsAction) else kind_of(action).key


def compiled_action(payload: Payload) -> Any:  # noqa: ANN401  one of SimpleAction
    """The action of a step, or of a job without steps."""
    # A job without any of these keys was refused before; `run` is what a step with none would mean.
    return next((kind for kind in KINDS if kind.key in payload.settings), KINDS[0]).compile(payload)


def texts_in(action: Action) -> Iterator[str]:
    """Every text of an action that can hold a template."""
    if not isinstance(action, StepsAction):
        yield from kind_of(action).texts(action)
        return
    for step in action.steps:
        yield from texts_in(step.action)
        yield from (*step.env.values(), step.working_dir or "")
        yield from (f"{{{{ {one} }}}}" for one in (step.condition, step.for_each) if one)
