"""The API: the same answers as `--json`, in the same form; errors; parts of a list; waiting."""

import contextlib
import io
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

import jsonschema
import pytest
import referencing
import referencing.jsonschema
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from engine.answers.did import did_to_json
from engine.answers.listing import list_to_json
from engine.answers.report_json import report_to_json
from engine.asking.did import Wanted, ask_did
from engine.asking.place import Place
from engine.asking.report import Wanted as WantedReport
from engine.asking.report import ask_report
from engine.cli.main import run
from engine.core.access import Role
from engine.core.lifecycle import AttemptKey
from engine.host.clock import SystemClock
from engine.ledger.sqlite.view import SqliteView
from engine.service.listing import list_at
from engine.web.access import Who
from engine.web.api import downloads
from engine.web.api.openapi import OPERATIONS, document
from engine.web.app import App
from engine.web.routes import all_routes
from engine.web.routing import KINDS
from tests.cli.test_files import fits
from tests.engine.test_band import ACTIONS, live
from tests.engine.test_band import JOBS as RANDOM_JOBS
from tests.web.site import Got, Web

DOCUMENT = document()
QUICK_SECONDS = 20.0
"""Far below a grace of an hour, on a busy machine."""
GIVEN = {"/submissions": {"runs": [{"job": "other"}]}}
"""What an operation cannot do without."""


def answered(web: Web, path: str, method: str = "GET", **more: Any) -> Any:
    """The answer of an operation, checked against the document."""
    got = web.owner(f"/api/v1{path}", method, **more)
    assert got.status in (200, 202), got.text
    return got.json


@pytest.fixture(scope="module")
def paths(web: Web) -> dict[str, str]:
    """For each part of a path, something that exists."""
    return {"job": "bad", "run": web.world.runs("bad")[-1].id}


ELSEWHERE = ("/hosts", "/hosts/drain", "/hosts/resume")
"""Operations that need a ledger in a server: tests/hosts/test_page.py."""


@pytest.mark.parametrize(
    "operation",
    [one for one in OPERATIONS if one.path not in ELSEWHERE],
    ids=lambda one: f"{one.method} {one.path}",
)
def test_each_answer_fits_the_schema_of_its_command(web: Web, paths: dict[str, str], operation: Any) -> None:
    """A success fits schemas/, and an error is a problem: each as the document says."""
    path = operation.path.format(**paths)
    body = {"json": GIVEN.get(operation.path, {})} if operation.method == "POST" else {}
    path += f"?run={paths['run']}" if operation.path == "/wait" else ""
    got = web.owner(f"/api/v1{path}", operation.method, **body)
    if got.status in (200, 202):
        assert got.headers["content-type"] == "application/json"
        fits(got.json, operation.schema)
    else:
        assert (operation.method, got.status) == ("POST", 409), got.text
    described = DOCUMENT["paths"][f"/api/v1{operation.path}"][operation.method.lower()]
    assert str(got.status) in described["responses"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: f"{one.method} {one.path}")
def test_each_operation_refuses_what_it_does_not_take(
    web: Web, paths: dict[str, str], operation: Any
) -> None:
    path = f"/api/v1{operation.path.format(**paths)}"
    body = {"json": {}} if operation.method == "POST" else {}
    is_problem(web.owner(f"{path}?nothing=1", operation.method, **body), 422)
    if operation.body:
        is_problem(web.owner(path, "POST", json={"nothing": 1}), 422)
        for field in operation.body:
            is_problem(web.owner(path, "POST", json={field.name: 7}), 422)
    for one in operation.query:
        if not one.is_repeated:
            is_problem(web.owner(f"{path}?{one.name}=1&{one.name}=2"), 422)


def is_problem(got: Got, status: int) -> None:
    assert got.status == status, got.text
    assert got.headers["content-type"] == "application/problem+json"
    jsonschema.validate(got.json, DOCUMENT["components"]["schemas"]["problem"])
    assert got.json["status"] == status


