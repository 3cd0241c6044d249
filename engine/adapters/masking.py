"""Keep secrets out of what is stored of a job's output: the value, and the forms it is usually written in.

Against accidents, not against code that transforms a secret on purpose. Works on a stream: however the
output is cut into parts, the same bytes come out. Imported by the shim: standard library only.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re

MASK = b"***"
MIN_LINE_BYTES = 8
"""Lines of a multi-line secret shorter than this are not masked alone: `{` would blank half of any output."""
_URL_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~")


class Masker:
    """A filter for one attempt's output."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Know the secrets of an attempt."""
        found = {form for secret in secrets for form in forms(secret)}
        # The longest first: a form that contains another is replaced whole.
        ordered = sorted(found, key=lambda form: (-len(form), form))
        self._forms = ordered
        self._pattern = _any_of(ordered) if ordered else None
        self._longest = max(map(len, ordered), default=0)
        self._held = b""

    def feed(self, part: bytes) -> bytes:
        """The next bytes to store; what may be the beginning of a secret is held back."""
        if self._pattern is None:
            return part
        text = self._held + part
        out, at = [], 0
        for match in self._pattern.finditer(text):
            if self._may_grow(text, match.start()):
                break
            out += [text[at : match.start()], MASK]
            at = match.end()
        keep = self._held_from(text, at)
        out.append(text[at:keep])
        self._held = text[keep:]
        return b"".join(out)

    def rest(self) -> bytes:
        """What was held back, masked, at the end."""
        held, self._held = self._held, b""
        return self._pattern.sub(MASK, held) if self._pattern else held

    def _may_grow(self, text: bytes, start: int) -> bool:
        """Whether a longer form may yet begin at this place, when more bytes come."""
        tail = text[start:]
        return any(len(form) > len(tail) and form.startswith(tail) for form in self._forms)

    def _held_from(self, text: bytes, at: int) -> int:
        """From where on the text may be the beginning of a form."""
        for start in range(max(at, len(text) - self._longest + 1), len(text)):
            tail = text[start:]
            if any(form.startswith(tail) for form in self._forms):
                return start
        return len(text)


def _any_of(ordered: "list[bytes]") -> "re.Pattern[bytes]":
    import re  # noqa: PLC0415  memory of each running job, needed only with secrets

    return re.compile(b"|".join(map(re.escape, ordered)))


def forms(secret: str) -> set[bytes]:
    """The ways a secret is usually written: raw, its long lines, JSON, URL, HTML, shell, hex, base64."""
    raw = secret.encode("utf-8", "surrogateescape")
    values = {raw, raw.strip()}
    if b"\n" in raw:
        values |= {line.strip() for line in raw.splitlines() if len(line.strip()) >= MIN_LINE_BYTES}
    found: set[bytes] = set()
    for value in values - {b""}:
        found |= {value, _json(value, ascii_only=True), _json(value, ascii_only=False)}
        found |= {_url(value, safe=b""), _url(value, safe=b"/"), _url(value, safe=b"").replace(b"%20", b"+")}
        found |= {_html(value), value.replace(b"'", b"'\"'\"'"), value.replace(b"'", b"'\\''")}
        found |= {value.replace(b"%", b"%%"), value.hex().encode(), value.hex().upper().encode()}
        found |= _base64(value)
    return {form for form in found if len(form) >= min(6, len(raw))}


def _json(value: bytes, *, ascii_only: bool) -> bytes:
    import json  # noqa: PLC0415  start-up time: the shim has it, others need it only with secrets

    text = value.decode("utf-8", "surrogateescape")
    return json.dumps(text, ensure_ascii=ascii_only)[1:-1].encode("utf-8", "surrogateescape")


def _url(value: bytes, *, safe: bytes) -> bytes:
    return b"".join(bytes([one]) if one in _URL_SAFE or one in safe else b"%%%02X" % one for one in value)


def _html(value: bytes) -> bytes:
    named = ((b"&", b"&amp;"), (b"<", b"&lt;"), (b">", b"&gt;"), (b'"', b"&quot;"), (b"'", b"&#x27;"))
    for sign, name in named:
        value = value.replace(sign, name)
    return value


def _base64(value: bytes) -> set[bytes]:
    """Base64 of the value inside something longer: three alignments, without the ends that depend on it."""
    import base64  # noqa: PLC0415  memory of each running job, needed only with secrets

    found = set()
    for shift, skip in ((0, 0), (1, 2), (2, 3)):
        whole = base64.b64encode(b"\0" * shift + value).rstrip(b"=")
        bits = (shift + len(value)) * 8
        certain = whole[skip : bits // 6]
        if len(certain) >= MIN_LINE_BYTES:
            found |= {certain, certain.replace(b"+", b"-").replace(b"/", b"_")}
    return found
