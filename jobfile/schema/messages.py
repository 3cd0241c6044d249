"""Explains a violation of the JSON Schema so that the user can fix the line."""

import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from itertools import chain

from jobfile.diagnostics.diagnostic import Diagnostic, DocumentPath, Edit, Fix, arrange
from jobfile.diagnostics.source import Span
from jobfile.diagnostics.suggest import did_you_mean, suggest
from jobfile.model.dataclass import dataclass
from jobfile.model.regex import regex
from jobfile.schema.forms import Form, quoted
from jobfile.schema.unknown_keys import Keys, unknown_keys
from jobfile.syntax.document import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A value, the JSON Schema keyword that rejects it, and the schemas it could have matched.

    For `propertyNames`, the value is the name and the path is that of its map.
    """

    path: DocumentPath
    keyword: str
    value: object
    accepts: tuple[Mapping[str, object], ...]

    @property
    def schema(self) -> Mapping[str, object]:
        """The schema whose keyword is violated."""
        return self.accepts[0]


def explain(
    document: Document, violations: Iterable[Violation], *, keys: Keys, form: Form
) -> tuple[Diagnostic, ...]:
    """One finding for each mistake among the violations."""
    mistakes = without_echoes(violations)
    strays = [path for one in mistakes if one.keyword == "additionalProperties" for path in strays_of(one)]
    said = chain.from_iterable(
        _SAYINGS[one.keyword](document, one, form)
        for one in mistakes
        if one.keyword != "additionalProperties"
    )
    return arrange([*said, *unknown_keys(document, strays, keys=keys, form=form)])


def without_echoes(violations: Iterable[Violation]) -> list[Violation]:
    """One violation per place. A wrong type comes first: such a value is not also out of range."""
    first: dict[tuple[object, ...], Violation] = {}
    for one in sorted(violations, key=lambda one: one.keyword != "type"):
        about = one.keyword if one.keyword in ("additionalProperties", "required") else ""
        name = one.value if one.keyword == "propertyNames" else None
        first.setdefault((one.path, about, name), one)
    return list(first.values())


def strays_of(one: Violation) -> list[DocumentPath]:
    """The paths of the unknown keys of a map."""
    known = _mapping(one.schema.get("properties"))
    patterns = _mapping(one.schema.get("patternProperties"))
    names = [name for name in _mapping(one.value) if name not in known]
    return [(*one.path, name) for name in names if not any(re.search(p, name) for p in patterns)]


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _words(value: object) -> list[str]:
    return [str(word) for word in value] if isinstance(value, list) else [str(value)]


_TYPE_WORDS = {
    "string": "text",
    "number": "a number",
    "integer": "an integer",
    "boolean": "true or false",
    "array": "a list",
    "object": "a map",
}

_TEXT = {"string", "number", "boolean"}
"""The types in the schema where any scalar is accepted and read as text."""


def _expected(accepts: Iterable[Mapping[str, object]]) -> str:
    words: list[str] = []
    for schema in accepts:
        types = [name for name in _words(schema["type"]) if name != "null"]
        if "enum" in schema:
            words += [f"`{word}`" for word in _words(schema["enum"])]
        elif set(types) >= _TEXT:
            words += ["text", *(_TYPE_WORDS[name] for name in types if name not in _TEXT)]
        else:
            words += [_TYPE_WORDS[name] for name in types]
    return _either(words)


def _either(words: Iterable[str]) -> str:
    """A choice in words: "a", "a or b", "a, b or c"."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _found(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    names = {int: "a number", float: "a number", str: "text", list: "a list", dict: "a map"}
    return names[type(value)]


def _subject(path: DocumentPath, form: Form) -> str:
    """The value at a path in words: "`timeout`", "job `a`", "item 2 of `tags`"."""
    last = path[-1]
    if isinstance(last, int):
        return f"item {last + 1} of {_subject(path[:-1], form)}"
    return form.place_of(path) if form.is_named(path) else quoted(last)


def _span(document: Document, one: Violation) -> Span:
    """The place of the value, or of its key if the value is empty or very long."""
    span = document.span(one.path)
    is_long = isinstance(one.value, (list, dict)) and span.end.line > span.start.line
    return document.key_span(one.path) if is_long or span.start == span.end else span


def _diagnostic(
    document: Document,
    one: Violation,
    code: str,
    message: str,
    *,
    label: str = "",
    help: tuple[str, ...] = (),
    fixes: tuple[Fix, ...] = (),
) -> Diagnostic:
    return Diagnostic(
        code=code,
        message=message,
        file=document.source.name,
        span=_span(document, one),
        label=label,
        path=one.path,
        help=help,
        fixes=fixes,
    )


def _replaced(document: Document, path: DocumentPath, text: str, *, safe: bool = True) -> tuple[Fix, ...]:
    return (
        Fix(title=f"replace with `{text}`", edits=(Edit(span=document.span(path), text=text),), safe=safe),
    )