def test_the_document_is_sound() -> None:
    """Every reference leads somewhere, every part of a path is declared, every id is given once."""
    text = json.dumps(DOCUMENT)
    for reference in {part.partition('"')[0] for part in text.split('"$ref": "')[1:]}:
        value: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            value = value[part]
    ids = [one["operationId"] for methods in DOCUMENT["paths"].values() for one in methods.values()]
    assert len(ids) == len(set(ids)) == len(OPERATIONS) + len(downloads.OPERATIONS)
    for path, methods in DOCUMENT["paths"].items():
        for one in methods.values():
            declared = {given["name"] for given in one["parameters"] if given["in"] == "path"}
            assert declared == {part[1:-1] for part in path.split("/") if part.startswith("{")}
            assert declared <= KINDS.keys()
            assert one["summary"].endswith((".", "?"))
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_the_document_is_served_to_those_who_may_look(web: Web) -> None:
    assert web.ask("/api/v1/openapi.json").status == 401
    assert web.owner("/api/v1/openapi.json").json == json.loads(json.dumps(DOCUMENT))


def test_the_api_says_what_the_commands_say(web: Web) -> None:
    now, place = web.world.clock.now(), web.place_of(Who(name="anna", role=Role.ADMIN))
    assert answered(web, "/jobs") == list_to_json(list_at(web.place.config, web.world.view, now=now))  # type: ignore[arg-type]
    for job in ("good", "bad", "other"):
        found = ask_did(place, job, Wanted({}, {}, None, None))
        assert answered(web, f"/jobs/{job}/did") == json.loads(json.dumps(did_to_json(found)))
    report = ask_report(place, WantedReport(since="2026-01-01")).report
    assert answered(web, "/report?since=2026-01-01") == json.loads(json.dumps(report_to_json(report)))


def test_a_question_has_the_words_of_the_command(web: Web) -> None:
    assert answered(web, "/jobs/bad/did?on=today")["answer"] == "not_well"
    assert answered(web, "/jobs/bad/did?at=2020-01-01")["answer"] == "not_expected"
    assert len(answered(web, "/jobs/good/next?limit=2")["fires"]) == 2
    assert {one["state"] for one in answered(web, "/runs?in=failed")["runs"]} == {"failed"}
    assert {one["state"] for one in answered(web, "/runs?not_ok=true")["runs"]} == {"failed"}
    assert {one["job"] for one in answered(web, "/runs?owner=data")["runs"]} == {"good"}
    for path in (
        "/jobs/bad/did?on=never",
        "/runs?since=x",
        "/runs?limit=0",
        "/runs?limit=1001",
        "/runs?cursor=x~1",
    ):
        is_problem(web.owner(f"/api/v1{path}"), 422)
    got = web.owner("/api/v1/jobs/bad/did?on=today&at=today")
    is_problem(got, 422)
    assert "--" not in got.json["detail"]
    assert got.json["message"] == "--on and --at exclude each other"


@settings(max_examples=12)
@given(st.integers(1, 7))
def test_the_parts_of_a_list_are_the_whole_list_once(web: Web, limit: int) -> None:
    whole = [one["id"] for one in answered(web, "/runs?limit=1000")["runs"]]
    assert len(whole) >= 6
    found, path = [], f"/api/v1/runs?limit={limit}"
    while path:
        got = web.owner(path)
        found += [one["id"] for one in got.json["runs"]]
        link = got.headers.get("link", "")
        assert not link or link.endswith('; rel="next"')
        path = link.partition("<")[2].partition(">")[0]
    assert found == whole
    first = web.owner("/api/v1/jobs?limit=2")
    rest = web.owner(first.headers["link"].partition("<")[2].partition(">")[0])
    assert [one["job"] for got in (first, rest) for one in got.json["jobs"]] == ["bad", "good", "other"]


def test_an_answer_that_has_not_changed_is_not_sent_again(web: Web) -> None:
    first = web.owner("/api/v1/jobs/bad/did")
    again = web.owner("/api/v1/jobs/bad/did", if_none_match=first.headers["etag"])
    assert (again.status, again.text) == (304, "")
    assert web.owner("/api/v1/jobs/good/did", if_none_match=first.headers["etag"]).status == 200


