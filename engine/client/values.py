"""The values that a program gives to params: a text, a number, a boolean, or a list of these."""

from math import isfinite
from typing import Final

from jobfile.model.values import Scalar, Value

MAX_DIGITS: Final = 18
"""Maximum number of digits of an integer, as on the command line."""
BEYOND_INTEGERS: Final = 10**MAX_DIGITS


def plain_value(value: object) -> Value:
    """A value of a program as one of a param. Raises ValueError if it cannot be one."""
    return tuple(map(_scalar, value)) if isinstance(value, list | tuple) else _scalar(value)


def _scalar(value: object) -> Scalar:
    """A value of one of the plain types, even if it was of a subclass, as an Enum may be."""
    match value:
        case bool():
            return value
        case str():
            return str.__str__(value)
        case int():
            if abs(value) >= BEYOND_INTEGERS:
                raise ValueError(f"expected an integer of at most {MAX_DIGITS} digits")
            return int(value)
        case float():
            if not isfinite(value):
                raise ValueError(f"expected a finite number, found `{value}`")
            return float(value)
        case _:
            found = type(value).__name__
            raise ValueError(f"a {found} is not a text, a number, a boolean, or a list of these")
