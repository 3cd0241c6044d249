"""The page and programs on a ledger in a real PostgreSQL server, which asks for a password and is killed."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.web.serving import read_address
from jobfile.client import Client, RefusedError, UnavailableError, connect, submit
from tests.acceptance.engines import descendants_of, end, is_gone, lines_of, put, say, until
from tests.acceptance.warm import JOBFILE, Jobfile
from tests.postgres_ledgers import superuser
from tests.postgres_servers import Server, a_server
from tests.web.served import Served, served
from tests.web.test_beside_engine import page_of

SECRET = "geheim%2F77"
"""As it is in a URL."""
PLAIN = "geheim/77"
JOBS = """\
version: 1
jobs:
  hello: {params: {n: {type: integer, default: 1}}, run: "echo {{ params.n }} >> ran; env > env"}
  hook: {triggers: [{webhook: {path: told, public: true}}], run: echo told >> ran}
"""


@contextmanager
def a_guarded_server() -> Iterator[tuple[Server, str]]:
    """A server whose user `anna` has a password, and the URL of her database without it."""
    with a_server(settings="") as server:
        with superuser(server.url()) as db:
            db.execute(f"create role anna login password '{PLAIN}'")
            db.execute("create database jobs owner anna")
            rules = server.folder / "data" / "pg_hba.conf"
            rules.write_text(f"local all anna scram-sha-256\n{rules.read_text()}")
            db.execute("select pg_reload_conf()")
        yield server, f"postgresql://anna@/jobs?host={server.folder}"


@contextmanager
def beside(folder: Path, *options: str) -> Iterator[Served]:
    """An engine with its page; what they print is in a file."""
    words = [JOBFILE, "up", "--serve", "127.0.0.1:0", "--allow-root", *options]
    state = folder / ".jobfile"
    with (folder / "printed").open("ab") as out:
        process = Jobfile(words, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        yield Served(process, state, until(lambda: read_address(state), "the page"))
        assert end(process) == 0
    finally:
        if process.poll() is None:
            process.kill()


def status_of(server: Served, path: str) -> int:
    return int(server.get(path).split()[1])


def other_processes(server: Served) -> Sequence[tuple[bytes, bytes]]:
    """The arguments and the environment of each process that the engine has started."""
    found = []
    for pid in descendants_of(server.process.pid):
        if not is_gone(pid):
            about = Path(f"/proc/{pid}")
            found.append(((about / "cmdline").read_bytes(), (about / "environ").read_bytes()))
    return found


def test_a_page_and_programs_work_on_a_server_with_a_password_that_is_killed_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, JOBS)
    ran, state = tmp_path / "ran", tmp_path / ".jobfile"
    with a_guarded_server() as (database, url):
        secret_url = url.replace("anna@", f"anna:{SECRET}@")
        monkeypatch.setenv("JOBFILE_STORE", secret_url)
        with beside(tmp_path) as server:
            pages = ("/", "/jobs", "/system", "/api/v1/status", "/metrics")
            until(lambda: status_of(server, "/readyz") == 200, "an engine that is ready")
            assert [status_of(server, one) for one in pages] == [200] * len(pages)
            assert submit("hello", {"n": 1}, key="a", state_dir=state).is_duplicate is False
            assert submit("hello", {"n": 1}, key="a", state_dir=state).is_duplicate is True
            with connect(server.url, token=server.token) as remote:
                run = remote.submit("hello", {"n": 2}, key="b").id
                assert remote.wait(run, timeout_seconds=30)["state"] == "succeeded"
            until(lambda: set(lines_of(ran)) == {"1", "2"}, "both runs")
            assert PLAIN not in (tmp_path / "env").read_text()
            assert "JOBFILE_STORE" not in (tmp_path / "env").read_text()
            children = other_processes(server)
            assert len(children) > 1
            for arguments, environ in children:
                assert b"geheim" not in arguments
                assert b"geheim" not in environ or b"\0serve\0" in arguments
            page = page_of(server.process.pid)
            database.kill()
            answers = [server.get(one) for one in (*pages, "/readyz")]
            assert {one.split()[1] for one in answers} == {"503"}
            assert "application/problem+json" in answers[3]
            assert status_of(server, "/healthz") == 200
            with pytest.raises(UnavailableError, match="cannot be reached") as caught:
                submit("hello", key="c", state_dir=state)
            said = "".join([*answers, str(caught.value), say(tmp_path, "status").stderr])
            assert "cannot be reached" in said
            assert "geheim" not in said
            assert "Traceback" not in said
            database.start()
            until(lambda: status_of(server, "/jobs") == 200, "a page that has recovered")
            assert submit("hello", {"n": 3}, key="c", state_dir=state).state == "queued"
            until(lambda: "3" in lines_of(ran), "its run")
            assert page_of(server.process.pid) == page, "it was not started again"
        with served(tmp_path, "--listen", "127.0.0.1:0") as alone:
            assert status_of(alone, "/jobs") == 200
            assert status_of(alone, "/readyz") == 503
            with Client(store=secret_url, state_dir=state) as client:
                assert client.is_engine_running() is False
                assert client.submit("hello", {"n": 4}).state == "queued"
        monkeypatch.delenv("JOBFILE_STORE")
        with pytest.raises(RefusedError, match=r"name it with --store or JOBFILE_STORE"):
            submit("hello", state_dir=state)
        words = tmp_path / "words"
        words.write_text(f"*:*:*:anna:{PLAIN}\n")
        words.chmod(0o600)
        monkeypatch.setenv("PGPASSFILE", str(words))
        with beside(tmp_path, "--store", url) as server:
            until(lambda: "4" in lines_of(ran), "a run that waited for an engine")
            assert status_of(server, "/jobs") == 200
            assert not [one for one, _ in other_processes(server) if b"anna" in one]
        words.unlink()
    for one in (*tmp_path.glob("*"), *state.rglob("*")):
        if one.is_file() and one.name != "words":
            assert b"geheim" not in one.read_bytes(), one
    assert "Traceback" not in (tmp_path / "printed").read_text()
