"""What is refused before anything is looked up: one row for each way to trick a server about a request."""

import json
from http import HTTPStatus

import pytest

from engine.web.guard import SECURITY
from engine.web.limits import MAX_BODY_BYTES, MAX_FIELDS, MAX_HEADER_BYTES, MAX_HEADERS, MAX_JSON_DEPTH
from tests.web.site import HOST, ORIGIN, Web

GOOD = b"127.0.0.1:8420"
ROWS: dict[str, tuple[int, str, bytes, list[tuple[bytes, bytes]]]] = {
    "a rebound name": (421, "GET", b"/jobs", [(b"host", b"evil.example:8420")]),
    "the right name with the wrong port": (421, "GET", b"/jobs", [(b"host", b"127.0.0.1:9999")]),
    "the right name without its port": (421, "GET", b"/jobs", [(b"host", b"127.0.0.1")]),
    "a name that begins like the right one": (421, "GET", b"/jobs", [(b"host", GOOD + b".evil.example")]),
    "no host": (421, "GET", b"/jobs", []),
    "two hosts": (421, "GET", b"/jobs", [(b"host", GOOD), (b"host", GOOD)]),
    "a host with a user": (421, "GET", b"/jobs", [(b"host", b"x@" + GOOD)]),
    "an absolute target": (400, "GET", b"http://127.0.0.1:8420/jobs", [(b"host", GOOD)]),
    "a target without a slash": (400, "GET", b"*", [(b"host", GOOD)]),
    "an encoded slash": (400, "GET", b"/jobs%2f..%2ftoken", [(b"host", GOOD)]),
    "an encoded dot": (400, "GET", b"/static/%2e%2e/token", [(b"host", GOOD)]),
    "a backslash": (400, "GET", b"/static/..\\token", [(b"host", GOOD)]),
    "a double slash": (400, "GET", b"//evil.example/jobs", [(b"host", GOOD)]),
    "a NUL byte": (400, "GET", b"/jobs\x00", [(b"host", GOOD)]),
    "a line break in the path": (400, "GET", b"/jobs\r\nx: y", [(b"host", GOOD)]),
    "bytes that are no ASCII": (400, "GET", b"/jobs/\xff", [(b"host", GOOD)]),
    "a long address": (414, "GET", b"/" + b"a" * 5_000, [(b"host", GOOD)]),
    "a method that changes what is cached": (405, "TRACE", b"/jobs", [(b"host", GOOD)]),
    "a method for other origins": (405, "OPTIONS", b"/jobs", [(b"host", GOOD)]),
    "a WebSocket": (426, "GET", b"/live", [(b"host", GOOD), (b"upgrade", b"websocket")]),
    "two lengths": (
        400,
        "POST",
        b"/login",
        [(b"host", GOOD), (b"transfer-encoding", b"chunked"), (b"content-length", b"3")],
    ),
    "a packed body": (415, "POST", b"/login", [(b"host", GOOD), (b"content-encoding", b"gzip")]),
    "many headers": (431, "GET", b"/jobs", [(b"host", GOOD), *[(b"x", b"y")] * MAX_HEADERS]),
    "a huge header": (431, "GET", b"/jobs", [(b"host", GOOD), (b"x", b"y" * MAX_HEADER_BYTES)]),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_request_that_could_be_read_in_two_ways_is_refused(web: Web, row: str) -> None:
    status, method, target, headers = ROWS[row]
    got = web.raw(method, target, [*headers, (b"authorization", f"Bearer {web.token}".encode())])
    assert got.status == status
    assert_has_headers(got.headers)


@pytest.mark.parametrize(
    "path",
    ["/jobs", "/nowhere", "/static/style.css", "/static/nothing.css", "/healthz", "/login", "/api/v1/jobs"],
)
def test_every_answer_has_the_security_headers(web: Web, path: str) -> None:
    for token in (None, web.token, "x" * 43):
        assert_has_headers(web.ask(path, token=token).headers)


def assert_has_headers(headers: object) -> None:
    for name, value in SECURITY.items():
        assert headers[name.lower()] == value  # type: ignore[index]
    assert not any(name.startswith("access-control") for name in headers)  # type: ignore[attr-defined]


def test_no_page_has_a_script_or_a_style_in_it_and_none_loads_anything_from_elsewhere(web: Web) -> None:
    for path in ("/jobs", "/nowhere", "/login"):
        text = web.owner(path, accept="text/html").text
        assert "<style" not in text
        assert " style=" not in text
        assert "<script>" not in text
        assert " on" not in {part[:3] for part in text.split("<")}
        assert "//" not in text.replace("<!doctype", "")


BODIES = {
    "two equal keys": b'{"why": "a", "why": "b"}',
    "not a number": b'{"params": {"count": NaN}}',
    "infinity": b'{"params": {"count": Infinity}}',
    "a large integer": b'{"params": {"count": 1234567890123456789}}',
    "too deep": b"[" * (MAX_JSON_DEPTH + 1) + b"]" * (MAX_JSON_DEPTH + 1),
    "deep in an object": b'{"params": ' + b'{"a": ' * MAX_JSON_DEPTH + b"1" + b"}" * MAX_JSON_DEPTH + b"}",
    "a parser's stack": b"[" * 100_000,
    "a list": b"[]",
    "a text": b'"x"',
    "no JSON": b"why=1",
    "a NUL": json.dumps({"why": "a\0b"}).encode(),
    "a half character": b'{"why": "\\ud800"}',
    "no UTF-8": b'{"why": "\xff"}',
}


@pytest.mark.parametrize("body", BODIES)
def test_a_body_that_parsers_read_differently_is_refused(web: Web, body: str) -> None:
    got = web.owner("/api/v1/jobs/other/runs", "POST", json=BODIES[body])
    assert got.status == 400
    assert got.headers["content-type"] == "application/problem+json"


def test_a_large_body_is_refused_by_its_length_and_while_it_is_read(web: Web) -> None:
    path, large = "/api/v1/jobs/other/runs", b'{"why": "' + b"x" * MAX_BODY_BYTES + b'"}'
    assert web.owner(path, "POST", json=b"{}", content_length=str(MAX_BODY_BYTES + 1)).status == 413
    assert web.owner(path, "POST", json=b"{}", content_length="9" * 400).status == 413
    assert web.owner(path, "POST", json=b"{}", content_length="-1").status == 400
    assert web.owner(path, "POST", json=large).status == 413


def test_a_body_of_a_different_kind_is_refused(web: Web) -> None:
    path = "/api/v1/jobs/other/runs"
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None):
        assert web.owner(path, "POST", json={}, content_type=kind).status == 415
    assert web.ask("/login", "POST", json={"token": web.token}, origin=ORIGIN).status == 415


