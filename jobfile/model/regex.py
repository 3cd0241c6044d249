"""Regular expressions that are compiled when they are first used: a command uses few of what it imports.

Compiling all of them took `jobfile check` of a small file a tenth of its time.
"""

import re
from typing import TYPE_CHECKING

_METHODS = ("search", "match", "fullmatch", "finditer", "findall", "sub", "subn", "split", "flags", "groups")


class _Later:
    """The text of a regular expression. The first use compiles it, and keeps the methods as attributes."""

    def __init__(self, pattern: str, flags: int = 0) -> None:
        self.pattern = pattern
        self._flags = flags

    def __getattr__(self, name: str) -> object:
        if name not in _METHODS:
            raise AttributeError(name)
        compiled = re.compile(self.pattern, self._flags)
        vars(self).update((each, getattr(compiled, each)) for each in _METHODS)
        return getattr(compiled, name)


if TYPE_CHECKING:
    from re import compile as regex
else:
    regex = _Later

__all__ = ["regex"]
