"""Webhooks: which calls are genuine, which params they give, and that each starts one run."""

import base64
import hmac
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.lifecycle import RunState, TriggerKind
from engine.core.webhooks import (
    MAX_BODY_BYTES,
    MIN_SECRET_BYTES,
    NOT_GENUINE,
    TOLERANCE,
    Call,
    Refused,
    params_of,
    secret_trouble,
    verified_id,
)
from engine.ledger.sqlite.store import SqliteStore
from engine.transactions.account import Moment
from engine.transactions.webhooks import Reply, receive
from jobfile.model.jobs import JobSpec, ParamSpec, ParamType, WebhookTrigger
from tests.builders import MINUTE, NOON, a_job, compiled
from tests.engine.world import World
from tests.store.conformance import generation

SECRET = "correct horse battery staple"
BODY = b'{"user": 7}'


def signed(body: bytes = BODY, *, secret: str = SECRET, id: str = "msg_1", at: int | None = None) -> Call:
    """A call as Standard Webhooks signs it."""
    time = int(NOON.timestamp()) if at is None else at
    key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
    mac = hmac.digest(key, f"{id}.{time}.".encode() + body, "sha256")
    signature = f"v1,{base64.b64encode(mac).decode()}"
    headers = {"webhook-id": id, "webhook-timestamp": str(time), "webhook-signature": signature}
    return Call(headers, body)


def with_header(call: Call, name: str, value: str) -> Call:
    return Call({**call.headers, name: value}, call.body)


def github(body: bytes = BODY, *, id: str = "guid") -> Call:
    mac = hmac.new(SECRET.encode(), body, "sha256").hexdigest()
    return Call({"x-hub-signature-256": f"sha256={mac}", "x-github-delivery": id}, body)


def test_the_example_of_the_specification_is_genuine() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    call = Call(
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        b'{"test": 2432232314}',
    )
    now = NOON.fromtimestamp(1614265330, tz=NOON.tzinfo)
    assert verified_id(call, secret, now=now) == "msg_p5jXN8AQM9LWM0D4loKWxJek"


GENUINE = {
    "standard": (signed(), "msg_1"),
    "standard with a base64 secret": (signed(), "msg_1"),
    "several signatures": (
        with_header(signed(), "webhook-signature", f"v1,AAAA {signed().headers['webhook-signature']} v2,x"),
        "msg_1",
    ),
    "early": (signed(at=int((NOON + TOLERANCE).timestamp())), "msg_1"),
    "late": (signed(at=int((NOON - TOLERANCE).timestamp())), "msg_1"),
    "github": (github(), "guid"),
    "bearer": (Call({"authorization": f"Bearer {SECRET}"}, BODY), ""),
    "bearer with an id": (Call({"authorization": f"Bearer {SECRET}", "webhook-id": "x"}, BODY), "x"),
}


@pytest.mark.parametrize("name", GENUINE)
def test_a_genuine_call_has_its_id(name: str) -> None:
    call, id = GENUINE[name]
    assert verified_id(call, SECRET, now=NOON) == id
    assert verified_id(call, None, now=NOON) == NOT_GENUINE
    assert verified_id(call, SECRET + "x", now=NOON) == NOT_GENUINE


