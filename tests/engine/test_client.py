"""Programs that submit runs: what is recorded, what is refused and why, threads, forks, upgrades."""

import contextlib
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import jobfile.client
from engine.client import api
from engine.core.lifecycle import Run
from engine.host.wake import WakePipe
from engine.transactions.keys import KEY_LASTS
from jobfile.client import (
    Client,
    InvalidParamsError,
    RefusedError,
    SubmitError,
    Submitted,
    UnavailableError,
    UnknownJobError,
    submit,
    submit_many,
)
from tests.engine.world import World
from tests.ledgers import Chosen
from tests.soak import examples

JOBS = """\
version: 1
jobs:
  hello:
    params:
      user_id: {type: integer, minimum: 1}
      words: {type: array, items: {type: string}, default: [a]}
      mail: {type: string, format: email, default: kari@example.com}
    concurrency: {limit: none}
    run: echo {{ params.user_id }}
  own:
    params: {n: {type: integer}}
    idempotency_key: "n-{{ params.n }}"
    concurrency: {limit: none}
    run: 'true'
  parts: {matrix: {part: [a, b]}, run: 'echo {{ matrix.part }}'}
  off: {enabled: false, run: 'true'}
  busy: {concurrency: {limit: 1, on_overlap: skip}, run: 'true'}
  free: {concurrency: {limit: none}, run: 'true', params: {x: {type: string, default: ''}}}
"""
FAR = 10**6
IN_FILE = pytest.mark.skipif("config.getoption('store') != 'sqlite'", reason="about a ledger in a file")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An engine without threads; the client's clock is that of the machine."""
    made = World(tmp_path, JOBS, at=datetime.now(UTC) + timedelta(seconds=5))
    monkeypatch.setenv("JOBFILE_STORE", Chosen.ledgers.url(made.config.ledger))
    WakePipe(made.config.state_dir, lambda _: None).close()  # its pipe proves that the folder was made here
    yield made
    made.crash()


@pytest.fixture
def client(world: World) -> Iterator[Client]:
    with Client(state_dir=world.config.state_dir, wait_seconds=0.2) as opened:
        yield opened


def all_runs(world: World) -> list[Run]:
    return list(world.view.recent_runs(job=None, state=None, limit=FAR))


# What is recorded


def test_a_request_is_recorded_with_its_params_and_who_made_it(world: World, client: Client) -> None:
    made = client.submit("hello", {"user_id": 1042, "words": ["x", "y"]}, key="welcome-1042")
    (run,) = all_runs(world)
    assert (run.id, run.state.value, run.trigger.value, run.generation) == (made.id, "queued", "manual", 1)
    assert dict(run.params) == {"user_id": 1042, "words": ("x", "y"), "mail": "kari@example.com"}
    assert (run.idempotency_key, run.caused_by) == ("welcome-1042", None)
    assert run.requested_by
    assert made == Submitted(
        id=run.id, job="hello", is_duplicate=False, state="queued", reason="", runs=(run.id,)
    )
    world.pass_time(seconds=1)
    world.finish()
    assert all_runs(world)[0].state.value == "succeeded"
    assert world.unsound() == []


def test_a_second_request_with_a_key_is_a_duplicate_whatever_became_of_the_first(
    world: World, client: Client
) -> None:
    first = client.submit("hello", {"user_id": 1}, key="k")
    world.pass_time(seconds=1)
    world.finish(exit_code=3)
    second = client.submit("hello", {"user_id": 2}, key="k")
    assert (second.id, second.is_duplicate, second.state) == (first.id, True, "failed")
    assert client.submit("free", key="k").is_duplicate is False, "a key is one of its job"
    assert len(all_runs(world)) == 2


def test_a_duplicate_of_a_run_whose_record_was_deleted_names_that_run(world: World, client: Client) -> None:
    first = client.submit("free", key="k")
    world.pass_time(seconds=1)
    world.finish()
    ended = world.store.run(first.id)
    assert ended is not None
    with world.store.transaction():
        world.store.past.prune([ended], now=world.clock.now())
    again = client.submit("free", key="k")
    assert again == Submitted(
        id=first.id, job="free", is_duplicate=True, state="", reason="", runs=(first.id,)
    )


