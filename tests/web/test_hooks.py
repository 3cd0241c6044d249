"""Calls of webhooks over HTTP: what a sender gets, and what an attacker does not."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.core.lifecycle import TriggerKind
from engine.core.webhook_proofs import TOLERANCE, Call
from engine.core.webhooks import MAX_BODY_BYTES, MAX_DEPTH
from engine.web.limits import CALLS_AT_ONCE, CALLS_PER_MINUTE, RECORDED_FAILURES, SECRETS_SECONDS
from tests.engine.calls import SECRET, bearer, changed, github, gitlab, standard, stripe
from tests.web.site import HOST, Got, Web
from tests.web.test_guard import assert_has_headers

JOBS = """\
version: 1
defaults:
  secrets: {{HOOK: "file:{folder}/secret"}}
  concurrency: {{limit: none}}
jobs:
  signup:
    params: {{user: {{type: integer, minimum: 1}}}}
    triggers: [{{webhook: {{path: signup, secret: HOOK}}}}]
    run: echo {{{{ params.user }}}} {{{{ trigger.id }}}}
  push:
    params: {{branch: {{type: string}}, event: {{type: string, default: ""}}}}
    triggers:
      - webhook:
          path: forge/push
          secret: HOOK
          verify: github
          key: /after
          params: {{branch: /ref, event: X-GitHub-Event}}
    run: echo {{{{ params.branch }}}} {{{{ params.event }}}}
  release:
    triggers:
      - webhook: {{path: forge/release, secret: HOOK, verify: github, params: {{}}}}
      - webhook: {{path: forge/each, secret: HOOK, verify: github, params: {{}}, key: X-GitHub-Delivery}}
    run: echo hello
  mirror:
    params: {{number: {{type: integer}}}}
    triggers:
      - webhook: {{path: mirror, secret: HOOK, verify: gitlab, params: {{number: /object_attributes/iid}}}}
    run: echo {{{{ params.number }}}}
  paid: {{triggers: [{{webhook: {{path: paid, secret: HOOK, verify: stripe}}}}], run: echo hello}}
  told: {{triggers: [{{webhook: {{path: told, secret: HOOK, verify: bearer}}}}], run: echo hello}}
  open: {{triggers: [{{webhook: {{path: open, public: true}}}}], run: echo hello}}
  weak:
    secrets: {{WEAK: "file:{folder}/weak", GONE: "file:{folder}/gone"}}
    triggers:
      - webhook: {{path: weak, secret: WEAK, verify: bearer}}
      - webhook: {{path: gone, secret: GONE, verify: bearer}}
    run: echo hello
  off: {{enabled: false, triggers: [{{webhook: {{path: off, secret: HOOK}}}}], run: echo hello}}
