"""What a genuine call of a webhook leads to: params from its body, one run, and the same answer again."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from engine.core.lifecycle import RunState, TriggerEvent, TriggerKind
from engine.core.webhook_proofs import Call, Proven
from engine.core.webhooks import MAX_DEPTH, MAX_NUMBER, Refused, is_ping, read_event
from engine.ledger.sqlite.store import SqliteStore
from engine.transactions.account import Moment
from engine.transactions.webhooks import Hook, Reply, receive
from jobfile.model.jobs import ConcurrencySpec, JobSpec, ParamSpec, ParamType
from jobfile.model.webhooks import Proof, WebhookTrigger
from tests.builders import NOON, a_job, compiled
from tests.engine.calls import BODY, github
from tests.engine.world import World
from tests.store.conformance import generation
from tests.together import together

PARAMS = (
    ParamSpec(name="user", type=ParamType.INTEGER, minimum=1),
    ParamSpec(name="plan", type=ParamType.STRING, is_required=False, default="free", enum=("free", "paid")),
    ParamSpec(name="tags", type=ParamType.ARRAY, item_type=ParamType.STRING, is_required=False),
)
HOOK = WebhookTrigger(webhook="signup", secret="HOOK")
FORGE = replace(
    HOOK,
    verify=Proof.GITHUB,
    params={"user": "/commits/1/id", "plan": "X-Plan", "tags": "/repo~1s/to~0pics"},
    key="/after",
)
PUSH = {
    "after": "c0ffee",
    "commits": [{"id": 1}, {"id": 7, "huge": 10**30}],
    "repo/s": {"to~pics": ["a", "b"]},
    "sender": None,
}


def read(body: object, hook: WebhookTrigger = HOOK, **headers: str) -> TriggerEvent | Refused:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {name.replace("_", "-"): text for name, text in headers.items()}
    proven = Proven(id="msg_1", identity="msg_1")
    spec = a_job(params=PARAMS, triggers=(hook,))
    return read_event(Call(given, raw), spec, hook, proven, now=NOON, new_id="new")


def params_in(body: object, hook: WebhookTrigger = HOOK, **headers: str) -> object:
    found = read(body, hook, **headers)
    return found.arguments if isinstance(found, TriggerEvent) else found


def test_the_body_gives_the_params_with_their_types() -> None:
    assert params_in({"user": 7, "tags": ["a", "b"]}) == {"user": 7, "plan": "free", "tags": ("a", "b")}


def test_a_foreign_body_gives_them_by_places() -> None:
    wanted = {"user": 7, "plan": "paid", "tags": ("a", "b")}
    assert params_in(PUSH, FORGE, x_plan="paid") == wanted
    assert params_in(PUSH, FORGE) == {**wanted, "plan": "free"}


def test_a_service_gives_no_params_where_none_are_named() -> None:
    assert params_in(PUSH, replace(FORGE, params={"user": "/commits/1/id"})) == {"user": 7, "plan": "free"}
    found = params_in(PUSH, replace(FORGE, params={}))
    assert isinstance(found, Refused)
    assert [one.name for one in found.problems] == ["user"]


def test_what_a_run_knows_about_its_call() -> None:
    found = read({"user": 7})
    assert isinstance(found, TriggerEvent)
    assert (found.trigger, found.trigger_values) == (
        TriggerKind.WEBHOOK,
        {"webhook": "signup", "id": "msg_1"},
    )


NOTHING = ("/nothing", "/commits/2", "/commits/01x", "/commits/-1", "/commits/x", "/after/x", "/sender")


@together("place", NOTHING)
def test_where_a_foreign_body_has_nothing_the_param_has_its_default(place: str) -> None:
    hook = replace(FORGE, params={"user": "/commits/0/id", "plan": place})
    assert params_in(PUSH, hook) == {"user": 1, "plan": "free"}
    found = params_in(PUSH, replace(FORGE, params={"user": place}))
    assert isinstance(found, Refused)
    assert [one.name for one in found.problems] == ["user"]


BODIES: dict[str, tuple[object, int, list[str]]] = {
    "empty": (b"", 400, []),
    "a list": ([1], 400, []),
    "two objects": (b'{"user": 1}{"user": 1}', 400, []),
    "a name twice": (b'{"user": 1, "user": 2}', 400, []),
    "not a number": (b'{"user": NaN}', 400, []),
    "no UTF-8": (b"\xff", 400, []),
    "deep": ({"user": json.loads("[" * MAX_DEPTH + "]" * MAX_DEPTH)}, 400, []),
    "very deep": (b'{"user": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, []),
    "many digits": (b'{"user": ' + b"1" * (MAX_NUMBER + 1) + b"}", 400, []),
    "nothing": ({}, 422, ["user"]),
    "a text": ({"user": "7"}, 422, ["user"]),
    "a boolean": ({"user": True}, 422, ["user"]),
    "null": ({"user": None}, 422, ["user"]),
    "an object": ({"user": {"id": 7}}, 422, ["user"]),
    "a large integer": ({"user": 10**18}, 422, ["user"]),
    "an infinite number": (b'{"user": 1e999}', 422, ["user"]),
    "a text with NUL": ({"user": 7, "plan": "a\0"}, 422, ["plan"]),
    "half a character": (b'{"user": 7, "tags": ["\\ud800"]}', 422, ["tags"]),
    "all of it": (
        {"user": 0, "plan": "gold", "other": 1, "tags": [[1]]},
        422,
        ["other", "plan", "tags", "user"],
    ),
}


@together("name", BODIES)
def test_a_body_that_does_not_fit_is_refused_with_every_problem(name: str) -> None:
    body, status, names = BODIES[name]
    found = read(body)
    assert isinstance(found, Refused)
    assert (found.status, sorted(one.name for one in found.problems)) == (status, names)


def test_brackets_inside_texts_do_not_count_as_nesting() -> None:
    hook = replace(HOOK, params={"user": "/user"})
    assert params_in({"user": 7, "message": "[" * 1_000}, hook) == {"user": 7, "plan": "free"}


@together("key", [None, True, "", 1.5, {"a": 1}, ["a"]])
def test_a_call_without_its_key_is_refused(key: object) -> None:
    found = read({**PUSH, "after": key}, FORGE)
    assert isinstance(found, Refused)
    assert (found.status, [one.name for one in found.problems]) == (422, ["key"])


def test_a_key_is_known_whatever_the_id_is() -> None:
    def identity(key: object, id: str) -> str:
        call = Call({}, json.dumps({**PUSH, "after": key}).encode())
        spec = a_job(params=PARAMS, triggers=(FORGE,))
        found = read_event(call, spec, FORGE, Proven(id=id, identity=id), now=NOON, new_id="new")
        assert isinstance(found, TriggerEvent)
        return found.identity

    assert identity("a", "1") == identity("a", "2")
    assert len({identity(key, "1") for key in ("a", "b", 1, "1", "\ud800")}) == 5


def test_github_tries_out_a_webhook() -> None:
    assert is_ping(github(event="ping"), FORGE)
    assert not is_ping(github(event="push"), FORGE)
    assert not is_ping(github(event="ping"), HOOK)


TEXT = "version: 1\njobs:\n  hello:\n    command: ['true']\n"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A job with a webhook."""
    made = World(tmp_path, TEXT, at=NOON)
    put(made, a_job(params=PARAMS, triggers=(HOOK,)))
    return made


