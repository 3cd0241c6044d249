"""Jobs that send a request: real servers, with and without TLS, what arrives, what counts, how it fails."""

import gzip
import json
import re
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from urllib3.exceptions import ConnectTimeoutError, HTTPError, ProtocolError, ReadTimeoutError, SSLError

from engine.core.outputs import RESPONSE
from engine.core.reasons import OF_A_REQUEST
from engine.programs import http_request
from engine.supervisor.masking import forms
from tests.cli.conftest import Jobfile, Said
from tests.soak import examples
from tests.together import together
from tests.web_servers import Certificates, Got, Server, make_certificates, reply, serving

SECRET = "s3cret/t+ken&%"
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=60)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def web(certificates: Certificates, jobfile: Jobfile, monkeypatch: pytest.MonkeyPatch) -> Jobfile:
    """The command `jobfile` in a folder, under an engine that trusts the authority of the tests."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    monkeypatch.setenv("TOKEN", SECRET)
    return jobfile


@pytest.fixture
def good(certificates: Certificates) -> Iterator[Server]:
    with serving(reply(b'{"ok": true}', "Content-Type: application/json"), certificates.good) as server:
        yield server


def put(server: Server, http: str = "", more: str = "", *, url: str = "/", scheme: str = "https") -> None:
    """A file with one job that sends a request to a server."""
    place = f"{scheme}://localhost:{server.port}{url}"
    Path("jobs.yaml").write_text(
        "version: 1\njobs:\n  call:\n"
        f'    http:\n      url: "{place}"\n      allow_private: [localhost]\n{http}    timeout: 20s\n{more}'
    )


def call(jobfile: Jobfile, *arguments: str) -> Said:
    return jobfile("run", "call", *arguments)


def last(jobfile: Jobfile) -> dict:
    return jobfile("why", "call", "--json").json["run_list"][0]


# What is sent


def test_a_get_arrives_and_its_response_is_the_output(web: Jobfile, good: Server) -> None:
    put(good, url="/a?b=c#d")
    said = call(web)
    assert said.code == 0, said
    assert 'HTTP 200 OK\nContent-Type: application/json\nContent-Length: 12\n\n{"ok": true}' in said.out
    (got,) = good.got
    assert got.line == "GET /a?b=c HTTP/1.1"
    assert got.headers == {
        "host": f"localhost:{good.port}".encode(),
        "user-agent": b"jobfile",
        "accept-encoding": b"gzip, deflate",
    }


def test_json_keeps_the_types_of_its_templates(web: Jobfile, good: Server) -> None:
    http = (
        "      method: POST\n"
        "      json: {n: '{{ params.n }}', list: '{{ params.l }}', text: 'n={{ params.n }}', at: [true]}\n"
    )
    params = "n: {type: integer, default: 7}, l: {type: array, items: {type: string}, default: [a]}"
    more = f"    params: {{{params}}}\n"
    put(good, http, more)
    assert call(web).code == 0
    (got,) = good.got
    assert json.loads(got.body) == {"n": 7, "list": ["a"], "text": "n=7", "at": [True]}
    assert got.headers["content-type"] == b"application/json"


def job_with_params(server: Server) -> None:
    http = "      method: POST\n      headers: {X-Value: '{{ params.h }}'}\n      body: '{{ params.b }}'\n"
    more = "    params: {h: {type: string, default: h}, b: {type: string, default: b}}\n"
    put(server, http, more, url="/p/{{ params.b }}?q={{ params.b }}")


@settings(
    max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=TEXT, header=TEXT)
def test_any_text_arrives_byte_for_byte(web: Jobfile, good: Server, body: str, header: str) -> None:
    job_with_params(good)
    good.got.clear()
    said = call(web, "-p", f"b={body}", "-p", f"h={header}")
    is_plain = all(sign == "\t" or (ord(sign) >= 0x20 and ord(sign) != 0x7F) for sign in header)
    if not is_plain or body in (".", ".."):
        assert said.code != 0
        assert not good.got, "nothing was sent"
        return
    assert said.code == 0, said
    (got,) = good.got
    assert got.body == body.encode()
    assert got.headers["x-value"].strip(b" \t") == header.encode().strip(b" \t")
    assert got.line.count(" ") == 2
    path, _, query = got.line.split()[1].partition("?")
    assert path.count("/") == 2, "the value stays one part of the path"
    assert query.count("&") == 0


@pytest.mark.parametrize("value", ["a\nX-Other: 1", "a\rb", "a\x1bb"])
def test_a_value_cannot_begin_another_header(web: Jobfile, good: Server, value: str) -> None:
    job_with_params(good)
    said = call(web, "-p", f"h={value}")
    assert said.code != 0
    assert "header `X-Value`" in said.out + said.err
    assert not good.got


@pytest.mark.parametrize("value", ["evil.test/", "evil.test?", "a@evil.test", "evil.test#", "[::1]", "a:80"])
def test_a_value_cannot_change_the_host(web: Jobfile, value: str) -> None:
    text = (
        "    params: {host: {type: string, default: a}}\n    http: {url: 'https://{{ params.host }}.test/'}\n"
    )
    Path("jobs.yaml").write_text(f"version: 1\njobs:\n  call:\n{text}")
    said = call(web, "-p", f"host={value}")
    assert said.code != 0
    assert "cannot be part of a host" in said.out + said.err


def test_files_and_variables_of_the_job_do_not_change_the_program(web: Jobfile, good: Server) -> None:
    Path("urllib3.py").write_text("open('loaded', 'w').close()")
    put(good, "", "    env: {PYTHONPATH: ., PYTHONSTARTUP: urllib3.py}\n")
    assert call(web).code == 0
    assert not Path("loaded").exists()


def test_a_request_that_is_too_large_is_not_started(web: Jobfile, good: Server) -> None:
    put(good, f"      body: {'x' * 140_000}\n")
    said = call(web)
    assert said.code != 0
    assert "the request is larger than 127 KiB" in said.out + said.err
    assert not good.got


# What counts as success


@pytest.mark.parametrize(
    ("http", "code"),
    [
        ("", 0),
        ("      contains: '\"ok\"'\n", 0),
        ("      contains: missing\n", 1),
        ("      status: [204]\n", 1),
    ],
)
def test_status_and_text_decide(web: Jobfile, good: Server, http: str, code: int) -> None:
    put(good, http)
    assert call(web).code == code


def test_a_text_is_found_across_parts_and_in_the_encoding_of_the_response(
    web: Jobfile, certificates: Certificates
) -> None:
    edge = http_request.CHUNK_BYTES
    body = "x".encode("utf-16-le") * (edge // 2 - 2) + "found".encode("utf-16-le") + b"y" * edge
    with serving(reply(body, "Content-Type: text/plain; charset=UTF-16-LE"), certificates.good) as server:
        put(server, "      contains: found\n")
        assert call(web).code == 0


def test_outputs_come_from_json_by_their_name_or_a_pointer(web: Jobfile, certificates: Certificates) -> None:
    body = b'{"rows": 7, "data": [{"a/b": {"~": "deep"}}], "names": ["x", "y"]}'
    more = (
        "    outputs:\n      rows: {type: integer}\n      names: {type: array, items: {type: string}}\n"
        "      deep: {type: string, from: /data/0/a~1b/~0}\n"
    )
    with serving(reply(body), certificates.good) as server:
        put(server, "", more)
        assert call(web).code == 0
    given = {one["name"]: one["value"] for one in last(web)["outputs"]}
    assert given == {"rows": 7, "names": ["x", "y"], "deep": "deep"}


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"<html>", "not JSON"),
        (b'{"a": 1}', "nothing at /rows"),
        (b"[" * 100_000, "not JSON"),
        (b'{"rows": "x"}', "output `rows`"),
        (b'{"rows": 1' + b"0" * 5000 + b"}", "not JSON"),
    ],
)
def test_outputs_that_are_not_there_fail(
    web: Jobfile, certificates: Certificates, body: bytes, word: str
) -> None:
    with serving(reply(body), certificates.good) as server:
        put(server, "", "    outputs: {rows: {type: integer}}\n")
        assert call(web).code == 1
    run = last(web)
    assert run["reason"] == "outputs"
    assert word in run["detail"]


# How it fails


def failing(web: Jobfile, server: Server, http: str = "", **more: str) -> tuple[str, str]:
    put(server, http, **more)
    assert call(web).code == 1
    run = last(web)
    assert run["state"] == "failed"
    return run["reason"], run["detail"]


@pytest.mark.parametrize(
    ("name", "word"), [("expired", "expired"), ("other", "Hostname mismatch"), ("own", "self-signed")]
)
def test_a_bad_certificate_is_refused(web: Jobfile, certificates: Certificates, name: str, word: str) -> None:
    with serving(reply(), getattr(certificates, name)) as server:
        reason, detail = failing(web, server)
        assert reason == "certificate"
        assert word in detail
        assert not server.got, "nothing was sent"


def test_an_authority_that_is_not_known_is_refused(
    web: Jobfile, good: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    reason, detail = failing(web, good)
    assert (reason, "SSL_CERT_FILE" in detail) == ("certificate", True)
    assert not good.got


def test_a_job_can_name_its_own_authority(
    web: Jobfile, good: Server, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
    put(good, "", f"    env: {{SSL_CERT_FILE: '{certificates.authority}'}}\n")
    assert call(web).code == 0


BROKEN: dict[str, tuple[bytes, str]] = {
    "cut-off": (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", "cut off"),
    "cut-off-chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "cut off"),
    "no-http": (b"hello\r\n\r\n", "not HTTP"),
    "nothing": (b"", "closed the connection"),
    "broken-gzip": (reply(b"\x1f\x8bnothing like gzip", "Content-Encoding: gzip"), "unpacked"),
    "endless-head": (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000, "not HTTP"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_response_is_never_a_success(web: Jobfile, certificates: Certificates, name: str) -> None:
    with serving(BROKEN[name][0], certificates.good) as server:
        reason, detail = failing(web, server)
    assert reason == "response"
    assert BROKEN[name][1] in detail


def test_chunks_are_joined(web: Jobfile, certificates: Certificates) -> None:
    chunks = b"".join(b"3\r\n%s\r\n" % part for part in (b"abc", b"def")) + b"0\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    with serving(answer, certificates.good) as server:
        put(server, "      contains: abcdef\n")
        assert call(web).code == 0


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_bomb_is_stopped_and_needs_little_memory(
    web: Jobfile, certificates: Certificates, is_chunked: bool
) -> None:
    bomb = gzip.compress(b"\0" * (http_request.MAX_BODY_BYTES * 2))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
    if is_chunked:
        answer = head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(bomb), bomb)
    else:
        answer = head + b"Content-Length: %d\r\n\r\n%s" % (len(bomb), bomb)
    with serving(answer, certificates.good) as server:
        put(server)
        assert call(web).code == 1
    run = last(web)
    assert (run["reason"], "longer than" in run["detail"]) == ("response", True)
    assert run["attempt_list"][0]["max_rss_kb"] < 100_000


def test_a_refused_connection_has_the_reason_connect(web: Jobfile, certificates: Certificates) -> None:
    with serving(b"", certificates.good) as server:
        pass
    reason, detail = failing(web, server)
    assert (reason, detail) == ("connect", "Connection refused")


def test_http_without_tls_goes_only_to_hosts_that_are_listed(web: Jobfile) -> None:
    with serving(reply(b"plain")) as server:
        put(server, scheme="http")
        assert call(web).code == 0
        text = "    params: {u: {type: string, default: x}}\n    http: {url: '{{ params.u }}'}\n"
        Path("jobs.yaml").write_text(f"version: 1\njobs:\n  call:\n{text}")
        said = call(web, "-p", f"u=http://localhost:{server.port}/")
        assert said.code != 0
        assert "write https, or  allow_private: [localhost]" in said.out + said.err
        assert len(server.got) == 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ReadTimeoutError(None, "/", "read timed out"), "silent"),  # type: ignore[arg-type]  # no pool is asked
        (ConnectTimeoutError(None, "timed out"), "connect"),
        (SSLError(ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]")), "connect"),
        (SSLError(ssl.SSLEOFError(8, "EOF")), "connect"),
        (ProtocolError("broken", ConnectionResetError(104, "reset")), "response"),
    ],
)
def test_an_error_that_takes_long_to_cause_has_its_reason(error: HTTPError, reason: str) -> None:
    with pytest.raises(http_request.FailedError) as found:
        http_request.fail(error)
    assert found.value.reason == reason


def test_a_slow_server_is_ended_by_the_timeout(web: Jobfile, certificates: Certificates) -> None:
    go_on = threading.Event()

    def slow(_: Got) -> Iterable[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab"
        go_on.wait(30)

    with serving(slow, certificates.good) as server:
        put(server)
        path = Path("jobs.yaml")
        path.write_text(path.read_text().replace("timeout: 20s", "timeout: 1s"))
        assert call(web).code == 1
        go_on.set()
    assert last(web)["state"] == "timed_out"


# Where it may go


@together(
    ("address", "is_allowed", "is_open"),
    [
        ("93.184.216.34", False, True),
        ("2606:2800:220:1::1", False, True),
        ("64:ff9b::5db8:d822", False, True),
        *(
            (one, False, False)
            for one in ("127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "100.64.0.1")
        ),
        *(
            (one, False, False)
            for one in ("169.254.1.1", "224.0.0.1", "240.0.0.1", "0.0.0.0", "255.255.255.255")
        ),
        *((one, False, False) for one in ("::1", "::", "fe80::1%eth0", "fc00::1", "fec0::1", "ff02::1")),
        *(
            (one, False, False)
            for one in ("::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1")
        ),
        *((one, True, True) for one in ("127.0.0.1", "10.1.2.3", "fc00::1", "::ffff:10.0.0.1")),
        *((one, True, False) for one in ("169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254")),
        *((one, True, False) for one in ("64:ff9b::a9fe:a9fe", "100.100.100.200")),
    ],
)
def test_which_addresses_are_open(address: str, is_allowed: bool, is_open: bool) -> None:
    assert http_request.is_open(address, is_allowed=is_allowed) is is_open


@pytest.mark.parametrize("host", ["127.0.0.1", "0x7f.1", "2130706433", "localhost"])
def test_an_address_inside_is_refused_however_it_is_written(web: Jobfile, good: Server, host: str) -> None:
    text = "    params: {u: {type: string, default: x}}\n    http: {url: '{{ params.u }}'}\n"
    Path("jobs.yaml").write_text(f"version: 1\njobs:\n  call:\n{text}")
    said = call(web, "-p", f"u=https://{host}:{good.port}/")
    assert said.code != 0
    assert re.search("is not (a )?public", said.out + said.err)
    assert not good.got


def test_metadata_is_refused_even_when_it_is_allowed(web: Jobfile) -> None:
    http = "{url: 'http://169.254.169.254/latest', allow_private: [169.254.169.254]}"
    Path("jobs.yaml").write_text(f"version: 1\njobs:\n  call:\n    http: {http}\n")
    assert call(web).code == 1
    assert last(web)["reason"] == "address"


def test_a_name_is_resolved_once_and_only_checked_addresses_are_used(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """A name server that changes its answer in between reaches nothing else, not even through a redirect."""
    asked: list[object] = []
    real = socket.getaddrinfo

    def resolve(host: str, *more: object, **named: object) -> list:
        if host != "name.test":
            return real(host, *more, **named)  # type: ignore[arg-type]  # what it was called with
        asked.append(host)
        return real("127.0.0.1" if len(asked) == 1 else "10.255.255.1", *more, **named)  # type: ignore[arg-type]

    def answer(got: Got) -> Iterable[bytes]:
        yield reply(b"here") if "/there" in got.line else redirecting("/there")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with serving(answer) as server:
        url = f"http://name.test:{server.port}/"
        request = {"url": url, "method": "GET", "headers": {}, "body": None, "allow": ["name.test"]}
        assert http_request.fetch({**request, "status": [[200, 200]], "contains": "here"}) == b"here"
    assert asked == ["name.test"]
    assert [one.headers["host"] for one in server.got] == [f"name.test:{server.port}".encode()] * 2
    assert capfdbinary.readouterr().out.startswith(b"HTTP 200")


def test_of_several_addresses_only_public_ones_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(0, 0, 0, "", (one, 443)) for one in ("10.0.0.1", "93.184.216.34", "::1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    assert http_request.addresses_of("name.test", 443, ()) == ["93.184.216.34"]
    assert http_request.addresses_of("Name.test", 443, ["name.test"]) == ["10.0.0.1", "93.184.216.34", "::1"]


def redirecting(target: str, status: str = "302 Found") -> bytes:
    return reply(b"", f"Location: {target}", status=status)


@pytest.mark.parametrize(
    ("status", "method"), [("302 Found", "GET"), ("303 See Other", "GET"), ("307 T", "POST")]
)
def test_a_redirect_at_the_same_host_is_followed(
    web: Jobfile, certificates: Certificates, status: str, method: str
) -> None:
    def answer(got: Got) -> Iterable[bytes]:
        yield redirecting("/there", status) if "/there" not in got.line else reply(b"arrived")

    with serving(answer, certificates.good) as server:
        put(server, "      method: POST\n      body: hello\n      contains: arrived\n")
        assert call(web).code == 0
        assert [one.line for one in server.got] == ["POST / HTTP/1.1", f"{method} /there HTTP/1.1"]
        assert server.got[1].body == (b"hello" if method == "POST" else b"")


@pytest.mark.parametrize(
    "target", ["https://127.0.0.1:{port}/", "http://localhost:{port}/", "https://localhost:1/"]
)
def test_a_redirect_to_another_server_is_not_followed(
    web: Jobfile, certificates: Certificates, target: str
) -> None:
    def answer(_: Got) -> Iterable[bytes]:
        yield redirecting(target.format(port=server.port))

    with serving(answer, certificates.good) as server:
        reason, detail = failing(web, server, "      headers: {Authorization: x}\n")
        assert len(server.got) == 1
    assert (reason, detail) == ("http(302)", "Found: redirects to another server are not followed")


def test_redirects_that_never_end_are_ended(web: Jobfile, certificates: Certificates) -> None:
    with serving(redirecting("/again"), certificates.good) as server:
        assert failing(web, server)[0] == "response"
        assert len(server.got) == http_request.MAX_REDIRECTS + 1


def test_a_redirect_that_is_expected_is_not_followed(web: Jobfile, certificates: Certificates) -> None:
    with serving(redirecting("/there"), certificates.good) as server:
        put(server, "      status: [302]\n")
        assert call(web).code == 0
        assert len(server.got) == 1


# Steps and retries


def test_a_step_sends_a_request_and_the_next_one_reads_its_output(
    web: Jobfile, certificates: Certificates
) -> None:
    with serving(reply(b'{"n": 7}'), certificates.good) as server:
        http = f"{{url: 'https://localhost:{server.port}/', allow_private: [localhost]}}"
        Path("jobs.yaml").write_text(
            "version: 1\njobs:\n  call:\n    steps:\n"
            f"      ask: {{http: {http}, outputs: {{n: {{type: integer}}}}}}\n"
            "      tell: {command: [echo, 'n={{ steps.ask.outputs.n }}']}\n"
        )
        said = call(web)
    assert said.code == 0, said
    assert "n=7" in said.out


def test_a_503_is_retried_and_then_succeeds(web: Jobfile, certificates: Certificates) -> None:
    def answer(_: Got) -> Iterable[bytes]:
        yield reply(b"not yet", "Retry-After: 1", status="503 X") if len(server.got) == 1 else reply(b"now")

    with serving(answer, certificates.good) as server:
        put(server, "", "    retry: {attempts: 2, delay: 1s, jitter: none, when: ['http:5xx']}\n")
        assert call(web).code == 0
    attempts = last(web)["attempt_list"]
    assert [one["reason"] for one in attempts] == ["http(503)", None]


# Secrets


@pytest.mark.parametrize("secret", [SECRET, "pässwörd-ñ"])
def test_a_secret_is_nowhere_but_in_the_request(
    web: Jobfile, certificates: Certificates, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    """In URL, header and body; the server sends it back in every form, in small parts."""
    monkeypatch.setenv("TOKEN", secret)
    seen: list[str] = []

    def answer(got: Got) -> Iterable[bytes]:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                seen.append(path.read_bytes().decode("utf-8", "replace"))
            except OSError:
                continue
        body = b"\n".join([got.line.encode(), *got.headers.values(), got.body, *sorted(forms(secret))])
        head = (
            "HTTP/1.1 404 N",
            f"X: {secret}",
            f"Location: /{secret}",
            f"Content-Length: {len(body)}",
            "",
            "",
        )
        yield "\r\n".join(head).encode()
        for at in range(0, len(body), 3):
            yield body[at : at + 3]

    secrets = "    secrets: {TOKEN: 'env:TOKEN'}\n"
    http = (
        "      method: POST\n      headers: {Authorization: 'Bearer {{ secrets.TOKEN }}'}\n"
        "      json: {token: '{{ secrets.TOKEN }}'}\n      contains: 'x{{ secrets.TOKEN }}x'\n"
    )
    with serving(answer, certificates.good) as server:
        put(server, http, secrets, url="/{{ secrets.TOKEN }}" if secret.isascii() else "/")
        said = call(web)
        (got,) = server.got
    assert got.headers["authorization"].decode() == f"Bearer {secret}"
    assert json.loads(got.body) == {"token": secret}
    assert said.code == 1
    assert "404" in said.out
    assert seen
    shown = [*seen, said.out, said.err]
    shown += [web(*words).out for words in (("why", "call"), ("why", "call", "--json"), ("did", "call"))]
    shown += [
        web(*words).out for words in (("runs", "--json"), ("logs", "call"), ("run", "call", "--dry-run"))
    ]
    shown += [one.read_bytes().decode("latin-1") for one in Path(".jobfile").rglob("*") if one.is_file()]
    for text in shown:
        assert secret not in text
        assert secret.encode().decode("latin-1") not in text


def test_the_request_is_gone_from_the_environment_when_it_is_sent() -> None:
    """Whatever the program would start, or a library print, finds nothing."""
    text = Path(http_request.__file__).read_text()
    assert "os.environ.pop(REQUEST)" in text
    assert http_request.RESPONSE == RESPONSE


# A dry run


def test_a_dry_run_shows_the_request_without_secrets(web: Jobfile, good: Server) -> None:
    http = (
        "      method: POST\n      headers: {Authorization: 'Bearer {{ secrets.TOKEN }}'}\n"
        "      json: {day: \"{{ run.scheduled_at | date('%F') }}\", n: '{{ params.n }}'}\n"
    )
    put(good, http, "    secrets: {TOKEN: 'env:TOKEN'}\n    params: {n: {type: integer, default: 7}}\n")
    said = web("run", "call", "--dry-run", "--at", "2026-02-03T04:05Z")
    assert said.code == 0, said
    for text in (
        f"POST https://localhost:{good.port}/",
        "Content-Type: application/json",
        "Authorization: Bearer ***",
        '{"day": "2026-02-03", "n": 7}',
        "localhost",
    ):
        assert text in said.out, said.out
    assert not good.got


# The sample and the page


ROOT = Path(__file__).parents[2]


def test_the_sample_probes_a_server_and_counts(web: Jobfile, certificates: Certificates) -> None:
    def answer(got: Got) -> Iterable[bytes]:
        yield reply(b'{"status":"ok"}' if "/health" in got.line else b'{"orders": {"open": 12}}')

    Path("jobs.yaml").write_text((ROOT / "samples/http.yaml").read_text())
    Path("shop-ca.pem").write_bytes(certificates.authority.read_bytes())
    assert web("check", "--strict").code == 0
    with serving(answer, certificates.good) as server:
        assert web("run", "probe", "-p", f"port={server.port}").code == 0
        assert web("run", "count-orders", "-p", f"port={server.port}").code == 0
    (run,) = web("why", "count-orders", "--json").json["run_list"]
    assert [(one["name"], one["value"]) for one in run["outputs"]] == [("open", 12)]


def test_the_page_about_requests_has_a_good_file_and_names_every_reason(web: Jobfile) -> None:
    text = (ROOT / "docs/http.md").read_text()
    Path("jobs.yaml").write_text(text.partition("```yaml\n")[2].partition("```")[0])
    said = web("check")
    assert "error" not in said.out, said.out
    named = set(re.findall(r"^\| `(\w+)", text, re.MULTILINE))
    assert named == {*OF_A_REQUEST, "http", "outputs", "timeout"}
