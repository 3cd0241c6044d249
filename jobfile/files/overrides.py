"""`--set name=value`: replaces a constant by a value of the same type."""

from collections.abc import Mapping

from jobfile.diagnostics.diagnostic import Diagnostic, Label
from jobfile.diagnostics.source import Span
from jobfile.diagnostics.suggest import did_you_mean, suggest
from jobfile.files.declarations import value_of
from jobfile.files.merged_settings import map_at
from jobfile.model.values import Value
from jobfile.syntax.document import Document
from jobfile.syntax.scalars import core_value


def override(document: Document, given: Mapping[str, str]) -> tuple[dict[str, Value], tuple[Diagnostic, ...]]:
    """The new values, and the problems with them [JF103, JF402]; a list is written with commas."""
    declared = map_at(document, ("vars",))
    values: dict[str, Value] = {}
    problems = []
    for name, text in given.items():
        if document.is_lost(("vars", name)):
            continue
        if name not in declared:
            problems.append(_unknown(document, name, declared))
            continue
        converted = _converted(text, value_of(declared[name]))
        if converted is None:
            problems.append(_wrong_type(document, name, declared[name]))
        else:
            values[name] = converted
    return values, tuple(problems)


def _converted(text: str, old: Value) -> Value | None:
    """The text as a value of the old value's type; None if it does not have this type."""
    if isinstance(old, tuple):
        parts = [_converted(part.strip(), old[0]) if old else part.strip() for part in text.split(",")]
        good = [part for part in parts if part is not None and not isinstance(part, tuple)]
        return tuple(good) if len(good) == len(parts) else None
    if isinstance(old, str):
        return text
    value = core_value(text)
    if isinstance(old, bool) or isinstance(value, bool):
        return value if isinstance(old, bool) and isinstance(value, bool) else None
    if isinstance(old, int) and not isinstance(value, int):
        return None
    return value if isinstance(value, (int, float)) else None


def _unknown(document: Document, name: str, declared: Mapping[str, object]) -> Diagnostic:
    near = suggest(name, declared)
    known = ", ".join(f"`{one}`" for one in declared) or "none"
    top = document.source.position(0)
    return Diagnostic(
        code="JF402",
        message=f"`--set {name}=…`: this file has no var `{name}`",
        file=document.source.name,
        span=Span(top, top),
        path=("vars", name),
        help=(did_you_mean(near) if near else f"known vars: {known}",),
    )


def _wrong_type(document: Document, name: str, old: object) -> Diagnostic:
    kinds = {bool: "true or false", int: "an integer", float: "a number", list: "a list of the same type"}
    path = ("vars", name)
    return Diagnostic(
        code="JF103",
        message=f"`--set {name}=…` has the wrong type",
        file=document.source.name,
        span=document.span(path),
        label=f"expected {kinds.get(type(old), 'text')}",
        path=path,
        related=(Label(span=document.key_span(path), text="declared here"),),
        help=("give a value of the type that the var has in the file",),
    )
