"""Finds the route of a path. It is compared part by part; nothing is decided by a prefix or a suffix."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Final

from engine.web.refusing import RefusedError
from engine.web.visits import Route
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.regex import regex

KINDS: Final = {
    "job": regex(r"[a-z][a-z0-9_-]{0,62}"),
    "run": regex(r"[0-9a-f]{4,32}"),
    "plan": regex(r"[0-9a-f]{32}"),
    "number": regex(r"[1-9][0-9]{0,8}"),
    "file": regex(r"[a-z][a-z0-9_.-]{0,66}"),
    "hook": regex(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,127}"),
}
"""What a part of a path in braces may be."""
REST: Final = "{hook}"
"""The part that takes all that follows it."""


class Found(NamedTuple):
    """A route with the values of its path."""

    route: Route
    values: Mapping[str, str]


class Routes:
    """All routes, found by their parts."""

    def __init__(self, routes: Iterable[Route]) -> None:
        """Take the routes. Two with the same path and method are a mistake."""
        self.all = tuple(routes)
        self._by_shape: dict[tuple[str, ...], dict[str, Route]] = {}
        for one in self.all:
            methods = self._by_shape.setdefault(_parts(one.path), {})
            assert one.method not in methods, one.path
            methods[one.method] = one

    def find(self, method: str, path: str) -> Found:
        """The route of a request. Raises RefusedError: 404 for no such path, 405 for another method."""
        given = _parts(path)
        for shape, methods in self._by_shape.items():
            values = _values(shape, given)
            if values is None:
                continue
            route = methods.get("GET" if method == "HEAD" else method)
            if route is None:
                allow = ", ".join([*methods, "HEAD"] if "GET" in methods else methods)
                text = "this address does not accept that method"
                raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, text, allow=allow)
            return Found(route, values)
        raise RefusedError(HTTPStatus.NOT_FOUND, "there is nothing at this address")


def _parts(path: str) -> tuple[str, ...]:
    return tuple(path.split("/")[1:])


def _values(shape: tuple[str, ...], given: tuple[str, ...]) -> Mapping[str, str] | None:
    """The values of the parts in braces; None if the path has a different shape."""
    if shape[-1] == REST and len(given) > len(shape):
        given = (*given[: len(shape) - 1], "/".join(given[len(shape) - 1 :]))
    if len(shape) != len(given):
        return None
    values = {}
    for part, text in zip(shape, given, strict=True):
        if part.startswith("{"):
            name = part[1:-1]
            if KINDS[name].fullmatch(text) is None:
                return None
            values[name] = text
        elif part != text:
            return None
    return values
