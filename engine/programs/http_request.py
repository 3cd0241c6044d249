"""Sends the request of a job: `python http_request.py`, with the request as JSON in JOBFILE_REQUEST.

It runs in the process of the job, under the engine's interpreter, with urllib3 and the standard library. The
response goes to the output: its status and some of its headers, a blank line, then the body, unpacked. How it
ended is a line of JSON in the file JOBFILE_OUTPUT, followed by a line with the outputs. The exit code is 0
when the response is as the job expects, and 1 otherwise.

A name is resolved once, its addresses are checked, and the connection goes to a checked one, while TLS
verifies the name. No proxy is used, and no header or body of the request is ever printed.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import ssl
import sys
import time
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import IncompleteRead
from typing import TYPE_CHECKING, Any, NoReturn, Protocol  # a request is JSON
from urllib.parse import urljoin

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util import Timeout, parse_url

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from ipaddress import IPv4Address, IPv6Address

    from urllib3.response import BaseHTTPResponse
    from urllib3.util import Url

REQUEST = "JOBFILE_REQUEST"
"""The variable with the request. It is removed as soon as it is read."""
RESPONSE = "http-response"
"""The key of the line that says how the request ended; no output can have this name."""
CONNECT_SECONDS = 10
"""Longest time to connect to an address, and for its TLS handshake."""
SILENT_SECONDS = 300
"""Longest time without a byte of the response; the job's timeout limits all of it."""
MAX_REDIRECTS = 5
CHUNK_BYTES = 64 * 1024
"""Size of the parts in which a body is read and unpacked."""
MAX_BODY_BYTES = 64 * 1024 * 1024
"""Maximum size of a body after it is unpacked: a small one may unpack to any size."""
MAX_JSON_BYTES = 4 * 1024 * 1024
"""Maximum size of a body from which outputs are taken: only this is kept in memory."""
MAX_WAIT_SECONDS = 366 * 24 * 3600
"""The longest wait that a Retry-After can ask for."""
SHOWN_HEADERS = ("Content-Type", "Content-Encoding", "Content-Length", "Location", "Retry-After")
"""The headers of a response that are printed."""
METADATA = frozenset(
    map(
        ipaddress.ip_address,
        (
            *("169.254.169.254", "fd00:ec2::254", "169.254.170.2", "169.254.170.23", "fd00:ec2::23"),
            *("100.100.100.200", "168.63.129.16", "fd20:ce::254", "192.0.0.192"),
        ),
    )
)
"""Where clouds give their machines credentials: no request ever goes there."""
NAT64 = ipaddress.ip_network("64:ff9b::/96")
PORTS = {"http": 80, "https": 443}
UNKNOWN_ISSUER = (18, 19, 20, 21)
"""OpenSSL's codes for a certificate that no known authority has signed."""
REDIRECTS = (301, 302, 303, 307, 308)


class FailedError(Exception):
    """The request did not succeed. `reason` is a word of the ledger, the text its details."""

    def __init__(self, reason: str, detail: str, *, wait: int | None = None) -> None:
        """`wait`: how many seconds the server asks to wait before the next request."""
        super().__init__(detail)
        self.reason = reason
        self.wait = wait

    @property
    def line(self) -> Mapping[str, object]:
        """The line in the file of outputs that says how the request ended."""
        return {RESPONSE: {"reason": self.reason, "detail": str(self), "wait": self.wait}}


class Response(Protocol):
    """The parts of a response that decide whether it is as the job expects."""

    @property
    def status(self) -> int:
        """Its status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Its headers; a name may be in any case."""

    def stream(self, amt: int, decode_content: bool) -> Iterator[bytes]:
        """Its body in parts, unpacked."""


def main() -> int:
    """Send the request, and judge the response; the exit code."""
    request = json.loads(os.environ.pop(REQUEST))
    for name, value in request["trust"].items():
        os.environ.setdefault(name, value)
    try:
        outputs = outputs_in(fetch(request), request["outputs"])
    except FailedError as error:
        write(error.line)
        print(f"error: {error.reason}: {error}".removesuffix(": "), file=sys.stderr)
        return 1
    if outputs:
        write(outputs)
    return 0


