"""`python`: a function, called with the params as keyword arguments in a new interpreter."""

import json
import os
import sys
from typing import Final

from engine.actions.kind import CannotStartError, Filled, Prepared, Row, Surroundings, Values
from engine.core.reasons import Reason
from engine.programs import CALL_FUNCTION
from jobfile.model.jobs import PythonAction

CHOSEN: Final = "JOBFILE_PYTHON"
"""The variable of the engine that names the interpreter."""
OWN: Final = (".venv/bin/python", "venv/bin/python")
"""Interpreters beside the main file, in this order."""


class Python:
    """The kind `python`: `module:function`."""

    made = PythonAction
    is_runnable = True

    def prepare(self, action: PythonAction, values: Values, around: Surroundings) -> Prepared:
        """Execute the interpreter with the program that calls the function; the arguments are JSON."""
        interpreter = interpreter_of(around)
        if not os.access(interpreter, os.X_OK):
            raise CannotStartError(Reason.START_ERROR, f"{CHOSEN} is {interpreter}, which is not a program")
        arguments = json.dumps(values()["params"])
        target = f"{action.module}:{action.function}"
        return Prepared(
            (interpreter, CALL_FUNCTION, target),
            env={"JOBFILE_ARGUMENTS": arguments, "PYTHONUNBUFFERED": "1"},
        )

    def describe(self, action: PythonAction, filled: Filled) -> list[Row]:
        """The function, and the interpreter."""
        rows = [("python", f"{action.module}:{action.function}, with the params as keywords")]
        return [*rows, ("program", filled.program(interpreter_of(filled.around)))]

    def program(self, action: PythonAction, filled: Filled) -> str:  # noqa: ARG002  the protocol's signature
        """The interpreter."""
        return interpreter_of(filled.around)


def interpreter_of(around: Surroundings) -> str:
    """The interpreter of a job's functions: the chosen one, that of the folder, or the engine's own."""
    chosen = around.environ.get(CHOSEN)
    if chosen:
        return chosen
    own = (around.folder / name for name in OWN)
    return next((str(path) for path in own if os.access(path, os.X_OK)), sys.executable)