_SWITCHES = {
    **dict.fromkeys(("yes", "y", "on", "true", "1"), "true"),
    **dict.fromkeys(("no", "n", "off", "false", "0"), "false"),
}


def _wrong_type(document: Document, one: Violation, form: Form) -> list[Diagnostic]:
    is_scalar = not isinstance(one.value, (list, dict))
    if one.value is None:
        return [_no_value(document, one, form)]
    if one.path == ("version",) and isinstance(one.value, float):
        return [_wrong_version(document, one)]
    if is_scalar and one.path[-1] == "command" and form.kind_of(one.path[:-1]) in ("job", "step", "channel"):
        return [_command_as_text(document, one, form)]
    found = _found(one.value)
    message = f"expected {_expected(one.accepts)} for {_subject(one.path, form)}, found {found}"
    help, fixes = _converted(document, one) if is_scalar else ((), ())
    own = form.type_help.get((str(one.path[-1]), found))
    if isinstance(one.value, dict) and one.path[-2:-1] == ("env",):
        from jobfile.schema.foreign_advice import secret_in_env  # noqa: PLC0415  start-up time: only after an error

        own = secret_in_env(str(one.path[-1]), one.value)
    help = help or ((own,) if own else ())
    label = "text, because it is quoted" if found == "text" and document.is_quoted(one.path) else found
    return [_diagnostic(document, one, "JF103", message, label=label, help=help, fixes=fixes)]


def _converted(document: Document, one: Violation) -> tuple[tuple[str, ...], tuple[Fix, ...]]:
    """The intended value, when a scalar has it in the wrong type."""
    types = {name for schema in one.accepts for name in _words(schema["type"])}
    text = document.text(one.path)
    if "boolean" in types and text.lower() in _SWITCHES:
        word = _SWITCHES[text.lower()]
        return (f"write `{word}`",), _replaced(document, one.path, word)
    if types & {"integer", "number"} and re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", text):
        return (f"remove the quotes: `{text}`",), _replaced(document, one.path, text)
    if "array" in types and "object" not in types and _is_plain(text) and not isinstance(one.value, bool):
        return (f"write a list: `[{text}]`",), _replaced(document, one.path, f"[{text}]")
    return (), ()


def _no_value(document: Document, one: Violation, form: Form) -> Diagnostic:
    types = {name for schema in one.accepts for name in _words(schema["type"])}
    is_map = types == {"object"} and len(one.path) == 1
    advice = f"write `{one.path[-1]}: {{}}` if it is empty" if is_map else None
    if one.path[0] == form.entries and len(one.path) == 2:
        advice = form.entry_needs
    message = f"{_subject(one.path, form)} has no value"
    return _diagnostic(document, one, "JF108", message, help=(advice,) if advice else ())


def _wrong_version(document: Document, one: Violation) -> Diagnostic:
    message = f"unknown language version {quoted(document.text(one.path))}"
    fixes = _replaced(document, one.path, "1", safe=False)
    label = "this jobfile supports version 1"
    return _diagnostic(
        document, one, "JF112", message, label=label, help=("write `version: 1`",), fixes=fixes
    )


_SHELL_SYNTAX = regex(r"[|&;<>()$`*?\[\]{}~#!\n]|^[A-Za-z_][A-Za-z0-9_]*=")


def _command_as_text(document: Document, one: Violation, form: Form) -> Diagnostic:
    text = document.text(one.path)
    words = _split(text)
    advice = "write the words as a list, such as `[ls, -l]`, or a script as `run`"
    fixes: tuple[Fix, ...] = ()
    if _SHELL_SYNTAX.search(text):
        advice = "use `run` for shell syntax"
    elif words:
        as_list = f"[{', '.join(_flow(word) for word in words)}]"
        advice = f"write `command: {as_list}`"
        fixes = _replaced(document, one.path, as_list)
    message = f"`command` of {form.place_of(one.path[:-1])} must be a list of words"
    return _diagnostic(document, one, "JF111", message, label="this is one text", help=(advice,), fixes=fixes)


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # a quote that is not closed
        return []


def _is_plain(word: str) -> bool:
    """Whether a word needs no quotes in a list in brackets."""
    is_safe = re.fullmatch(r"[A-Za-z0-9_./-][A-Za-z0-9_./=@%+-]*", word)
    return bool(is_safe) and any(c.isalnum() for c in word) and word.lower() != "null"


def _flow(word: str) -> str:
    return word if _is_plain(word) else json.dumps(word, ensure_ascii=False)


def _not_one_of(document: Document, one: Violation, form: Form) -> list[Diagnostic]:
    if one.path == ("version",):
        return [_wrong_version(document, one)]
    words = _words(one.schema["enum"])
    text = document.text(one.path)
    advice = f"write {_either(f'`{word}`' for word in words)}"
    fixes: tuple[Fix, ...] = ()
    if one.path[-1] == "shell":  # the name of another shell is not a typing mistake
        advice += f", or a list: `[{text}, -eu]`" if _is_plain(text) else ", or a list"
    elif nearest := suggest(text, words):
        advice = did_you_mean(nearest)
        fixes = _replaced(document, one.path, nearest[0]) if len(nearest) == 1 else ()
    message = f"{_subject(one.path, form)} cannot be {quoted(text)}"
    return [_diagnostic(document, one, "JF104", message, help=(advice,), fixes=fixes)]


