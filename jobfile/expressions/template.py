"""Templates: text with `{{ expression }}` in it. The only module that uses Jinja2, and only as a parser.

Jinja2's tree is converted by a list of allowed nodes; any other node is refused by name.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING, Final

from jobfile.expressions.expression import (
    MAX_INTEGER,
    Binary,
    Conditional,
    EvaluationError,
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
    evaluate,
    names_of,
)
from jobfile.expressions.filters import MAX_TEXT, as_text
from jobfile.expressions.typecheck import check
from jobfile.model.dataclass import dataclass
from jobfile.model.regex import regex

if TYPE_CHECKING:
    from jinja2 import nodes

MAX_SOURCE: Final = 16 * 1024
MAX_BRACKETS: Final = 64
MAX_NODES: Final = 512
MAX_DEPTH: Final = 32

_STATEMENT: Final = regex(r"\{%")
_COMMENT: Final = regex(r"(?<!\$)\{#")
_COMPARISONS: Final = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "lteq": "<=",
    "gt": ">",
    "gteq": ">=",
    "in": "in",
    "notin": "not in",
}
_ARITHMETIC: Final = {"Add": "+", "Sub": "-", "Mul": "*", "Div": "/", "FloorDiv": "//", "Mod": "%"}
_REFUSED: Final = {
    "Call": "a call",
    "Pow": "`**`",
    "Dict": "a map",
    "Test": "`is`",
    "Slice": "a slice",
    "NSRef": "a namespace",
}
_OF_ANOTHER_TOOL: Final = regex(
    r"[-~]?\s*(?:[.$#/>^!&{@*]|(?:end|else|break|continue)\s*[-~]?$)|.*[\s(|][.$](?:[A-Za-z]|\s|$)|.*(?:\+\+|--)\s*$",
    re.DOTALL,
)
"""Text that only Go templates, Handlebars, awk and similar tools have between braces."""
_LIKE_ANOTHER_TOOL: Final = regex(
    r"(?:if|range|with|template|block|define|printf?|println|json|len|index|slice|html|js|call|eq|ne|lt|le|gt|ge"
    r"|join|split|upper|lower|title|truncate|table|tablerow|timefmt|each|unless|lookup|log)\s"
)
_OUR_NAMES: Final = regex(r"\b(?:params|vars|run|matrix|steps|secrets|trigger|item|event)\b")
_IN_TEXT: Final = (Kind.STRING, Kind.INTEGER, Kind.NUMBER, Kind.DATETIME, Kind.ANY)


@dataclass(frozen=True, slots=True)
class Slot:
    """One `{{ … }}` of a text, its place, and where its expression begins."""

    source: str
    start: int
    end: int
    at: int
    expression: Expression
    written: str = ""
    """The text between the braces, with blanks."""


def has_template(text: str) -> bool:
    """Whether there is anything to fill in; if not, Jinja2 is never loaded."""
    return "{{" in text or "{%" in text or "{#" in text


@lru_cache(maxsize=8192)
def find_slots(text: str) -> tuple[tuple[Slot, ...], tuple[Problem, ...]]:
    """The templates of a text, and the problems in their syntax."""
    slots: list[Slot] = []
    problems = list(_statements(text))
    at = text.find("{{")
    while at != -1:
        end = _end_of(text, at + 2)
        if end is None:
            message = "`{{` is never closed"
            problems.append(
                Problem(code="JF401", message=message, start=at, end=at + 2, label="no `}}` after this")
            )
            break
        source = text[at + 2 : end]
        parsed = _parse(source)
        if isinstance(parsed, _Refused):
            problem = Problem(
                code="JF401",
                message=parsed.message,
                start=at,
                end=end + 2,
                label="not an expression",
                help=("an expression is like  params.day  or  run.scheduled_at | date('%F')",),
            )
            problems.append(_with_literal(problem, text[at : end + 2]))
        else:
            indent = at + 2 + len(source) - len(source.lstrip())
            bare = source.strip()
            slots.append(
                Slot(source=bare, start=at, end=end + 2, at=indent, expression=parsed, written=source)
            )
        at = text.find("{{", end + 2)
    return tuple(slots), tuple(problems)


def _with_literal(problem: Problem, braces: str) -> Problem:
    """The problem; if the braces look meant for another program, with the way to write them."""
    source = braces[2:-2].strip()
    if _OUR_NAMES.search(source):
        return problem
    literal = as_literal(braces)
    is_theirs = _OF_ANOTHER_TOOL.match(source) is not None
    if not is_theirs and not _LIKE_ANOTHER_TOOL.match(source):
        return problem
    help_ = f"for literal braces, write:  {literal}"
    return replace(problem, help=(help_,), fix=literal if is_theirs else None)


def as_literal(braces: str) -> str:
    """How to write text with braces that must stay as it is: `{{ '{{.Names}}' }}`."""
    text = braces.replace("\\", "\\\\")
    quote = '"' if "'" in text and '"' not in text else "'"
    return f"{{{{ {quote}{text.replace(quote, chr(92) + quote)}{quote} }}}}"


def constant_text(slot: Slot) -> str | None:
    """The text of a template that is only a text literal."""
    expression = slot.expression
    return expression.value if isinstance(expression, Literal) and isinstance(expression.value, str) else None


def with_constants(text: str) -> str:
    """A script that takes no values, with its text-literal templates filled in."""
    parts, at = [], 0
    for slot in find_slots(text)[0]:
        constant = constant_text(slot)
        if constant is not None:
            parts += [text[at : slot.start], constant]
            at = slot.end
    return "".join([*parts, text[at:]])


def parse_expression(text: str) -> Slot | None:
    """A text that is an expression without braces, as in `if`; None if it is not one."""
    parsed = _parse(text)
    if isinstance(parsed, _Refused):
        return None
    indent = len(text) - len(text.lstrip())
    return Slot(source=text.strip(), start=0, end=len(text), at=indent, expression=parsed)


def why_no_expression(text: str) -> str:
    """Why a text is not an expression."""
    parsed = _parse(text)
    return parsed.message if isinstance(parsed, _Refused) else ""


def check_slot(slot: Slot, scope: Scope, *, allow_secrets: bool = False) -> tuple[Type, tuple[Problem, ...]]:
    """The type of a template's expression, and its problems; offsets are into the whole text."""
    found, problems = check(slot.expression, scope, source=slot.source, allow_secrets=allow_secrets)
    placed = tuple(
        replace(problem, start=problem.start + slot.at, end=problem.end + slot.at) for problem in problems
    )
    if [one.code for one in placed] == ["JF402"]:
        whole = replace(placed[0], start=slot.start, end=slot.end)
        written = _with_literal(whole, "{{" + slot.written + "}}")
        placed = placed if written is whole else (written,)
    return found, placed


