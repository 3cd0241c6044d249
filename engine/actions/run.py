"""`run`: the shell gets the script as a file and the values as variables, so a value never becomes code."""

from engine.actions.kind import Filled, Prepared, Row, Surroundings, Values
from jobfile.expressions.template import evaluate_source, to_text
from jobfile.model.jobs import ScriptAction


class Run:
    """The kind `run`: a script for a shell."""

    made = ScriptAction
    is_runnable = True

    def prepare(self, action: ScriptAction, values: Values, around: Surroundings) -> Prepared:  # noqa: ARG002  the protocol's signature
        """Evaluate the expressions: the n-th one becomes the variable JF_n."""
        env = {
            f"JF_{index}": to_text(evaluate_source(source, values()))
            for index, source in enumerate(action.values, start=1)
        }
        return Prepared(action.shell, action.compiled, env)

    def describe(self, action: ScriptAction, filled: Filled) -> list[Row]:
        """The variables, the shell, and the script line by line."""
        rows = [
            ("env", f"JF_{index} = {filled.expression(source)!r}   {{{{ {source} }}}}")
            for index, source in enumerate(action.values, start=1)
        ]
        rows += [("shell", " ".join(action.shell))]
        rows += [
            ("script" if index == 1 else "", f"{index:>2}  {line}")
            for index, line in enumerate(action.compiled.splitlines(), start=1)
        ]
        return [*rows, ("program", filled.program(action.shell[0]))]

    def program(self, action: ScriptAction, filled: Filled) -> str:  # noqa: ARG002  the protocol's signature
        """The shell."""
        return action.shell[0]
