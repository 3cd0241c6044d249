"""Our `NamedTuple`, compared with that of the standard library."""

import copy
import inspect
import pickle
import types
import typing
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobfile.model.namedtuple import NamedTuple


class Place(NamedTuple):
    """Where something is."""

    file: str
    line: int = 1
    after: "Place | None" = None

    @property
    def is_first(self) -> bool:
        """Whether it is the first line."""
        return self.line == 1

    def moved(self, lines: int) -> "Place":
        """The place some lines later."""
        return self._replace(line=self.line + lines)


class Named(Place):
    """A class of such a class, with a method of its own."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def made(base: object, names: list[str], defaults: int) -> typing.Any:
    """A class with these fields; the last ones have a default."""
    inside = {
        "__doc__": "A value.",
        "__module__": __name__,
        "__annotations__": dict.fromkeys(names, int),
        "is_long": property(lambda self: len(self) > 2),
    }
    inside |= {name: 7 + number for number, name in enumerate(names[len(names) - defaults :])}
    return types.new_class("Value", (base,), exec_body=lambda written: written.update(inside))


def result(call: Callable[[], object]) -> object:
    """What a call gives, or its error."""
    try:
        return call()
    except (TypeError, ValueError, AttributeError) as error:
        return f"{type(error).__name__}: {error}"


@given(
    names=st.lists(st.sampled_from(["one", "two", "count", "index", "cls", "of"]), unique=True, max_size=5),
    data=st.data(),
)
def test_a_class_is_made_shown_changed_and_compared_as_by_the_standard_library(
    names: list[str], data: st.DataObject
) -> None:
    defaults = data.draw(st.integers(0, len(names)))
    values = data.draw(st.lists(st.integers(0, 2), max_size=6))
    by_name = data.draw(st.dictionaries(st.sampled_from([*names, "other"]), st.integers(0, 2)))
    seen = []
    for base in (NamedTuple, typing.NamedTuple):
        cls = made(base, names, defaults)
        one = cls(**{name: number for number, name in enumerate(names)})
        seen.append(
            [
                (cls.__name__, cls.__module__, cls.__doc__, cls.__bases__, cls.__slots__),
                (cls._fields, cls._field_defaults, cls.__match_args__, typing.get_type_hints(cls)),
                (
                    repr(one),
                    tuple(one),
                    one._asdict(),
                    hash(one),
                    one == tuple(one),
                    hasattr(one, "__dict__"),
                ),
                [getattr(one, name) for name in names],
                result(lambda: repr(cls(*values))),  # noqa: B023  called at once
                result(lambda: repr(cls(**by_name))),  # noqa: B023
                result(lambda: repr(cls(*values[:1], **by_name))),  # noqa: B023
                result(lambda: repr(one._replace(**by_name))),  # noqa: B023
                result(lambda: repr(cls._make(values))),  # noqa: B023
                result(lambda: setattr(one, "one", 5)),  # noqa: B023
                result(lambda: setattr(one, "unknown", 5)).replace("unknown", ""),  # type: ignore[attr-defined]  # noqa: B023
                (
                    one.is_long,
                    [(each.name, each.default) for each in inspect.signature(cls).parameters.values()],
                ),
            ]
        )
    assert seen[0] == seen[1]


def test_copies_pickles_and_patterns_work_also_before_a_class_was_used() -> None:
    class Unused(NamedTuple):
        """A class of which the first value is made by `_make`."""

        word: str

    assert Unused._make(["a"]) == Unused("a") == ("a",)
    place = Place("jobs.yaml", after=Place("other.yaml", 3))
    assert pickle.loads(pickle.dumps(place)) == copy.deepcopy(place) == copy.copy(place) == place
    match place:
        case Place(file, line, Place(line=other)):
            assert (file, line, other) == ("jobs.yaml", 1, 3)
        case _:
            pytest.fail("a pattern did not match")
    assert typing.get_type_hints(Place)["after"] == Place | None


def test_methods_and_classes_of_a_class_work_as_usual() -> None:
    place = Place("jobs.yaml")
    assert (place.is_first, place.moved(2), place.moved(2).is_first) == (True, ("jobs.yaml", 3, None), False)
    named = Named("jobs.yaml", 4)
    assert (type(named), type(named._replace(line=5)), str(named)) == (Named, Named, "jobs.yaml:4")
    assert isinstance(named, tuple)
    assert repr(named) == "Named(file='jobs.yaml', line=4, after=None)"
