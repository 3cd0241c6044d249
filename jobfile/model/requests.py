"""Where a request of a job may go, and the headers that it may have."""

import re
from collections.abc import Collection
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from jobfile.model.namedtuple import NamedTuple
from jobfile.model.regex import regex

_NAME: Final = regex(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
"""A token of RFC 9110, section 5.6.2."""
_CONTROL: Final = regex(r"[\x00-\x08\x0a-\x1f\x7f]")
_OURS: Final = frozenset(
    {"content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade", "expect"}
)
"""Headers about the connection, or the length of the body."""


class UrlProblem(NamedTuple):
    """Why no request goes to a URL, and what to write. It never has the URL, which may have a secret."""

    message: str
    help: str
    is_about_address: bool = False


def url_problem(url: str, allowed: Collection[str]) -> UrlProblem | None:
    """Why no request goes to a URL. `allowed` are the hosts of `allow_private`.

    A name is checked again when it is resolved: only then is its address known.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return UrlProblem("this is not a URL", "write  https://HOST/PATH")
    if parts.scheme not in ("https", "http") or not host or not url.isascii() or not url.isprintable():
        return UrlProblem("this is not a URL of a web server", "write  https://HOST/PATH")
    if " " in url or "\\" in url:
        return UrlProblem("a URL has no blanks and no backslashes", "write a blank as  %20")
    if "@" in parts.netloc:
        return UrlProblem(
            "a URL may not have a user or a password", 'write a header  Authorization: "Basic …"'
        )
    if host in allowed:
        return None
    listed = f"allow_private: [{repr(host) if ':' in host else host}]"
    if parts.scheme == "http":
        return UrlProblem(
            "http is not encrypted: anyone on the way can read it", f"write https, or  {listed}"
        )
    if _is_inside(host):
        return UrlProblem(f"{host} is not a public address", f"if that is meant:  {listed}", True)
    return None


def _is_inside(host: str) -> bool:
    """Whether a host is certainly internal: this machine, or an address that is not public."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not ip_address(host).is_global
    except ValueError:
        return False


def is_header_name(name: str) -> bool:
    """Whether a header can have this name."""
    return _NAME.fullmatch(name) is not None


def is_ours(name: str) -> bool:
    """Whether a header is set by the program that sends the request."""
    return name.lower() in _OURS


def header_problem(value: str) -> str:
    """What a header's value may not have; empty if it is fine. A line end would begin another header."""
    if "\n" in value or "\r" in value:
        return "a line end"
    return "a control character" if _CONTROL.search(value) else ""
