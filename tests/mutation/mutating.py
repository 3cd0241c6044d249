"""The small changes that one module allows, as texts. Pure: the same text gives the same mutants."""

import ast
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add,
}
SWAPPED_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list", "reversed": "list"}
WORD = re.compile(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*")
"""Texts of this form are reasons, kinds and keys, which other code compares. Sentences are not changed."""


class Mutant(NamedTuple):
    """One change to a module: `text` is the whole module with it."""

    line: int
    source: str
    change: str
    text: str


class _Change(NamedTuple):
    node: ast.AST
    text: str


def mutants_of(text: str) -> list[Mutant]:
    """Every change that the operators find in a module, in the order of their places."""
    found: dict[tuple[int, int, str], Mutant] = {}
    places = _Places(text)
    for change in _changes(ast.parse(text)):
        start, end = places.span(change.node)
        before = text[start:end]
        if before != change.text:
            mutated = text[:start] + change.text + text[end:]
            line = change.node.lineno  # type: ignore[attr-defined]  # expressions and statements have one
            source = places.lines[line - 1].strip()
            shown = f"{_short(before)} -> {_short(change.text)}"
            found.setdefault((start, end, change.text), Mutant(line, source, shown, mutated))
    return [found[key] for key in sorted(found)]


def drawn(mutants: Sequence[Mutant], *, seed: str, count: int) -> list[Mutant]:
    """A random selection; a larger count draws the same ones first."""
    order = list(mutants)
    random.Random(seed).shuffle(order)
    return order[:count]


def _short(text: str) -> str:
    one_line = re.sub(r"\s+", " ", text)
    return one_line if len(one_line) <= 90 else f"{one_line[:60]} … {one_line[-25:]}"


class _Places:
    """Where a node is in a text, in characters: ast counts columns in bytes."""

    def __init__(self, text: str) -> None:
        self.lines = text.splitlines(keepends=True)
        self._starts = [0]
        for line in self.lines:
            self._starts.append(self._starts[-1] + len(line))

    def span(self, node: ast.AST) -> tuple[int, int]:
        at = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]
        return self._offset(*at[0]), self._offset(*at[1])

    def _offset(self, line: int, column: int) -> int:
        return self._starts[line - 1] + len(self.lines[line - 1].encode()[:column].decode())


def _changes(tree: ast.Module) -> Iterator[_Change]:
    enums = _members(tree)
    for node in _deciding_nodes(tree):
        yield from _of_statement(node)
        yield from _of_expression(node, enums)


def _deciding_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that can change a decision: no annotations, decorators,
    docstrings, imports, messages, named numbers.
    """
    children: list[ast.AST]
    match node:
        case ast.Call(func=ast.Name(id="assert_never")):
            return
        case ast.Expr(value=ast.Call(func=ast.Name(id="assert_never"))):
            return
        case (
            ast.JoinedStr() | ast.Import() | ast.ImportFrom() | ast.Raise() | ast.Assert() | ast.MatchValue()
        ):
            return
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if _is_choice(name, value):
            return
        case ast.AnnAssign(target=target, value=value):
            is_choice = isinstance(target, ast.Name) and value is not None and _is_choice(target.id, value)
            children = [] if value is None or is_choice else [value]
        case ast.FunctionDef():
            children = [*node.args.defaults, *(one for one in node.args.kw_defaults if one), *node.body]
        case ast.ClassDef():
            children = node.body
        case _:
            yield node
            children = list(ast.iter_child_nodes(node))
    for child in children:
        if not _is_docstring(child):
            yield from _deciding_nodes(child)


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_choice(name: str, value: ast.expr) -> bool:
    """`LIMIT = 3`, `SHELLS = ("sh", "bash")`: a test that repeats a choice decides nothing."""
    if not name.lstrip("_").isupper():
        return False
    inner = [one.value for one in ast.walk(value) if isinstance(one, ast.Constant)]
    is_list = any(isinstance(one, (ast.Set, ast.Tuple, ast.List)) for one in ast.walk(value))
    is_words = is_list and not any(isinstance(one, ast.Dict) for one in ast.walk(value))
    allowed = (int, float, str) if is_words else (int, float)
    return bool(inner) and all(isinstance(one, allowed) for one in inner)


def _members(tree: ast.Module) -> dict[str, list[str]]:
    """The members of each enum that a module names: `State.DONE`."""
    found: dict[str, list[str]] = defaultdict(list)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner, name = node.value.id, node.attr
            if owner[:1].isupper() and not owner.isupper() and name.isupper() and name not in found[owner]:
                found[owner].append(name)
    return found


def _of_statement(node: ast.AST) -> Iterator[_Change]:
    is_removable = isinstance(node, (ast.AugAssign, ast.Continue, ast.Break))
    if is_removable or (isinstance(node, ast.Expr) and not _is_docstring(node)):
        yield _Change(node, "pass")
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        name = node.targets[0].id
        if any(isinstance(one, ast.Name) and one.id == name for one in ast.walk(node.value)):
            yield _Change(node, "pass")
    elif isinstance(node, (ast.If, ast.IfExp)):
        if not isinstance(node.test, (ast.Compare, ast.UnaryOp)):
            yield _Change(node.test, f"(not ({ast.unparse(node.test)}))")
        if isinstance(node, ast.If) and not node.orelse:
            yield _Change(node.test, "False")


def _of_expression(node: ast.AST, enums: dict[str, list[str]]) -> Iterator[_Change]:
    match node:
        case ast.Compare():
            for index, operator in enumerate(node.ops):
                for other in COMPARISONS[type(operator)]:
                    changed = [*node.ops[:index], other(), *node.ops[index + 1 :]]
                    yield _Change(node, _text(ast.Compare(node.left, changed, node.comparators)))
        case ast.BoolOp():
            swapped = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield _Change(node, _text(ast.BoolOp(swapped, node.values)))
            for index in range(len(node.values)):
                rest = [*node.values[:index], *node.values[index + 1 :]]
                yield _Change(node, _text(rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)))
        case ast.UnaryOp(op=ast.Not()):
            yield _Change(node, _text(node.operand))
        case ast.UnaryOp(op=ast.USub()):
            yield _Change(node, _text(node.operand))
        case ast.BinOp() if type(node.op) in ARITHMETIC:
            yield _Change(node, _text(ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right)))
        case ast.Constant():
            yield from _of_constant(node)
        case ast.Call(func=ast.Name(id=name)) if name in SWAPPED_CALLS:
            yield _Change(node.func, SWAPPED_CALLS[name])
        case ast.Attribute(value=ast.Name(id=owner), attr=name) if name in enums.get(owner, ()):
            members = enums[owner]
            other_member = members[(members.index(name) + 1) % len(members)]
            if other_member != name:
                yield _Change(node, f"{owner}.{other_member}")
        case _:
            pass


def _of_constant(node: ast.Constant) -> Iterator[_Change]:
    value = node.value
    if isinstance(value, bool):
        yield _Change(node, str(not value))
    elif isinstance(value, (int, float)):
        yield _Change(node, repr(value + 1))
        if value > 0:
            yield _Change(node, repr(value - 1))
    elif isinstance(value, str) and WORD.fullmatch(value):
        yield _Change(node, repr(f"{value}-other"))


def _text(node: ast.expr) -> str:
    return f"({ast.unparse(ast.fix_missing_locations(node))})"
