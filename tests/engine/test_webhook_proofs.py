"""Which calls of webhooks are genuine: what senders sign, what forgers change, and a reference library."""

import base64
import hmac
import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from engine.core import webhook_proofs
from engine.core.webhook_proofs import (
    MIN_SECRET_BYTES,
    TOLERANCE,
    Call,
    Proven,
    of_public,
    secret_trouble,
    verified,
)
from jobfile.model.webhooks import Proof
from tests.builders import NOON
from tests.engine.calls import BODY, SECRET, bearer, changed, github, gitlab, standard, stripe
from tests.together import together

EARLY, LATE = (NOON + TOLERANCE).timestamp(), (NOON - TOLERANCE).timestamp()
MAKERS: dict[Proof, Callable[..., Call]] = {
    Proof.STANDARD: standard,
    Proof.GITHUB: github,
    Proof.GITLAB: gitlab,
    Proof.STRIPE: stripe,
    Proof.BEARER: bearer,
}
GENUINE: dict[str, tuple[Proof, Call, str]] = {
    "standard": (Proof.STANDARD, standard(), "msg_1"),
    "several signatures": (
        Proof.STANDARD,
        changed(
            standard(), webhook_signature=f"v1,AAAA {standard().headers['webhook-signature']} v2,x v1a,y"
        ),
        "msg_1",
    ),
    "standard, early": (Proof.STANDARD, standard(at=EARLY), "msg_1"),
    "standard, late": (Proof.STANDARD, standard(at=LATE), "msg_1"),
    "github": (Proof.GITHUB, github(), "72d3162e-cc78"),
    "gitlab": (Proof.GITLAB, gitlab(), "908a6d9e"),
    "gitlab without an id": (Proof.GITLAB, gitlab(id="not an id"), ""),
    "stripe": (Proof.STRIPE, stripe(), "evt_1"),
    "stripe, early": (Proof.STRIPE, stripe(at=EARLY), "evt_1"),
    "stripe, two secrets": (
        Proof.STRIPE,
        changed(stripe(), stripe_signature=f"v1=00,{stripe().headers['stripe-signature']}"),
        "evt_1",
    ),
    "bearer": (Proof.BEARER, bearer(), ""),
    "bearer with an id": (Proof.BEARER, bearer(id="x"), "x"),
    "bearer in small letters": (Proof.BEARER, changed(bearer(), authorization=f"bearer {SECRET}"), ""),
}


@together("name", GENUINE)
def test_a_genuine_call_has_its_id(name: str) -> None:
    proof, call, id = GENUINE[name]
    found = verified(call, proof, SECRET, now=NOON)
    assert found is not None
    assert found.id == id
    assert found.identity == (id if proof is not Proof.GITHUB else f"body {sha256(BODY).hexdigest()}")
    assert verified(call, proof, None, now=NOON) is None
    assert verified(call, proof, SECRET + "x", now=NOON) is None
    for other in Proof:
        assert other is proof or verified(call, other, SECRET, now=NOON) is None, other


def test_what_github_does_not_sign_makes_no_other_call_of_one_that_was_seen() -> None:
    """GitHub signs the body alone: neither the id of the delivery nor the event can be believed."""
    seen = verified(github(), Proof.GITHUB, SECRET, now=NOON)
    for call in (github(id="another"), github(event="release"), github(id="another", event="release")):
        again = verified(call, Proof.GITHUB, SECRET, now=NOON)
        assert seen is not None
        assert again is not None
        assert again.identity == seen.identity
    other = verified(github(b"{}"), Proof.GITHUB, SECRET, now=NOON)
    assert other is not None
    assert other.identity != seen.identity


