"""Masks secrets in the stored output of a job: the values, and the forms in which they are usually written.

It protects against accidents, not against code that transforms a secret on purpose. It works on a stream,
and the result does not depend on how the output is cut into parts. Of forms that overlap, the first is
masked; of those that begin at the same place, the longest.

The fast path compares integers in place of texts: a form of at least 7 bytes contains, at each alignment, a
whole aligned 4-byte integer of the output. So the output is read as integers, and only an integer that
occurs in a form leads to a comparison of bytes.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re

MASK = b"***"
MIN_LINE_BYTES = 8
"""Shorter lines of a multi-line secret are not masked alone: a line `{` would blank half of any output.

The same holds for the texts in a secret that is JSON, and for the lines of its base64 form.
"""
BASE64_COLUMNS = (64, 76)
"""Lengths of lines in base64: openssl and PEM (RFC 7468); coreutils and MIME (RFC 2045)."""
_URL_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~")
_GRAM_BYTES = 4
"""Size of the integers as which output is compared: one lookup in a table in place of one for each form."""
_WINDOW_BYTES = 2 * _GRAM_BYTES - 1
"""The number of consecutive bytes that contain a whole aligned integer, wherever they start."""
_LAST_WINDOW, _WINDOW_STEP = 56, 8
"""A form is recognized by a window among its first bytes, so that a form at the end of the text, of which
only the beginning is there, is recognized too.
"""
_NUMBERS_AT_ONCE = 4096
"""Integers that are converted at a time: each is a Python object, so converting
all would need much memory.
"""


class Masker:
    """A filter for one attempt's output."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Prepare the tables for the secrets of an attempt."""
        found = sorted({form for secret in secrets for form in forms(secret)}, key=len, reverse=True)
        self._is_idle = not found
        self._short = _any_of([form for form in found if len(form) < _WINDOW_BYTES])
        self._signs = _signs_of(form for form in found if len(form) >= _WINDOW_BYTES)
        self._beginnings = _beginnings_of(found)
        self._held = b""

    def feed(self, part: bytes) -> bytes:
        """Mask the next part; what may be the beginning of a secret is held back for the next call."""
        if self._is_idle:
            return part
        text = self._held + part
        done, certain = self._masked(text)
        self._held = text[certain:]
        return done

    def rest(self) -> bytes:
        """The bytes that were held back, masked; call it at the end."""
        held, self._held = self._held, b""
        return self._masked(held, is_all=True)[0]

    def _masked(self, text: bytes, *, is_all: bool = False) -> tuple[bytes, int]:
        """The masked text up to where it is certain, and the length of that part in `text`."""
        long, begun = self._look(text)
        waiting = iter(() if is_all else sorted([*begun, *self._begun_late(text)]))
        out, at, certain = [], 0, -1
        for start, end in self._matches(text, long):
            while certain < at:
                certain = next(waiting, len(text))
            if certain <= start:
                break
            out += [text[at:start], MASK]
            at = end
        while certain < at:
            certain = next(waiting, len(text))
        out.append(text[at:certain])
        return b"".join(out), certain

    def _matches(self, text: bytes, long: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """The spans to mask, in order."""
        at, short = 0, self._next_short(text, 0)
        for start, end in [*sorted(long, key=lambda one: (one[0], -one[1])), (len(text), len(text))]:
            while short[0] < start:
                if short[0] >= at:
                    yield short
                    at = short[1]
                short = self._next_short(text, at)
            if at <= start < end:
                yield start, end
                at = end

    def _next_short(self, text: bytes, at: int) -> tuple[int, int]:
        """The span of the first short form from `at` on; an empty span at the
        end of the text when there is none.
        """
        match = self._short.search(text, at) if self._short else None
        return match.span() if match else (len(text), len(text))

    def _look(self, text: bytes) -> tuple[list[tuple[int, int]], list[int]]:
        """The spans of long forms in the text; and the starts of long forms
        that the end of the text cuts off.
        """
        long: list[tuple[int, int]] = []
        begun: list[int] = []
        view = memoryview(text)[: len(text) // _GRAM_BYTES * _GRAM_BYTES].cast("I")
        for first in range(0, len(view), _NUMBERS_AT_ONCE):
            numbers = view[first : first + _NUMBERS_AT_ONCE].tolist()
            if self._signs.keys().isdisjoint(numbers):
                continue
            for position, number in enumerate(numbers, first):
                for form, offset in self._signs.get(number, ()):
                    start = position * _GRAM_BYTES - offset
                    if start >= 0 and text.startswith(form, start):
                        long.append((start, start + len(form)))
                    elif start >= 0 and start + len(form) > len(text) and form.startswith(text[start:]):
                        begun.append(start)
        return long, begun

    def _begun_late(self, text: bytes) -> Iterator[int]:
        """The starts of forms that the end of the text cuts off before their
        window, so that `_look` misses them.
        """
        for start in range(max(0, len(text) - _LAST_WINDOW - _WINDOW_BYTES), len(text)):
            begun = self._beginnings.get(text[start : start + _GRAM_BYTES])
            if begun is not None:
                rest = text[start:]
                if any(len(form) > len(rest) and form.startswith(rest) for form in begun):
                    yield start


def _any_of(ordered: "list[bytes]") -> "re.Pattern[bytes] | None":
    if not ordered:
        return None
    import re  # noqa: PLC0415  memory in each supervisor, needed only with secrets this short

    return re.compile(b"|".join(map(re.escape, ordered)))


def _signs_of(long: Iterable[bytes]) -> dict[int, list[tuple[bytes, int]]]:
    """Each integer that shows a form, with the form and the integer's offset in it.

    There are four for a form, one for each alignment of the form in the output.
    """
    found: dict[int, list[tuple[bytes, int]]] = {}
    for form in long:
        last = min(len(form) - _WINDOW_BYTES, _LAST_WINDOW)
        # The window with the most distinct bytes: `-----` occurs in many outputs that contain no key.
        windows = range(0, last + 1, _WINDOW_STEP)
        _, window = max((len(set(form[at : at + _WINDOW_BYTES])), at) for at in windows)
        for offset in range(window, window + _GRAM_BYTES):
            number = memoryview(form[offset : offset + _GRAM_BYTES]).cast("I")[0]
            found.setdefault(number, []).append((form, offset))
    return found


def _beginnings_of(found: Iterable[bytes]) -> dict[bytes, list[bytes]]:
    """The forms by their first 1 to _GRAM_BYTES bytes; fewer than all are needed at the end of a text."""
    beginnings: dict[bytes, list[bytes]] = {}
    for form in found:
        for length in range(1, _GRAM_BYTES + 1):
            if length <= len(form):
                beginnings.setdefault(form[:length], []).append(form)
    return beginnings


def forms(secret: str) -> set[bytes]:
    """The forms in which a secret is usually written: raw, its long
    lines, JSON, URL, HTML, shell, hex, base64.
    """
    raw = secret.encode("utf-8", "surrogateescape")
    found: set[bytes] = set()
    for value in _parts(secret):
        found |= {value, _url(value, safe=b""), _url(value, safe=b"/")}
        found |= {_url(value, safe=b"").replace(b"%20", b"+"), _url(value, safe=b"", is_small=True)}
        found |= {_html(value), value.replace(b"'", b"'\"'\"'"), value.replace(b"'", b"'\\''")}
        found |= {value.replace(b"%", b"%%"), value.hex().encode(), value.hex().upper().encode()}
        found |= _quoted(value)
        found |= _base64(value)
    return {form for form in found if len(form) >= min(6, len(raw))}


def _parts(secret: str) -> set[bytes]:
    """The secret; if it is JSON, the texts in it; and the long lines of each."""
    found: set[bytes] = set()
    for text in {secret, *(one for one in _texts_in(secret) if len(one) >= MIN_LINE_BYTES)}:
        raw = text.encode("utf-8", "surrogateescape")
        lines = (line.strip() for line in raw.splitlines()) if b"\n" in raw else ()
        found |= {raw, raw.strip(), *(line for line in lines if len(line) >= MIN_LINE_BYTES)}
    return found - {b""}


def _texts_in(secret: str) -> Iterator[str]:
    """The texts of a secret that is a JSON object or list, such as the key of a cloud account."""
    if not secret.lstrip().startswith(("{", "[")):
        return
    import json  # noqa: PLC0415  start-up time: the shim has it, others need it only with secrets

    try:
        waiting = [json.loads(secret)]
    except (ValueError, RecursionError):
        return
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _quoted(value: bytes) -> set[bytes]:
    """The value in JSON, in PHP's JSON (with `\\/`), and as Python prints a text
    with both kinds of quotes.
    """
    import json  # noqa: PLC0415  start-up time: the shim has it, others need it only with secrets

    text = value.decode("utf-8", "surrogateescape")
    found = {repr(value)[2:-1], repr(text)[1:-1]}
    for is_ascii in (True, False):
        in_json = json.dumps(text, ensure_ascii=is_ascii)[1:-1]
        found |= {in_json, in_json.replace("/", "\\/")}
    return {one.encode("utf-8", "surrogateescape") for one in found}


def _url(value: bytes, *, safe: bytes, is_small: bool = False) -> bytes:
    """Percent-encoded by RFC 3986, section 2.1, with hexadecimal digits in lower or upper case."""
    escape = b"%%%02x" if is_small else b"%%%02X"
    return b"".join(bytes([one]) if one in _URL_SAFE or one in safe else escape % one for one in value)


def _html(value: bytes) -> bytes:
    named = ((b"&", b"&amp;"), (b"<", b"&lt;"), (b">", b"&gt;"), (b'"', b"&quot;"), (b"'", b"&#x27;"))
    for sign, name in named:
        value = value.replace(sign, name)
    return value


def _base64(value: bytes) -> set[bytes]:
    """Base64 of the value, alone or inside a longer text, and broken into lines.

    Base64 encodes 3 bytes as 4 characters, so the value has three alignments. Characters that also depend
    on the bytes beside the value are left out. Lines are covered only for a text that begins with the
    value: otherwise it is unknown where they break.
    """
    import base64  # noqa: PLC0415  memory in each supervisor, needed only with secrets

    found = set()
    for shift, skip in ((0, 0), (1, 2), (2, 3)):
        whole = base64.b64encode(b"\0" * shift + value).rstrip(b"=")
        bits = (shift + len(value)) * 8
        certain = whole[skip : bits // 6]
        found |= {certain, certain.replace(b"+", b"-").replace(b"/", b"_")}
        for columns in BASE64_COLUMNS if shift == 0 else ():
            found |= {certain[at : at + columns] for at in range(0, len(certain), columns)}
    return {form for form in found if len(form) >= MIN_LINE_BYTES}
