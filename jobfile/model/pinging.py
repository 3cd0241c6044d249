"""Where a ping goes: the URL of a check of an outside watchdog, or where that URL is read from."""

from typing import Final
from urllib.parse import urlsplit

from jobfile.model.regex import regex
from jobfile.model.requests import url_problem

SOURCE: Final = regex(r"env:[A-Za-z_][A-Za-z0-9_]{0,127}|file:/.+")
"""Where a URL is read from: the same two forms as a secret's."""
EXPECTED: Final = "write  env:NAME,  file:/PATH  or  https://HOST/PATH"


def ping_problem(target: str) -> str:
    """Why nothing can be pinged there, in a sentence without the URL; empty if it can."""
    if SOURCE.fullmatch(target):
        return ""
    problem = url_problem(target, (ping_host(target),))
    return f"{problem.message}; {EXPECTED}" if problem is not None else ""


def ping_host(url: str) -> str:
    """The host of a URL. Its author has named it, so it may be an internal one."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
