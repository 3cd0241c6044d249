"""`python`: a function, called with the params."""

from collections.abc import Iterator

from jobfile.actions.kind import Written
from jobfile.files.fileset import Payload
from jobfile.model.jobs import PythonAction


class Python:
    """`module:function`."""

    key = "python"
    made = PythonAction
    has_parts = False

    def compile(self, payload: Payload) -> PythonAction:
        """Both names as written."""
        module, _, function = payload.settings["python"].text.partition(":")
        return PythonAction(module=module, function=function)

    def texts(self, action: PythonAction) -> Iterator[str]:  # noqa: ARG002  the protocol's signature
        """None: the names hold no templates."""
        yield from ()

    def written(self, action: PythonAction) -> tuple[Written, ...]:
        """Both names."""
        return (Written("python", f"{action.module}:{action.function}"),)