def check_text_type(slot: Slot, found: Type, *, is_whole: bool) -> tuple[Problem, ...]:
    """Whether a value of this type can be part of text; a boolean can only be all of it."""
    allowed = found.kind in _IN_TEXT or found.kind is Kind.SECRET or (is_whole and found.kind is Kind.BOOLEAN)
    if allowed and not found.may_be_null:
        return ()
    if found.may_be_null:
        message, tip = f"`{slot.source}` may be null", f"{slot.source} | default('never')"
    elif found.kind is Kind.LIST:
        message, tip = "a list cannot be part of text", f"{slot.source} | join(',')"
    else:
        message, tip = f"a {found.kind.value} cannot be part of text", f"'yes' if {slot.source} else 'no'"
    help_ = (f"{{{{ {tip} }}}}",)
    return (
        Problem(
            code="JF404",
            message=message,
            start=slot.start,
            end=slot.end,
            label=f"this is {found.kind.words}",
            help=help_,
        ),
    )


def to_text(value: object) -> str:
    """A value as passed to a process."""
    return as_text(value)


def evaluate_source(source: str, values: Mapping[str, object]) -> object:
    """The value of an expression that was checked when its job was compiled."""
    parsed = _parse(source)
    if isinstance(parsed, _Refused):
        raise EvaluationError(parsed.message)
    return evaluate(parsed, values)


def names_in(source: str) -> tuple[str, ...]:
    """The dotted names in an expression that was checked when its job was compiled."""
    parsed = _parse(source)
    return () if isinstance(parsed, _Refused) else names_of(parsed)


def render_text(text: str, values: Mapping[str, object]) -> str:
    """A text with its templates filled in. The result is never searched for templates again."""
    slots, _ = find_slots(text)
    parts, at = [], 0
    for slot in slots:
        parts += [text[at : slot.start], to_text(evaluate(slot.expression, values))]
        at = slot.end
    result = "".join([*parts, text[at:]])
    if len(result) > len(text) + MAX_TEXT:
        raise EvaluationError(f"the result of a template is longer than {MAX_TEXT} characters")
    return result