OK, STRIPE = standard(), stripe()
FORGED: dict[str, tuple[Proof, Call]] = {
    "another body": (Proof.STANDARD, Call(OK.headers, BODY + b" ")),
    "another id": (Proof.STANDARD, changed(OK, webhook_id="msg_2")),
    "another time": (Proof.STANDARD, changed(OK, webhook_timestamp=str(int(NOON.timestamp()) + 1))),
    "no time": (Proof.STANDARD, changed(OK, webhook_timestamp="")),
    "no number": (Proof.STANDARD, changed(OK, webhook_timestamp="1e9")),
    "digits of another script": (Proof.STANDARD, changed(OK, webhook_timestamp="\u0661\u0662")),
    "too old": (Proof.STANDARD, standard(at=LATE - 1)),
    "from the future": (Proof.STANDARD, standard(at=EARLY + 1)),
    "another version": (
        Proof.STANDARD,
        changed(OK, webhook_signature=OK.headers["webhook-signature"].replace("v1,", "v1a,")),
    ),
    "no base64": (Proof.STANDARD, changed(OK, webhook_signature="v1,%%%")),
    "an empty signature": (Proof.STANDARD, changed(OK, webhook_signature="v1,")),
    "an empty id": (Proof.STANDARD, standard(id="")),
    "an id with a line break": (Proof.STANDARD, standard(id="a\nb")),
    "two ids": (Proof.STANDARD, changed(OK, webhook_id="msg_1, msg_1")),
    "too many signatures": (
        Proof.STANDARD,
        changed(OK, webhook_signature=" ".join(["v1,AAAA"] * 8 + [OK.headers["webhook-signature"]])),
    ),
    "github, another body": (Proof.GITHUB, Call(github().headers, BODY + b" ")),
    "github without a delivery": (Proof.GITHUB, github(id="")),
    "github, the old signature": (Proof.GITHUB, changed(github(), x_hub_signature_256="sha1=x")),
    "github, two signatures": (
        Proof.GITHUB,
        changed(github(), x_hub_signature_256=", ".join([github().headers["x-hub-signature-256"]] * 2)),
    ),
    "gitlab, a part of the token": (Proof.GITLAB, gitlab(secret=SECRET[:-1])),
    "gitlab, no token": (Proof.GITLAB, gitlab(secret="")),
    "stripe, too old": (Proof.STRIPE, stripe(at=LATE - 1)),
    "stripe, from the future": (Proof.STRIPE, stripe(at=EARLY + 1)),
    "stripe, another body": (Proof.STRIPE, Call(STRIPE.headers, STRIPE.body + b" ")),
    "stripe, another time": (
        Proof.STRIPE,
        changed(STRIPE, stripe_signature=STRIPE.headers["stripe-signature"].replace("t=1", "t=2")),
    ),
    "stripe, an older scheme": (
        Proof.STRIPE,
        changed(STRIPE, stripe_signature=STRIPE.headers["stripe-signature"].replace("v1=", "v0=")),
    ),
    "bearer, no token": (Proof.BEARER, changed(bearer(), authorization="Bearer ")),
    "bearer, a part of the token": (Proof.BEARER, bearer(secret=SECRET[:-1])),
    "bearer, another scheme": (Proof.BEARER, changed(bearer(), authorization=f"Basic {SECRET}")),
    "bearer, not a text": (Proof.BEARER, changed(bearer(), authorization="Bearer \xff\xfe")),
    **{f"{proof}, nothing": (proof, Call({}, BODY)) for proof in Proof},
}


@together("name", FORGED)
def test_a_forged_call_proves_nothing(name: str) -> None:
    proof, call = FORGED[name]
    assert verified(call, proof, SECRET, now=NOON) is None


@given(
    proof=st.sampled_from([Proof.STANDARD, Proof.GITHUB, Proof.STRIPE]),
    body=st.binary(min_size=1, max_size=200),
    secret=st.text(min_size=1, max_size=40),
    flip=st.integers(0, 10**9),
)
def test_a_call_with_one_bit_changed_is_not_genuine(
    proof: Proof, body: bytes, secret: str, flip: int
) -> None:
    secret = "x" + secret.encode("utf-8", "replace").decode()
    call = MAKERS[proof](body, secret=secret)
    assert verified(call, proof, secret, now=NOON) is not None
    other = bytearray(body)
    other[flip % len(body)] ^= 1 << (flip % 8)
    assert verified(Call(call.headers, bytes(other)), proof, secret, now=NOON) is None


