"""Whether a call of a webhook is genuine: the forms in which senders prove that they know its secret.

Standard Webhooks 1.0 (standardwebhooks.com) signs id, time and body; Stripe time and body; GitHub the body
alone. GitLab, and senders that cannot sign, send the secret itself.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from jobfile.model.dataclass import dataclass
from jobfile.model.hashing import sha256
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.regex import regex
from jobfile.model.webhooks import Proof

MAX_SIGNATURES: Final = 8
"""Maximum number of signatures of a call: several while a secret is exchanged."""
TOLERANCE: Final = timedelta(minutes=5)
"""How far the time of a signed call may be from now."""
MIN_SECRET_BYTES: Final = 24

_TIME: Final = regex(r"[0-9]{1,12}")
_ID: Final = regex(r"[\x21-\x7e]{1,256}")
_NO_SECRET: Final = "no webhook has this secret, and it costs the time of a real one"  # noqa: S105
_STANDARD_PREFIX: Final = "whsec_"


class Call(NamedTuple):
    """A call of a webhook: its headers with names in small letters, and its body as it came."""

    headers: Mapping[str, str]
    body: bytes

    def id_in(self, *names: str) -> str:
        """The first of these headers that can be an id; empty if none is."""
        given = (self.headers.get(name, "") for name in names)
        return next((one for one in given if _ID.fullmatch(one)), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """A genuine call."""

    id: str = ""
    """What its sender calls it; empty if it gives it no id."""
    identity: str = ""
    """What a repetition of the call has, too; empty if nothing is known to be the same."""


def verified(call: Call, proof: Proof, secret: str | None, *, now: datetime) -> Proven | None:
    """What a genuine call proves; None if it is not genuine.

    `secret` is None for a webhook that does not exist, or whose secret is missing: the work is the same.
    Every way reads the whole body once, so the time does not tell how a webhook is verified, either.
    """
    found = _WAYS[proof](call, secret if secret is not None else _NO_SECRET, now)
    return found if secret is not None else None


def of_public(call: Call) -> Proven:
    """What a call of a public webhook says about itself."""
    id = call.id_in("webhook-id", "idempotency-key")
    return Proven(id=id, identity=id)


def secret_trouble(secret: str, proof: Proof) -> str:
    """Why a secret is too weak to prove calls with; empty if it is not."""
    length = len(_standard_key(secret) if proof is Proof.STANDARD else _bytes(secret))
    if length >= MIN_SECRET_BYTES:
        return ""
    return f"its secret has {length} bytes, and needs {MIN_SECRET_BYTES} or more"


def _standard(call: Call, secret: str, now: datetime) -> Proven | None:
    id, time = call.headers.get("webhook-id", ""), call.headers.get("webhook-timestamp", "")
    expected = _mac(_standard_key(secret), _sent_bytes(f"{id}.{time}.") + call.body)
    given = call.headers.get("webhook-signature", "").split(" ")[:MAX_SIGNATURES]
    signatures = (one.partition(",") for one in given)
    is_signed = _is_any(
        expected, [_decoded(text) if version == "v1" else b"" for version, _, text in signatures]
    )
    is_good = is_signed and _ID.fullmatch(id) is not None and _is_now(time, now)
    return Proven(id=id, identity=id) if is_good else None


def _github(call: Call, secret: str, now: datetime) -> Proven | None:  # noqa: ARG001  GitHub signs no time
    """Neither is the id signed, nor the event: so a repetition is known by its body, which GitHub sends again
    as it was.
    """
    expected = f"sha256={_mac(_bytes(secret), call.body).hex()}".encode()
    is_signed = _is_any(expected, [_sent_bytes(call.headers.get("x-hub-signature-256", ""))])
    id = call.id_in("x-github-delivery")
    return Proven(id=id, identity=f"body {sha256(call.body).hexdigest()}") if is_signed and id else None


def _stripe(call: Call, secret: str, now: datetime) -> Proven | None:
    parts = [one.strip().partition("=") for one in call.headers.get("stripe-signature", "").split(",")]
    time = next((text for name, _, text in parts if name == "t"), "")
    expected = _mac(_bytes(secret), _sent_bytes(f"{time}.") + call.body).hex().encode()
    given = [_sent_bytes(text) for name, _, text in parts if name == "v1"][:MAX_SIGNATURES]
    if not _is_any(expected, given) or not _is_now(time, now):
        return None
    id = _id_in(call.body)
    return Proven(id=id, identity=id or expected.decode())


def _gitlab(call: Call, secret: str, now: datetime) -> Proven | None:  # noqa: ARG001  GitLab sends no time
    id = call.id_in("idempotency-key")  # its X-Gitlab-Event-UUID is that of several calls
    return _sent(call, secret, call.headers.get("x-gitlab-token", ""), id)


def _bearer(call: Call, secret: str, now: datetime) -> Proven | None:  # noqa: ARG001  such a call has no time
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    id = call.id_in("webhook-id", "idempotency-key")
    return _sent(call, secret, token if scheme.lower() == "bearer" else "", id)


def _sent(call: Call, secret: str, given: str, id: str) -> Proven | None:
    """A call with the secret itself. Its body is read as those of other calls are, for the time."""
    _mac(_bytes(secret), call.body)
    return Proven(id=id, identity=id) if _is_any(_bytes(secret), [_sent_bytes(given)]) else None


_WAYS: Final[Mapping[Proof, Callable[[Call, str, datetime], Proven | None]]] = {
    Proof.STANDARD: _standard,
    Proof.GITHUB: _github,
    Proof.GITLAB: _gitlab,
    Proof.STRIPE: _stripe,
    Proof.BEARER: _bearer,
}


def _is_any(expected: bytes, given: list[bytes]) -> bool:
    """Whether one of these is the expected one. All are compared, each in constant time."""
    return any([hmac.compare_digest(expected, one) for one in given])


def _is_now(time: str, now: datetime) -> bool:
    return _TIME.fullmatch(time) is not None and abs(int(time) - now.timestamp()) <= TOLERANCE.total_seconds()


def _standard_key(secret: str) -> bytes:
    """The key of a secret: what follows `whsec_` is base64, as Standard Webhooks says."""
    if secret.startswith(_STANDARD_PREFIX):
        text = secret.removeprefix(_STANDARD_PREFIX)
        found = _decoded(text + "=" * (-len(text) % 4))
        if found:
            return found
    return _bytes(secret)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _sent_bytes(text: str) -> bytes:
    """The bytes of a header as they came: servers read them as Latin-1."""
    return text.encode("latin-1", "backslashreplace")


def _mac(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _id_in(body: bytes) -> str:
    """The `id` in a body; a body without one is refused later, or needs none."""
    try:
        plain = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    id = plain.get("id") if isinstance(plain, dict) else None
    return id if isinstance(id, str) and _ID.fullmatch(id) else ""
