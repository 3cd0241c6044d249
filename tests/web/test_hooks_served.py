"""Webhooks at a real server: the examples of the documentation, calls at the same time, bodies in parts."""

import contextlib
import json
import re
import socket
import threading
from collections.abc import Iterator

import pytest

from engine.core.webhook_proofs import Call
from engine.core.webhooks import MAX_BODY_BYTES
from tests.acceptance.engines import PATIENCE, runs, say
from tests.acceptance.test_readme import ROOT, session, type_and_compare
from tests.engine.calls import bearer
from tests.web.served import Served, read_all, served

TEXT = (ROOT / "docs" / "webhooks.md").read_text()
SECRET = "the secret of the documentation"
MORE = """\
  told:
    secrets: {SIGNUP_HOOK: env:SIGNUP_HOOK}
    triggers: [{webhook: {path: told, secret: SIGNUP_HOOK, verify: bearer}}]
    concurrency: {limit: none}
    run: echo hello
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with the files of the page about webhooks."""
    folder = tmp_path_factory.mktemp("hooks")
    jobs = re.search(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert jobs is not None
    (folder / "jobs.yaml").write_text(jobs[1] + MORE)
    for script in re.findall(r"```sh\n(# (\S+).*?)```", TEXT, re.DOTALL):
        (folder / script[1]).write_text(script[0])
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SIGNUP_HOOK", "GITHUB_HOOK"):
            patch.setenv(name, SECRET)
        assert say(folder, "apply", "--yes").returncode == 0
        with served(folder) as found:
            yield found


def sent(server: Served, path: str, call: Call, *, framing: str = "", body: bytes | None = None) -> str:
    """The whole answer to a call."""
    framing = framing or f"Content-Length: {len(call.body)}"
    lines = [f"POST /hooks/{path} HTTP/1.1", "Host: localhost", "Connection: close", framing]
    lines += ["Content-Type: application/json", *(f"{name}: {text}" for name, text in call.headers.items())]
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(str(server.state / "web.sock"))
        with contextlib.suppress(OSError):  # it may be refused before all is sent
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            connection.sendall(call.body if body is None else body)
        return read_all(connection)


def test_the_examples_of_the_documentation_are_answered_as_it_says(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SIGNUP_HOOK", "GITHUB_HOOK"):
        monkeypatch.setenv(name, SECRET)
    type_and_compare(session(TEXT), server.state.parent)


def test_one_call_sent_many_times_at_once_has_one_run(server: Served) -> None:
    call = bearer(b"{}", secret=SECRET, id="at-once")
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(sent(server, "told", call))) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(PATIENCE)
    statuses = sorted(one.split()[1] for one in answers)
    assert statuses == ["200"] * 7 + ["202"]
    bodies = [json.loads(one.partition("\r\n\r\n")[2]) for one in answers]
    (id,) = {one["run"] for one in bodies}
    assert [run.id for run in runs(server.state.parent)].count(id) == 1


def chunks(*parts: bytes) -> bytes:
    return b"".join(f"{len(one):x}\r\n".encode() + one + b"\r\n" for one in (*parts, b""))


CHUNKED = "Transfer-Encoding: chunked"


def test_a_body_in_chunks_is_the_same_body(server: Served) -> None:
    call = bearer(b"", secret=SECRET)
    answer = sent(server, "told", call, framing=CHUNKED, body=chunks(b"{", b"  ", b"}"))
    assert " 202 " in answer.partition("\r\n")[0]


@pytest.mark.parametrize(
    ("framing", "body", "statuses"),
    [
        (CHUNKED, chunks(*[b"x" * 65_536] * (MAX_BODY_BYTES // 65_536 + 1)), ("413",)),
        (f"Content-Length: {MAX_BODY_BYTES + 1}", b"", ("413",)),
        (f"{CHUNKED}\r\nContent-Length: 2", b"0\r\n\r\n", ("400",)),
        ("Content-Length: 2\r\nContent-Length: 3", b"{}", ("400",)),
        (f"{CHUNKED}\r\nContent-Encoding: gzip", chunks(b"\x1f\x8b\x08" + b"\0" * 99), ("415",)),
        ("Transfer-Encoding: gzip", b"\x1f\x8b", ("400", "501")),
        (CHUNKED, b"ZZ\r\n", ("400",)),
    ],
)
def test_a_body_that_is_too_large_or_unclear_is_refused(
    server: Served, framing: str, body: bytes, statuses: tuple[str, ...]
) -> None:
    for path in ("told", "no-such-hook"):
        call = bearer(b"", secret=SECRET)
        answer = sent(server, path, call, framing=framing, body=body)
        assert answer.split()[1] in statuses, answer


def test_a_header_has_no_line_end(server: Served) -> None:
    """What a client sends after one is a header of its own: here one that the server does not know."""
    folder = server.state.parent
    before = len(runs(folder))
    call = Call({"authorization": "Bearer x\r\nX-Other: y"}, b"{}")
    assert " 401 " in sent(server, "told", call).partition("\r\n")[0]
    call = Call({"webhook-id": "a\0b", "authorization": f"Bearer {SECRET}"}, b"{}")
    assert " 400 " in sent(server, "told", call).partition("\r\n")[0]
    assert len(runs(folder)) == before
