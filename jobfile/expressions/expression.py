"""Expressions: the text between the braces of a template. A small typed tree, checked and then evaluated.

The tree has no node for a call, an assignment or an attribute of a Python object, so an expression cannot
escape. Types are known before anything runs; there is no truthiness.
"""

from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import field
from enum import StrEnum
from functools import cached_property
from typing import Final, assert_never

from jobfile.expressions.filters import FILTERS, MAX_TEXT, EvaluationError
from jobfile.model.dataclass import dataclass
from jobfile.model.values import Shown

MAX_INTEGER: Final = 2**63 - 1
__all__ = ["EvaluationError", "Kind", "Problem", "Scope", "Type", "evaluate"]


class Kind(StrEnum):
    """The types of expressions. An unknown name has type `any`, which suppresses follow-up errors."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATETIME = "datetime"
    NULL = "null"
    LIST = "list"
    SECRET = "secret"  # noqa: S105  a type's name
    ANY = "any"

    @property
    def words(self) -> str:
        """The type in a message: a string, an integer, null."""
        if self in (Kind.NULL, Kind.ANY):
            return self.value
        return f"an {self.value}" if self is Kind.INTEGER else f"a {self.value}"


_NEVER_CODE: Final = frozenset({Kind.INTEGER, Kind.NUMBER, Kind.BOOLEAN, Kind.DATETIME})
"""Kinds whose values consist of letters, digits and the signs of numbers and dates."""


@dataclass(frozen=True, slots=True, repr=False)
class Type(Shown):
    """A type; a list has the type of its items, and a value with `may_be_null` may be null.

    A trusted value cannot be a stranger's code: the author or the operator chose it, or it has no character
    that is special to a shell. A word has letters, digits, and no sign that ends a string or a name in
    another language.
    """

    kind: Kind
    item: Kind = Kind.ANY
    may_be_null: bool = False
    is_trusted: bool = False
    is_word: bool = False

    @property
    def cannot_be_code(self) -> bool:
        """Whether the value cannot be turned into code by the person who supplies it."""
        kind = self.item if self.kind is Kind.LIST else self.kind
        return self.is_trusted or kind in _NEVER_CODE


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Problem(Shown):
    """A problem with a part of a text; offsets are into that text, `fix` replaces the part."""

    code: str
    message: str
    start: int
    end: int
    label: str = ""
    help: tuple[str, ...] = ()
    fix: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Refusal(Shown):
    """Why a known name cannot be used at a place."""

    code: str
    message: str
    label: str = ""
    help: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class Scope(Shown):
    """The names available at a place: dotted name -> type; a name ending in `.*` covers all below it.

    `by_trigger` has the names that exist only if a run was started in one way; `refused` has the message for
    names, or heads of names, that exist elsewhere.
    """

    names: Mapping[str, Type] = field(default_factory=dict)
    by_trigger: Mapping[str, Mapping[str, Type]] = field(default_factory=dict)
    refused: Mapping[str, Refusal] = field(default_factory=dict)

    @cached_property
    def heads(self) -> frozenset[str]:
        """The first parts of the names."""
        return frozenset(name.partition(".")[0] for name in self.names)

    @cached_property
    def every(self) -> tuple[str, ...]:
        """All names."""
        return tuple(self.names)

    @cached_property
    def below(self) -> Mapping[str, tuple[str, ...]]:
        """The names directly below each name or head of a name."""
        found: dict[str, list[str]] = {}
        for name in self.names:
            found.setdefault(name.rpartition(".")[0], []).append(name)
        return {holder: tuple(names) for holder, names in found.items()}

    def find(self, path: str) -> Type | None:
        """The type of a name, if it exists here."""
        found = self.names.get(path)
        if found is not None:
            return found
        above = path.rpartition(".")[0]
        while above and f"{above}.*" not in self.names:
            above = above.rpartition(".")[0]
        return self.names[f"{above}.*"] if above else None

    def refusal(self, path: str) -> Refusal | None:
        """The refusal for a name: that of its longest part which has one."""
        while path:
            if path in self.refused:
                return self.refused[path]
            path = path.rpartition(".")[0]
        return None

    def knowing_trigger(self, kind: str) -> "Scope":
        """The scope if the run's trigger is known."""
        return Scope(self.names_and(self.by_trigger.get(kind, {})), {}, self.refused)

    def names_and(self, more: Mapping[str, Type]) -> Mapping[str, Type]:
        """The names, overridden by others; nothing is copied, as there may be very many."""
        return ChainMap(dict(more), self.names)  # type: ignore[arg-type]  # a mapping that is only read