def test_a_request_waits_until_the_run_is_over(tmp_path: Path) -> None:
    web = Web(tmp_path)
    web.world.step()
    run = web.world.run_by_hand("other")
    web.world.step()
    assert answered(web, "/jobs/other/did")["answer"] == "not_over"
    assert answered(web, "/jobs/other/did?wait=1s")["answer"] == "not_over"
    waiting: list[Any] = []
    asker = threading.Thread(target=lambda: waiting.append(answered(web, "/jobs/other/did?wait=60s")))
    asker.start()
    web.world.finish()
    web.world.step()
    asker.join(30)
    assert waiting[0]["answer"] == "succeeded"
    assert answered(web, f"/runs/{run.id}?wait=60s")["state"] == "succeeded"
    is_problem(web.owner("/api/v1/jobs/other/did?wait=61s"), 422)
    web.close()


def test_a_run_is_requested_with_typed_params_and_the_audit_says_by_whom(tmp_path: Path) -> None:
    web = Web(tmp_path)
    web.world.step()
    token = web.add_token("deploy", Role.OPERATOR)
    body = {"params": {"count": 3, "name": "b"}, "why": "release", "key": "release-7"}
    got = web.ask("/api/v1/jobs/other/runs", "POST", token=token, json=body)
    assert (got.status, got.headers["location"]) == (202, f"/api/v1/runs/{got.json['id']}")
    assert (got.json["params"], got.json["requested_by"]) == ({"count": 3, "name": "b"}, "token deploy")
    again = web.ask("/api/v1/jobs/other/runs", "POST", token=token, json=body)
    assert (again.status, again.json["id"], again.json["duplicate"]) == (200, got.json["id"], True)
    wrong = web.ask(
        "/api/v1/jobs/other/runs", "POST", token=token, json={"params": {"count": "3", "name": "c", "x": 1}}
    )
    is_problem(wrong, 422)
    assert wrong.json["errors"].keys() == {"params.count", "params.name", "params.x"}
    record = web.world.view.recent_audit(limit=1)[0][1]
    assert (record.actor, record.action, "release" in (record.detail or "")) == ("token deploy", "run", True)
    web.close()


def test_runs_are_cancelled_and_retried_as_the_commands_do(tmp_path: Path) -> None:
    web = Web(tmp_path)
    web.world.step()
    run = answered(web, "/jobs/other/runs", "POST", json={})["id"]
    is_problem(web.owner(f"/api/v1/runs/{run}/retry", "POST", json={}), 409)
    assert answered(web, f"/runs/{run}/cancel", "POST", json={"why": "wrong day"})["state"] == "cancelled"
    new = answered(web, f"/runs/{run[:8]}/retry", "POST", json={})
    assert (new["retry_of"], new["state"]) == (run, "queued")
    is_problem(web.owner("/api/v1/runs/ffff/cancel", "POST", json={}), 404)
    web.close()


def test_submissions_are_recorded_together_or_not_at_all(tmp_path: Path) -> None:
    web = Web(tmp_path)
    web.world.step()
    token = web.add_token("shop", Role.OPERATOR, jobs="o*")

    def submit(*runs: object) -> Got:
        return web.ask("/api/v1/submissions", "POST", token=token, json={"runs": list(runs)})

    got = submit({"job": "other", "params": {"count": 2}, "key": "k"}, {"job": "other"})
    assert (got.status, got.json["engine_running"]) == (202, False)
    first, second = got.json["submitted"]
    assert (first["state"], first["duplicate"], second["job"]) == ("queued", False, "other")
    assert web.world.store.run(first["id"]).requested_by == "token shop"
    again = submit({"job": "other", "params": {"count": 2}, "key": "k"})
    assert (again.status, again.json["submitted"][0]["id"]) == (200, first["id"])
    count = len(web.world.runs("other"))
    wrong = submit({"job": "other"}, {"job": "other", "params": {"count": "x", "no": 1}})
    is_problem(wrong, 422)
    assert wrong.json["message"].startswith("nothing was submitted, because values are missing or wrong:")
    assert len(wrong.json["errors"]) == 2
    is_problem(submit({"job": "good"}), 404)
    for bad in ([], ["x"], [{"job": 1}], [{"job": "other", "run": "x"}], [{"job": "other", "key": 1}]):
        is_problem(submit(*bad), 422)
    assert len(web.world.runs("other")) == count
    web.close()