def render_items(text: str, values: Mapping[str, object]) -> tuple[str, ...]:
    """One argument, or several if the text is exactly one template whose value is a list."""
    slots, _ = find_slots(text)
    if len(slots) == 1 and (slots[0].start, slots[0].end) == (0, len(text)):
        value = evaluate(slots[0].expression, values)
        if isinstance(value, (tuple, list)):
            return tuple(to_text(item) for item in value)
    return (render_text(text, values),)


def render_value(text: str, values: Mapping[str, object]) -> object:
    """A text of `json` filled in: the value with its type, if it is exactly one template."""
    slots, _ = find_slots(text)
    if len(slots) == 1 and (slots[0].start, slots[0].end) == (0, len(text)):
        value = evaluate(slots[0].expression, values)
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, (tuple, list)):
            return [one if isinstance(one, (bool, int, float)) else to_text(one) for one in value]
    return render_text(text, values)


def _statements(text: str) -> Iterable[Problem]:
    for opening, closing in ((_STATEMENT, "%}"), (_COMMENT, "#}")):
        match = opening.search(text)
        while match is not None:
            end = text.find(closing, match.end())
            if end == -1:
                break
            yield Problem(
                code="JF407",
                message="template statements and comments are not supported",
                start=match.start(),
                end=end + len(closing),
                label="only {{ expressions }} are allowed",
                help=("for a choice:  {{ a if test else b }}",),
            )
            match = opening.search(text, end + len(closing))


def _end_of(text: str, at: int) -> int | None:
    """Where the braces close; quoted braces do not count."""
    quote = ""
    while at < len(text):
        sign = text[at]
        if quote:
            if sign == "\\":
                at += 1
            elif sign == quote:
                quote = ""
        elif sign in "'\"":
            quote = sign
        elif text.startswith("}}", at):
            return at
        at += 1
    return None


@dataclass(frozen=True, slots=True)
class _Refused:
    message: str


class _NotAllowedError(Exception):
    pass


@lru_cache(maxsize=8192)
def _parse(source: str) -> "Expression | _Refused":
    """An expression's tree, or why there is none.

    The limits on length and brackets are checked before parsing: Jinja2's parser is recursive.
    """
    if not source.strip():
        return _Refused("the braces are empty")
    if len(source) > MAX_SOURCE or sum(source.count(sign) for sign in "([{") > MAX_BRACKETS:
        return _Refused("the expression is too large")
    from jinja2 import Environment, TemplateSyntaxError, nodes  # noqa: PLC0415  start-up time: 80 ms

    try:
        tree = Environment(autoescape=False, optimized=False).parse("{{" + source + "}}")  # noqa: S701  nothing is rendered
    except TemplateSyntaxError as error:
        return _Refused(f"not an expression: {_plainly(error.message or '')}")
    except (RecursionError, ValueError, OverflowError, IndexError, TypeError):
        return _Refused("not an expression")
    outputs = tree.body
    if len(outputs) != 1 or not isinstance(outputs[0], nodes.Output) or len(outputs[0].nodes) != 1:
        return _Refused("not one expression")
    try:
        return _Converter().convert(outputs[0].nodes[0], 0)
    except _NotAllowedError as error:
        return _Refused(str(error))


def _plainly(message: str) -> str:
    """Jinja2's error message without its jargon."""
    end = "'end of print statement'"
    if message == f"unexpected {end}":
        return "it ends too early"
    found = re.fullmatch(f"expected token {end}, got (.*)", message)
    return f"{found[1]} is unexpected here" if found else message.rstrip(".")


