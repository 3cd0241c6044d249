"""`NamedTuple` as in the standard library, but a command that uses it starts faster.

The standard library writes `__new__` of each class as text, compiles it, and makes five more functions: for
sixty classes, a tenth of the time of `jobfile did`. Here all classes share these functions, and `__new__` is
compiled when a class is first used.
"""

import sys
from collections import _tuplegetter  # type: ignore[attr-defined]  # the standard library's own way to a field
from collections.abc import Iterable
from types import FunctionType
from typing import TYPE_CHECKING, Any, Self


class _Shared(tuple[Any, ...]):
    """What all classes have in common. It is not a base: `NamedTuple` copies it into each class."""

    __slots__ = ()
    _fields: tuple[str, ...]

    @classmethod
    def _make(cls, iterable: Iterable[object]) -> Self:
        made = tuple.__new__(cls, iterable)
        if len(made) != len(cls._fields):
            raise TypeError(f"Expected {len(cls._fields)} arguments, got {len(made)}")
        return made

    def _replace(self, /, **changed: object) -> Self:
        made = self._make(map(changed.pop, self._fields, self))
        if changed:
            raise ValueError(f"Got unexpected field names: {list(changed)!r}")
        return made

    def _asdict(self) -> dict[str, object]:
        return dict(zip(self._fields, self, strict=False))

    def __repr__(self) -> str:
        values = (f"{name}={value!r}" for name, value in zip(self._fields, self, strict=False))
        return f"{type(self).__name__}({', '.join(values)})"

    def __getnewargs__(self) -> tuple[object, ...]:  # for copies and pickles
        return tuple(self)


_SHARED = {
    name: vars(_Shared)[name] for name in ("_make", "_replace", "_asdict", "__repr__", "__getnewargs__")
}


class _Maker(type):
    """Makes a class of tuples from a class statement whose base is `NamedTuple`."""

    def __new__(meta, name: str, _: tuple[type, ...], written: dict[str, Any]) -> type:
        fields = tuple(written["__annotations__"])
        defaults = {field: written[field] for field in fields if field in written}

        def first_new(cls: type, /, *args: object, **kwargs: object) -> object:
            new = _written_new(name, fields, defaults)
            type.__setattr__(made, "__new__", staticmethod(new))
            return new(cls, *args, **kwargs)

        made: type = type(
            name,
            (tuple,),
            _SHARED
            | written
            | {field: _tuplegetter(number, "") for number, field in enumerate(fields)}
            | {
                "__slots__": (),
                "__new__": first_new,
                "__match_args__": fields,
                "_fields": fields,
                "_field_defaults": defaults,
            },
        )
        return made


def _written_new(name: str, fields: tuple[str, ...], defaults: dict[str, object]) -> FunctionType:
    """`__new__` of a class, as the standard library writes it. Its text has only the names of the fields."""
    assert fields[len(fields) - len(defaults) :] == tuple(defaults), "fields with a default are the last ones"
    names = "".join(f"{field}, " for field in fields)
    text = f"lambda _cls, {names}: _tuple_new(_cls, ({names}))"
    new = eval(text, {"_tuple_new": tuple.__new__, "__builtins__": {}})  # noqa: S307  only the names of fields
    assert isinstance(new, FunctionType)
    new.__name__, new.__qualname__ = "__new__", f"{name}.__new__"  # so errors name it
    new.__defaults__ = tuple(defaults.values())
    return new


if TYPE_CHECKING or sys.version_info >= (3, 14):  # since then annotations are made at their first use
    from typing import NamedTuple as NamedTuple  # as its own name: so it is exported
else:
    NamedTuple = type.__new__(_Maker, "NamedTuple", (), {})
