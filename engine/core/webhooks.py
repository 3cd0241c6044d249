"""Whether a call of a webhook is genuine, and which params it gives.

Three schemes prove a call: Standard Webhooks 1.0 (standardwebhooks.com: a MAC over id, time and body),
GitHub's `X-Hub-Signature-256` (a MAC over the body), and the secret itself as a bearer token, for senders
that cannot sign.
"""

import base64
import binascii
import hmac
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from engine.core.lifecycle import TriggerEvent, TriggerKind
from jobfile.expressions.params import ParamProblem, bind_params
from jobfile.model.hashing import sha256
from jobfile.model.jobs import JobSpec
from jobfile.model.values import Value

MAX_BODY_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 32
"""Maximum depth of the JSON of a call."""
MAX_SIGNATURES: Final = 8
"""Maximum number of signatures of a call: several while a secret is exchanged."""
TOLERANCE: Final = timedelta(minutes=5)
"""How far the time of a signed call may be from now."""
MIN_SECRET_BYTES: Final = 24
REMEMBERED: Final = timedelta(days=2)
"""How long a call is known. GitHub signs no time, and repeats a delivery for up to a day."""

_TIME: Final = re.compile(r"[0-9]{1,12}")
_ID: Final = re.compile(r"[\x21-\x7e]{1,256}")
_NO_SECRET: Final = b"no webhook has this secret, and it costs the time of a real one"


class Call(NamedTuple):
    """A call of a webhook: its headers with names in small letters, and its body as it came."""

    headers: Mapping[str, str]
    body: bytes


class Refused(NamedTuple):
    """Why a call starts nothing: the HTTP status, and what is wrong with it."""

    status: int
    message: str
    problems: tuple[ParamProblem, ...] = ()


NOT_GENUINE: Final = Refused(401, "unknown webhook, or the call is not signed with its secret")
"""One answer for an unknown webhook and for a wrong signature: a stranger learns nothing from it."""


def verified_id(call: Call, secret: str | None, *, now: datetime) -> str | Refused:
    """The id that a genuine call has, empty if it has none; or the refusal.

    `secret` is None for a webhook that does not exist or whose secret is missing: the work is the same.
    """
    key = _key_of(secret) if secret is not None else _NO_SECRET
    proofs = [*_standard(call, key, now), *_github(call, key), *_bearer(call, secret or "")]
    good = [id for is_good, id in proofs if is_good]  # every proof is computed, whichever is good
    return good[0] if good and secret is not None else NOT_GENUINE


def secret_trouble(secret: str) -> str:
    """Why a secret is too weak to sign calls with; empty if it is not."""
    length = len(_key_of(secret))
    if length >= MIN_SECRET_BYTES:
        return ""
    return f"its secret has {length} bytes, and needs {MIN_SECRET_BYTES} or more"


def params_of(call: Call, spec: JobSpec) -> dict[str, Value] | Refused:
    """The params that the body of a call gives to a job, with defaults; or the refusal."""
    if len(call.body) > MAX_BODY_BYTES:
        return Refused(413, f"the body has more than {MAX_BODY_BYTES:,} bytes")
    try:
        plain = _parsed(call.body)
    except ValueError as error:
        return Refused(400, f"the body is not one JSON object: {error}")
    given: dict[str, Value] = {}
    problems: list[ParamProblem] = []
    for name, value in plain.items():
        if isinstance(value, list) and not any(isinstance(item, dict | list) for item in value):
            given[name] = tuple(value)
        elif isinstance(value, str | int | float | bool):
            given[name] = value
        else:
            problems.append(ParamProblem(name, f"{type(value).__name__} is not the value of a param"))
    bound, more = bind_params(spec.params, given, from_text=False)
    named = {one.name for one in problems}
    problems += [one for one in more if one.name not in named]
    return bound if not problems else Refused(422, "the params do not fit the job", tuple(problems))


def event_of(job: str, id: str, params: Mapping[str, Value], *, now: datetime) -> TriggerEvent:
    """The event of a genuine call. Its id may be long and is a sender's text, so its hash is the identity."""
    identity = sha256(id.encode()).hexdigest()
    return TriggerEvent(job, TriggerKind.WEBHOOK, identity, now, arguments=params)


def _key_of(secret: str) -> bytes:
    """The key of a secret: what follows `whsec_` is base64, as Standard Webhooks says."""
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            pass
    return secret.encode("utf-8", "surrogateescape")


def _mac(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")


def _standard(call: Call, key: bytes, now: datetime) -> Iterator[tuple[bool, str]]:
    """The proofs of Standard Webhooks: each signature in the header."""
    id, time = call.headers.get("webhook-id", ""), call.headers.get("webhook-timestamp", "")
    is_readable = _ID.fullmatch(id) is not None and _TIME.fullmatch(time) is not None
    expected = _mac(key, f"{id}.{time}.".encode() + call.body)
    is_now = is_readable and abs(int(time) - now.timestamp()) <= TOLERANCE.total_seconds()
    for one in call.headers.get("webhook-signature", "").split(" ")[:MAX_SIGNATURES]:
        version, _, text = one.partition(",")
        yield hmac.compare_digest(expected, _decoded(text)) and version == "v1" and is_now, id


def _github(call: Call, key: bytes) -> Iterator[tuple[bool, str]]:
    expected = f"sha256={_mac(key, call.body).hex()}"
    given = call.headers.get("x-hub-signature-256", "")
    id = call.headers.get("x-github-delivery", "")
    yield hmac.compare_digest(expected.encode(), given.encode()) and _ID.fullmatch(id) is not None, id


def _bearer(call: Call, secret: str) -> Iterator[tuple[bool, str]]:
    """The secret itself. Such a call has an id only if the sender gives one."""
    expected = f"Bearer {secret}".encode("utf-8", "surrogateescape")
    given = call.headers.get("authorization", "").encode("utf-8", "surrogateescape")
    id = call.headers.get("webhook-id", "")
    yield hmac.compare_digest(expected, given), id if _ID.fullmatch(id) else ""


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _parsed(body: bytes) -> dict[str, object]:
    """One JSON object without repeated names, not nested too deeply. Raises ValueError."""
    depth = 0
    for byte in body:  # brackets within texts count, too: the limit is far above what a param needs
        depth += (byte in b"[{") - (byte in b"]}")
        if depth > MAX_DEPTH:
            raise ValueError(f"it is nested more than {MAX_DEPTH} deep")
    plain = json.loads(body.decode("utf-8"), object_pairs_hook=_once_each, parse_constant=_no_number)
    if not isinstance(plain, dict):
        raise ValueError("it is something else")  # noqa: TRY004  every mistake of a body is a ValueError
    return plain


def _once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not a number of JSON")
