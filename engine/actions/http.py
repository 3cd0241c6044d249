"""`http`: a request, sent by a small program that runs under our interpreter.

A value cannot change where a request goes: in the path and query of the URL it is encoded, in the host only
letters, digits, dots and hyphens are taken. Only a value at the very start, such as a whole URL, and secrets
and `vars` are taken as they are.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from engine.actions.kind import CannotStartError, Filled, Prepared, Row, Surroundings, Values
from engine.core.reasons import Reason
from engine.programs import HTTP_REQUEST, REQUEST
from jobfile.expressions.template import (
    evaluate_source,
    find_slots,
    names_in,
    render_text,
    render_value,
    to_text,
)
from jobfile.model.jobs import HttpAction
from jobfile.model.regex import regex
from jobfile.model.requests import header_problem, url_problem

MAX_REQUEST_BYTES: Final = 127 * 1024
"""Linux limits one variable to 128 KiB, its name included."""
OPTIONS: Final = ("-E", "-P", "-X", "utf8")
"""Options of the interpreter: variables and files of the job do not change what it loads, or the encoding."""
TRUST: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables of the engine that name its certificate authorities; those of the job have priority."""
_HOST: Final = regex(r"[A-Za-z0-9.-]*")
_KEPT: Final = "".join(map(chr, range(0x21, 0x7F)))
"""The characters of a URL that stay as they are: the file decides about them."""


class Http:
    """The kind `http`: a request, with the statuses that count as success."""

    made = HttpAction
    is_runnable = True

    def prepare(self, action: HttpAction, values: Values, around: Surroundings) -> Prepared:
        """Execute the program that sends the request, which it gets as JSON in a variable."""
        url = _url(action.url, values)
        problem = url_problem(url, action.allow_private)
        if problem is not None:
            raise _refused(f"the URL: {problem.message}; {problem.help}")
        headers = {name: _header(name, text, values) for name, text in action.headers.items()}
        body = None if action.body is None else render_text(action.body, values())
        if action.json is not None:
            body = json.dumps(filled_json(action.json, lambda text: render_value(text, values())))
            headers = _typed(headers)
        request = {
            "url": url,
            "method": action.method,
            "headers": headers,
            "body": body,
            "status": action.status,
            "contains": None if action.contains is None else render_text(action.contains, values()),
            "allow": action.allow_private,
            "outputs": around.pointers,
            "trust": {name: around.environ[name] for name in TRUST if name in around.environ},
        }
        text = json.dumps(request, ensure_ascii=False)
        if len(text.encode("utf-8", "surrogateescape")) > MAX_REQUEST_BYTES:
            most = f"{MAX_REQUEST_BYTES // 1024} KiB"
            raise _refused(f"the request is larger than {most}; send a file with  run:  and curl")
        return Prepared((sys.executable, *OPTIONS, HTTP_REQUEST), env={REQUEST: text})

    def describe(self, action: HttpAction, filled: Filled) -> list[Row]:
        """The request, its headers and body, and when it succeeds."""
        rows = [("request", f"{action.method} {filled.text(action.url)}")]
        headers = {name: filled.text(text) for name, text in action.headers.items()}
        headers = headers if action.json is None else _typed(headers)
        rows += [("header", f"{name}: {text}") for name, text in headers.items()]
        if action.body is not None:
            rows.append(("body", filled.text(action.body)))
        if action.json is not None:
            rows.append(("body", json.dumps(filled_json(action.json, filled.value), ensure_ascii=False)))
        ranges = ", ".join(f"{low}" if low == high else f"{low}-{high}" for low, high in action.status)
        rows.append(("succeeds on", ranges))
        if action.contains is not None:
            rows.append(("contains", filled.text(action.contains)))
        return [*rows, *(("may reach", host) for host in action.allow_private)]

    def program(self, action: HttpAction, filled: Filled) -> str:  # noqa: ARG002  the protocol's signature
        """Return "": a request executes no program of the host."""
        return ""


def filled_json(value: object, fill: Callable[[str], object]) -> object:
    """A value of `json` with each of its texts filled in."""
    if isinstance(value, Mapping):
        return {key: filled_json(one, fill) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [filled_json(one, fill) for one in value]
    return fill(value) if isinstance(value, str) else value


def _typed(headers: dict[str, str]) -> dict[str, str]:
    """The headers of a request whose body is JSON."""
    has_type = any(name.lower() == "content-type" for name in headers)
    return headers if has_type else {"Content-Type": "application/json", **headers}


def _header(name: str, text: str, values: Values) -> str:
    value = render_text(text, values())
    if problem := header_problem(value):
        raise _refused(f"the value of header `{name}` has {problem}, which no header can have")
    return value


def _url(text: str, values: Values) -> str:
    """The URL, with each value where it can do no harm."""
    found, at = "", 0
    for slot in find_slots(text)[0]:
        found += quote(text[at : slot.start], safe=_KEPT)
        value = to_text(evaluate_source(slot.source, values()))
        found += _part(found, value, slot.source)
        at = slot.end
    return found + quote(text[at:], safe=_KEPT)


def _part(before: str, value: str, source: str) -> str:
    """A value as part of the URL that begins with `before`."""
    names = names_in(source)
    _, has_scheme, rest = before.partition("://")
    if has_scheme and not any(sign in rest for sign in "/?#"):
        if any(name.startswith("secrets.") for name in names) or not _HOST.fullmatch(value):
            raise _refused(f"the value of `{source}` cannot be part of a host; write the host into the file")
        return value
    is_ours = bool(names) and all(name.startswith(("secrets.", "vars.")) for name in names)
    if not before or is_ours:
        return value
    if value in (".", ".."):
        raise _refused(f"the value of `{source}` is `{value}`, which would change the path of the URL")
    return quote(value, safe="", errors="surrogateescape")


def _refused(why: str) -> CannotStartError:
    return CannotStartError(Reason.TEMPLATE_ERROR, why)
