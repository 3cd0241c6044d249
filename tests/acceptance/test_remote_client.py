"""`jobfile.client` over HTTP: the same functions, values and errors as in the state folder."""

import json
import os
import threading
from collections.abc import Iterator
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from jobfile.client import (
    Client,
    InvalidParamsError,
    RefusedError,
    RemoteClient,
    SubmitError,
    UnavailableError,
    UnknownJobError,
    connect,
)
from tests.acceptance.engines import STATE, engine, put, runs
from tests.web.served import Served, served

JOBS = """\
version: 1
jobs:
  mail:
    params: {user: {type: integer}, to: {type: array, items: {type: string}, default: []}}
    run: echo {{ params.user }} "$JOBFILE_PARAM_TO"
  bad: {run: exit 3}
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Served]]:
    folder = tmp_path_factory.mktemp("host")
    put(folder, JOBS)
    with engine(folder), served(folder, "--listen", "127.0.0.1:0") as server:
        yield folder, server


@pytest.fixture
def client(host: tuple[Path, Served]) -> Iterator[RemoteClient]:
    with connect(host[1].url, token=host[1].token) as made:
        yield made


def test_a_program_submits_waits_and_asks(client: RemoteClient, host: tuple[Path, Served]) -> None:
    submitted = client.submit("mail", {"user": 7, "to": ("a", "b")}, key="mail-7")
    again = client.submit("mail", {"user": 7, "to": ["a", "b"]}, key="mail-7")
    assert (submitted.job, submitted.is_duplicate, submitted.runs) == ("mail", False, (submitted.id,))
    assert (again.id, again.is_duplicate) == (submitted.id, True)
    over = client.wait(submitted.id, timeout_seconds=30)
    assert (over["state"], over["params"]) == ("succeeded", {"user": 7, "to": ["a", "b"]})
    assert client.did("mail", {"user": 7})["answer"] == "succeeded"
    assert client.run(submitted.id[:8])["id"] == submitted.id
    assert client.cancel(submitted.id)["state"] == "succeeded"
    assert client.is_engine_running()
    (run,) = [one for one in runs(host[0]) if one.id == submitted.id]
    assert run.requested_by == "owner"


def test_many_are_recorded_together(client: RemoteClient) -> None:
    made = client.submit_many([("mail", {"user": n}, f"many-{n}") for n in range(50)])
    assert len({one.id for one in made}) == 50
    assert client.submit_many([]) == ()


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    "wrong",
    [
        [("mail", {})],
        [("mail", {"user": "x", "no": 1})],
        [("mail", {"user": 1}), ("mail", {"user": object()})],
        [("mail", {"user": float("nan")})],
        [("mail", {"user": 10**18})],
        [("mail", {"user": 1, "to": [Colour.RED, b"x"]})],
        [("mail", {"user": 1}, "")],
        [("mial", {"user": 1})],
    ],
)
def test_an_error_is_that_of_the_state_folder(
    client: RemoteClient, host: tuple[Path, Served], wrong: list[Any]
) -> None:
    """Class, words and problems."""
    with Client(state_dir=host[0] / STATE) as local, pytest.raises(SubmitError) as mine:
        local.submit_many(wrong)
    with pytest.raises(SubmitError) as theirs:
        client.submit_many(wrong)
    assert type(theirs.value) is type(mine.value)
    assert str(theirs.value) == str(mine.value)
    assert getattr(theirs.value, "problems", ()) == getattr(mine.value, "problems", ())


def test_a_server_that_refuses_or_is_away_is_an_error_of_the_client(host: tuple[Path, Served]) -> None:
    url, token = host[1].url, host[1].token
    with pytest.raises(RefusedError, match="this token is not valid here"):
        connect(url, token="x" * 43).submit("bad")
    with pytest.raises(RefusedError, match="token has no token"):
        connect(url, token="x")
    with pytest.raises(RefusedError, match="is not the address of a server"):
        connect("jobs")
    with pytest.raises(RefusedError, match="unencrypted"):
        connect("http://jobs.example.org", token=token)
    with pytest.raises(UnavailableError, match="Connection refused"):
        connect("http://127.0.0.1:1", token=token, wait_seconds=0).submit("bad")
    with pytest.raises(UnknownJobError, match="neither the name of a job"):
        connect(url, token=token).did("../audit")


def test_at_the_socket_no_token_is_needed(tmp_path: Path) -> None:
    put(tmp_path, JOBS)
    with served(tmp_path), Client(state_dir=tmp_path / STATE) as local:
        with pytest.raises(RefusedError, match=r"no jobs are in force|nothing is recorded yet"):
            connect(f"unix:{tmp_path / STATE}/web.sock").submit("bad")
        with pytest.raises(RefusedError):
            local.submit("bad")


def test_a_client_lives_through_a_fork(client: RemoteClient) -> None:
    """Each process has connections of its own: no answer goes to the wrong one."""
    client.submit("mail", {"user": 1})
    pid = os.fork()
    if pid == 0:
        os._exit(0 if client.submit("mail", {"user": 2}).job == "mail" else 1)
    assert client.submit("mail", {"user": 3}).job == "mail"
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


class Flaky(BaseHTTPRequestHandler):
    """Answers with these statuses, then as a server does; 0 breaks the connection."""

    statuses: ClassVar[list[int]] = []
    seen: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        Flaky.seen.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        status = Flaky.statuses.pop(0) if Flaky.statuses else 202
        if status == 0:
            self.close_connection = True
            return
        one = {"id": "a", "job": "mail", "duplicate": False, "state": "queued", "reason": "", "runs": ["a"]}
        body = json.dumps({"submitted": [one]} if status == 202 else {"code": "x", "detail": "busy"}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if status == 202 else "application/problem+json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Jobfile-Exit-Code", "0")
        if status == 429:
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("statuses", "key", "count"),
    [
        ([429, 202], None, 2),
        ([503, 202], "k", 2),
        ([0, 202], "k", 2),
        ([503], None, -1),
        ([0], None, -1),
        ([500], "k", -1),
    ],
)
def test_a_submission_is_sent_again_only_where_that_is_safe(
    statuses: list[int], key: str | None, count: int
) -> None:
    """With a key, or when the server says that it never looked at the request."""
    Flaky.statuses, Flaky.seen = list(statuses), []
    with HTTPServer(("127.0.0.1", 0), Flaky) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = connect(f"http://127.0.0.1:{server.server_port}", token="x" * 43)
        if count < 0:
            with pytest.raises(UnavailableError):
                client.submit("mail", {"user": 1}, key=key)
        else:
            assert client.submit("mail", {"user": 1}, key=key).id == "a"
        assert len(Flaky.seen) == abs(count)
        server.shutdown()


def test_the_token_is_in_no_error_and_no_log(client: RemoteClient, host: tuple[Path, Served]) -> None:
    token = host[1].token
    with pytest.raises(InvalidParamsError) as error:
        client.submit("mail", {"user": "x"})
    assert token not in str(error.value) + repr(vars(client))
    assert token not in "".join(path.read_text() for path in (host[0] / STATE).glob("*.log"))
