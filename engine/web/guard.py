"""Looks at a request before anything else does: its host, its path, its headers and their size."""

from collections.abc import Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from engine.web.limits import MAX_HEADER_BYTES, MAX_HEADERS, MAX_PATH_BYTES
from engine.web.refusing import RefusedError
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.regex import regex

PROXY_HEADER: Final = "x-remote-user"
"""Where a proxy names its user. It is refused twice: one may be of the browser, and not of the proxy."""
SAFE: Final = ("GET", "HEAD")
_PATH: Final = regex(rb"/(?:[!-$&-.0-\[\]-~]+(?:/[!-$&-.0-\[\]-~]+)*)?")
"""A path of visible characters without `%`, `\\` and `//`: nothing in it can be read in two ways."""
_QUERY: Final = regex(rb"[!-~]*")

SECURITY: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
"""The headers of every response, whatever its status is. With the policy `no-referrer`, browsers would hide
the origin of a form even from this site.
"""


class Request(NamedTuple):
    """A request in the right form; what it says is not verified yet."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]

    @property
    def is_safe(self) -> bool:
        """Whether it only reads."""
        return self.method in SAFE


def look_at(scope: Mapping[str, Any], hosts: Collection[str]) -> Request:
    """Check the form of a request. Raises RefusedError."""
    raw: Sequence[tuple[bytes, bytes]] = scope["headers"]
    if len(raw) > MAX_HEADERS or sum(len(name) + len(value) for name, value in raw) > MAX_HEADER_BYTES:
        raise RefusedError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the headers are too large")
    headers = _headers(raw)
    _check_host(raw, hosts)
    path = scope["raw_path"]
    query = scope["query_string"]
    if len(path) + len(query) > MAX_PATH_BYTES:
        raise RefusedError(HTTPStatus.REQUEST_URI_TOO_LONG, "the address is too long")
    if _PATH.fullmatch(path) is None or _QUERY.fullmatch(query) is None:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "no address here has this form")
    _check_framing(headers)
    return Request(scope["method"], path.decode("ascii"), query.decode("ascii"), headers)


def is_address(path: str, query: str) -> bool:
    """Whether this could be the address of a page here."""
    raw = path.encode("utf-8", "replace"), query.encode("utf-8", "replace")
    return _PATH.fullmatch(raw[0]) is not None and _QUERY.fullmatch(raw[1]) is not None


def check_origin(request: Request, origins: Collection[str], *, is_browser: bool) -> None:
    """Refuse a change that a different site asks for. A browser sends at least one of the two headers."""
    if request.is_safe:
        return
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    is_foreign = (origin is not None and origin not in origins) or site not in (None, "same-origin")
    if is_foreign or (is_browser and origin is None):
        raise RefusedError(HTTPStatus.FORBIDDEN, "this request comes from a different site")


def _headers(raw: Sequence[tuple[bytes, bytes]]) -> Mapping[str, str]:
    """The headers by their names; of several with one name, all values with commas, as HTTP says."""
    found: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        if key == PROXY_HEADER and key in found:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the user of the proxy is named twice")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _check_host(raw: Sequence[tuple[bytes, bytes]], hosts: Collection[str]) -> None:
    """Exactly one Host, with its port, from the list: a page of a rebound name has a different one."""
    given = [value.decode("latin-1").lower() for name, value in raw if name == b"host"]
    if len(given) != 1 or given[0] not in hosts:
        raise RefusedError(HTTPStatus.MISDIRECTED_REQUEST, "this server does not answer for that host")


def _check_framing(headers: Mapping[str, str]) -> None:
    if "transfer-encoding" in headers and "content-length" in headers:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the length of the body is given in two ways")
    if "content-encoding" in headers:
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send the body without an encoding")
    if "upgrade" in headers:
        raise RefusedError(HTTPStatus.UPGRADE_REQUIRED, "this server speaks only HTTP")