"""
WEAK = "too-short-to-sign"


class Hooks(Web):
    """A site with webhooks."""

    def __init__(self, folder: Path) -> None:
        write(folder / "secret", SECRET)
        write(folder / "weak", WEAK)
        super().__init__(folder, JOBS.format(folder=folder))
        self.folder = folder
        self.world.step()

    def call(self, path: str, call: Call, *, kind: str | None = "application/json", **more: Any) -> Got:
        """Send a call to a webhook."""
        given = {"host": HOST, **({"content-type": kind} if kind else {}), **call.headers}
        pairs = [(name.encode(), value.encode("latin-1")) for name, value in given.items()]
        return self.raw("POST", f"/hooks/{path}".encode(), pairs, call.body, **more)

    def now(self) -> float:
        return self.world.clock.now().timestamp()

    def signed(self, body: bytes = b'{"user": 7}', **more: Any) -> Call:
        return standard(body, **{"at": self.now(), **more})

    def count(self) -> int:
        return len(self.world.runs())


def write(path: Path, text: str) -> None:
    path.write_text(text + "\n")
    path.chmod(0o600)


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hooks]:
    made = Hooks(tmp_path_factory.mktemp("hooks"))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _rested(hooks: Hooks) -> None:
    """No test uses up the calls of another."""
    hooks.world.clock.advance(seconds=60)


def is_problem(got: Got, status: int) -> None:
    assert (got.status, got.headers["content-type"]) == (status, "application/problem+json"), got.text
    assert_has_headers(got.headers)


PUSH = {"ref": "refs/heads/main", "after": "c0ffee", "commits": [{"id": 10**30}], "head": None}


def test_a_signed_call_starts_a_run_and_the_same_call_names_it(hooks: Hooks) -> None:
    call = hooks.signed(id="once")
    first = hooks.call("signup", call)
    assert first.status == 202
    (run,) = (one for one in hooks.world.runs("signup") if one.id == first.json["run"])
    assert (run.trigger, dict(run.params)) == (TriggerKind.WEBHOOK, {"user": 7})
    assert first.json == {"run": run.id, "duplicate": False, "state": "queued", "reason": None}
    count = hooks.count()
    again = hooks.call("signup", call)
    assert (again.status, again.json) == (200, {**first.json, "duplicate": True})
    assert hooks.count() == count
    assert_has_headers(first.headers)


def test_each_sender_proves_its_calls_in_its_own_form(hooks: Hooks) -> None:
    push, issue = json.dumps(PUSH).encode(), b'{"object_attributes": {"iid": 12}}'
    calls = {
        "forge/push": github(push),
        "mirror": gitlab(issue),
        "paid": stripe(b'{"id": "evt_1"}', at=hooks.now()),
        "told": bearer(b"{}", id="told-1"),
        "open": Call({}, b"{}"),
    }
    for path, call in calls.items():
        assert hooks.call(path, call).status == 202, path
    (run,) = hooks.world.runs("push")
    assert dict(run.params) == {"branch": "refs/heads/main", "event": "push"}
    (run,) = hooks.world.runs("mirror")
    assert dict(run.params) == {"number": 12}
    for path in ("forge/push", "mirror", "told"):
        assert hooks.call(path, calls[path]).status == 200, path
    assert hooks.call("open", calls["open"]).status == 202
    assert hooks.call("forge/push", github(push, id="another")).status == 200, "its key is known"
    assert hooks.call("forge/push", github(event="ping")).json == {"ping": True}


def test_a_delivery_of_github_that_was_seen_starts_nothing_under_another_id_or_event(hooks: Hooks) -> None:
    seen = b'{"action": "published"}'
    first = hooks.call("forge/release", github(seen, id="first", event="release"))
    assert first.status == 202
    for again in (
        github(seen, id="first", event="release"),  # GitHub itself sends a delivery again
        github(seen, id="another", event="release"),
        github(seen, id="another", event="push"),
    ):
        got = hooks.call("forge/release", again)
        assert (got.status, got.json["run"]) == (200, first.json["run"])
    other = github(b'{"action": "edited"}', id="first", event="release")
    assert hooks.call("forge/release", other).status == 202, "a new body is a new call, whatever its id"


def test_with_the_id_as_key_each_delivery_of_github_counts(hooks: Hooks) -> None:
    """For events whose bodies can be equal, as two dispatches of one workflow with the same inputs."""
    same = b'{"inputs": {}}'
    answers = [hooks.call("forge/each", github(same, id=id)).status for id in ("a", "b", "b")]
    assert answers == [202, 202, 200]


def test_params_that_do_not_fit_are_named(hooks: Hooks) -> None:
    got = hooks.call("signup", hooks.signed(b'{"user": "x", "usr": 1}'))
    is_problem(got, 422)
    assert got.json["errors"].keys() == {"params.user", "params.usr"}
    assert "expected an integer" in got.json["errors"]["params.user"]
    got = hooks.call("forge/push", github(b'{"ref": "x"}'))
    is_problem(got, 422)
    assert got.json["errors"] == {"key": "the call has neither a text nor a number at /after"}


OLD, FUTURE = -TOLERANCE.total_seconds() - 1, TOLERANCE.total_seconds() + 1
ATTACKS: dict[str, Any] = {
    "an unknown path": lambda hooks: ("unknown", hooks.signed()),
    "a disabled job": lambda hooks: ("off", hooks.signed()),
    "a part of a path": lambda hooks: ("forge", github()),
    "a longer path": lambda hooks: ("signup/x", hooks.signed()),
    "a path in capitals": lambda hooks: ("SIGNUP", hooks.signed()),
    "a path through a folder": lambda hooks: ("x/../signup", hooks.signed()),
    "no proof": lambda hooks: ("signup", Call({}, b'{"user": 7}')),
    "the wrong secret": lambda hooks: ("signup", hooks.signed(secret="x" * 30)),
    "an old call": lambda hooks: ("signup", hooks.signed(at=hooks.now() + OLD)),
    "a call of the future": lambda hooks: ("signup", hooks.signed(at=hooks.now() + FUTURE)),
    "another body": lambda hooks: ("signup", Call(hooks.signed().headers, b'{"user": 8}')),
    "another id": lambda hooks: ("signup", changed(hooks.signed(), webhook_id="new")),
    "the form of another sender": lambda hooks: ("signup", github(b'{"user": 7}')),
    "the secret as a token": lambda hooks: ("signup", bearer()),
    "the token of the page": lambda hooks: ("told", bearer(b"{}", secret=hooks.token)),
    "an Authorization that is no token": lambda hooks: (
        "signup",
        changed(hooks.signed(secret="x" * 30), authorization="Basic x"),
    ),
    "a weak secret": lambda hooks: ("weak", bearer(b"{}", secret=WEAK)),
    "a secret that is not there": lambda hooks: ("gone", bearer(b"{}", secret="")),
    "a body that is no JSON": lambda hooks: ("signup", Call({}, b"\xff")),
}


def test_every_call_that_is_not_proven_gets_the_same_answer(hooks: Hooks) -> None:
    count = hooks.count()
    answers = {name: hooks.call(*attack(hooks)) for name, attack in ATTACKS.items()}
    expected = hooks.call("no-such-hook", Call({}, b""))
    is_problem(expected, 401)
    for name, got in answers.items():
        assert got == expected, name
    assert hooks.count() == count
    assert SECRET not in expected.text


BAD: dict[str, tuple[int, str, bytes, list[tuple[str, str]]]] = {
    "an encoded path": (400, "%73ignup", b"{}", []),
    "a backslash": (400, "..\\signup", b"{}", []),
    "a double slash": (400, "forge//push", b"{}", []),
    "a line break in the path": (400, "signup\r\nx: y", b"{}", []),
    "a NUL in the path": (400, "signup\0", b"{}", []),
    "a path that ends with a slash": (400, "signup/", b"{}", []),
    "a long path": (401, "a" * 129, b"{}", []),
    "a form": (415, "signup", b"payload=x", [("content-type", "application/x-www-form-urlencoded")]),
    "a text": (415, "signup", b"{}", [("content-type", "text/plain")]),
    "two types": (415, "signup", b"{}", [("content-type", "text/plain, application/json")]),
    "no type": (415, "signup", b"{}", [("content-type", "")]),
    "a packed body": (415, "signup", b"\x1f\x8b" + b"x" * 99, [("content-encoding", "gzip")]),
    "a packed chunked body": (
        400,
        "signup",
        b"{}",
        [("transfer-encoding", "gzip, chunked"), ("content-length", "2")],
    ),
    "a declared huge body": (413, "signup", b"{}", [("content-length", str(MAX_BODY_BYTES + 1))]),
    "a declared body beyond numbers": (413, "signup", b"{}", [("content-length", "9" * 30)]),
    "a length that is none": (400, "signup", b"{}", [("content-length", "-1")]),
    "a huge body": (413, "signup", b"x" * (MAX_BODY_BYTES + 1), []),
    "a page of another site": (403, "open", b"{}", [("origin", "https://evil.example")]),
    "a frame of another site": (403, "open", b"{}", [("sec-fetch-site", "cross-site")]),
    "another host": (421, "open", b"{}", [("host", "evil.example")]),
}


@pytest.mark.parametrize("name", BAD)
def test_a_call_in_the_wrong_form_is_refused_for_every_path(hooks: Hooks, name: str) -> None:
    status, path, body, headers = BAD[name]
    count = hooks.count()
    for prefix in ("", "no-such-"):
        call = Call(dict(headers), body)
        got = hooks.call(prefix + path, call)
        is_problem(got, status)
    assert hooks.count() == count


def test_a_header_given_twice_is_not_believed(hooks: Hooks) -> None:
    call = hooks.signed(id="twice")
    for name, value in call.headers.items():
        pairs = [("host", HOST), ("content-type", "application/json"), *call.headers.items(), (name, value)]
        raw = [(one.encode(), text.encode()) for one, text in pairs]
        got = hooks.raw("POST", b"/hooks/signup", raw, call.body)
        is_signature = name == "webhook-signature"  # a list by its standard: both are the right one
        assert got.status in ((401, 202) if is_signature else (401,)), name


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "PUT", "OPTIONS"])
def test_only_a_post_is_a_call(hooks: Hooks, method: str) -> None:
    answers = []
    for path in (b"/hooks/signup", b"/hooks/no-such-hook"):
        answers.append(hooks.raw(method, path, [(b"host", HOST.encode())], b""))
    assert answers[0] == answers[1]
    assert answers[0].status in (401, 405)


def test_a_genuine_call_with_a_hostile_body_is_refused(hooks: Hooks) -> None:
    deep = b'{"user": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}"
    bodies = {
        b"": 400,
        b"[]": 400,
        deep: 400,
        b"[" * 500_000: 400,
        b'{"user": 1, "user": 2}': 400,
        b'{"user": 1e999}': 422,
    }
    for number, (body, status) in enumerate(bodies.items()):
        is_problem(hooks.call("signup", hooks.signed(body, id=f"hostile-{number}")), status)


def test_a_webhook_has_a_rate_that_no_stranger_uses_up(hooks: Hooks) -> None:
    for _ in range(CALLS_PER_MINUTE * 2):
        assert hooks.call("told", bearer(b"{}", secret="x" * 30)).status == 401
    statuses = [hooks.call("told", bearer(b"{}")).status for _ in range(CALLS_AT_ONCE + 1)]
    assert statuses == [202] * CALLS_AT_ONCE + [429]
    got = hooks.call("told", bearer(b"{}"))
    is_problem(got, 429)
    assert int(got.headers["retry-after"]) <= 2
    assert hooks.call("open", Call({}, b"{}")).status == 202, "another webhook has its own"
    hooks.world.clock.advance(seconds=60 / CALLS_PER_MINUTE)
    assert hooks.call("told", bearer(b"{}")).status == 202


def test_the_audit_has_a_few_of_the_calls_that_are_not_proven_whether_the_webhook_exists_or_not(
    hooks: Hooks,
) -> None:
    hooks.world.clock.advance(seconds=60)
    for number in range(RECORDED_FAILURES + 2):
        for _ in range(2):
            call = hooks.signed(b'{"user": "private"}', secret="x" * 30)
            assert hooks.call("signup", call, peer=f"10.0.2.{number}").status == 401
    hooks.world.clock.advance(seconds=60)
    assert hooks.call("no-such-hook", hooks.signed(), peer="10.0.2.1").status == 401
    records = hooks.world.view.recent_audit(limit=RECORDED_FAILURES + 1)
    found = [(one.actor, one.action, one.object, one.detail) for _, one in reversed(records)]
    assert found == [
        *(
            (f"nobody at 10.0.2.{number}", "call refused", "signup", "not proven")
            for number in range(RECORDED_FAILURES)
        ),
        ("nobody at 10.0.2.1", "call refused", "no-such-hook", "unknown webhook"),
    ]


def test_a_new_secret_holds_after_seconds(hooks: Hooks) -> None:
    new = "a new secret that is long enough"
    write(hooks.folder / "secret", new)
    hooks.world.clock.advance(seconds=SECRETS_SECONDS)
    assert hooks.call("told", bearer(b"{}")).status == 401
    assert hooks.call("told", bearer(b"{}", secret=new)).status == 202
    write(hooks.folder / "secret", SECRET)
    hooks.world.clock.advance(seconds=SECRETS_SECONDS)
    assert hooks.call("told", bearer(b"{}")).status == 202


def test_the_log_says_why_and_has_no_secret_and_no_body(
    hooks: Hooks, caplog: pytest.LogCaptureFixture
) -> None:
    hooks.world.clock.advance(seconds=60)
    with caplog.at_level(logging.DEBUG):
        for _ in range(3):
            hooks.call("signup", hooks.signed(b'{"user": "private"}', secret="x" * 30))
            hooks.call("signup", hooks.signed(b'{"user": "private"}'))
            hooks.call("weak", bearer(b"{}", secret=WEAK))
            hooks.call("no-such-hook", hooks.signed())
    lines = [one.getMessage() for one in caplog.records if one.name.startswith("jobfile")]
    gone = f"secret `GONE` is not there: {hooks.folder}/gone: No such file or directory"
    assert sorted(lines) == sorted(
        [
            f"the calls of webhook gone are refused: {gone}",
            "the calls of webhook weak are refused: its secret has 17 bytes, and needs 24 or more",
            "a call of webhook signup was refused: it is not proven with its secret",
            "a call of webhook weak was refused: it is not proven with its secret",
        ]
    )
    everything = caplog.text
    assert "private" not in everything
    assert SECRET not in everything
    assert WEAK not in everything


def test_without_an_engine_the_run_waits_and_without_a_ledger_there_is_no_webhook(tmp_path: Path) -> None:
    hooks = Hooks(tmp_path)
    hooks.world.crash()
    got = hooks.call("told", bearer(b"{}", id="a"))
    assert (got.status, got.json["state"]) == (202, "queued")
    hooks.lose_ledger()
    is_problem(hooks.call("told", bearer(b"{}", id="a")), 401)
    hooks.app.close()


def test_a_ledger_that_cannot_be_written_is_an_answer_to_send_the_call_again(tmp_path: Path) -> None:
    hooks = Hooks(tmp_path)
    hooks.world.crash()
    hooks.damage_ledger()
    got = hooks.call("told", bearer(b"{}", id="a"))
    is_problem(got, 503)
    assert got.headers["retry-after"] == "10"
    assert hooks.place.config.ledger_name not in got.text
    assert os.fspath(tmp_path) not in got.text
    hooks.app.close()
