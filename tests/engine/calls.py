"""Calls of webhooks as their senders make them."""

import base64
import hmac

from engine.core.webhook_proofs import Call
from tests.builders import NOON

SECRET = "correct horse battery staple"
BODY = b'{"user": 7}'


def standard(
    body: bytes = BODY, *, secret: str = SECRET, id: str = "msg_1", at: float = NOON.timestamp()
) -> Call:
    """As Standard Webhooks says."""
    key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
    mac = hmac.digest(key, f"{id}.{int(at)}.".encode() + body, "sha256")
    signature = f"v1,{base64.b64encode(mac).decode()}"
    headers = {"webhook-id": id, "webhook-timestamp": str(int(at)), "webhook-signature": signature}
    return Call(headers, body)


def github(
    body: bytes = BODY, *, secret: str = SECRET, id: str = "72d3162e-cc78", event: str = "push"
) -> Call:
    """As GitHub does."""
    mac = hmac.new(secret.encode(), body, "sha256").hexdigest()
    headers = {"x-hub-signature-256": f"sha256={mac}", "x-github-delivery": id, "x-github-event": event}
    return Call(headers, body)


def gitlab(body: bytes = BODY, *, secret: str = SECRET, id: str = "908a6d9e") -> Call:
    """As GitLab does with a secret token."""
    return Call({"x-gitlab-token": secret, "idempotency-key": id, "x-gitlab-event": "Push Hook"}, body)


def stripe(
    body: bytes = b'{"id": "evt_1", "user": 7}', *, secret: str = SECRET, at: float = NOON.timestamp()
) -> Call:
    """As Stripe does."""
    mac = hmac.new(secret.encode(), f"{int(at)}.".encode() + body, "sha256").hexdigest()
    return Call({"stripe-signature": f"t={int(at)},v1={mac},v0=ffff"}, body)


def bearer(body: bytes = BODY, *, secret: str = SECRET, id: str = "") -> Call:
    """As a sender that cannot sign."""
    return Call({"authorization": f"Bearer {secret}", **({"idempotency-key": id} if id else {})}, body)


def changed(call: Call, **headers: str) -> Call:
    """The same call with other headers; their names have `_` for `-`."""
    return Call(
        {**call.headers, **{name.replace("_", "-"): text for name, text in headers.items()}}, call.body
    )