def test_a_query_is_fields_with_values_and_not_too_many(web: Web) -> None:
    many = "&".join(f"a{number}=1" for number in range(MAX_FIELDS + 1))
    for query in ("a", "a=%ff", "a=%00", many[:2000]):
        assert web.owner(f"/jobs?{query}").status in (400, 200 if query == many[:2000] else 400)


def test_signed_out_every_address_looks_the_same(web: Web) -> None:
    """Nobody learns which jobs or pages there are."""
    paths = ["/jobs", "/nowhere", "/api/v1/jobs/good", "/api/v1/jobs/none", "/api/v1/openapi.json", "/live"]
    answers = {(got.status, got.text) for path in paths for got in [web.ask(path)]}
    assert len(answers) == 1
    assert answers.pop()[0] == HTTPStatus.UNAUTHORIZED


def test_an_error_repeats_nothing_of_the_request(web: Web) -> None:
    for path in ("/nowhere-zzz", "/api/v1/jobs/zzz", "/api/v1/runs?zzz=1", "/static/zzz.css"):
        for accept in ("text/html", "*/*"):
            got = web.ask(path, token=web.token, accept=accept)
            assert got.status >= 400
            assert "Traceback" not in got.text
            assert str(web.place.state_dir) not in got.text
            if "jobs/zzz" not in path:
                assert "zzz" not in got.text


def test_a_probe_learns_only_a_word(web: Web) -> None:
    assert web.ask("/healthz").text == "ok\n"
    assert web.ask("/readyz").text in ("ready\n", "not ready\n")
    assert HOST not in web.ask("/readyz").text
