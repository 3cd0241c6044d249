"""Finds the type of an expression and all its type errors before anything runs."""

import re
from dataclasses import replace
from functools import lru_cache
from heapq import nsmallest
from typing import Final, assert_never

from jobfile.diagnostics.suggest import did_you_mean, suggest
from jobfile.expressions.expression import (
    Binary,
    Conditional,
    Expression,
    Filtered,
    Item,
    Kind,
    Listing,
    Literal,
    Name,
    Problem,
    Scope,
    Type,
    Unary,
)
from jobfile.expressions.filters import FILTERS
from jobfile.expressions.foreign_names import foreign_name
from jobfile.model.regex import regex

ARITHMETIC: Final = ("+", "-", "*", "/", "//", "%")
EQUALITY: Final = ("==", "!=")
_ANY: Final = Type(Kind.ANY)
_HARMLESS: Final = regex(r"[\w .,:/@%+-]*", re.ASCII)
"""Date formats without a character that is special to a shell, except blanks between words."""
_NUMERIC: Final = (Kind.INTEGER, Kind.NUMBER)
_KINDS: Final = {str: Kind.STRING, bool: Kind.BOOLEAN, int: Kind.INTEGER, float: Kind.NUMBER}


class _Checker:
    """Finds the type of a tree, and collects its errors."""

    def __init__(self, source: str, scope: Scope, *, allow_secrets: bool) -> None:
        self.source = source
        self.scope = scope
        self.allow_secrets = allow_secrets
        self.problems: list[Problem] = []

    def type_of(self, node: Expression) -> Type:
        match node:
            case Literal(value=None):
                return Type(Kind.NULL, is_trusted=True)
            case Literal(value=value):
                return Type(_KINDS[type(value)], is_trusted=True)
            case Name():
                return self._name(node)
            case Item():
                return self._item(node)
            case Listing():
                types = [self.type_of(item) for item in node.items]
                kinds = {one.kind for one in types}
                item = kinds.pop() if len(kinds) == 1 else Kind.ANY
                return Type(Kind.LIST, item, is_trusted=_all_trusted(*types))
            case Unary():
                return self._unary(node)
            case Binary():
                return self._binary(node)
            case Conditional():
                return self._conditional(node)
            case Filtered():
                return self._filtered(node)
            case _:
                assert_never(node)

    def _name(self, node: Name) -> Type:
        found = self.scope.find(node.path)
        if found is None:
            return self._unknown(node.path)
        if found.kind is Kind.SECRET and not self.allow_secrets:
            self._say(
                "JF423",
                f"secret `{node.path}` in a script or argument",
                node.path,
                label="every user of the machine could read it there",
                help=("read it from the job's environment: each secret is a variable there",),
            )
            return _ANY
        return found

    def _unknown(self, path: str) -> Type:
        head, _, rest = path.partition(".")
        refusal = self.scope.refusal(path)
        if refusal is not None:
            self._say(refusal.code, refusal.message, path, label=refusal.label, help=refusal.help)
        elif ".outputs." in path and self.scope.heads >= {head}:
            holder = path.rpartition(".")[0]
            near = self.scope.below.get(holder, ())
            self._say_near("JF424", f"output `{path.rpartition('.')[2]}` is not declared", path, near)
        elif head == "secrets" and rest:
            near = self.scope.below.get("secrets", ())
            self._say_near("JF210", f"`secrets` has no entry `{rest}`", path, near, _declare_secret(rest))
        elif (foreign := foreign_name(path)) is not None and head not in self.scope.heads:
            message, help_ = foreign
            self._say("JF402", message, path, label="not defined", help=(help_,))
        else:
            what, names = f"unknown name `{path}`", self.scope.every
            if head in self.scope.heads and rest and head != "run":
                what = f"`{head}` has no `{rest}`"
                own = tuple(name for name in names if name.startswith(f"{head}."))
                names = names if suggest(path, names) else own or names
            self._say_near("JF402", what, path, names)
        return _ANY

    def _say_near(
        self, code: str, message: str, path: str, names: tuple[str, ...], otherwise: str = ""
    ) -> None:
        near = suggest(path, names)
        known = ", ".join(_some(names))
        if known or not otherwise:
            otherwise = f"known names: {known or 'none'}"
        self._say(
            code,
            message,
            path,
            label="not defined",
            help=(did_you_mean(near) if near else otherwise,),
            fix=near[0] if len(near) == 1 else None,
        )

    def _item(self, node: Item) -> Type:
        target, index = self.type_of(node.target), self.type_of(node.index)
        if target.kind not in (Kind.LIST, Kind.STRING, Kind.ANY):
            self._wrong(f"a {target.kind.value} has no items")
        if index.kind not in (Kind.INTEGER, Kind.ANY):
            self._wrong(f"a list index must be an integer, found {index.kind.words}")
        return _item_of(target)

    def _unary(self, node: Unary) -> Type:
        operand = self._used(node.operand)
        wanted = (Kind.BOOLEAN,) if node.sign == "not" else _NUMERIC
        if operand.kind not in (*wanted, Kind.ANY):
            self._wrong(f"`{node.sign}` takes {wanted[-1].words}, found {operand.kind.words}")
        return operand

    def _binary(self, node: Binary) -> Type:
        left = self._used(node.left)
        kind = _trigger_tested(node.left) if node.sign == "and" else None
        right = self._within(kind, node.right) if kind else self._used(node.right)
        if node.sign == "~":
            for side in (left, right):
                if side.kind in (Kind.LIST, Kind.NULL, Kind.BOOLEAN):
                    self._wrong(f"`~` joins texts and numbers, found {side.kind.words}")
            kind_ = Kind.SECRET if Kind.SECRET in (left.kind, right.kind) else Kind.STRING
            return Type(kind_, is_trusted=_all_trusted(left, right))
        if Kind.ANY in (left.kind, right.kind):
            return _ANY if node.sign in ARITHMETIC else Type(Kind.BOOLEAN)
        if node.sign in ARITHMETIC:
            found = self._arithmetic(node.sign, left.kind, right.kind)
            return replace(found, is_trusted=_all_trusted(left, right))
        if node.sign in ("and", "or"):
            self._need(node.sign, left.kind is Kind.BOOLEAN and right.kind is Kind.BOOLEAN, left, right)
        elif node.sign in ("in", "not in"):
            texts = left.kind is Kind.STRING and right.kind is Kind.STRING
            self._need(node.sign, right.kind is Kind.LIST or texts, left, right)
        else:
            same = left.kind is right.kind or (left.kind in _NUMERIC and right.kind in _NUMERIC)
            ordered = node.sign in EQUALITY or left.kind not in (Kind.BOOLEAN, Kind.LIST, Kind.NULL)
            self._need(node.sign, same and ordered, left, right)
        return Type(Kind.BOOLEAN)

    def _arithmetic(self, sign: str, left: Kind, right: Kind) -> Type:
        if sign == "+" and left is right is Kind.STRING:
            return Type(Kind.STRING)
        self._need(sign, left in _NUMERIC and right in _NUMERIC, Type(left), Type(right))
        if sign == "/" or Kind.NUMBER in (left, right):
            return Type(Kind.NUMBER)
        return Type(Kind.INTEGER)

    def _need(self, sign: str, is_good: bool, left: Type, right: Type) -> None:
        if not is_good:
            self._wrong(f"`{sign}` does not work between {left.kind.words} and {right.kind.words}")

    def _conditional(self, node: Conditional) -> Type:
        test = self._used(node.test)
        if test.kind not in (Kind.BOOLEAN, Kind.ANY):
            self._say(
                "JF406",
                f"a condition must be boolean, found {test.kind.words}",
                "",
                help=("compare it with something:  x != ''",),
            )
        kind = _trigger_tested(node.test)
        then = self._within(kind, node.then) if kind else self.type_of(node.then)
        otherwise = self.type_of(node.otherwise)
        if then.kind is otherwise.kind:
            return replace(then, is_trusted=_all_trusted(then, otherwise))
        return _ANY if Kind.ANY in (then.kind, otherwise.kind) else self._mixed(then, otherwise)

    def _within(self, kind: str, node: Expression) -> Type:
        """The type of a part that is evaluated only if the run was started in this way."""
        outer, self.scope = self.scope, self.scope.knowing_trigger(kind)
        found = self._used(node)
        self.scope = outer
        return found

    def _mixed(self, then: Type, otherwise: Type) -> Type:
        if then.kind in _NUMERIC and otherwise.kind in _NUMERIC:
            return Type(Kind.NUMBER)
        self._wrong(
            f"`if` and `else` need values of one type, found {then.kind.words} and {otherwise.kind.words}"
        )
        return _ANY

    def _filtered(self, node: Filtered) -> Type:
        target = self.type_of(node.target) if node.name == "default" else self._used(node.target)
        arguments = [self._used(argument) for argument in node.arguments]
        known = FILTERS.get(node.name)
        if known is None:
            near = suggest(node.name, FILTERS)
            self._say(
                "JF408",
                f"unknown filter `{node.name}`",
                node.name,
                label="not a filter",
                help=(did_you_mean(near) if near else f"filters: {', '.join(FILTERS)}",),
                fix=near[0] if len(near) == 1 else None,
            )
            return _ANY
        if not known.least <= len(arguments) <= known.most:
            self._say("JF401", f"filter `{node.name}` takes {known.takes}, found {len(arguments)}", node.name)
            return _ANY
        if target.kind is not Kind.ANY and target.kind.value not in known.accepts:
            self._wrong(f"filter `{node.name}` takes {' or '.join(known.accepts)}, found {target.kind.words}")
            return _ANY
        found = _result(known.gives, target, arguments)
        is_trusted = _all_trusted(target, *arguments)
        if node.name == "date":
            is_trusted = isinstance(node.arguments[0], Literal) and _is_harmless(node.arguments[0].value)
        return replace(found, is_trusted=is_trusted)

    def _used(self, node: Expression) -> Type:
        """The type of a part that needs a value; null is an error."""
        found = self.type_of(node)
        if found.may_be_null:
            self._say(
                "JF404",
                f"`{node.path if isinstance(node, Name) else 'this'}` may be null",
                node.path if isinstance(node, Name) else "",
                label="it may have no value",
                help=("set a default:  … | default('never')",),
            )
        return found

    def _wrong(self, message: str) -> None:
        self._say("JF404", message, "", label="wrong type here")

    def _say(
        self,
        code: str,
        message: str,
        part: str,
        *,
        label: str = "",
        help: tuple[str, ...] = (),
        fix: str | None = None,
    ) -> None:
        start = self.source.find(part) if part else -1
        end = start + len(part) if start >= 0 else len(self.source)
        self.problems.append(
            Problem(code=code, message=message, start=max(start, 0), end=end, label=label, help=help, fix=fix)
        )


