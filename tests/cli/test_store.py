"""`--store` and JOBFILE_STORE: the ledger is in a real PostgreSQL server."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree

import pytest

from engine.config import EngineConfig
from engine.core.errors import EngineRunningError, SupersededError
from engine.host.home import has_evidence
from engine.host.lock import EngineLock
from engine.ledger.opening import open_ledger
from engine.ledger.store_ports import Store
from engine.service.claiming import Claim
from jobfile import client
from tests.builders import MINUTE, NOON, a_job, a_run, compiled
from tests.cli.conftest import Jobfile
from tests.cli.test_files import fits
from tests.postgres_ledgers import superuser
from tests.postgres_servers import run_folder, shared_server
from tests.store.conformance import ENDED, SUCCEEDED


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[str]:
    """The URL of a database for the schemas of these tests."""
    with shared_server(run_folder(tmp_path_factory)) as server:
        with superuser(server.url()) as first:
            first.execute(f'create database "cli-{worker_id}"')
        yield server.url(f"cli-{worker_id}")


@pytest.fixture
def url(database: str) -> Iterator[str]:
    """The URL of a schema without tables."""
    with superuser(database) as connection:
        connection.execute("create schema jobs")
        yield f"{database}&options=-csearch_path%3Djobs"
        connection.execute("drop schema jobs cascade")


@pytest.fixture
def shared(url: str, jobfile: Jobfile, monkeypatch: pytest.MonkeyPatch) -> Jobfile:
    """The command `jobfile`, with a ledger in a server."""
    monkeypatch.setenv("JOBFILE_STORE", url)
    return jobfile


def test_commands_work_with_a_ledger_in_a_server_as_with_one_in_a_file(
    shared: Jobfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    assert shared("did", "good").code == 5
    assert "nothing is recorded yet in postgresql:///cli-" in shared("runs").err
    assert shared("doctor", "--json").json["checks"][1]["code"] == "ledger.none"
    assert shared("apply", "--yes").code == 0
    done = shared("run", "good", "-p", "name=anna")
    assert (done.code, done.out) == (0, "hello, anna 1\n")
    assert shared("run", "bad").code == 1
    assert ": succeeded (run " in shared("did", "good").out
    assert shared("logs", "good").out == "hello, anna 1\n"
    assert [one["job"] for one in shared("runs", "--json").json["runs"]] == ["bad", "good"]
    assert shared("list", "--json").code == 0
    assert shared("report").code == 1
    assert shared("pause", "good", "--why", "vendor").code == 0
    assert shared("audit", "verify").code == 0
    codes = {one["code"] for one in shared("doctor", "--json").json["checks"]}
    assert "ledger.settings" in codes
    assert not {one for one in codes if one.startswith(("invariant.", "leftovers."))}
    state = tmp_path / ".jobfile"
    assert not (state / "ledger.db").exists()
    monkeypatch.delenv("JOBFILE_STORE")
    for command in ("did good", "runs", "run good", "pause bad"):
        refused = shared(*command.split())
        assert refused.code == 1, command
        assert f"the ledger of {state} is postgresql:///cli-" in refused.err
        assert "name it with --store or JOBFILE_STORE" in refused.err
    assert not (state / "ledger.db").exists()
    assert ": succeeded (run " in shared("did", "good", "--store", url).out


def test_a_wrong_store_is_refused_before_anything_is_done(
    jobfile: Jobfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for store, said in {
        "postgresql://anna:secret@db/x": "--store has a password, which other users can see",
        "postgresql://db/x?password=secret": "--store has a password, which other users can see",
        "mysql://db/x": "has the scheme `mysql`; expected  postgresql://USER@HOST/DATABASE",
        "ledger.db": "has no scheme; expected  postgresql://USER@HOST/DATABASE",
    }.items():
        refused = jobfile("status", "--store", store)
        assert refused.code == 64, store
        assert said in refused.err
        assert "secret" not in refused.err
    monkeypatch.setenv("JOBFILE_STORE", "postgresql://anna:secret@127.0.0.1:1/x")
    for command in ("status", "up --for 1s", "run good", "apply --yes"):
        refused = jobfile(*command.split())
        assert refused.code == 75, command
        assert "the ledger postgresql://127.0.0.1:1/x cannot be reached (connection failed" in refused.err
        assert "secret" not in refused.err
    assert not (tmp_path / ".jobfile" / "ledger.db").exists()


def test_a_port_in_the_url_of_a_store_is_no_password(jobfile: Jobfile) -> None:
    refused = jobfile("status", "--store", "postgresql://127.0.0.1:1/x")
    assert refused.code == 75
    assert "cannot be reached" in refused.err


def test_tokens_metrics_and_completion_know_a_ledger_in_a_server(
    shared: Jobfile, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    def completed(*words: str) -> str:
        return shared("completion", "bash", "--", *words).out

    assert shared("apply", "--yes").code == 0
    assert shared("token", "add", "bot", "--role", "operator").code == 0
    assert [one["name"] for one in shared("token", "list", "--json").json["tokens"]] == ["bot"]
    assert shared("token", "revoke", "bot").code == 0
    assert shared("run", "bad").code == 1
    (run,) = shared("runs", "--json").json["runs"]
    assert 'jobfile_job_state{job_name="bad",state="failed"} 1.0' in shared("metrics").out
    assert run["id"][:8] in completed("retry", "")
    monkeypatch.delenv("JOBFILE_STORE")
    assert run["id"][:8] not in completed("retry", "")
    assert run["id"][:8] in completed("retry", "--store", url, "")
    refused = shared("ui", "--store", url)
    assert (refused.code, "the page is not served at an address" in refused.err) == (1, True)


def test_programs_submit_to_a_ledger_in_a_server(
    shared: Jobfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    with pytest.raises(client.RefusedError, match="nothing is recorded yet in postgresql:///cli-"):
        client.submit("good")
    assert shared("apply", "--yes").code == 0
    there = tmp_path / "another-host"
    monkeypatch.delenv("JOBFILE_STORE")
    with pytest.raises(client.RefusedError, match=r"nothing is recorded yet in .*another-host"):
        client.submit("good", state_dir=there)
    first = client.submit("good", {"name": "anna"}, key="k", state_dir=there, store=url)
    assert not there.exists(), "a program needs no state folder"
    monkeypatch.setenv("JOBFILE_STORE", url)
    assert client.submit("good", {"name": "anna"}, key="k").id == first.id
    with client.Client(state_dir=there) as own:
        assert own.is_engine_running() is False
        made = own.submit_many([("good", {"name": "kari"}), ("bad", {})])
        child = os.fork()
        if not child:
            os._exit(0 if own.submit("bad").state else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert own.submit("bad").state
    runs = shared("runs", "--json").json["runs"]
    assert len(runs) == 5
    assert {first.id, *(one.id for one in made)} < {one["id"] for one in runs}
    with pytest.raises(client.UnknownJobError, match="did you mean `good`"):
        client.submit("goood")


def test_a_program_learns_no_password_from_an_error(tmp_path: Path) -> None:
    for store, kind in {
        "postgresql://anna:secret@127.0.0.1:1/x": client.UnavailableError,
        "mysql://anna:secret@db/x": client.RefusedError,
        "postgresql://anna:sec/ret@db/x": client.RefusedError,
    }.items():
        with pytest.raises(kind) as caught:
            client.submit("good", state_dir=tmp_path, store=store)
        assert not re.search(r"sec\W?ret", str(caught.value)), store


Opened = Callable[[str], tuple[Store, EngineConfig]]


@pytest.fixture
def opened(url: str, tmp_path: Path) -> Iterator[Opened]:
    """Opens the ledger for an engine with a state folder of this name."""
    stores: list[Store] = []

    def open_one(name: str) -> tuple[Store, EngineConfig]:
        state = tmp_path / name
        state.mkdir(mode=0o700, exist_ok=True)
        stores.append(open_ledger(url))
        config = EngineConfig(main_file=tmp_path / "jobs.yaml", state_dir=state, environ={}, store=url)
        return stores[-1], config

    yield open_one
    for store in stores:
        store.close()


def begin(opened: Opened, name: str, *, now: datetime = NOON, boot_id: str = "boot") -> tuple[Store, int]:
    """An engine takes the ledger as a session does."""
    store, config = opened(name)
    claim = Claim(store, config, boot_id=boot_id)
    claim.make(now=now)
    epoch = store.open_session(kind="engine", boot_id=boot_id, pid=1, version="1", now=now, boot_seconds=1.0)
    claim.check(epoch, now=now)
    assert has_evidence(config)
    return store, epoch


def end(store: Store, epoch: int) -> None:
    with store.transaction():
        store.close_session(epoch=epoch, now=NOON, boot_seconds=1.0, reason="stopped")


def test_an_engine_with_another_state_folder_is_refused_until_the_first_has_ended(opened: Opened) -> None:
    epoch = begin(opened, "a")[1]
    with pytest.raises(
        EngineRunningError, match=r"belongs to the engine of .*/a, which did not end normally"
    ):
        begin(opened, "b", now=NOON + MINUTE)
    again, later = begin(opened, "a", now=NOON + MINUTE)  # after a crash, its own folder may
    assert later == epoch + 1
    end(again, later)
    begin(opened, "b", now=NOON + MINUTE)
    with pytest.raises(EngineRunningError, match="/b, which did not end normally"):
        begin(opened, "a", now=NOON + MINUTE)


def test_an_engine_with_another_state_folder_waits_for_the_jobs_of_the_first(opened: Opened) -> None:
    store, epoch = begin(opened, "a")
    with store.transaction():
        store.add_definition(compiled(a_job()))
        store.add_run(a_run())
        assert store.start(a_run(), boot_id="boot", now=NOON)
    end(store, epoch)
    with pytest.raises(EngineRunningError, match="/a, which has running jobs"):
        begin(opened, "b")
    started = store.run(a_run().id)
    assert started is not None
    with store.transaction():
        assert store.settle(started, SUCCEEDED, ENDED)
    begin(opened, "b")


def test_of_two_engines_that_start_at_once_at_most_one_goes_on(opened: Opened) -> None:
    (one, first), (other, second) = opened("a"), opened("b")
    early, late = Claim(one, first, boot_id="boot"), Claim(other, second, boot_id="boot")
    early.make(now=NOON)
    late.make(now=NOON)
    epochs = [
        store.open_session(kind="engine", boot_id="boot", pid=1, version="1", now=NOON, boot_seconds=1.0)
        for store in (other, one)
    ]
    with pytest.raises(EngineRunningError, match="/b, which was started at the same time"):
        early.check(epochs[1], now=NOON)
    with pytest.raises(SupersededError):
        late.check(epochs[0], now=NOON)
    begin(opened, "b")
    assert (has_evidence(first), has_evidence(second)) == (False, True)


def test_a_leader_that_another_engine_has_superseded_leads_again(opened: Opened) -> None:
    """It was taken from a leader that was just starting, whose session gets no end."""
    (leading, own), (asking, elsewhere) = opened("a"), opened("b")
    leader = replace(own, is_leader=True)
    starting, command = Claim(leading, leader, boot_id="boot"), Claim(asking, elsewhere, boot_id="boot")
    starting.make(now=NOON)
    command.make(now=NOON)
    about = {"boot_id": "boot", "pid": 1, "version": "1", "now": NOON, "boot_seconds": 1.0}
    first = leading.open_session(kind="engine", **about)
    second = asking.open_session(kind="run", **about)
    with pytest.raises(SupersededError):
        starting.check(first, now=NOON)
    command.check(second, now=NOON)
    end(asking, second)
    again, _ = opened("a")
    claim = Claim(again, leader, boot_id="boot")
    claim.make(now=NOON)
    claim.check(again.open_session(kind="engine", **about), now=NOON)


def test_a_command_takes_no_ledger_that_hosts_share(opened: Opened) -> None:
    """While no host leads, too: the next one begins, and it executes what the command asked for."""
    leading, own = opened("a")
    leader = Claim(leading, replace(own, is_leader=True), boot_id="boot")
    leader.make(now=NOON)
    epoch = leading.open_session(
        kind="engine", boot_id="boot", pid=1, version="1", now=NOON, boot_seconds=1.0
    )
    leader.check(epoch, now=NOON)
    end(leading, epoch)
    asking, elsewhere = opened("b")
    with pytest.raises(EngineRunningError, match="of several hosts, which execute its runs"):
        Claim(asking, elsewhere, boot_id="boot", is_command=True).make(now=NOON)
    begin(opened, "b")  # an engine may: then the hosts share it no more


def test_a_job_that_a_command_began_meanwhile_is_not_taken_over(opened: Opened) -> None:
    store, epoch = begin(opened, "a")
    end(store, epoch)
    other, config = opened("b")
    claim = Claim(other, config, boot_id="boot")
    claim.make(now=NOON)
    with store.transaction():
        store.add_definition(compiled(a_job()))
        store.add_run(a_run())
        assert store.start(a_run(), boot_id="boot", now=NOON)
    epoch = other.open_session(kind="engine", boot_id="boot", pid=1, version="1", now=NOON, boot_seconds=1.0)
    with pytest.raises(EngineRunningError, match="/a, which has running jobs"):
        claim.check(epoch, now=NOON)
    with pytest.raises(EngineRunningError, match="/a, which has running jobs"):
        begin(opened, "b")


def test_a_copy_of_a_state_folder_on_another_machine_is_refused_while_the_first_is_heard(
    opened: Opened, tmp_path: Path
) -> None:
    begin(opened, "a")
    copytree(tmp_path / "a", tmp_path / "copy")
    with pytest.raises(EngineRunningError, match="/a, which had a heartbeat 10 s ago"):
        begin(opened, "copy", boot_id="other", now=NOON + timedelta(seconds=10))
    begin(opened, "copy", boot_id="other", now=NOON + MINUTE)


def test_another_host_hears_from_the_ledger_that_an_engine_runs(
    shared: Jobfile, opened: Opened, tmp_path: Path
) -> None:
    assert shared("apply", "--yes").code == 0
    now = datetime.now(UTC)
    store, epoch = begin(opened, "a", now=now)
    assert "running since" in shared("status").out
    refused = shared("run", "good", "--detach")
    assert refused.code == 0, "it is recorded, and the engine there starts it"
    assert [run.job for run in store.open_runs()] == ["good"]
    end(store, epoch)
    assert "NOT RUNNING" in shared("status").out
    with closing(open_ledger(opened("a")[1].store)) as later:
        assert later.newest_epoch() == epoch


def test_a_ledger_moves_into_a_server_and_back_with_every_answer(
    jobfile: Jobfile, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert jobfile("run", "good", "-p", "name=anna").code == 0
    assert jobfile("run", "bad").code == 1
    said = {command: jobfile(*command.split()).out for command in ("did good", "did bad", "runs", "audit")}
    trial = jobfile("migrate", "--to", url, "--dry-run")
    assert (trial.code, trial.out[:11], trial.out.count("nothing was changed")) == (0, "would move ", 1)
    done = jobfile("migrate", "--to", url, "--json")
    fits(done.json, "migrate")
    assert (done.code, done.json["rows"]["run"], done.json["was_there"]) == (0, 2, False)
    for command in ("did good", "runs", "run good", "migrate --to sqlite:///x"):
        refused = jobfile(*command.split())
        assert (refused.code, "was moved to postgresql:///cli-" in refused.err) == (1, True), command
    monkeypatch.setenv("JOBFILE_STORE", url)
    assert {command: jobfile(*command.split()).out for command in said} == said
    assert jobfile("run", "good", "-p", "name=otto").out == "hello, otto 1\n"
    assert jobfile("logs", "good").out == "hello, otto 1\n"
    refused = jobfile("migrate", "--to", f"sqlite://{tmp_path}/.jobfile/ledger.db")
    assert (refused.code, "was moved to" in refused.err) == (1, True)
    (tmp_path / ".jobfile" / "ledger.db").unlink()
    assert jobfile("migrate", "--to", f"sqlite://{tmp_path}/.jobfile/ledger.db").code == 0
    monkeypatch.delenv("JOBFILE_STORE")
    assert jobfile("logs", "good").out == "hello, otto 1\n"
    assert len(jobfile("runs", "--json").json["runs"]) == 3
    assert "ok       invariants I1-I12: 3 runs" in jobfile("doctor").out


def test_a_ledger_is_not_moved_where_it_is_nor_with_a_password_nor_while_an_engine_runs(
    jobfile: Jobfile, tmp_path: Path, url: str
) -> None:
    assert jobfile("migrate", "--to", url).code == 64
    assert not (tmp_path / ".jobfile").exists()
    assert jobfile("run", "good").code == 0
    for to, code, words in (
        (f"sqlite://{tmp_path}/.jobfile/ledger.db", 64, "where the ledger is already"),
        ("postgresql://anna:s3cr3t@h/db", 64, "--to has a password"),
        ("mysql://h/db", 1, "the scheme `mysql`"),
        (f"sqlite://{tmp_path}/no/such/folder/x.db", 1, "no such file"),
    ):
        said = jobfile("migrate", "--to", to)
        assert (said.code, words in said.err.lower()) == (code, True), said.err
        assert "s3cr3t" not in said.err
    lock = EngineLock.take(tmp_path / ".jobfile")
    said = jobfile("migrate", "--to", url)
    lock.release()
    assert (said.code, "stop it first" in said.err) == (75, True), said.err
    assert jobfile("did", "good").code == 0


def test_a_move_that_is_interrupted_at_its_end_deletes_nothing(
    jobfile: Jobfile, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert jobfile("run", "good").code == 0
    assert jobfile("migrate", "--to", url).code == 0
    file = tmp_path / ".jobfile" / "ledger.db"
    file.unlink()

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setenv("JOBFILE_STORE", url)
        patched.setattr("engine.ledger.postgres.copying.PostgresCopyable.close", interrupted)
        assert jobfile("migrate", "--to", f"sqlite://{file}").code == 130
    assert jobfile("did", "good").code == 0