def test_without_an_engine_a_running_run_is_cancelled_and_the_answer_does_not_wait(tmp_path: Path) -> None:
    """Its grace may be an hour: the request says `cancelling`, and the run ends beside it."""
    jobs = "version: 1\njobs:\n  slow: {kill_grace: 1h, run: echo begun; sleep 30}\n"
    web = Web(tmp_path, jobs)
    web.world.step()
    run = web.world.run_by_hand("slow")
    web.world.step()
    before = time.monotonic()
    state = answered(web, f"/runs/{run.id}/cancel", "POST", json={})["state"]
    assert state in ("cancelling", "cancelled", "lost")
    assert time.monotonic() - before < QUICK_SECONDS
    web.close()


@pytest.mark.parametrize("path", ["/runs/{}", "/wait?run={}", "/wait?run={}&together=true"])
def test_a_run_is_of_one_moment_although_it_ends_between_two_readings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    web = Web(tmp_path)
    web.world.step()
    run = web.world.run_by_hand("other")
    web.world.step()
    before = answered(web, path.format(run.id))
    read, has_changed = SqliteView.outputs, False

    def change(view: SqliteView, run_id: str) -> object:
        nonlocal has_changed
        found = read(view, run_id)
        if not has_changed:
            has_changed = True
            web.world.finish()
        return found

    monkeypatch.setattr(SqliteView, "outputs", change)
    meanwhile = answered(web, path.format(run.id))
    assert has_changed
    assert meanwhile == before
    assert answered(web, path.format(run.id)) != before
    web.close()


def test_an_answer_is_a_text_for_who_asks_for_one(web: Web) -> None:
    """With the exit code of the command; each form has an ETag of its own."""
    plain = web.owner("/api/v1/jobs/good/did")
    text = web.owner("/api/v1/jobs/good/did", accept="text/plain; columns=60; colour=yes")
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.text.startswith("good: yes")
    assert "\x1b[32m" in text.text
    assert plain.headers["jobfile-exit-code"] == text.headers["jobfile-exit-code"] == "0"
    assert plain.headers["etag"] != text.headers["etag"]
    assert text.headers["vary"] == "Accept"
    notes = json.loads(web.owner("/api/v1/jobs/bad/logs").headers["jobfile-notes"])
    assert notes[0].startswith("run ")


def test_the_output_of_an_attempt_is_downloaded_whole_or_in_part(web: Web, paths: dict[str, str]) -> None:
    path = f"/api/v1/runs/{paths['run']}/output"
    folder = web.place.config.attempt_dir(AttemptKey(paths["run"], 1))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "output").write_text("0123456789")
    whole = web.owner(path)
    assert (whole.status, whole.text) == (200, "0123456789")
    assert whole.headers["content-disposition"].startswith('attachment; filename="bad-')
    assert whole.headers["x-content-type-options"] == "nosniff"
    for asked, part, where in (
        ("bytes=4-", "456789", "bytes 4-9/10"),
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
    ):
        got = web.owner(path, range=asked)
        assert (got.status, got.text, got.headers["content-range"]) == (206, part, where)
        assert got.headers["content-length"] == str(len(part))
    over = web.owner(path, range="bytes=10-")
    is_problem(over, 416)
    assert over.headers["content-range"] == "bytes */10"
    for unknown in ("bytes=-3", "bytes=3-1", "lines=1-2", "bytes=1-2,4-5"):
        assert web.owner(path, range=unknown).status == 200
    is_problem(web.owner(f"{path}?attempt=9"), 404)
    is_problem(web.owner(f"/api/v1/runs/{paths['run']}/artifacts/1"), 404)


@pytest.fixture(scope="module")
def lenient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Web, str]]:
    """A site of its own, for requests that change it, and a run there."""
    made = Web(tmp_path_factory.mktemp("lenient"))
    made.world.step()
    made.live()
    yield made, made.world.runs("bad")[-1].id
    made.close()