def test_a_job_with_a_key_of_its_own_behaves_the_same(world: World, client: Client) -> None:
    made = [client.submit("own", {"n": n}) for n in (1, 2, 1)]
    assert [one.is_duplicate for one in made] == [False, False, True]
    assert made[2].id == made[0].id
    assert len(all_runs(world)) == 2


def test_a_matrix_has_a_run_for_each_combination(world: World, client: Client) -> None:
    made = client.submit("parts", key="k")
    again = client.submit("parts", key="k")
    assert len(made.runs) == 2
    assert (again.is_duplicate, set(again.runs), again.id) == (True, set(made.runs), made.id)
    assert sorted(str(run.matrix["part"]) for run in all_runs(world)) == ["a", "b"]


def test_many_requests_are_one_transaction_and_know_each_others_keys(world: World, client: Client) -> None:
    asked = [("hello", {"user_id": n}, f"k{n % 3}") for n in range(1, 7)]
    made = client.submit_many([*asked, ("free", {})])
    assert [one.is_duplicate for one in made] == [False] * 3 + [True] * 3 + [False]
    assert len(all_runs(world)) == 4
    with pytest.raises(InvalidParamsError):
        client.submit_many([("free", {}), ("hello", {"user_id": 0})])
    with pytest.raises(UnknownJobError):
        client.submit_many([("free", {}), ("nope", {})])
    assert len(all_runs(world)) == 4, "all or none"
    assert client.submit_many([]) == ()
    with pytest.raises(SubmitError, match="at most 10,000"):
        client.submit_many([("free", {})] * 10_001)


def test_a_paused_or_disabled_job_can_be_requested_as_by_hand(world: World, client: Client) -> None:
    world.pause("free")
    assert client.submit("free").state == "queued"
    assert client.submit("off").state == "queued"


def test_the_overlap_policy_of_the_job_decides(world: World, client: Client) -> None:
    assert client.submit("busy").state == "queued"
    second = client.submit("busy", key="k")
    assert (second.state, second.reason) == ("skipped", "overlap")
    assert client.submit("busy", key="k").is_duplicate is False, "what did not run has no key"


@IN_FILE
def test_the_engine_is_woken_and_its_absence_can_be_asked(world: World, client: Client) -> None:
    woken: list[str] = []
    pipe = WakePipe(world.config.state_dir, woken.append)
    client.submit("free", key="k")
    pipe.wait(5)
    assert woken == ["ledger"]
    client.submit("free", key="k")
    pipe.wait(0.05)
    assert woken == ["ledger"], "a duplicate wakes nobody"
    pipe.close()
    assert client.is_engine_running() is False


def test_a_new_generation_is_noticed(world: World, client: Client) -> None:
    client.submit("free")
    world.edit(JOBS.replace("free:", "freed:"))
    assert client.submit("freed").state == "queued"
    with pytest.raises(UnknownJobError, match=r"generation 2; did you mean `freed`"):
        client.submit("free")
    world.edit(JOBS.replace("minimum: 1", "minimum: 100"))
    with pytest.raises(InvalidParamsError, match="at least 100"):
        client.submit("hello", {"user_id": 5})


@settings(
    max_examples=examples(30), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    asked=st.lists(st.tuples(st.integers(1, 3), st.sampled_from([None, "a", "b", "é\udcff"])), max_size=8),
    together=st.booleans(),
)
def test_each_key_has_one_run_and_each_request_without_one_its_own(
    tmp_path_factory: pytest.TempPathFactory, asked: list[tuple[int, str | None]], together: bool
) -> None:
    world = World(tmp_path_factory.mktemp("world"), JOBS)
    WakePipe(world.config.state_dir, lambda _: None).close()
    url = Chosen.ledgers.url(world.config.ledger)
    with Client(state_dir=world.config.state_dir, store=url) as client:
        requests = [("hello", {"user_id": n}, key) for n, key in asked]
        if together:
            made = list(client.submit_many(requests))
        else:
            made = [client.submit(job, params, key=key) for job, params, key in requests]
        keys = {key for _, key in asked if key}
        plain = sum(1 for _, key in asked if not key)
        assert len(all_runs(world)) == len(keys) + plain
        assert {one.id for one in made} == {run.id for run in all_runs(world)}
        first: dict[str, str] = {}
        for one, (_, key) in zip(made, asked, strict=True):
            assert one.id == first.setdefault(key or one.id, one.id)
        assert sum(one.is_duplicate for one in made) == len(asked) - len(keys) - plain
    world.crash()
    Chosen.ledgers.give_back(world.config.ledger)


