"""Changes that change no behaviour, each with the reason. Reviewed by hand: a gap in the tests is not one."""

from typing import NamedTuple

from tests.mutation.mutating import Mutant


class Equivalent(NamedTuple):
    """A change to a line of a module, and why nobody can see it."""

    path: str
    source: str
    change: str
    because: str


EQUIVALENTS: tuple[Equivalent, ...] = ()


def is_equivalent(path: str, mutant: Mutant) -> bool:
    """Whether this change is listed."""
    return any(
        (one.path, one.source, one.change) == (path, mutant.source, mutant.change) for one in EQUIVALENTS
    )
