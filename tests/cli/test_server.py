"""`jobfile --server`: the text, JSON and exit codes of the server's host; what is wrong, in a sentence."""

import json
import re
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from engine.cli.main import COMMANDS, run
from engine.cli.remote.registry import ASKED, OF_FILES
from tests.acceptance.engines import engine, kill, put, until
from tests.cli.conftest import Said
from tests.together import together
from tests.web.served import Served, served

JOBS = """\
version: 1
jobs:
  good: {tags: [night], owner: kari, params: {n: {type: integer, default: 1}}, schedule: "0 4 * * *",
    run: "echo hi {{ params.n }}; echo kept > $JOBFILE_RUN_DIR/a.txt", artifacts: ["a.txt"]}
  bad: {run: "echo trouble; exit 7"}
  steps: {steps: {one: {run: echo one}, two: {needs: [one], run: echo two}}}
  silent: {steps: {one: {run: "true"}, two: {run: echo two}}}
  both: {matrix: {region: [eu, us]}, run: "echo {{ matrix.region }}"}
  slow: {run: "echo begun; sleep 30", kill_grace: 1s}
"""
SAME = (
    "did good",
    "did bad",
    "did steps today",
    "did RUN",
    "did nope",
    "did good --on x",
    "did good n=1",
    "did both --matrix region=eu",
    "why bad",
    "why RUN",
    "hosts",
    "list",
    "list --tag night --in succeeded",
    "list --tag nope",
    "runs --limit 3",
    "runs good",
    "runs --since 2020-01-01 --not-ok",
    "runs RUN",
    "runs nope",
    "report --since 2020-01-01 --until 2021-01-01",
    "report good --since 2020-01-01 --until 2021-01-01 --format csv",
    "report --since 2020-01-01 --until 2021-01-01 --format junit",
    "next --from 2030-01-01 --limit 3",
    "next good --from 2030-01-01",
    "show good",
    "show RUN",
    "logs good",
    "logs steps",
    "logs bad --tail 1",
    "logs steps three",
    "logs steps one --follow",
    "logs steps --follow --tail 1",
    "logs steps three --follow",
    "logs silent one",
    "logs silent one --follow",
    "logs good --follow",
    "outputs steps",
    "artifacts good",
    "generations",
    "audit --limit 4",
    "audit verify",
    "wait RUN",
    "cancel RUN",
    "pause good --until 2020-01-01",
    "run good -p n=x --detach",
    "run nope --detach",
)
"""Commands that say the same here and there; RUN is the run of `good`."""
CHANGES = re.compile(r'  "now": .*\n')


class Here:
    """A folder whose engine and server run, and commands in it."""

    def __init__(
        self, folder: Path, server: Served, capture: pytest.CaptureFixture[bytes], patch: pytest.MonkeyPatch
    ) -> None:
        self.folder, self.server, self._capture = folder, server, capture
        patch.chdir(folder)
        patch.setenv("JOBFILE_TOKEN", server.token)
        patch.delenv("JOBFILE_SERVER", raising=False)

    def __call__(self, *arguments: str) -> Said:
        self._capture.readouterr()
        code = run(list(arguments))
        out, err = self._capture.readouterr()
        return Said(code, out.decode(), err.decode())

    def there(self, *arguments: str) -> Said:
        """The same at the server."""
        return self("--server", self.server.url, *arguments)

    def run_of(self, job: str) -> str:
        return str(self("runs", job, "--json").json["runs"][-1]["id"])


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Served]]:
    folder = tmp_path_factory.mktemp("host")
    put(folder, JOBS)
    with engine(folder), served(folder, "--listen", "127.0.0.1:0") as server:
        yield folder, server


