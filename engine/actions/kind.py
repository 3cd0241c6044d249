"""The protocol that each kind of action implements."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol  # an action of a kind is known to its module alone

from engine.core.reasons import Reason
from jobfile.model.namedtuple import NamedTuple

Row = tuple[str, str]
Values = Callable[[], Mapping[str, object]]
"""Returns the values of names in templates. They are built at the first call, because most jobs need none."""


class CannotStartError(Exception):
    """Why an attempt cannot start; `prepare` makes a StartError of it."""

    def __init__(self, reason: Reason, detail: str) -> None:
        """`detail` is the message."""
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Surroundings(NamedTuple):
    """Where a job is executed: the folder of the main file, and the environment of the engine."""

    folder: Path
    environ: Mapping[str, str]
    pointers: Mapping[str, str] = {}
    """Where each declared output is in the JSON of a response."""


class Prepared(NamedTuple):
    """What to execute: program and arguments, the text of a script file, and
    variables beside the job's own.
    """

    argv: tuple[str, ...]
    script: str | None = None
    env: Mapping[str, str] = {}


class Filled(Protocol):
    """Fills in templates for a dry run: a value that is not known yet becomes a placeholder."""

    @property
    def around(self) -> Surroundings:
        """Where the job would be executed."""
        ...

    def expression(self, source: str) -> str:
        """The value of an expression."""
        ...

    def text(self, text: str) -> str:
        """A text with its templates filled in."""
        ...

    def value(self, text: str) -> object:
        """A text of `json`: the value with its type, if it is exactly one template."""
        ...

    def items(self, text: str) -> tuple[str, ...]:
        """One argument, or several when it is a list."""
        ...

    def program(self, name: str) -> str:
        """A program with the path where it was found."""
        ...


class ActionKind(Protocol):
    """A kind of action. One that is not `is_runnable` yet is refused before it is put in force."""

    is_runnable: bool

    @property
    def made(self) -> type:
        """The class of its values."""
        ...

    def prepare(self, action: Any, values: Values, around: Surroundings) -> Prepared:  # noqa: ANN401  a value of `made`
        """What an attempt executes. Raises CannotStartError or EvaluationError."""
        ...

    def describe(self, action: Any, filled: Filled) -> list[Row]:  # noqa: ANN401  a value of `made`
        """What a run would execute, as rows of a dry run."""
        ...

    def program(self, action: Any, filled: Filled) -> str:  # noqa: ANN401  a value of `made`
        """The program that would be executed; '' if there is none."""
        ...