def write(line: Mapping[str, object]) -> None:
    """Append a line to the file of outputs."""
    with open(os.environ["JOBFILE_OUTPUT"], "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


# The addresses


def addresses_of(host: str, port: int, allowed: Collection[str]) -> list[str]:
    """The addresses of a host to which a request may go, resolved once."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "it is not a name"
        raise FailedError("connect", f"the address of {host} cannot be found: {why}") from None
    texts = list(dict.fromkeys(str(one[4][0]) for one in found))
    is_allowed = host.lower() in allowed
    open_ones = [one for one in texts if is_open(one, is_allowed=is_allowed)]
    if not open_ones:
        refuse(host, texts)
    return open_ones


def is_open(text: str, *, is_allowed: bool) -> bool:
    """Whether a request may go to an address: a public one, or any but those of a cloud's metadata."""
    address = unwrapped(text)
    if address in METADATA:
        return False
    is_odd = address.is_multicast or address.is_reserved or getattr(address, "is_site_local", False)
    return is_allowed or (address.is_global and not is_odd)


def unwrapped(text: str) -> IPv4Address | IPv6Address:
    """An address; for an IPv6 address that leads to an IPv4 address, that one."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def refuse(host: str, texts: Sequence[str]) -> NoReturn:
    """Raise for a host that has only addresses to which no request may go."""
    where = host if host == texts[0] else f"{host} ({texts[0]})"
    if any(unwrapped(one) in METADATA for one in texts):
        raise FailedError("address", f"{where} gives out a machine's credentials: no request goes there")
    help_ = f"if that is meant, write  allow_private: [{json.dumps(host) if ':' in host else host}]"
    raise FailedError("address", f"{where} is not public; {help_}")


# The request


def fetch(request: Mapping[str, Any]) -> bytes:
    """Send the request, print the response, and return the start of its body. Raises FailedError."""
    response = follow(request)
    print_head(response)
    try:
        return judge(response, request, show=show)
    except HTTPError as error:
        fail(error)
    finally:
        response.close()


def follow(request: Mapping[str, Any]) -> BaseHTTPResponse:
    """Send the request, and follow redirects that stay at the host. The body is not read yet."""
    url, method, body = parse_url(request["url"]), request["method"], request["body"]
    headers = headers_of(request, url)
    content = None if body is None else body.encode("utf-8", "surrogateescape")
    addresses = addresses_of(bare(url.host), port_of(url), request["allow"])
    for _ in range(MAX_REDIRECTS + 1):
        response = send(url, addresses, method, headers, content)
        target = target_of(response, url)
        if is_expected(response.status, request) or target is None or not may_follow(url, target):
            return response
        response.close()
        if method != "HEAD" and (response.status == 303 or (response.status < 303 and method == "POST")):
            method, content = "GET", None
            headers = {name: one for name, one in headers.items() if name.lower() != "content-type"}
        url = target
    raise FailedError("response", f"it was redirected more than {MAX_REDIRECTS} times")


def headers_of(request: Mapping[str, Any], url: Url) -> dict[str, bytes]:
    """The headers to send; those of the job replace ours. We connect to an address, so we name the host."""
    port = "" if port_of(url) == PORTS[url.scheme or ""] else f":{port_of(url)}"
    ours = {"Host": f"{url.host}{port}", "User-Agent": "jobfile", "Accept-Encoding": "gzip, deflate"}
    theirs: dict[str, str] = request["headers"]
    named = {name.lower() for name in theirs}
    found = {name: one for name, one in ours.items() if name.lower() not in named} | theirs
    return {name: one.encode("utf-8", "surrogateescape") for name, one in found.items()}


def send(
    url: Url, addresses: Sequence[str], method: str, headers: Mapping[str, bytes], body: bytes | None
) -> BaseHTTPResponse:
    """The response of the first address that answers; its body is not read yet."""
    for last, address in enumerate(addresses, start=1 - len(addresses)):
        try:
            return pool_at(address, url).urlopen(
                method,
                url.request_uri,
                body=body,
                headers=headers,  # type: ignore[arg-type]  # bytes are sent as they are
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        except (NewConnectionError, ConnectTimeoutError) as error:
            if last == 0:
                fail(error)
        except HTTPError as error:
            fail(error)
    raise AssertionError("a host without an address was refused")


def pool_at(address: str, url: Url) -> urllib3.HTTPConnectionPool:
    """Connections to an address. TLS is verified for the name in the URL."""
    timeout = Timeout(connect=CONNECT_SECONDS, read=SILENT_SECONDS)
    if url.scheme == "http":
        return urllib3.HTTPConnectionPool(address, port_of(url), timeout=timeout)
    return urllib3.HTTPSConnectionPool(
        address,
        port_of(url),
        timeout=timeout,
        ssl_context=ssl.create_default_context(),  # it reads SSL_CERT_FILE and SSL_CERT_DIR
        server_hostname=bare(url.host),
    )


def bare(host: str | None) -> str:
    """A host without the brackets of an IPv6 address."""
    return (host or "").strip("[]")


def port_of(url: Url) -> int:
    """The port that a URL names or means."""
    return url.port or PORTS[url.scheme or ""]


def target_of(response: BaseHTTPResponse, url: Url) -> Url | None:
    """Where a response redirects to; None if it does not."""
    location = response.headers.get("Location")
    if response.status not in REDIRECTS or not location:
        return None
    try:
        target = parse_url(urljoin(url.url, location))
    except (HTTPError, ValueError):
        return None
    return target if target.scheme in PORTS and target.host else None


def may_follow(url: Url, target: Url) -> bool:
    """Whether a redirect stays where the request may go: the same server, or the same host with TLS."""
    if bare(url.host).lower() != bare(target.host).lower() or target.auth:
        return False
    is_same = (url.scheme, port_of(url)) == (target.scheme, port_of(target))
    is_upgrade = (url.scheme, port_of(url)) == ("http", 80) and target.scheme == "https"
    return is_same or (is_upgrade and port_of(target) == PORTS["https"])


def fail(error: HTTPError) -> NoReturn:
    """Raise FailedError for what went wrong on the way."""
    if isinstance(error, NewConnectionError):
        raise FailedError("connect", reason_of(error)) from None
    if isinstance(error, ConnectTimeoutError):
        raise FailedError("connect", f"nothing answered within {CONNECT_SECONDS} s") from None
    if isinstance(error, ReadTimeoutError):
        raise FailedError("silent", "") from None
    if isinstance(error, SSLError):
        inner = error.args[0] if error.args else None
        if isinstance(inner, ssl.SSLCertVerificationError):
            is_unknown = inner.verify_code in UNKNOWN_ISSUER
            help_ = "; name your own CA in  env: {SSL_CERT_FILE: FILE}" if is_unknown else ""
            raise FailedError("certificate", f"{inner.verify_message.rstrip('.')}{help_}") from None
        why = getattr(inner, "reason", None) or "it was cut off"
        raise FailedError("connect", f"no TLS connection: {why}") from None
    if isinstance(error, DecodeError):
        raise FailedError("response", "its compressed body cannot be unpacked") from None
    inner = error.args[-1] if error.args else None
    if isinstance(inner, IncompleteRead):
        raise FailedError("response", "it was cut off") from None
    if isinstance(inner, OSError):  # http.client's RemoteDisconnected is one, too
        raise FailedError("response", "the server closed the connection") from None
    raise FailedError("response", "it is not HTTP, or it was cut off") from None


def reason_of(error: BaseException) -> str:
    """The system's words for why a connection failed."""
    inner: BaseException | None = error
    while inner is not None and not (isinstance(inner, OSError) and inner.strerror):
        inner = inner.__cause__ or inner.__context__
    return str(inner.strerror) if isinstance(inner, OSError) else "no connection"


# The response


def judge(response: Response, request: Mapping[str, Any], *, show: Callable[[bytes], None]) -> bytes:
    """Read a response, and return the start of its body. Raises FailedError if the job expects another."""
    body, total, has_text = read_body(response, request["contains"], show=show)
    if not is_expected(response.status, request):
        raise FailedError(f"http({response.status})", why_not(response), wait=wait_asked(response))
    if not has_text:
        raise FailedError("contains", f"all {total:,} bytes were searched")
    return body


def is_expected(status: int, request: Mapping[str, Any]) -> bool:
    """Whether a status counts as success."""
    return any(low <= status <= high for low, high in request["status"])


def print_head(response: Response) -> None:
    """Print the status and some headers of the response."""
    lines = [f"HTTP {response.status} {phrase_of(response.status)}".rstrip()]
    lines += [f"{name}: {response.headers[name]}" for name in SHOWN_HEADERS if name in response.headers]
    show("\n".join([*lines, "", ""]).encode("latin-1", "replace"))  # as they came: http.client reads them so


def show(part: bytes) -> None:
    """Write to the output; a part may be taken in pieces."""
    sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()


def phrase_of(status: int) -> str:
    """The usual words of a status: not those of the server, which are its own text."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def why_not(response: Response) -> str:
    """Details of a status that was not expected."""
    location = response.headers.get("Location")
    if response.status not in REDIRECTS or not location:
        return phrase_of(response.status)
    return f"{phrase_of(response.status)}: redirects to another server are not followed"


def wait_asked(response: Response) -> int | None:
    """How many seconds the server asks to wait: Retry-After, as a number or a date (RFC 9110, 10.2.3)."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:10]), MAX_WAIT_SECONDS)
    try:
        seconds = parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, OverflowError, TypeError):
        return None
    return min(max(0, round(seconds)), MAX_WAIT_SECONDS)