class _Converter:
    """Converts Jinja2's nodes into ours, kind by kind; other kinds are refused."""

    def __init__(self) -> None:
        self.count = 0

    def convert(self, node: "nodes.Node", depth: int) -> Expression:
        self.count += 1
        if self.count > MAX_NODES or depth > MAX_DEPTH:
            raise _NotAllowedError("the expression is too large")
        kind = type(node).__name__
        method = getattr(self, f"_{kind.lower()}", None)
        if kind in _ARITHMETIC:
            return self._two(_ARITHMETIC[kind], node, depth)
        if kind in ("And", "Or"):
            return self._two(kind.lower(), node, depth)
        if kind in ("Not", "Neg", "Pos"):
            sign = {"Not": "not", "Neg": "-", "Pos": "+"}[kind]
            return Unary(sign, self.convert(_field(node, "node"), depth + 1))
        if method is None:
            raise _NotAllowedError(f"{_REFUSED.get(kind, kind.lower())} is not allowed in an expression")
        result = method(node, depth)
        assert isinstance(result, (Literal, Name, Item, Listing, Unary, Binary, Conditional, Filtered))
        return result

    def _two(self, sign: str, node: "nodes.Node", depth: int) -> Expression:
        left, right = _field(node, "left"), _field(node, "right")
        return Binary(sign, self.convert(left, depth + 1), self.convert(right, depth + 1))

    def _const(self, node: "nodes.Const", _depth: int) -> Expression:
        value = node.value
        is_large = abs(value) > MAX_INTEGER if isinstance(value, int) else value in (inf, -inf)
        if is_large:
            raise _NotAllowedError("the number is too large")
        if isinstance(value, (str, bool, int, float)) or value is None:
            return Literal(value)
        raise _NotAllowedError("this constant is not allowed in an expression")

    def _name(self, node: "nodes.Name", _depth: int) -> Expression:
        if node.name.startswith("_"):
            raise _NotAllowedError(f"a name cannot begin with `_`: `{node.name}`")
        return Name(node.name)

    def _getattr(self, node: "nodes.Getattr", depth: int) -> Expression:
        target = self.convert(node.node, depth + 1)
        if node.attr.startswith("_") or not isinstance(target, Name):
            raise _NotAllowedError(f"this value has no `.{node.attr}`")
        return Name(f"{target.path}.{node.attr}")

    def _getitem(self, node: "nodes.Getitem", depth: int) -> Expression:
        target, index = self.convert(node.node, depth + 1), self.convert(node.arg, depth + 1)
        if isinstance(target, Name) and isinstance(index, Literal) and isinstance(index.value, str):
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", index.value, re.ASCII):
                raise _NotAllowedError(f"unknown name `{index.value[:40]}`")
            return Name(f"{target.path}.{index.value}")
        return Item(target, index)

    def _list(self, node: "nodes.List", depth: int) -> Expression:
        return Listing(tuple(self.convert(item, depth + 1) for item in node.items))

    def _tuple(self, _node: "nodes.Tuple", _depth: int) -> Expression:
        raise _NotAllowedError("write a list as [a, b]")

    def _condexpr(self, node: "nodes.CondExpr", depth: int) -> Expression:
        if node.expr2 is None:
            raise _NotAllowedError("`if` needs an `else`")
        parts = (self.convert(part, depth + 1) for part in (node.test, node.expr1, node.expr2))
        return Conditional(*parts)

    def _concat(self, node: "nodes.Concat", depth: int) -> Expression:
        first, *rest = self._chain(node.nodes, depth)
        for part in rest:
            first = Binary("~", first, part)
        return first

    def _chain(self, parts: "Sequence[nodes.Node]", depth: int) -> list[Expression]:
        """Convert the operands of a chain such as `a + b + c`.

        Our tree of it is as deep as the chain is long, so its length counts as depth: a deep tree would
        exceed Python's recursion limit.
        """
        if depth + len(parts) > MAX_DEPTH:
            raise _NotAllowedError("the expression is too large")
        return [self.convert(part, depth + len(parts) - 1) for part in parts]

    def _compare(self, node: "nodes.Compare", depth: int) -> Expression:
        left, *rights = self._chain([node.expr, *(operand.expr for operand in node.ops)], depth)
        result: Expression | None = None
        for operand, right in zip(node.ops, rights, strict=True):
            one = Binary(_COMPARISONS[operand.op], left, right)
            result = one if result is None else Binary("and", result, one)
            left = right
        assert result is not None
        return result

    def _filter(self, node: "nodes.Filter", depth: int) -> Expression:
        if node.node is None or node.kwargs or node.dyn_args is not None or node.dyn_kwargs is not None:
            raise _NotAllowedError(f"filter `{node.name}` takes no named arguments")
        arguments = tuple(self.convert(argument, depth + 1) for argument in node.args)
        return Filtered(self.convert(node.node, depth + 1), node.name, arguments)


def _field(node: "nodes.Node", name: str) -> "nodes.Node":
    found = getattr(node, name)
    assert found is not None
    return found  # type: ignore[no-any-return]  # a node's children are nodes