OK = signed()
FORGED = {
    "nothing": Call({}, BODY),
    "another body": Call(OK.headers, BODY + b" "),
    "another id": with_header(OK, "webhook-id", "msg_2"),
    "another time": with_header(OK, "webhook-timestamp", str(int(NOON.timestamp()) + 1)),
    "no time": with_header(OK, "webhook-timestamp", ""),
    "a time that is no number": with_header(OK, "webhook-timestamp", "1e9"),
    "too old": signed(at=int((NOON - TOLERANCE).timestamp()) - 1),
    "from the future": signed(at=int((NOON + TOLERANCE).timestamp()) + 1),
    "another version": with_header(
        OK, "webhook-signature", OK.headers["webhook-signature"].replace("v1,", "v1a,")
    ),
    "no base64": with_header(OK, "webhook-signature", "v1,%%%"),
    "an empty id": signed(id=""),
    "an id with a line break": signed(id="a\nb"),
    "too many signatures": with_header(
        OK, "webhook-signature", " ".join(["v1,AAAA"] * 8 + [OK.headers["webhook-signature"]])
    ),
    "github without a delivery": github(id=""),
    "github in another form": with_header(github(), "x-hub-signature-256", "sha1=x"),
    "no token": Call({"authorization": "Bearer "}, BODY),
    "a part of the token": Call({"authorization": f"Bearer {SECRET[:-1]}"}, BODY),
    "another scheme": Call({"authorization": f"Basic {SECRET}"}, BODY),
    "a header that is no text": Call({"authorization": "Bearer \udcff"}, BODY),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_call_gets_the_one_answer(name: str) -> None:
    assert verified_id(FORGED[name], SECRET, now=NOON) == NOT_GENUINE


@given(
    body=st.binary(max_size=200),
    secret=st.text(min_size=1, max_size=40),
    flip=st.integers(0, 10**9),
)
def test_a_call_with_one_bit_changed_is_not_genuine(body: bytes, secret: str, flip: int) -> None:
    secret = secret.encode("utf-8", "replace").decode()
    if secret.startswith("whsec_"):
        secret = "x" + secret
    call = signed(body, secret=secret)
    assert verified_id(call, secret, now=NOON) == "msg_1"
    if body:
        changed = bytearray(body)
        changed[flip % len(body)] ^= 1 << (flip % 8)
        assert verified_id(Call(call.headers, bytes(changed)), secret, now=NOON) == NOT_GENUINE


@pytest.mark.parametrize(
    ("secret", "is_strong"),
    [
        ("x" * MIN_SECRET_BYTES, True),
        ("x" * (MIN_SECRET_BYTES - 1), False),
        ("whsec_" + base64.b64encode(b"x" * MIN_SECRET_BYTES).decode(), True),
        ("whsec_" + base64.b64encode(b"x" * (MIN_SECRET_BYTES - 1)).decode(), False),
        ("", False),
    ],
)
def test_a_weak_secret_is_told(secret: str, is_strong: bool) -> None:
    assert (secret_trouble(secret) == "") is is_strong


PARAMS = (
    ParamSpec(name="user", type=ParamType.INTEGER, minimum=1),
    ParamSpec(name="plan", type=ParamType.STRING, is_required=False, default="free", enum=("free", "paid")),
    ParamSpec(name="tags", type=ParamType.ARRAY, item_type=ParamType.STRING, is_required=False),
)


def test_the_body_gives_the_params_with_their_types() -> None:
    spec = a_job(params=PARAMS)
    body = b'{"user": 7, "tags": ["a", "b"]}'
    assert params_of(Call({}, body), spec) == {"user": 7, "plan": "free", "tags": ("a", "b")}


@pytest.mark.parametrize(
    ("body", "status", "names"),
    [
        (b"", 400, []),
        (b"[1]", 400, []),
        (b'{"user": 1}{"user": 1}', 400, []),
        (b'{"user": 1, "user": 2}', 400, []),
        (b'{"user": NaN}', 400, []),
        (b"\xff", 400, []),
        (b'{"user": ' + b"[" * 100 + b"]" * 100 + b"}", 400, []),
        (b"x" * (MAX_BODY_BYTES + 1), 413, []),
        (b"{}", 422, ["user"]),
        (b'{"user": "7"}', 422, ["user"]),
        (b'{"user": true}', 422, ["user"]),
        (b'{"user": null}', 422, ["user"]),
        (b'{"user": {"id": 7}}', 422, ["user"]),
        (b'{"user": 0, "plan": "gold", "other": 1, "tags": [[1]]}', 422, ["other", "plan", "tags", "user"]),
    ],
)
def test_a_body_that_does_not_fit_is_refused_with_every_problem(
    body: bytes, status: int, names: list[str]
) -> None:
    found = params_of(Call({}, body), a_job(params=PARAMS))
    assert isinstance(found, Refused)
    assert (found.status, sorted(one.name for one in found.problems)) == (status, names)


TEXT = "version: 1\njobs:\n  hello:\n    command: ['true']\n"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A job with a signed webhook."""
    made = World(tmp_path, TEXT, at=NOON)
    hook = WebhookTrigger(webhook="signup", secret="HOOK")
    put(made, a_job(params=PARAMS, secrets={"HOOK": "env:HOOK"}, triggers=(hook,)))
    return made


def put(world: World, spec: JobSpec) -> None:
    with world.store.transaction():
        number = world.store.add_generation(generation(), tzdata_version="2026a", cron_semantics=1)
        world.store.end_job("hello", generation=number)
        world.store.add_job(compiled(spec), generation=number)


def call(world: World, made: Call, *, path: str = "signup", secret: str | None = SECRET) -> Reply:
    moment = Moment(now=world.clock.now(), generation=2, new_id=world.new_id)
    with world.store.transaction():
        return receive(world.store, path, made, secret_of=lambda _, name: secret, moment=moment)


def test_a_call_starts_one_run_and_a_repeated_one_names_it(world: World) -> None:
    reply = call(world, signed())
    assert (reply.status, reply.body["duplicate"]) == (202, False)
    (run,) = world.runs()
    assert (run.id, run.trigger, run.params["user"]) == (reply.body["run"], TriggerKind.WEBHOOK, 7)
    world.store.close()
    world.store = SqliteStore.open(world.config.ledger)
    again = call(world, signed())
    assert (again.status, again.body["run"], again.body["duplicate"]) == (200, run.id, True)
    other = call(world, signed(id="msg_2"))
    assert (other.status, len(world.runs())) == (202, 2)


@pytest.mark.parametrize(
    ("made", "path", "secret", "status", "trouble"),
    [
        (signed(), "unknown", SECRET, 401, ""),
        (signed(secret="x" * 30), "signup", SECRET, 401, ""),
        (signed(), "signup", None, 401, "webhook signup: secret HOOK is not available"),
        (
            signed(secret="short"),
            "signup",
            "short",
            401,
            "webhook signup: its secret has 5 bytes, and needs 24",
        ),
        (Call({}, b"x" * (MAX_BODY_BYTES + 1)), "signup", SECRET, 413, ""),
        (signed(b"[]"), "signup", SECRET, 400, ""),
        (signed(b"{}"), "signup", SECRET, 422, ""),
    ],
)
def test_a_call_that_is_refused_leaves_nothing(
    world: World, made: Call, path: str, secret: str | None, status: int, trouble: str
) -> None:
    reply = call(world, made, path=path, secret=secret)
    assert reply.status == status
    assert reply.trouble.startswith(trouble)
    assert bool(reply.trouble) == bool(trouble)
    assert SECRET not in json.dumps(reply.body) + reply.trouble
    assert world.runs() == []
    assert call(world, signed()).status == 202, "a refused call does not count as received"


def test_an_unknown_webhook_and_a_wrong_signature_have_the_same_answer(world: World) -> None:
    assert call(world, signed(), path="unknown").body == call(world, signed(secret="x" * 30)).body


def test_calls_with_one_key_lead_to_one_run(world: World) -> None:
    version = world.store.job_in_force("hello")
    assert version is not None
    put(world, replace(world.store.definition(version.digest), idempotency_key="{{ params.user }}"))
    first = call(world, signed())
    second = call(world, signed(id="msg_2"))
    assert (second.status, second.body["run"], second.body["duplicate"]) == (200, first.body["run"], True)
    assert call(world, signed(b'{"user": 8}', id="msg_3")).status == 202
    assert len(world.runs()) == 2


def test_a_public_webhook_takes_every_call_and_knows_those_with_an_id(world: World) -> None:
    hook = WebhookTrigger(webhook="signup")
    put(world, a_job(params=PARAMS, triggers=(hook,)))
    assert [call(world, Call({}, BODY)).status for _ in range(2)] == [202, 202]
    named = Call({"webhook-id": "a"}, BODY)
    assert [call(world, named).status for _ in range(2)] == [202, 200]
    assert len(world.runs()) == 3


def test_a_paused_job_records_the_call_as_skipped(world: World) -> None:
    world.pause("hello")
    reply = call(world, signed())
    assert (reply.status, reply.body["state"], reply.body["reason"]) == (202, "skipped", "paused")
    assert [run.state for run in world.runs()] == [RunState.SKIPPED]


def test_a_disabled_job_has_no_webhook(world: World) -> None:
    version = world.store.job_in_force("hello")
    assert version is not None
    put(world, replace(world.store.definition(version.digest), enabled=False))
    assert call(world, signed()).status == 401
    world.clock.advance(seconds=MINUTE.total_seconds())
    assert world.runs() == []