# What is refused


class Color(StrEnum):
    """A text that is also a member."""

    RED = "red"


def test_one_error_lists_every_problem(world: World, client: Client) -> None:
    with pytest.raises(ValueError, match="values are missing or wrong") as caught:
        client.submit("hello", {"mail": "nobody", "words": {"a": 1}, "colour": Color.RED}, key="x" * 300)
    error = caught.value
    assert isinstance(error, InvalidParamsError)
    assert error.problems == (
        "hello: words: a dict is not a text, a number, a boolean, or a list of these",
        "hello: colour: no such param; known params: mail, user_id, words",
        "hello: mail: `nobody` is not a email",
        "hello: user_id: an integer is required",
        "hello: the key has 300 characters; expected at most 255",
    )
    assert all(one in str(error) for one in error.problems)
    with pytest.raises(InvalidParamsError, match="free: the key is empty"):
        client.submit("free", key="")
    with pytest.raises(InvalidParamsError, match="hello, request 2: user_id"):
        client.submit_many([("hello", {"user_id": 1}), ("hello", {})])
    assert all_runs(world) == []


@pytest.mark.parametrize(
    ("job", "params"),
    [
        ("hello", {"user_id": "1"}),
        ("hello", {"user_id": True}),
        ("hello", {"user_id": 10**18}),
        ("hello", {"user_id": float("nan")}),
        ("hello", {"user_id": None}),
        ("hello", {"user_id": 1, "words": [["a"]]}),
        ("free", {"x": "a\0b"}),
        ("free", {"x": "\udcff"}),
        ("free", {"x": "x" * 40_000}),
        ("free", {"x": b"bytes"}),
    ],
)
def test_a_value_that_a_job_cannot_get_is_refused(
    world: World, client: Client, job: str, params: dict[str, object]
) -> None:
    with pytest.raises(InvalidParamsError):
        client.submit(job, params)
    assert all_runs(world) == []


def test_a_value_of_a_subclass_is_the_plain_value(world: World, client: Client) -> None:
    client.submit("free", {"x": Color.RED})
    assert dict(all_runs(world)[0].params) == {"x": "red"}


def test_without_jobs_in_force_there_is_nothing_to_submit_to(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"nothing is recorded yet.*jobfile up"):
        submit("hello", state_dir=tmp_path / "none")
    world = World(tmp_path, "version: 1\njobs: {hello: {run: 'true', nonsense: 1}}\n")
    WakePipe(world.config.state_dir, lambda _: None).close()
    with pytest.raises(RefusedError, match="no jobs are in force"):
        submit("hello", state_dir=world.config.state_dir)
    world.crash()


@IN_FILE
def test_a_ledger_that_others_write_to_is_waited_for_and_then_refused(world: World, client: Client) -> None:
    client.submit("free")
    with sqlite3.connect(world.config.ledger, isolation_level=None) as other:
        other.execute("begin immediate")
        began = time.monotonic()
        with pytest.raises(UnavailableError, match="busy; try again"):
            client.submit("free")
        assert 0.15 < time.monotonic() - began < 10
        other.execute("rollback")
    other.close()
    client.submit("free")
    assert len(all_runs(world)) == 2


@contextlib.contextmanager
def small_disk(path: Path) -> Iterator[Path]:
    """A disk in memory, of few MiB."""
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(path)], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


