"""`command`: a program and its arguments, without a shell."""

from collections.abc import Iterator

from jobfile.actions.kind import Written
from jobfile.files.fileset import Payload
from jobfile.model.jobs import CommandAction


class Command:
    """A list of words, each of which may hold templates."""

    key = "command"
    made = CommandAction
    has_parts = False

    def compile(self, payload: Payload) -> CommandAction:
        """The words as written."""
        return CommandAction(argv=tuple(one.text for one in payload.settings["command"].parts()))

    def texts(self, action: CommandAction) -> Iterator[str]:
        """Each word."""
        yield from action.argv

    def written(self, action: CommandAction) -> tuple[Written, ...]:
        """The words."""
        return (Written("command", action.argv),)
