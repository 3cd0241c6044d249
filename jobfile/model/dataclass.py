"""`dataclass` as in the standard library, but a command that uses it starts faster.

The standard library writes up to six functions as text for each class, and compiles them when the class is
made: a quarter of the start of `jobfile runs`. Here all classes share these functions. Only `__init__` is
compiled, and the fields are described, when a class is first used, and most classes of a model never are.
"""

import dataclasses
import inspect
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Never, get_origin

Method = Callable[..., object]


def _quick(
    *,
    frozen: bool = False,
    slots: bool = False,
    kw_only: bool = False,
    eq: bool = True,
    order: bool = False,
    repr: bool = True,
) -> Callable[[type], type]:
    """A decorator that makes a class of values, with the options of the standard library."""

    def decorate(cls: type) -> type:
        if slots and not any(map(dataclasses.is_dataclass, cls.__mro__)):
            made, compared = _with_slots(cls, kw_only=kw_only)
        else:
            made = _by_library(cls, slots=slots, kw_only=kw_only)
            compared = [one.name for one in dataclasses.fields(made) if one.compare]
        methods: dict[str, Method | None] = {"__init__": _first_init(made)}
        if frozen:
            methods |= {"__setattr__": _refuse, "__delattr__": _refuse}
        if eq:
            methods |= _comparisons(compared, is_frozen=frozen, has_order=order)
        if repr:
            methods["__repr__"] = _repr
        for name, method in methods.items():
            if made.__dict__.get(name) is None:  # what a class defines itself stays
                setattr(made, name, method)
        return made

    return decorate


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # as its own name: so it is exported
else:
    dataclass = _quick


def _by_library(cls: type, *, slots: bool = False, kw_only: bool) -> type:
    made: type = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(cls)
    return made


def _with_slots(cls: type, *, kw_only: bool) -> tuple[type, list[str]]:
    """The class again, with a slot for each field; and the fields that are compared. The standard library
    describes the fields only when that is first needed: for few of the classes that a command imports.
    """
    kinds = inspect.get_annotations(cls)
    kinds = {name: kind for name, kind in kinds.items() if ClassVar not in (kind, get_origin(kind))}
    inside = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
    values = {name: inside.pop(name) for name in kinds if name in inside}
    special = {name: value for name, value in values.items() if isinstance(value, dataclasses.Field)}
    inside["__slots__"] = tuple(kinds)
    inside["__dataclass_fields__"] = _Fields(kinds, values, kw_only=kw_only)
    positional = tuple(name for name in kinds if _is_positional(special.get(name), kw_only=kw_only))
    inside.setdefault("__match_args__", positional)
    made = type(cls)(cls.__name__, cls.__bases__, inside)
    return made, [name for name in kinds if name not in special or special[name].compare]


def _is_positional(special: "dataclasses.Field[object] | None", *, kw_only: bool) -> bool:
    if special is None:
        return not kw_only
    return special.init and not (kw_only if special.kw_only is dataclasses.MISSING else special.kw_only)


class _Fields:
    """Finds the fields of a class when they are first read, and leaves them there in its own place."""

    def __init__(self, kinds: dict[str, object], values: dict[str, object], *, kw_only: bool) -> None:
        self._written = {**values, "__annotations__": kinds, "__doc__": "A class with the same fields."}
        self._kw_only = kw_only

    def __set_name__(self, cls: type, _: str) -> None:
        self._of = cls

    def __get__(self, _: object, __: type) -> object:
        inside = {**self._written, "__module__": self._of.__module__}
        same = _by_library(type(self._of.__name__, (), inside), kw_only=self._kw_only)
        for name in ("__dataclass_params__", "__dataclass_fields__"):
            setattr(self._of, name, getattr(same, name))
        return vars(self._of)["__dataclass_fields__"]


def _refuse(self: object, name: str, *_: object) -> Never:
    raise dataclasses.FrozenInstanceError(f"cannot change `{name}` of a {type(self).__name__}")


def _repr(self: object) -> str:
    names = [one.name for one in dataclasses.fields(self)]  # type: ignore[arg-type]  # of a dataclass
    return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"


def _comparisons(compared: list[str], *, is_frozen: bool, has_order: bool) -> dict[str, Method | None]:
    values: Method = operator.attrgetter(*compared) if compared else lambda _: ()

    def comparing(compare: Method) -> Method:
        def method(self: object, other: object) -> object:
            is_same = other.__class__ is self.__class__
            return compare(values(self), values(other)) if is_same else NotImplemented

        return method

    orders = (operator.lt, operator.le, operator.gt, operator.ge) if has_order else ()
    return {
        "__eq__": comparing(operator.eq),
        "__hash__": (lambda self: hash(values(self))) if is_frozen else None,
        **{f"__{order.__name__}__": comparing(order) for order in orders},
    }


def _first_init(cls: type) -> Method:
    """Make the first value field by field: of most classes that a command uses, it needs no second one."""
    is_first = True

    def first(self: object, /, *args: object, **kwargs: object) -> None:
        nonlocal is_first
        values = _values(cls, kwargs) if is_first and not args else None
        is_first = False
        if values is None:
            init = _written_init(cls)
            type.__setattr__(cls, "__init__", init)
            init(self, *args, **kwargs)
            return
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if hasattr(self, "__post_init__"):
            self.__post_init__()

    return first


def _values(cls: type, given: dict[str, object]) -> dict[str, object] | None:
    """A value for each field that `__init__` sets; None if it would refuse what is given."""
    found = {}
    for one in (one for one in dataclasses.fields(cls) if one.init):
        if one.name in given:
            found[one.name] = given[one.name]
        elif one.default is not dataclasses.MISSING:
            found[one.name] = one.default
        elif one.default_factory is not dataclasses.MISSING:
            found[one.name] = one.default_factory()
        else:
            return None
    return found if given.keys() <= found.keys() else None


def _written_init(cls: type) -> Method:
    """`__init__` of a class, as the standard library writes it. Its text has only the names of the fields."""
    words: dict[str, object] = {"_set": object.__setattr__, "_missing": dataclasses.MISSING}
    params, lines = ["self"], []
    keywords: list[str] = []
    for one in (one for one in dataclasses.fields(cls) if one.init):  # `__post_init__` sets the others
        param = value = one.name
        if one.default is not dataclasses.MISSING:
            words[f"_{one.name}"] = one.default
            param = f"{one.name}=_{one.name}"
        elif one.default_factory is not dataclasses.MISSING:
            words[f"_{one.name}"] = one.default_factory
            param, value = f"{one.name}=_missing", f"_{one.name}() if {one.name} is _missing else {one.name}"
        (keywords if one.kw_only else params).append(param)
        lines.append(f" _set(self, {one.name!r}, {value})\n")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()\n")
    together = ", ".join([*params, *(["*", *keywords] if keywords else [])])
    text = f"def __init__({together}):\n{''.join(lines)} return None"
    exec(text, words)  # noqa: S102  only the names of fields, as in the standard library
    init = words["__init__"]
    assert callable(init)
    return init