@IN_FILE
def test_a_full_disk_is_an_error_and_the_next_submission_works(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        world = World(disk, JOBS)
        WakePipe(world.config.state_dir, lambda _: None).close()
        with Client(state_dir=world.config.state_dir) as client:
            client.submit("free")
            filler = disk / "filler"
            with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(bytes(4096))
            before, refused = len(all_runs(world)), 0
            made = []
            for number in range(200):
                try:
                    made.append(client.submit("free", {"x": "x" * 9_000}, key=f"k{number}"))
                except UnavailableError:
                    refused += 1
            assert refused
            with pytest.raises(UnavailableError, match="cannot be written"):
                client.submit("free", {"x": "x" * 30_000})
            assert len(all_runs(world)) == before + len(made)
            filler.unlink()
            assert client.submit("free", key="k199").state == "queued"
        world.crash()


@IN_FILE
def test_a_ledger_of_a_newer_version_is_refused_before_anything_is_written(
    world: World, client: Client
) -> None:
    client.submit("free")
    version = world.store._db.pragma("user_version")
    with sqlite3.connect(world.config.ledger) as newer:
        newer.execute(f"pragma user_version = {int(str(version)) + 1}")
    newer.close()
    for _ in range(2):
        with pytest.raises(RefusedError, match=r"newer jobfile.*upgrade jobfile, and restart this program"):
            client.submit("free")
    with sqlite3.connect(world.config.ledger) as back:
        back.execute(f"pragma user_version = {version}")
    back.close()
    client.submit("free")
    assert len(all_runs(world)) == 2


@IN_FILE
def test_a_ledger_of_an_older_version_is_not_migrated(world: World) -> None:
    with sqlite3.connect(world.config.ledger) as older:
        older.execute("pragma user_version = 3")
    older.close()
    with pytest.raises(RefusedError, match=r"older jobfile|altered"):
        submit("free", state_dir=world.config.state_dir)
    assert world.store._db.pragma("user_version") == 3


@IN_FILE
def test_a_state_folder_that_was_replaced_is_opened_again(tmp_path: Path) -> None:
    worlds = [World(tmp_path / name, JOBS) for name in ("old", "new")]
    for world in worlds:
        WakePipe(world.config.state_dir, lambda _: None).close()
    old, new = worlds
    with Client(state_dir=old.config.state_dir) as client:
        client.submit("free", key="k")
        old.crash()
        old.config.state_dir.rename(tmp_path / "gone")
        with pytest.raises(RefusedError, match="nothing is recorded"):
            client.submit("free", key="k")
        new.crash()
        new.config.state_dir.rename(old.config.state_dir)
        assert client.submit("free", key="k").is_duplicate is False
    old.boot()
    assert len(all_runs(old)) == 1
    old.crash()


@IN_FILE
def test_another_user_is_told_whose_folder_it_is(world: World, tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(world.config.state_dir)],
        capture_output=True, text=True, cwd=closed, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.stdout == "RefusedError\n", done.stderr
    assert "may not use the state folder" in done.stderr
    assert "run this program as the user of the engine" in done.stderr
    assert all_runs(world) == []


AS_NOBODY = """
import os, sys
from jobfile.client import Client, SubmitError
import engine.client.ledger  # the sources may be closed to others
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    Client(state_dir=sys.argv[1]).submit("free")
except SubmitError as error:
    print(type(error).__name__)
    print(error, file=sys.stderr)
"""


# Jobs, threads, forks


def test_a_program_in_a_job_names_its_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    outer = world.run_by_hand("free")
    monkeypatch.setenv("JOBFILE_RUN_ID", outer.id)
    made = submit("hello", {"user_id": 1}, state_dir=world.config.state_dir)
    found = world.store.run(made.id)
    assert found is not None
    assert found.caused_by == outer.id


@pytest.mark.parametrize("named", ["0" * 31 + "9", "nonsense", ""])
def test_a_run_of_no_ledger_causes_nothing(world: World, monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv("JOBFILE_RUN_ID", named)
    with Client(state_dir=world.config.state_dir) as client:
        client.submit("free")
    assert all_runs(world)[0].caused_by is None


def test_threads_share_a_client(world: World) -> None:
    with Client(state_dir=world.config.state_dir) as client, ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda n: client.submit("free", key=f"k{n % 20}"), range(60)))
    assert len(all_runs(world)) == 20
    assert sum(one.is_duplicate for one in made) == 40
    assert len({one.id for one in made}) == 20