@pytest.fixture
def here(
    host: tuple[Path, Served], capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Here:
    made = Here(*host, capfdbinary, monkeypatch)
    if not made("runs", "both", "--json").json["runs"]:
        for job in ("good", "bad", "steps", "silent", "both"):
            made("run", job, "--wait")
    return made


def test_a_command_says_at_a_server_what_it_says_on_its_host(here: Here) -> None:
    """Text, JSON, what goes to standard error, and the exit code."""
    good, differ = here.run_of("good"), []
    for command in SAME:
        for more in ((), ("--json",)):
            words = [good if one == "RUN" else one for one in command.split()] + list(more)
            mine, told = here(*words), here.there(*words)
            if (CHANGES.sub("", mine.out), *mine[::2]) != (CHANGES.sub("", told.out), *told[::2]):
                differ.append(f"{' '.join(words)}\n{mine}\n{told}")
    assert not differ, "\n\n".join(differ)


def test_status_says_that_the_engine_runs_there(here: Here) -> None:
    mine, told = here("status", "--json"), here.there("status", "--json")
    assert (told.code, told.json["engine"]["pid"]) == (0, mine.json["engine"]["pid"])


def test_doctor_and_clock_are_those_of_the_host(here: Here) -> None:
    """They have times in their text, so the findings are compared."""
    mine, told = here("doctor", "--json"), here.there("doctor", "--json")
    assert told.code == mine.code

    def found(said: Said) -> list[tuple[str, str]]:
        return [(one["code"], one["severity"]) for one in said.json["checks"]]

    assert found(told) == found(mine)
    assert here.there("doctor").out.splitlines()[-1] == here("doctor").out.splitlines()[-1]
    mine, told = here("clock", "--json"), here.there("clock", "--json")
    assert (told.code, told.json | {"now": ""}) == (mine.code, mine.json | {"now": ""})
    assert here.there("clock").out.splitlines()[1:] == here("clock").out.splitlines()[1:]


def test_a_run_at_a_server_is_followed_to_its_end(here: Here) -> None:
    said = here.there("run", "good", "-p", "n=3")
    assert (said.code, said.out) == (0, "hi 3\n")
    assert re.fullmatch(r"good: succeeded after .*\n", said.err)
    bad = here.there("run", "bad", "--json")
    assert (bad.code, bad.json["verdict"]["answer"], bad.json["duplicate"]) == (1, "not_well", False)
    assert bad.err == "trouble\n"
    assert bad.json.keys() == here("run", "bad", "--json", "--wait").json.keys()
    both = here.there("run", "both")
    assert sorted(both.out.splitlines()) == ["[region=eu] | eu", "[region=us] | us"]
    assert here.there("run", "steps").out == "one | one\ntwo | two\n"
    again = here.there("retry", bad.json["id"], "--json")
    assert (again.code, again.json["retry_of"]) == (1, bad.json["id"])


def test_with_a_key_asking_a_server_twice_is_safe(here: Here) -> None:
    first, second = (here.there("run", "good", "--key", "k1", "--detach") for _ in range(2))
    assert first.out == second.out
    assert (first.code, second.code, second.err) == (0, 0, f"duplicate of {first.out}")
    waited = here.there("wait", first.out.strip(), "--timeout", "30s")
    assert (waited.code, waited.out) == (0, "")
    assert waited.err.startswith("good: succeeded after ")


def test_a_run_is_cancelled_at_a_server_and_a_job_paused_and_resumed(here: Here) -> None:
    slow = here.there("run", "slow", "--detach").out.strip()
    until(lambda: here("logs", slow).out == "begun\n", "it runs")
    assert re.match(r"run \w{8} of slow: cancel", here.there("cancel", slow, "--why", "enough").out)
    assert here.there("wait", slow).code == 1
    assert here.there("pause", "bad", "--why", "vendor").out.startswith("bad is paused; ")
    assert here("list", "--json").json["jobs"][0]["paused"] is not None
    assert here.there("resume", "bad").out == "bad is resumed\n"
    record = here("audit", "--json").json["records"][0]
    assert (record["actor"], record["action"]) == ("owner", "resume")


def test_files_and_logs_are_downloaded(here: Here, tmp_path: Path) -> None:
    said = here.there("artifacts", "good", "--to", str(tmp_path / "out"))
    assert (said.code, said.out) == (0, f"1 file written to {tmp_path / 'out'}\n")
    assert (tmp_path / "out" / "a.txt").read_text() == "kept\n"
    assert here.there("logs", "bad", "--follow").out == "trouble\n"


def test_without_an_engine_a_server_ends_a_run_and_says_what_waits(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, JOBS.replace("kill_grace: 1s", "kill_grace: 1h"))
    with served(tmp_path, "--listen", "127.0.0.1:0") as server:
        here = Here(tmp_path, server, capfdbinary, monkeypatch)
        with engine(tmp_path) as running:
            slow = here.there("run", "slow", "--detach").out.strip()
            until(lambda: here.there("logs", slow).out == "begun\n", "the job")
            kill(running)
        waits = here.there("run", "bad")
        assert (waits.code, waits.out) == (4, "")
        assert "no engine is running: run " in waits.err
        assert "and no engine is running; start one with  jobfile up" in waits.err
        assert here.there("cancel", slow, "--json").json["state"] in ("cancelling", "cancelled")
        assert here.there("wait", slow, "--timeout", "20s").err.startswith("slow: cancelled ")


REFUSED = (
    ("check", "`check` works on files of this machine; remove --server"),
    ("up", "`up` works on the server's host only; run it there, or remove --server"),
    ("ui", "`ui` works on the server's host only; open its address in a browser"),
    ("metrics", "`metrics` works on the server's host only; collect them at its address with  /metrics"),
    ("clock accept", "`clock accept` works on the server's host only; run it there"),
    ("did good -f jobs.yaml", "-f, --state and --store name a place of this machine, and --server a server"),
    ("cancel --all --yes", "choosing several works on the server's host only"),
    ("next 10m", "an expression and its zone need no server; remove --server"),
    ("run good --dry-run", "--dry-run and --no-strict-modes need the files"),
    ("show good --set a=b", "--set and --graph work on the server's host only"),
    ("logs good --since 1d", "--since works on the server's host only"),
    ("retry good", "which run of good? Add --at TIME, or name a run:  jobfile runs good"),
    ("retry", "name one RUN"),
    ("cancel good", "`good` is not the beginning of a run's id"),
    ("did ../x", "there is no job and no run `../x`"),
    ("runs --limit 5000", "`limit`: expected a number from 1 to 1000"),
)


@together(("command", "words"), REFUSED)
def test_what_only_makes_sense_on_the_host_is_said_in_a_sentence(
    here: Here, command: str, words: str
) -> None:
    said = here.there(*command.split())
    assert said.code == 64
    assert words in said.err


def test_with_the_variable_commands_about_files_work_as_always(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBFILE_SERVER", here.server.url)
    assert here("check").code == 0
    assert here("did", "bad").out.startswith("bad: no, it ran and did not succeed")
    refused = here("rollback")
    assert (refused.code, "or unset JOBFILE_SERVER" in refused.err) == (64, True)


def test_every_command_has_a_place_with_a_server() -> None:
    """And the documentation of it says which."""
    assert ASKED.keys() | OF_FILES <= COMMANDS.keys()
    assert not ASKED.keys() & OF_FILES
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    rows = re.findall(r"^\| ((?:`[a-z-]+`(?:, )?)+) \| (.*) \|$", text.partition("| commands |")[2], re.M)[:6]
    said = {name: about for names, about in rows for name in re.findall(r"`([a-z-]+)`", names)}
    assert said.keys() == COMMANDS.keys()
    for name, about in said.items():
        is_refused, is_local = about.startswith("are refused"), "files here; with" in about
        assert (is_local, is_refused) == (name in OF_FILES, name not in ASKED.keys() | OF_FILES), name


def test_a_wrong_token_and_one_without_the_right_are_reported(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = here("token", "add", "look", "--role", "viewer", "--json").json["token"]
    for token, words, code in (
        ("", "it needs a token; put one into JOBFILE_TOKEN", 1),
        ("x" * 43, "this token is not valid here, or no longer; make one on its host", 1),
        ("short", "JOBFILE_TOKEN has no token", 1),
        (viewer, "this needs the role operator; use a token that may do it", 1),
    ):
        monkeypatch.setenv("JOBFILE_TOKEN", token)
        said = here.there("run", "good", "--detach", "--json")
        assert (said.code, words in said.json["error"]["message"]) == (code, True), said
        assert token not in said.err or not token


def test_the_token_is_in_a_file_that_nobody_else_reads(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JOBFILE_TOKEN")
    file = tmp_path / "token"
    file.write_text(f"{here.server.token}\n")
    monkeypatch.setenv("JOBFILE_TOKEN_FILE", str(file))
    file.chmod(0o644)
    assert f"{file} is open to other users; close it:  chmod 600" in here.there("did", "bad").err
    file.chmod(0o600)
    assert here.there("did", "bad").code == 1
    link = tmp_path / "link"
    link.symlink_to(file)
    monkeypatch.setenv("JOBFILE_TOKEN_FILE", str(link))
    assert "cannot be read" in here.there("did", "bad").err


ADDRESSES = (
    ("ftp://x", 64, "is not the address of a server"),
    ("https://u:p@x", 64, "has no user and no password; put a token into JOBFILE_TOKEN"),
    ("http://jobs.example", 64, "would cross the network unencrypted; give an https:// address"),
    ("unix:/nowhere/web.sock", 75, "No such file or directory; start it on its host:  jobfile serve"),
    ("https://127.0.0.1:PORT", 1, "it does not speak TLS as expected"),
    ("http://127.0.0.1:FREE", 75, "Connection refused; start it on its host:  jobfile serve"),
    ("http://127.0.0.1:OTHER", 1, "not as a server of jobfile does; look at the address"),
)


class _Other(BaseHTTPRequestHandler):
    """A server, but not one of jobfile."""

    def do_GET(self) -> None:
        body = b"<title>hello</title>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_an_address_that_is_wrong_is_said_with_what_to_do(here: Here) -> None:
    with socket.socket() as free, HTTPServer(("127.0.0.1", 0), _Other) as other:
        free.bind(("127.0.0.1", 0))
        threading.Thread(target=other.serve_forever, daemon=True).start()
        numbers = {"PORT": here.server.port, "FREE": free.getsockname()[1], "OTHER": other.server_port}
        for address, code, words in ADDRESSES:
            for name, number in numbers.items():
                address = address.replace(name, str(number))
            said = here("--server", address, "did", "good")
            assert (said.code, words in said.err, said.err.count("\n") <= 4) == (code, True, True), said
        other.shutdown()


def test_an_error_is_json_if_json_was_asked_for(here: Here) -> None:
    said = here.there("did", "nope", "--json")
    mine = here("did", "nope", "--json")
    assert said.json == mine.json
    assert json.loads(said.out)["error"]["code"] == "unknown_job"


def test_hosts_of_a_ledger_in_a_file_are_refused_by_the_server_as_here(here: Here) -> None:
    for words in (("hosts", "drain", "a"), ("hosts", "resume", "a"), ("hosts",)):
        said = here.there(*words)
        assert (said.code, "this ledger belongs to one host" in said.err) == (64, True), said
    assert "remove it, or --server" in here.there("hosts", "drain", "a", "--wait").err
    assert "name one HOST" in here.there("hosts", "drain").err


def test_names_at_a_server_are_completed(here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder without job files: with --server, and with the variable. What goes wrong is silent."""
    good = here.run_of("good")
    monkeypatch.chdir(tmp_path)

    def offered(*words: str) -> list[str]:
        said = here("completion", "bash", "--", *words)
        assert (said.code, said.err) == (0, "")
        return said.out.split()

    server = ("--server", here.server.url)
    assert offered(*server, "did", "go") == ["good"]
    assert good[:8] in offered(*server, "retry", "")
    assert offered(*server, "wait", "") == []
    assert offered(*server, "run", "good", "-p", "") == ["n="]
    assert offered(*server, "list", "--tag", "") == ["night"]
    assert offered(*server, "list", "--owner", "") == ["kari"]
    assert offered(*server, "hosts", "drain", "") == []
    assert offered(*server, "plan", "") == []
    monkeypatch.setenv("JOBFILE_SERVER", here.server.url)
    assert offered("logs", "st") == ["steps"]
    for address in ("http://127.0.0.1:1", "nonsense", "http://jobs.example"):
        assert offered("--server", address, "did", "") == []
    monkeypatch.setenv("JOBFILE_TOKEN", "x" * 43)
    assert offered("did", "") == []


DAMAGED = (
    "runs",
    "runs --json",
    "list",
    "list --json",
    "report --since 1d",
    "did good",
    "why good",
    "did nope",
)
FROM_THE_LEDGER = ("show good", "next good --from 2030-01-01", "next --from 2030-01-01 --limit 2 --json")


def test_a_server_passes_on_what_the_command_warns_about(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that cannot be read, also with an answer that was remembered; an answer without the files."""
    put(tmp_path, JOBS)
    with served(tmp_path, "--listen", "127.0.0.1:0") as server:
        here = Here(tmp_path, server, capfdbinary, monkeypatch)
        assert here("apply", "--yes").code == 0
        for job in ("good", "good", "bad"):
            here("run", job, "--wait")
        with closing(sqlite3.connect(tmp_path / ".jobfile" / "ledger.db")) as ledger, ledger:
            ledger.execute("update run set params = '{' where seq = (select min(seq) from run)")
        said = here("runs")
        assert re.fullmatch(r"warning: run row .* cannot be read: .*\n.*\n", said.err), said
        for command in (*DAMAGED, *DAMAGED):
            mine, told = here(*command.split()), here.there(*command.split())
            assert (told.code, told.err) == (mine.code, mine.err), command
        limited = here("token", "add", "some", "--jobs", "bad", "--json").json["token"]
        with monkeypatch.context() as patch:
            patch.setenv("JOBFILE_TOKEN", limited)
            assert "good" not in here.there("runs").err
        put(tmp_path, "version: 1\njobs: {good: {runs: x}}\n")
        for command in FROM_THE_LEDGER:
            mine, told = here(*command.split()), here.there(*command.split())
            assert (told.code, told.err) == (mine.code, mine.err), command