def put(world: World, spec: JobSpec) -> None:
    with world.store.transaction():
        number = world.store.add_generation(generation(), tzdata_version="2026a", cron_semantics=1)
        world.store.end_job("hello", generation=number)
        world.store.add_job(compiled(spec), generation=number)


def changed(world: World, **fields: object) -> None:
    version = world.store.job_in_force("hello")
    assert version is not None
    put(world, replace(world.store.definition(version.digest), **fields))  # type: ignore[arg-type]


def call(world: World, id: str = "msg_1", body: bytes = BODY) -> Reply | Refused | None:
    moment = Moment(now=world.clock.now(), generation=2, new_id=world.new_id)
    with world.store.transaction():
        return receive(world.store, Hook("hello", HOOK), Call({}, body), Proven(id=id, identity=id), moment)


def reply(world: World, id: str = "msg_1", body: bytes = BODY) -> Reply:
    found = call(world, id, body)
    assert isinstance(found, Reply), found
    return found


def test_a_call_starts_one_run_and_a_repeated_one_names_it(world: World) -> None:
    first = reply(world)
    (run,) = world.runs()
    assert first == Reply(202, {"run": run.id, "duplicate": False, "state": "queued", "reason": None})
    assert (run.trigger, run.params["user"]) == (TriggerKind.WEBHOOK, 7)
    assert dict(run.trigger_values) == {"webhook": "signup", "id": "msg_1"}
    world.store.close()
    world.store = SqliteStore.open(world.config.ledger)
    again = reply(world)
    assert again == Reply(200, {"run": run.id, "duplicate": True, "state": "queued", "reason": None})
    assert reply(world, "msg_2").status == 202
    assert len(world.runs()) == 2


