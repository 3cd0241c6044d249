"""`command`: a program and its arguments, without a shell."""

from engine.actions.kind import CannotStartError, Filled, Prepared, Row, Surroundings, Values
from engine.core.reasons import Reason
from jobfile.expressions.template import has_template, render_items
from jobfile.model.jobs import CommandAction


class Command:
    """The kind `command`: a list of words, which may contain templates."""

    made = CommandAction
    is_runnable = True

    def prepare(self, action: CommandAction, values: Values, around: Surroundings) -> Prepared:  # noqa: ARG002  the protocol's signature
        """Fill in the words. A value that would become an option that the author did not write is refused."""
        argv: list[str] = []
        for item in action.argv:
            parts = render_items(item, values()) if has_template(item) else (item,)
            if item.startswith("{{") and "--" not in argv and any(part.startswith("-") for part in parts):
                raise CannotStartError(
                    Reason.TEMPLATE_ERROR,
                    f"the value of `{item}` begins with `-` and would be an option; write `--` before it",
                )
            argv += parts
        return Prepared(tuple(argv))

    def describe(self, action: CommandAction, filled: Filled) -> list[Row]:
        """The arguments and the program."""
        argv = [part for item in action.argv for part in filled.items(item)]
        rows = [("argument", part) for part in argv[1:]]
        return [*rows, ("program", filled.program(argv[0] if argv else ""))]

    def program(self, action: CommandAction, filled: Filled) -> str:
        """The first word."""
        return next((part for item in action.argv for part in filled.items(item)), "")