def test_a_client_lives_through_forks_while_threads_submit(world: World) -> None:
    """As a server does that forks its workers after it has loaded the program."""
    client = Client(state_dir=world.config.state_dir)
    client.submit("free", key="before")
    over = threading.Event()

    def keep_on() -> int:
        count = 0
        while not over.is_set():
            client.submit("free")
            count += 1
        return count

    with ThreadPoolExecutor(2) as threads:
        others = [threads.submit(keep_on) for _ in range(2)]
        children = []
        for number in range(6):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    again = client.submit("free", key="before")
                    made = [client.submit("free", key=f"child-{number}-{n}") for n in range(5)]
                    code = 0 if again.is_duplicate and not any(one.is_duplicate for one in made) else 2
                finally:
                    os._exit(code)
            children.append(child)
        assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 6
        over.set()
        counts = [one.result() for one in others]
    client.close()
    assert len(all_runs(world)) == 1 + 6 * 5 + sum(counts)
    world.store.verify()


def test_a_fork_that_python_did_not_notice_is_refused(world: World, client: Client) -> None:
    client.submit("free")
    client._opened_by -= 1
    with pytest.raises(RefusedError, match="forked in a way"):
        client.submit("free")
    client.close()
    assert client.submit("free").state == "queued"


# The functions


def test_the_functions_find_the_folder_as_the_commands_do(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JOBFILE_STATE", raising=False)
    (tmp_path / "jobs.yaml").write_text(JOBS)
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    ids = [
        submit("free").id,
        submit("free", main_file=tmp_path / "jobs.yaml").id,
        *(one.id for one in submit_many([("free", {}), ("free", {}, "k")], state_dir="../.jobfile")),
    ]
    monkeypatch.chdir("/")
    monkeypatch.setenv("JOBFILE_STATE", str(world.config.state_dir))
    ids.append(submit("free").id)
    assert {run.id for run in all_runs(world)} == set(ids)
    assert len(ids) == 5


def test_a_key_is_free_after_a_week(world: World, client: Client) -> None:
    client.submit("free", key="k")
    held = world.store.keys
    (run,) = all_runs(world)
    almost = run.queued_at + KEY_LASTS - timedelta(seconds=1)
    assert held.holder("free", "k", now=almost) == run.id
    assert held.holder("free", "k", now=almost + timedelta(seconds=1)) == ""


HEAVY = (
    "click",
    "jsonschema",
    "jsonschema_rs",
    "yaml",
    "watchdog",
    "jinja2",
    "urllib3",
    "engine.ledger",
    "sqlite3",
)
PROBE = "import sys; import jobfile.client; print([one for one in sys.argv[1:] if one in sys.modules])"


def test_importing_it_loads_no_package_that_reads_files_and_no_database() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE, *HEAVY], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_submitting_loads_no_package_that_reads_files(world: World) -> None:
    folder = str(world.config.state_dir)
    text = f"from jobfile.client import submit\nsubmit('free', state_dir={folder!r})\n{PROBE}"
    done = subprocess.run(
        [sys.executable, "-c", text, *HEAVY[:5]], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_the_language_does_not_load_the_engine() -> None:
    probe = "import sys, jobfile.pipeline; print([one for one in sys.modules if one.startswith('engine')])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_all_public_names_say_what_they_are_for() -> None:
    for name in jobfile.client.__all__:
        assert getattr(jobfile.client, name).__doc__


@IN_FILE
def test_the_functions_keep_few_clients(world: World, tmp_path: Path) -> None:
    submit("free", state_dir=world.config.state_dir)
    for number in range(api.MAX_KEPT + 3):
        with pytest.raises(RefusedError):
            submit("free", state_dir=tmp_path / str(number))
    assert len(api._kept) <= api.MAX_KEPT
    assert submit("free", state_dir=world.config.state_dir).state == "queued"
