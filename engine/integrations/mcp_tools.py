"""What a tool for agents is: its name, what it says about itself, its arguments, its answer."""

import json
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from threading import Event
from typing import Final

from engine.core.errors import ErrorCode, JobfileError
from jobfile.diagnostics.suggest import suggest
from jobfile.model.dataclass import dataclass

MAX_TEXT: Final = 4_096
"""Maximum number of characters of an argument."""
MAX_ENTRIES: Final = 100
"""Maximum number of entries of an argument that is a list or an object."""


class Kind(StrEnum):
    """The type of an argument, as JSON Schema names it."""

    TEXT = "string"
    COUNT = "integer"
    FLAG = "boolean"
    TEXTS = "array"
    VALUES = "object"


class ArgumentError(JobfileError):
    """A call has an argument that the tool does not take."""

    code = ErrorCode.USAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument of a tool."""

    name: str
    about: str
    kind: Kind = Kind.TEXT
    is_required: bool = False
    least: int = 0
    most: int = 0
    choices: tuple[str, ...] = ()

    def to_schema(self) -> dict[str, object]:
        """The JSON Schema of its value."""
        plain: dict[str, object] = {"type": self.kind.value, "description": self.about}
        match self.kind:
            case Kind.TEXT if self.choices:
                plain["enum"] = list(self.choices)
            case Kind.TEXT:
                plain["maxLength"] = MAX_TEXT
            case Kind.COUNT:
                plain |= {"minimum": self.least, "maximum": self.most}
            case Kind.TEXTS:
                plain |= {"items": {"type": "string", "maxLength": MAX_TEXT}, "maxItems": MAX_ENTRIES}
            case Kind.VALUES:
                scalar = {"type": ["string", "number", "boolean"]}
                plain |= {"additionalProperties": scalar, "maxProperties": MAX_ENTRIES}
            case Kind.FLAG:
                pass
        return plain

    def read(self, value: object) -> object:
        """The value as the tool takes it. Raises ArgumentError."""
        match self.kind, value:
            case Kind.TEXT, str() if not self.choices or value in self.choices:
                return self._text(value)
            case Kind.FLAG, bool():
                return value
            case Kind.COUNT, int() if not isinstance(value, bool) and self.least <= value <= self.most:
                return value
            case Kind.TEXTS, list() if len(value) <= MAX_ENTRIES and all(
                isinstance(one, str) for one in value
            ):
                return tuple(self._text(one) for one in value)
            case Kind.VALUES, dict() if len(value) <= MAX_ENTRIES and all(map(_is_scalar, value.values())):
                return {self._text(name): self._text(_scalar_text(one)) for name, one in value.items()}
        raise ArgumentError(f"`{self.name}` must be {self._words()}, not {_shown(value)}")

    def _text(self, text: str) -> str:
        if len(text) > MAX_TEXT:
            raise ArgumentError(f"`{self.name}` has {len(text):,} characters; at most {MAX_TEXT:,} are taken")
        if "\0" in text or text.encode("utf-8", "replace").decode() != text:
            raise ArgumentError(f"`{self.name}` has a character that is not text; remove it")
        return text

    def _words(self) -> str:
        match self.kind:
            case Kind.TEXT:
                return f"one of {', '.join(self.choices)}" if self.choices else "text"
            case Kind.COUNT:
                return f"a whole number from {self.least:,} to {self.most:,}"
            case Kind.FLAG:
                return "true or false"
            case Kind.TEXTS:
                return f"a list of at most {MAX_ENTRIES} texts"
            case Kind.VALUES:
                return (
                    f"an object of at most {MAX_ENTRIES} names, each with a text, a number, or true or false"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of a tool: its arguments, who calls, and whether the caller is gone meanwhile."""

    given: Mapping[str, object]
    client: str
    """The name of the agent's program, as it gives it: not to be trusted."""
    gone: Event

    def text(self, name: str) -> str | None:
        """A text, if it was given and is not empty."""
        value = self.given.get(name)
        return value if isinstance(value, str) and value else None

    def needed(self, name: str) -> str:
        """A text that is required."""
        value = self.given[name]
        assert isinstance(value, str)
        return value

    def count(self, name: str, otherwise: int) -> int:
        """A number, or the default."""
        value = self.given.get(name, otherwise)
        assert isinstance(value, int)
        return value

    def flag(self, name: str) -> bool:
        """Whether a flag was given as true."""
        return self.given.get(name) is True

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; () if it was not given."""
        value = self.given.get(name, ())
        assert isinstance(value, tuple)
        return value

    def values(self, name: str) -> dict[str, str]:
        """An object, its values as the command line takes them."""
        value = self.given.get(name, {})
        assert isinstance(value, dict)
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a call of the tool may change, in the protocol's hints."""

    is_read_only: bool = True
    is_destructive: bool = False
    is_idempotent: bool = True
    is_open: bool = False
    """Whether it reaches beyond jobfile: a job may do anything."""


READS: Final = Effect()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool."""

    name: str
    title: str
    about: str
    arguments: tuple[Argument, ...]
    output_schema: Mapping[str, object]
    answer: Callable[[Call], Mapping[str, object]]
    """The answer as JSON data. Raises ToolError."""
    narrow: str
    """What to give for a smaller answer."""
    effect: Effect = READS
    is_waiting: bool = False
    """Whether a call mostly waits."""

    def input_schema(self) -> dict[str, object]:
        """The JSON Schema of its arguments."""
        return {
            "type": "object",
            "properties": {one.name: one.to_schema() for one in self.arguments},
            "required": [one.name for one in self.arguments if one.is_required],
            "additionalProperties": False,
        }

    def read(self, given: Mapping[str, object]) -> dict[str, object]:
        """The arguments of a call; null is the same as leaving one out. Raises ArgumentError."""
        known = {one.name: one for one in self.arguments}
        for name in given:
            if name not in known:
                near = suggest(name[:MAX_TEXT], known)
                hint = f"did you mean {' or '.join(near)}?" if near else f"it takes {_listed(known)}"
                raise ArgumentError(f"{self.name} has no argument {_shown(name)}; {hint}")
        found = {name: known[name].read(value) for name, value in given.items() if value is not None}
        for one in self.arguments:
            if one.is_required and not found.get(one.name):
                raise ArgumentError(f"{self.name} needs `{one.name}`; give it")
        return found


class ToolError(Exception):
    """A call has no answer; the text says why, for the agent."""


def _listed(names: Sequence[str] | Mapping[str, object]) -> str:
    return ", ".join(names) or "none"


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | int | float)


def _scalar_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _shown(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else f"{text[:80]}…"