@given(
    key=st.binary(min_size=MIN_SECRET_BYTES, max_size=64),
    body=st.text(max_size=100),
    id=st.from_regex(r"[!-~]{1,40}", fullmatch=True),
)
def test_the_reference_library_agrees(key: bytes, body: str, id: str) -> None:
    """What it signs is genuine here, with padding in the secret and without."""
    secret = f"whsec_{base64.b64encode(key).decode()}"
    signature = standardwebhooks.Webhook(secret).sign(id, NOON, body)
    headers = {
        "webhook-id": id,
        "webhook-timestamp": str(int(NOON.timestamp())),
        "webhook-signature": signature,
    }
    for written in (secret, secret.rstrip("=")):
        found = verified(Call(headers, body.encode()), Proof.STANDARD, written, now=NOON)
        assert found == Proven(id=id, identity=id)


def test_the_reference_library_accepts_the_signatures_of_the_tests() -> None:
    secret = f"whsec_{base64.b64encode(b'k' * 32).decode()}"
    call = standard(secret=secret, at=datetime.now(UTC).timestamp())
    assert standardwebhooks.Webhook(secret).verify(call.body, dict(call.headers)) == {"user": 7}


def test_the_example_of_the_specification_is_genuine() -> None:
    call = Call(
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        b'{"test": 2432232314}',
    )
    now = datetime.fromtimestamp(1614265330, tz=UTC)
    found = verified(call, Proof.STANDARD, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", now=now)
    assert found is not None
    assert found.id == "msg_p5jXN8AQM9LWM0D4loKWxJek"


def test_the_example_of_github_is_genuine() -> None:
    """From its documentation: the secret is `It's a Secret to Everybody`, the body `Hello, World!`."""
    mac = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    call = Call({"x-hub-signature-256": f"sha256={mac}", "x-github-delivery": "a"}, b"Hello, World!")
    assert verified(call, Proof.GITHUB, "It's a Secret to Everybody", now=NOON) is not None


def test_a_call_of_stripe_without_an_id_is_known_by_its_signature() -> None:
    found = verified(stripe(BODY), Proof.STRIPE, SECRET, now=NOON)
    assert found is not None
    assert (found.id, found.identity) == (
        "",
        hmac.new(SECRET.encode(), f"{int(NOON.timestamp())}.".encode() + BODY, "sha256").hexdigest(),
    )


def test_a_public_webhook_believes_what_a_call_says_about_itself() -> None:
    assert of_public(Call({"webhook-id": "a"}, BODY)) == Proven(id="a", identity="a")
    assert of_public(Call({"webhook-id": "a\nb"}, BODY)) == Proven()


@pytest.mark.parametrize(
    ("proof", "secret", "is_strong"),
    [
        (Proof.GITHUB, "x" * MIN_SECRET_BYTES, True),
        (Proof.GITHUB, "x" * (MIN_SECRET_BYTES - 1), False),
        (Proof.STANDARD, "whsec_" + base64.b64encode(b"x" * MIN_SECRET_BYTES).decode(), True),
        (Proof.STANDARD, "whsec_" + base64.b64encode(b"x" * (MIN_SECRET_BYTES - 1)).decode(), False),
        (Proof.BEARER, "", False),
    ],
)
def test_a_weak_secret_is_reported(proof: Proof, secret: str, is_strong: bool) -> None:
    assert (secret_trouble(secret, proof) == "") is is_strong


def test_secrets_are_compared_in_constant_time_only() -> None:
    """Each of the five ways ends in one function, and that one in `compare_digest`, of every candidate."""
    source = inspect.getsource(webhook_proofs)
    assert source.count("compare_digest") == 1
    for way in ("_standard", "_github", "_stripe", "_sent"):
        body = inspect.getsource(getattr(webhook_proofs, way))
        assert "_is_any(" in body
        assert "_mac(" in body, "the whole body is read, whichever way it is"
        assert "==" not in body.replace("name ==", "").replace("version ==", "")