def read_body(
    response: Response, text: str | None, *, show: Callable[[bytes], None]
) -> tuple[bytes, int, bool]:
    """Show the body; return its start, its size, and whether it contains the text.

    Raises FailedError when it is too long.
    """
    kept, total = bytearray(), 0
    needle = b"" if text is None else in_charset(text, response.headers.get("Content-Type", ""))
    has_text, edge, part = not needle, b"", b""
    for part in response.stream(CHUNK_BYTES, decode_content=True):  # bounded memory, however far it unpacks
        show(part)
        total += len(part)
        if total > MAX_BODY_BYTES:
            raise FailedError("response", f"its body is longer than {MAX_BODY_BYTES:,} bytes")
        kept += part[: max(0, MAX_JSON_BYTES + 1 - len(kept))]
        has_text = has_text or needle in edge + part
        edge = (edge + part)[max(0, len(edge) + len(part) - len(needle) + 1) :] if needle else b""
    if total and part[-1:] != b"\n":
        show(b"\n")
    return bytes(kept), total, has_text


def in_charset(text: str, kind: str) -> bytes:
    """A text in the encoding of a response; UTF-8 if that names none, or cannot hold it."""
    charset = kind.lower().partition("charset=")[2].partition(";")[0].strip().strip('"')
    try:
        return text.encode(charset or "utf-8")
    except (LookupError, UnicodeError):
        return text.encode("utf-8", "surrogateescape")


def outputs_in(body: bytes, pointers: Mapping[str, str]) -> dict[str, object]:
    """The declared outputs, by JSON pointers (RFC 6901) into the body."""
    if not pointers:
        return {}
    if len(body) > MAX_JSON_BYTES:
        raise FailedError(
            "outputs", f"the response is longer than {MAX_JSON_BYTES:,} bytes, too long for outputs"
        )
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise FailedError(
            "outputs", "the response is not JSON, and its outputs are taken from JSON"
        ) from None
    return {name: value_at(document, pointer, name) for name, pointer in pointers.items()}


def value_at(document: object, pointer: str, name: str) -> object:
    """The value that a pointer names."""
    found = document
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and key in found:
            found = found[key]
        elif isinstance(found, list) and is_index(key) and int(key) < len(found):
            found = found[int(key)]
        else:
            raise FailedError("outputs", f"output `{name}`: the response has nothing at {pointer}")
    return found


def is_index(text: str) -> bool:
    """Whether a part of a pointer is an index: digits, without a zero in front."""
    return text == "0" or (text.isascii() and text.isdigit() and text[0] != "0" and len(text) < 10)


if __name__ == "__main__":
    sys.exit(main())