@dataclass(frozen=True, slots=True, repr=False)
class Literal(Shown):
    """A literal text, number or boolean."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True, repr=False)
class Name(Shown):
    """A dotted name."""

    path: str


@dataclass(frozen=True, slots=True, repr=False)
class Item(Shown):
    """One item of a list or character of a text."""

    target: "Expression"
    index: "Expression"


@dataclass(frozen=True, slots=True, repr=False)
class Listing(Shown):
    """A literal list."""

    items: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True, repr=False)
class Unary(Shown):
    """A sign, or `not`."""

    sign: str
    operand: "Expression"


@dataclass(frozen=True, slots=True, repr=False)
class Binary(Shown):
    """Arithmetic, `~`, a comparison, `in`, `and`, `or`."""

    sign: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True, repr=False)
class Conditional(Shown):
    """`then if test else otherwise`."""

    test: "Expression"
    then: "Expression"
    otherwise: "Expression"


@dataclass(frozen=True, slots=True, repr=False)
class Filtered(Shown):
    """A value passed through a filter."""

    target: "Expression"
    name: str
    arguments: "tuple[Expression, ...]"


Expression = Literal | Name | Item | Listing | Unary | Binary | Conditional | Filtered


def evaluate(node: Expression, values: Mapping[str, object]) -> object:
    """The value of a checked expression; `values` is a tree of mappings for the dotted names."""
    match node:
        case Literal():
            return node.value
        case Name():
            return _look_up(node.path, values)
        case Item():
            return _pick(evaluate(node.target, values), evaluate(node.index, values))
        case Listing():
            return tuple(evaluate(item, values) for item in node.items)
        case Unary():
            return _signed(node.sign, evaluate(node.operand, values))
        case Binary():
            return _combine(node, values)
        case Conditional():
            return evaluate(node.then if evaluate(node.test, values) is True else node.otherwise, values)
        case Filtered():
            arguments = [evaluate(argument, values) for argument in node.arguments]
            return FILTERS[node.name].apply(evaluate(node.target, values), *arguments)
        case _:
            assert_never(node)


def names_of(node: Expression) -> tuple[str, ...]:
    """The dotted names in an expression, each once, in their order."""
    if isinstance(node, Name):
        return (node.path,)
    parts = (getattr(node, name) for name in node.__dataclass_fields__)
    inner = (one for part in parts for one in (part if isinstance(part, tuple) else (part,)))
    return tuple(
        dict.fromkeys(name for one in inner if isinstance(one, Expression) for name in names_of(one))
    )


def _signed(sign: str, operand: object) -> object:
    if sign == "not":
        return operand is not True
    assert isinstance(operand, (int, float))
    return _bounded(-operand if sign == "-" else operand)


def _look_up(path: str, values: Mapping[str, object]) -> object:
    found: object = values
    for part in path.split("."):
        if not isinstance(found, Mapping) or part not in found:
            raise EvaluationError(f"`{path}` has no value here")
        found = found[part]
    return found


def _pick(target: object, index: object) -> object:
    assert isinstance(target, (tuple, list, str))
    assert isinstance(index, int)
    if not -len(target) <= index < len(target):
        raise EvaluationError(f"no item {index}: the length is {len(target)}")
    return target[index]


def _combine(node: Binary, values: Mapping[str, object]) -> object:
    left = evaluate(node.left, values)
    if node.sign in ("and", "or"):
        return left if (left is True) == (node.sign == "or") else evaluate(node.right, values)
    right = evaluate(node.right, values)
    if node.sign == "~":
        return _bounded(f"{FILTERS['string'].apply(left)}{FILTERS['string'].apply(right)}")
    try:
        return _bounded(_OPERATIONS[node.sign](left, right))
    except ZeroDivisionError:
        raise EvaluationError(f"`{node.sign}`: division by zero") from None
    except (TypeError, ValueError, OverflowError) as error:
        raise EvaluationError(f"`{node.sign}` does not work with these values") from error


def _bounded(value: object) -> object:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise EvaluationError(f"the text is longer than {MAX_TEXT} characters")
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise EvaluationError("the number does not fit in 64 bits")
    return value


_OPERATIONS: Final[Mapping[str, Callable[..., object]]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "in": lambda a, b: a in b,
    "not in": lambda a, b: a not in b,
}
