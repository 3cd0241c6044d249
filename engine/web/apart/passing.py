"""Passes questions and answers between a server and its own process, as bytes in a socket of the two."""

import dataclasses
import io
import pickle  # noqa: TID251  nothing is stored: bytes from one process of ours to another
from collections.abc import Callable
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from engine.answers.choice import UNKNOWN, Labels
from engine.core.errors import JobfileError
from jobfile.schedule.zones import load_zone


class _Writer(pickle.Pickler):
    """Values of our own classes, by their fields."""

    def reducer_override(self, value: object) -> Any:  # noqa: ANN401  as the library declares it
        if value is UNKNOWN:  # which is known by being this very object
            return _unknown, ()
        if isinstance(value, ZoneInfo):  # ours are not those of this machine
            return load_zone, (value.key,)
        cls = type(value)
        if dataclasses.is_dataclass(cls) and not isinstance(value, BaseException):
            return _made, (cls, [getattr(value, name) for name in _fields(cls)])
        return NotImplemented


def to_bytes(value: object) -> bytes:
    """A value for the other process."""
    found = io.BytesIO()
    _Writer(found, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
    return found.getvalue()


def from_bytes(content: bytes) -> object:
    """The value. Only the two processes can write to the socket: nobody else can choose what is made."""
    return pickle.loads(content)  # noqa: S301  as said


class Failure(RuntimeError):
    """A bug of the process that computes; its text is for the log."""


def passed_error(error: Exception, words: str) -> Exception:
    """What the server raises for an error of its process: the same if it is one of ours and can be passed."""
    if not isinstance(error, JobfileError):
        return Failure(words)
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  our own bytes
    except Exception:  # noqa: BLE001  what an error of some library does when it is copied
        return Failure(words)
    return error


@cache
def _fields(cls: type) -> tuple[str, ...]:
    return tuple(one.name for one in dataclasses.fields(cls))


def _made(cls: type, values: list[object]) -> object:
    made: object = object.__new__(cls)
    for set_field, value in zip(_setters(cls), values, strict=True):
        set_field(made, value)
    return made


@cache
def _setters(cls: type) -> tuple[Callable[[object, object], None], ...]:
    """What sets each field, also of a class whose values do not change."""
    slots = [vars(cls).get(name) for name in _fields(cls)]
    if all(hasattr(one, "__set__") for one in slots):
        return tuple(one.__set__ for one in slots if one is not None)
    return tuple(_setter(name) for name in _fields(cls))


def _setter(name: str) -> Callable[[object, object], None]:
    return lambda made, value: object.__setattr__(made, name, value)


def _unknown() -> Labels:
    return UNKNOWN
