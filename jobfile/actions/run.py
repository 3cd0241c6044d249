"""`run`: a script for a shell."""

from collections.abc import Iterator
from typing import Any  # the dialect of a shell is one of the schema's words

from jobfile.actions.kind import Written
from jobfile.expressions.template import with_constants
from jobfile.files.fileset import Payload
from jobfile.model.jobs import ScriptAction
from jobfile.shell.payload import SHELLS, compiled_script

DEFAULT_SHELL = "sh"


class Run:
    """A script, compiled so that each template is a variable."""

    key = "run"
    made = ScriptAction
    has_parts = False

    def compile(self, payload: Payload) -> ScriptAction:
        """The language of a shell that is a list of words is unknown: then the script has no template."""
        text = payload.settings["run"].text
        shell = payload.settings.get("shell")
        if shell is not None and isinstance(shell.value, list):
            words = tuple(one.text for one in shell.parts())
            return ScriptAction(text=text, compiled=with_constants(text), values=(), shell=words)
        dialect: Any = DEFAULT_SHELL if shell is None else shell.value
        script, sources, _ = compiled_script(text, payload.scope, dialect=dialect)
        assert script is not None, f"{payload.words} was checked"
        return ScriptAction(text=text, compiled=script, values=sources, shell=SHELLS[dialect])

    def texts(self, action: ScriptAction) -> Iterator[str]:
        """The script."""
        yield action.text

    def written(self, action: ScriptAction) -> tuple[Written, ...]:
        """The script and its shell."""
        return Written("run", action.text, is_script=True), Written("shell", action.shell)