def test_who_may_see_some_jobs_gets_nothing_of_others(web: Web, paths: dict[str, str]) -> None:
    token = web.add_token("some", Role.OPERATOR, jobs="good")
    good = web.world.runs("good")[-1].id
    for path in (
        f"/wait?run={paths['run']}",
        f"/wait?run={good}&run={paths['run']}",
        f"/runs/{paths['run']}/output",
        f"/runs/{paths['run']}/did",
        f"/runs?run={paths['run']}",
        "/runs?run=bad",
        "/report?job=bad",
        "/jobs/bad/logs",
        "/jobs/bad/artifacts",
    ):
        is_problem(web.ask(f"/api/v1{path}", token=token), 404)
    assert web.ask(f"/api/v1/wait?run={good}", token=token).status == 200
    assert {one["job"] for one in web.ask("/api/v1/runs?order=recorded", token=token).json["runs"]} == {
        "good"
    }
    assert [one["job"] for one in web.ask("/api/v1/jobs", token=token).json["jobs"]] == ["good"]
    unknown = web.ask("/api/v1/jobs?tag=nightly&owner=nobody", token=token)
    assert "known: data" in unknown.json["detail"]


@settings(max_examples=3, deadline=None, phases=[Phase.generate])
@given(actions=st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(1, 9)), min_size=4, max_size=12))
def test_an_answer_is_what_the_command_prints_whatever_has_happened(actions: list[tuple[str, int]]) -> None:
    """With random ledgers, at the time of this machine: the command has no other."""
    with TemporaryDirectory() as name:
        web = Web(Path(name), RANDOM_JOBS)
        live(web.world, actions)
        web.app.close()
        web.app = App(replace(web.site, clock=SystemClock().now), all_routes())
        window = {"since": "2026-03-01", "until": "2026-03-10"}
        asked: list[tuple[str, dict[str, str], list[str]]] = [
            ("/jobs", {}, ["list"]),
            ("/runs", {"order": "recorded", "limit": "20"}, ["runs"]),
            ("/runs", {**window, "limit": "7"}, ["runs", *options(window), "--limit", "7"]),
            ("/report", window, ["report", *options(window)]),
            ("/next", {"from": "2030-01-01"}, ["next", "--from", "2030-01-01"]),
            ("/audit", {"limit": "5"}, ["audit", "--limit", "5"]),
            ("/generations", {"limit": "20"}, ["generations"]),
        ]
        for job in ("often", "rare", "each"):
            asked += [(f"/jobs/{job}/{one}", {}, [one, job]) for one in ("did", "why")]
        asked.append(("/jobs/asked/did", {}, ["did", "asked"]))
        for path, query, command in asked:
            got = web.owner(f"/api/v1{path}?{urlencode(query)}" if query else f"/api/v1{path}")
            code, printed = printed_by(Path(name), web.place, [*command, "--json"])
            if got.status == 200:
                assert got.headers["jobfile-exit-code"] == str(code), command
                assert without_time(got.json) == without_time(json.loads(printed)), command
            else:
                error = json.loads(printed)["error"]
                assert got.json["code"] == error["code"], command
                assert got.json.get("message", got.json["detail"]) == error["message"], command
        web.close()


def options(window: dict[str, str]) -> list[str]:
    return [word for name, value in window.items() for word in (f"--{name}", value)]


def printed_by(folder: Path, place: Place, command: list[str]) -> tuple[int, str]:
    """The exit code of a command and what it prints."""
    out = io.TextIOWrapper(io.BytesIO())
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.TextIOWrapper(io.BytesIO())):
        store = ["--store", place.store] if place.store else []
        code = run([*command, "-f", str(folder / "jobs.yaml"), "--state", str(place.state_dir), *store])
        out.flush()
    return code, out.buffer.getvalue().decode()  # type: ignore[attr-defined]


def without_time(value: Any) -> Any:
    return {name: one for name, one in value.items() if name != "now"}


