"""Our `dataclass`, compared with that of the standard library."""

import dataclasses
from collections.abc import Callable
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobfile.model.dataclass import dataclass

OPTIONS = st.fixed_dictionaries(
    {"frozen": st.booleans(), "slots": st.booleans(), "kw_only": st.booleans(), "order": st.booleans()}
)
FIELDS = st.lists(st.sampled_from(["must", "default", "factory", "later", "aside", "named"]), max_size=5)
VALUES = st.lists(st.integers(0, 2), min_size=5, max_size=5)


def made(decorator: Callable[..., type], options: dict[str, bool], kinds: list[str]) -> type:
    """A class with a field of each kind."""
    written = {
        "must": lambda: dataclasses.MISSING,
        "default": lambda: 7,
        "factory": lambda: dataclasses.field(default_factory=list),
        "later": lambda: dataclasses.field(init=False),
        "aside": lambda: dataclasses.field(default=8, compare=False),
        "named": lambda: dataclasses.field(default=6, kw_only=True),
    }
    if not options["kw_only"]:
        kinds = sorted(kinds, key=list(written).index)
    inside = {f"f{number}": written[kind]() for number, kind in enumerate(kinds)}
    inside = {name: value for name, value in inside.items() if value is not dataclasses.MISSING}
    later = [f"f{number}" for number, kind in enumerate(kinds) if kind == "later"]

    def set_later(self: object) -> None:
        for name in later:
            object.__setattr__(self, name, 9)

    inside |= {
        "__annotations__": {"KIND": ClassVar, **{f"f{number}": int for number, _ in enumerate(kinds)}},
        "KIND": "value",
        "__doc__": "A value.",
    }
    return decorator(**options)(type("Value", (), {**inside, "__post_init__": set_later}))


def result(call: Callable[[], object]) -> object:
    """What a call gives, or the kind of its error."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001  compared
        return type(error)


@given(options=OPTIONS, kinds=FIELDS, values=VALUES, others=VALUES, count=st.integers(0, 5))
def test_a_class_is_made_compared_shown_and_changed_as_by_the_standard_library(
    options: dict[str, bool], kinds: list[str], values: list[int], others: list[int], count: int
) -> None:
    seen = []
    for decorator in (dataclass, dataclasses.dataclass):
        cls = made(decorator, options, kinds)
        names = [one.name for one in dataclasses.fields(cls) if one.init]
        by_name = dict(zip(names[:count], values, strict=False))
        one, same, other = (
            result(lambda cls=cls, given=given: cls(**given))
            for given in (by_name, by_name, dict(zip(names, others, strict=False)))
        )
        seen.append(
            [
                repr(one),
                repr(other),
                result(lambda cls=cls: repr(cls(*values[:count]))),
                (one == same, one == other, one != other, one == 3),
                [result(lambda: one < other), result(lambda: one >= same)],  # noqa: B023  called at once
                result(lambda: hash(one) == hash(same)) if not isinstance(one, type) else None,  # noqa: B023
                result(lambda: setattr(one, "f0", 5)) if kinds and not isinstance(one, type) else None,  # noqa: B023
                result(lambda: delattr(one, "f0")) if kinds and not isinstance(one, type) else None,  # noqa: B023
                hasattr(one, "__dict__"),
                (
                    getattr(cls, "__match_args__", None),
                    getattr(cls, "KIND", None),
                    dataclasses.is_dataclass(cls),
                ),
                [(part.name, part.kw_only, part.default) for part in dataclasses.fields(cls)],
                result(lambda: repr(dataclasses.replace(one, f0=4))) if kinds else None,  # noqa: B023
            ]
        )
    assert seen[0] == seen[1]


def test_what_a_class_defines_itself_stays() -> None:
    @dataclass(frozen=True)
    class Own:
        """A value with words of its own."""

        word: str

        def __repr__(self) -> str:
            return self.word

        def __eq__(self, other: object) -> bool:
            return True

    assert (repr(Own("mine")), Own("a") == Own("b"), isinstance(hash(Own("a")), int)) == ("mine", True, True)


def test_a_class_has_the_fields_of_its_base_too() -> None:
    @dataclass(frozen=True, slots=True)
    class Base:
        """A value that another one extends."""

        word: str
        KIND: ClassVar = "base"

    @dataclass(frozen=True, slots=True)
    class Sub(Base):
        """A value with a field more."""

        number: int = 3

    class Plain(Sub):
        """A class that is no class of values of its own."""

    assert [one.name for one in dataclasses.fields(Plain)] == ["word", "number"]
    assert [one.name for one in dataclasses.fields(Base)] == ["word"]
    assert (Sub("a"), Sub("a").number, Sub.__match_args__) == (Sub("a", 3), 3, ("word", "number"))
    assert dataclasses.replace(Sub("a"), number=4) == Sub("a", 4)
    assert Sub("a", 4) != Plain("a", 4)
    assert dataclasses.asdict(Sub("a")) == {"word": "a", "number": 3}


def test_a_class_without_comparison_is_compared_by_identity_and_one_error_names_the_field() -> None:
    @dataclass(frozen=True, eq=False)
    class One:
        """A value that is equal to itself only."""

        word: str

    assert One("a") != One("a")
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot change `word` of a One"):
        One("a").word = "b"  # type: ignore[misc]
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'word'"):
        One()  # type: ignore[call-arg]