def _not_of_the_form(document: Document, one: Violation, form: Form) -> list[Diagnostic]:
    code = "JF105" if "tags" in one.path else "JF104"
    message = f"{_subject(one.path, form)} has the wrong form"
    if "title" in one.schema:
        message = f"{quoted(document.text(one.path))} is not {one.schema['title']}"
    return [_diagnostic(document, one, code, message, help=(str(one.schema["patternErrorMessage"]),))]


def _name_not_allowed(document: Document, one: Violation, form: Form) -> list[Diagnostic]:
    path = (*one.path, str(one.value))
    if "enum" in one.schema:
        return [_unknown_event(document, path, _words(one.schema["enum"]))]
    return [
        Diagnostic(
            code="JF105",
            message=f"{quoted(str(one.value))} is not a valid name for {form.names[str(one.path[-1])]}",
            file=document.source.name,
            span=document.key_span(path),
            path=path,
            help=(_name_help(one),),
        )
    ]


def _name_help(one: Violation) -> str:
    """Why a name used in expressions has no hyphen: it would be a subtraction."""
    rule = str(one.schema["patternErrorMessage"])
    name = str(one.value)
    if one.path[-1] == "steps" and re.fullmatch(str(one.schema["pattern"]), name.replace("-", "_")):
        return f"write `{name.replace('-', '_')}`: `steps.{name}` in an expression would be a subtraction"
    return rule


def _unknown_event(document: Document, path: DocumentPath, events: list[str]) -> Diagnostic:
    name = str(path[-1])
    near = suggest(name.removeprefix("on_"), events)
    span = document.key_span(path)
    edit = Edit(span=span, text=near[0] if near else "")
    return Diagnostic(
        code="JF104",
        message=f"unknown event {quoted(name)} in `notify`",
        file=document.source.name,
        span=span,
        path=path,
        help=(did_you_mean(near) if near else f"write {_either(f'`{word}`' for word in events)}",),
        fixes=(Fix(title=f"replace with `{near[0]}`", edits=(edit,)),) if len(near) == 1 else (),
    )


_RANGES = {
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "minItems": "must not be an empty list",
    "minProperties": "must not be an empty map",
    "minLength": "must not be empty",
    "maxLength": "must not be longer than {} characters",
}


def _out_of_range(document: Document, one: Violation, form: Form) -> list[Diagnostic]:
    rule = _RANGES[one.keyword].format(one.schema[one.keyword])
    return [_diagnostic(document, one, "JF106", f"{_subject(one.path, form)} {rule}")]


def _missing(document: Document, one: Violation, form: Form) -> list[Diagnostic]:
    present = _mapping(one.value)
    keys = [key for key in _words(one.schema["required"]) if key not in present]
    return [_missing_key(document, one, key, form) for key in keys]


def _missing_key(document: Document, one: Violation, key: str, form: Form) -> Diagnostic:
    if not one.path and key == "version":
        return _missing_version(document)
    about = _mapping(_mapping(one.schema["properties"])[key])
    choices = about.get("enum")
    advice = f"add `{key}`: {_either(_words(choices)) if choices else f'for example {_example(about)}'}"
    span = document.key_span(one.path) if one.path else _top(document)
    message = f"{form.place_of(one.path)} has no `{key}`"
    return Diagnostic(
        code="JF102", message=message, file=document.source.name, span=span, path=one.path, help=(advice,)
    )


def _example(about: Mapping[str, object]) -> str:
    """The example that an editor shows for a key, in its backticks."""
    return str(about["markdownDescription"]).split("\n\n")[1]


def _missing_version(document: Document) -> Diagnostic:
    span = _top(document)
    is_block = bool(document.tree) and span.start.column == 1
    edit = Edit(span=Span(span.start, span.start), text="version: 1\n")
    return Diagnostic(
        code="JF102",
        message="`version` is missing",
        file=document.source.name,
        span=span,
        help=("begin the file with `version: 1`",),
        fixes=(Fix(title="add `version: 1`", edits=(edit,)),) if is_block else (),
    )


def _top(document: Document) -> Span:
    """The place of the first key."""
    first = next(iter(document.tree), None)
    return document.span(()) if first is None else document.key_span((first,))


_SAYINGS: Mapping[str, Callable[[Document, Violation, Form], list[Diagnostic]]] = {
    "type": _wrong_type,
    "enum": _not_one_of,
    "const": _not_one_of,
    "pattern": _not_of_the_form,
    "propertyNames": _name_not_allowed,
    "required": _missing,
    **dict.fromkeys(_RANGES, _out_of_range),
}
