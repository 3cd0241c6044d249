"""`python`: a function, called with the params. The engine cannot run it yet."""

from engine.actions.kind import Filled, Prepared, Row, Values
from engine.actions.refused import refuse
from jobfile.model.jobs import PythonAction


class Python:
    """The kind `python`: `module:function`."""

    made = PythonAction
    is_runnable = False

    def prepare(self, action: PythonAction, values: Values) -> Prepared:  # noqa: ARG002  the protocol's signature
        """Raise: the engine cannot run this kind yet."""
        refuse("python")

    def describe(self, action: PythonAction, filled: Filled) -> list[Row]:  # noqa: ARG002  the protocol's signature
        """The function."""
        return [("python", f"{action.module}:{action.function}, with the params as keywords")]

    def program(self, action: PythonAction, filled: Filled) -> str:  # noqa: ARG002  the protocol's signature
        """Return "": a function is not a program."""
        return ""