def test_a_call_without_an_identity_is_always_new(world: World) -> None:
    assert [reply(world, "").status for _ in range(2)] == [202, 202]


def test_the_audit_names_the_webhook_once(world: World) -> None:
    first = reply(world)
    reply(world)
    records = [one for _, one in world.view.recent_audit(limit=5)]
    assert [(one.actor, one.action, one.object, one.detail) for one in records if one.action == "run"] == [
        ("webhook signup", "run", first.body["run"], "call msg_1")
    ]


def test_a_call_that_does_not_fit_leaves_nothing(world: World) -> None:
    found = call(world, body=b"{}")
    assert isinstance(found, Refused)
    assert found.status == 422
    assert world.runs() == []
    assert reply(world).status == 202, "a refused call does not count as received"


def test_calls_with_one_idempotency_key_lead_to_one_run(world: World) -> None:
    changed(world, idempotency_key="{{ params.user }}")
    first, second = reply(world), reply(world, "msg_2")
    assert (second.status, second.body["run"], second.body["duplicate"]) == (200, first.body["run"], True)
    assert reply(world, "msg_3", b'{"user": 8}').status == 202
    assert len(world.runs()) == 2


def test_a_paused_job_records_the_call_as_skipped(world: World) -> None:
    world.pause("hello")
    found = reply(world)
    assert (found.status, found.body["state"], found.body["reason"]) == (202, "skipped", "paused")
    assert [run.state for run in world.runs()] == [RunState.SKIPPED]


def test_a_full_queue_records_the_call_as_missed(world: World) -> None:
    changed(world, concurrency=ConcurrencySpec(limit=1, max_waiting=1))
    states = [reply(world, f"msg_{number}").body for number in range(4)]
    assert [one["state"] for one in states] == ["queued", "missed", "missed", "missed"]
    assert states[3]["reason"] == "buffer_full"
    again = reply(world, "msg_3")
    assert (again.status, again.body["run"], again.body["state"]) == (200, states[3]["run"], "missed")


@pytest.mark.parametrize("fields", [{"enabled": False}, {"triggers": ()}, {"triggers": (FORGE,)}])
def test_a_webhook_that_has_changed_meanwhile_is_not_known(world: World, fields: dict[str, object]) -> None:
    changed(world, **fields)
    assert call(world) is None
    assert world.runs() == []


def test_a_job_that_is_not_in_force_is_not_known(world: World) -> None:
    with world.store.transaction():
        number = world.store.add_generation(generation(), tzdata_version="2026a", cron_semantics=1)
        world.store.end_job("hello", generation=number)
    assert call(world) is None
