"""Validates the shape of a document. The only module that uses JSON Schema."""

import json
import pkgutil
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.model.namedtuple import NamedTuple
from jobfile.schema.certain import is_certainly_valid
from jobfile.schema.forms import JOB_FILE, Form
from jobfile.schema.messages import Violation, explain
from jobfile.schema.remainder import remainder
from jobfile.syntax.document import Document

if TYPE_CHECKING:
    import jsonschema_rs
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

SMALL: Final = 4_000
"""Up to this many characters a document is first compared with the schema here: loading jsonschema-rs takes
20 ms, which is 40 times as long.
"""
_IN_A_WHEEL = "_schemas"
_IN_A_CHECKOUT = "../schemas"


class Shape(NamedTuple):
    """Findings about the shape of a document, in file order, and the document without what is wrong."""

    diagnostics: tuple[Diagnostic, ...]
    remainder: Document


def validate(document: Document, *, form: Form = JOB_FILE) -> Shape:
    """Find what is wrong with a document's shape.

    jsonschema-rs quickly accepts a good document; jsonschema looks for the reasons only if it does not.
    Neither is loaded for a small document that is certainly good.
    """
    nothing = list(_unset_defaults(document.tree)) if form is JOB_FILE else []
    if not nothing and (
        (len(document.source.text) <= SMALL and is_certainly_valid(document.tree, _schema(form)))
        or _fast_validator(form).is_valid(document.tree)
    ):
        return Shape((), document)
    keys, violations = _keys(form), [*nothing, *_violations_in(document.tree, form)]
    rest = remainder(document, violations, keys=keys, required=_required(form), form=form)
    return Shape(explain(document, violations, keys=keys, form=form), rest)


def _violations_in(tree: dict[str, Any], form: Form) -> Iterator[Violation]:
    for error in _explaining_validator(form).iter_errors(_without_good_entries(tree, form)):
        yield from _violations(error)


def _unset_defaults(tree: dict[str, Any]) -> Iterator[Violation]:
    """Each null in the maps of `defaults`: only a job can unset a value. Both share the schema."""
    defaults = tree.get("defaults")
    if not isinstance(defaults, dict):
        return
    for key in ("env", "secrets"):
        entries = defaults.get(key)
        for name, value in entries.items() if isinstance(entries, dict) else ():
            if value is None:
                path = ("defaults", key, name)
                yield Violation(path=path, keyword="type", value=None, accepts=({"type": "string"},))


@cache
def schema_text(form: Form = JOB_FILE) -> str:
    """The JSON Schema of a kind of file, as text."""
    return schema_named(form.schema)


@cache
def _schema(form: Form) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(schema_text(form))
    return schema


def schema_named(name: str) -> str:
    """A JSON Schema of this project, as text: that of a kind of file, or of what a command prints."""
    name = f"{name}.schema.json"
    try:
        data = pkgutil.get_data("jobfile", f"{_IN_A_WHEEL}/{name}")
    except FileNotFoundError:
        data = pkgutil.get_data("jobfile", f"{_IN_A_CHECKOUT}/{name}")
    assert data is not None, "the package must be installed as files"
    return data.decode()


@cache
def _fast_validator(form: Form, part: str = "") -> "jsonschema_rs.Draft7Validator":
    """A validator for the whole schema, or for one of its definitions."""
    import jsonschema_rs  # noqa: PLC0415  start-up time: 20 ms, only when a file is checked

    if not part:
        return jsonschema_rs.Draft7Validator(schema_text(form))
    definitions = _schema(form)["definitions"]
    return jsonschema_rs.Draft7Validator({"$ref": f"#/definitions/{part}", "definitions": definitions})


@cache
def _explaining_validator(form: Form) -> "Validator":
    import jsonschema  # noqa: PLC0415  start-up time: 50 ms, only for an invalid file

    own = {"pattern": _pattern}
    kind: type[Validator] = jsonschema.validators.extend(  # type: ignore[no-untyped-call]  # it has no types
        jsonschema.Draft7Validator, own
    )
    return kind(_schema(form))


def _pattern(
    _validator: "Validator", pattern: str, instance: object, _schema: Mapping[str, object]
) -> Iterator["ValidationError"]:
    """The keyword `pattern`, where `$` is the very end: Python's `$` also matches before a last newline."""
    import jsonschema  # noqa: PLC0415  start-up time: already loaded when this is called

    if isinstance(instance, str) and not re.fullmatch(pattern, instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


def _without_good_entries(tree: dict[str, Any], form: Form) -> dict[str, Any]:
    """The tree with valid entries emptied: explaining an error takes seventy times as long as finding one.

    Each entry is validated alone: jsonschema-rs copies all entries into every error about one of them.
    """
    fast = _fast_validator(form, form.entry)
    entries = tree.get(form.entries)
    if not isinstance(entries, dict):
        return tree
    least = form.smallest_entry
    return {
        **tree,
        form.entries: {name: least if fast.is_valid(one) else one for name, one in entries.items()},
    }


def _violations(error: "ValidationError") -> Iterator[Violation]:
    """The error as a violation; for an anyOf, only the branch for the value's type."""
    if error.validator != "anyOf":
        yield _violation(error, accepts=(_schema_of(error),))
        return
    branches: dict[str | int, list[ValidationError]] = {}
    for child in error.context or ():
        branches.setdefault(child.schema_path[0], []).append(child)
    mismatches = {index: found for index, children in branches.items() if (found := _mismatch(children))}
    for index in branches.keys() - mismatches.keys():
        for child in branches[index]:
            yield from _violations(child)
    if branches.keys() == mismatches.keys():
        accepts = tuple(_schema_of(mismatches[index]) for index in sorted(mismatches))
        yield _violation(error, keyword="type", accepts=accepts)


def _mismatch(errors: list["ValidationError"]) -> "ValidationError | None":
    """The error that the value itself, not something inside it, has the wrong type."""
    return next((error for error in errors if error.validator == "type" and not error.relative_path), None)


def _schema_of(error: "ValidationError") -> Mapping[str, object]:
    assert isinstance(error.schema, dict), "a schema that can be violated is a map"
    return error.schema


def _violation(
    error: "ValidationError", *, accepts: tuple[Mapping[str, object], ...], keyword: str | None = None
) -> Violation:
    steps = list(error.absolute_schema_path)
    return Violation(
        path=tuple(error.absolute_path),
        keyword=keyword or ("propertyNames" if "propertyNames" in steps else str(error.validator)),
        value=error.instance,
        accepts=accepts,
    )


@cache
def _keys(form: Form) -> Mapping[str, tuple[str, ...]]:
    """The keys of each kind of map that has fixed keys; the top of the file is kind `file`."""
    schema = _schema(form)
    kinds = {"file": schema, **schema["definitions"]}
    return {kind: tuple(part["properties"]) for kind, part in kinds.items() if "properties" in part}


@cache
def _required(form: Form) -> Mapping[str, frozenset[str]]:
    """The keys that each kind of map must have."""
    kinds = _schema(form)["definitions"]
    return {kind: frozenset(part["required"]) for kind, part in kinds.items() if "required" in part}