VALUES = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["1", "7d", "today", "2026-11-28", "a=b", "failed", "true", "recorded", "csv", "all"]),
)
BODIES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_asked_the_answer_is_as_the_document_says(
    lenient: tuple[Web, str], data: st.DataObject
) -> None:
    """Random requests made from the OpenAPI document: never a 5xx, a status and a body that it declares."""
    web, run = lenient
    web.world.clock.advance(seconds=1)  # as many requests as one token may make
    path, methods = data.draw(st.sampled_from(list(DOCUMENT["paths"].items())))
    method, described = data.draw(st.sampled_from(list(methods.items())))
    runs = st.sampled_from([run, run[:6], "f" * 32])
    known = {"job": st.sampled_from(["good", "bad", "other", "nope"]), "run": runs, "number": st.just("1")}
    query: list[tuple[str, str]] = []
    for one in described["parameters"]:
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", data.draw(known[one["name"]]))
        elif one["name"] != "wait" and data.draw(st.integers(0, 3)) == 0:
            value = data.draw(runs if one["name"] == "run" else VALUES)
            query.append((one["name"], value))
    body: dict[str, Any] = {}
    if "requestBody" in described:
        schema = described["requestBody"]["content"]["application/json"]["schema"]
        for name, field in schema["properties"].items():
            if data.draw(st.booleans()):
                body[name] = data.draw(field_of(field, name))
    more = {"json": body} if method == "post" else {}
    address = f"{path}?{urlencode(query, errors='replace')}" if query else path
    got = web.owner(address, method.upper(), **more)
    assert got.status < 500, (address, body, got.text)
    declared = described["responses"][str(got.status)]["content"]
    kind = got.headers["content-type"].partition(";")[0]
    assert kind in declared
    if kind != "text/plain" and kind != "application/octet-stream":
        validator_of(json.dumps(declared[kind]["schema"])).validate(got.json)
    assert web.ask(address, method.upper(), **more, peer=address).status == 401


def field_of(field: Any, name: str) -> st.SearchStrategy[Any]:
    """Values of a field: mostly of its type."""
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "string": VALUES,
        "boolean": st.booleans(),
        "object": st.dictionaries(st.sampled_from(["count", "name", "x"]), BODIES, max_size=3),
        "array": st.lists(
            st.fixed_dictionaries(
                {"job": st.sampled_from(["other", "nope"])},
                optional={
                    "params": st.dictionaries(st.sampled_from(["count", "name"]), BODIES),
                    "key": VALUES,
                },
            ),
            max_size=3,
        ),
    }
    return st.one_of(kinds[field["type"]], kinds[field["type"]], BODIES)


@cache
def validator_of(schema: str) -> jsonschema.protocols.Validator:
    """The validator of a schema of the document, whose references lead into it."""
    resource = referencing.Resource(DOCUMENT, referencing.jsonschema.DRAFT202012)
    registry = referencing.Registry().with_resource("urn:document", resource)
    moved = json.loads(schema.replace('"#/', '"urn:document#/'))
    return jsonschema.Draft202012Validator(moved, registry=registry)


def test_a_job_is_paused_until_a_time_and_resumed(tmp_path: Path) -> None:
    web = Web(tmp_path)
    web.world.step()
    assert answered(web, "/jobs/good/pause", "POST", json={"until": "2h", "why": "x"})["until"] is not None
    is_problem(web.owner("/api/v1/jobs/good/pause", "POST", json={"until": "3h"}), 409)
    assert answered(web, "/jobs/good/resume", "POST", json={})["was_paused"] is True
    is_problem(web.owner("/api/v1/jobs/good/pause", "POST", json={"until": "2020-01-01"}), 422)
    is_problem(web.owner("/api/v1/jobs/nothing/pause", "POST", json={}), 404)
    web.close()


def test_no_operation_takes_a_definition(web: Web) -> None:
    """An operator is not an author: a request names a job and gives params, and nothing else can be run."""
    for one in OPERATIONS:
        assert {given.name for given in one.body} <= {
            *(
                "params",
                "at",
                "matrix",
                "key",
                "why",
                "host",
                "until",
                "force",
                "all_steps",
                "original",
                "kill",
                "runs",
                "texts",
                # the id of a plan whose file is on the host, and what it may do
                *("plan", "fail_on_risk", "remove_many"),
            )
        }
    for field in ("run", "command", "env", "yaml", "definition", "file"):
        is_problem(web.owner("/api/v1/jobs/other/runs", "POST", json={field: "x"}), 422)


def test_before_anything_is_recorded_the_api_says_so(tmp_path: Path) -> None:
    web = Web(tmp_path)
    got = web.owner("/api/v1/jobs/good/did")
    assert got.status in (200, 404)
    web.close()