def _trigger_tested(node: Expression) -> str | None:
    """The kind of trigger that a true test implies: `run.trigger == 'file'`, also with `and`."""
    match node:
        case Binary(sign="==", left=Name(path="run.trigger"), right=Literal(value=str(kind))):
            return kind
        case Binary(sign="==", left=Literal(value=str(kind)), right=Name(path="run.trigger")):
            return kind
        case Binary(sign="and", left=left, right=right):
            return _trigger_tested(left) or _trigger_tested(right)
        case _:
            return None


def _declare_secret(name: str) -> str:
    return f"add it to the job:  secrets: {{{name}: env:{name}}}"


@lru_cache(maxsize=4)
def _some(names: tuple[str, ...]) -> list[str]:
    """A few of the known names."""
    return nsmallest(8, names)


def check(
    node: Expression, scope: Scope, *, source: str, allow_secrets: bool = False
) -> tuple[Type, tuple[Problem, ...]]:
    """The type of an expression, and its problems; offsets are into `source`."""
    checker = _Checker(source, scope, allow_secrets=allow_secrets)
    found = checker.type_of(node)
    return found, tuple(dict.fromkeys(checker.problems))


def _all_trusted(*types: Type) -> bool:
    return all(one.cannot_be_code for one in types)


def _is_harmless(form: object) -> bool:
    return isinstance(form, str) and _HARMLESS.fullmatch(form) is not None


def _item_of(target: Type) -> Type:
    return Type(target.item, is_trusted=target.is_trusted) if target.kind is Kind.LIST else target


def _result(gives: str, target: Type, arguments: list[Type]) -> Type:
    if gives == "same":
        return target
    if gives == "item":
        return _item_of(target)
    if gives == "default":
        if target.kind in (Kind.NULL, Kind.ANY) or target.kind is not arguments[0].kind:
            return (
                arguments[0]
                if target.kind is Kind.NULL
                else _ANY
                if target.kind is Kind.ANY
                else Type(Kind.STRING)
            )
        return Type(target.kind, target.item)
    if gives == "list of string":
        return Type(Kind.LIST, Kind.STRING)
    return Type(Kind(gives))
