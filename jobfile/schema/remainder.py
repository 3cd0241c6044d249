"""What is left of a document without mistakes in its shape: the rest is checked in the same pass."""

from collections.abc import Iterable, Mapping
from typing import Any  # values of a document are not typed yet

from jobfile.diagnostics.diagnostic import DocumentPath
from jobfile.schema.forms import Form, Kind
from jobfile.schema.messages import Violation, strays_of, without_echoes
from jobfile.schema.unknown_keys import Keys, meant_keys
from jobfile.syntax.document import ANY_NAME, Document


def remainder(
    document: Document,
    violations: Iterable[Violation],
    *,
    keys: Keys,
    required: Mapping[Kind, frozenset[str]],
    form: Form,
) -> Document:
    """The document without the values that are wrong; it knows which are lost.

    The remaining tree has the right shape: a list with a wrong item is left out as a whole, and so is a map
    without a key that it must have. A name of the wrong form stays: its value can still be checked.
    """
    cuts: set[DocumentPath] = set()
    lost: set[DocumentPath] = set()
    for one in without_echoes(violations):
        if _is_other_version(one):
            return document.without({}, ((key,) for key in keys["file"]))
        if one.keyword == "additionalProperties":
            for path in strays_of(one):
                cuts.add(path)
                lost |= {(*path[:-1], key) for key in meant_keys(document, path, keys=keys, form=form)}
        elif one.keyword == "required":
            cuts.add(_without_holders(one.path, required, form) if one.path else ())
        elif one.keyword == "propertyNames":
            if "enum" in one.schema:
                cuts.add((*one.path, str(one.value)))
            else:
                lost.add((*one.path, ANY_NAME))
        else:
            cuts.add(_without_holders(one.path, required, form))
    cuts.discard(())
    return document.without(_without(document.tree, list(cuts)), cuts | lost)


def _is_other_version(one: Violation) -> bool:
    """Whether the file is in a version of the language that is not known: its keys may mean anything."""
    is_number = isinstance(one.value, int | float) and not isinstance(one.value, bool)
    return one.path == ("version",) and is_number


def _without_holders(path: DocumentPath, required: Mapping[Kind, frozenset[str]], form: Form) -> DocumentPath:
    """The path to leave out for a wrong value: that of the nearest map or list that is right without it."""
    path = _map_key(path)
    while len(path) > 1 and path[-1] in required.get(_kind_of_map(path[:-1], form), ()):
        path = _map_key(path[:-1])
    return path


def _map_key(path: DocumentPath) -> DocumentPath:
    """A path without the numbers of items at its end."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    return path


def _kind_of_map(path: DocumentPath, form: Form) -> Kind:
    """The kind of the map with fixed keys at a path; empty if it is another kind of map."""
    return form.kind_of(path) if form.nearest_map(path) == _map_key(path) else ""


def _without(value: Any, cuts: list[DocumentPath]) -> Any:  # noqa: ANN401  a map or a list, at any depth
    """A copy of a map or list without the values at some paths."""
    below: dict[str | int, list[DocumentPath]] = {}
    for path in cuts:
        below.setdefault(path[0], []).append(path[1:])
    copy: Any = value.copy()
    for step, rests in below.items():
        if () in rests:
            del copy[step]
        else:
            copy[step] = _without(copy[step], rests)
    return copy
