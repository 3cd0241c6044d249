"""The commands about runs, on real ones: run, did, why, runs, logs, cancel, retry, report, status, apply."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.answers.report import VERDICTS
from engine.host.lock import is_engine_running
from engine.ledger.sqlite.store import SqliteStore
from engine.ledger.sqlite.view import SqliteView
from tests.cli.conftest import JOBS, Jobfile
from tests.cli.test_files import fits

TODAY = datetime.now(UTC).date().isoformat()


@contextmanager
def engine(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A real engine in the folder, until the block ends."""
    command = [sys.executable, "-m", "engine.cli.main", "up", *arguments]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            if is_settled(folder / ".jobfile"):
                break
            threading.Event().wait(0.05)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(20) == 0
        finally:
            process.kill()
            process.wait()


def is_settled(state: Path) -> bool:
    """Whether an engine is there and has looked at the files."""
    log = state / "engine.log"
    told = log.read_text() if log.exists() else ""
    since_start = told.rpartition('"EngineStarted"')[2]
    looked = any(word in since_start for word in ("GenerationApplied", "ConfigRejected", "ConfigChanged"))
    return is_engine_running(state) and '"EngineStarted"' in told and (looked or is_in_force(state))


def is_in_force(state: Path) -> bool:
    view = SqliteView.open(state / "ledger.db")
    try:
        return view.current_generation() is not None
    finally:
        view.close()


def until(jobfile: Jobfile, job: str, state: str) -> dict:
    """The newest run of a job, once it stands so."""
    for _ in range(150):
        runs = jobfile("runs", job, "--json", "--limit", "1").json["runs"]
        if runs and runs[0]["state"] == state:
            return dict(runs[0])
        threading.Event().wait(0.1)
    raise AssertionError(f"{job} never became {state}: {runs}")


def test_a_run_prints_its_output_and_exits_as_it_ended(jobfile: Jobfile) -> None:
    said = jobfile("run", "good", "-p", "name=it's $HOME; `id`", "-p", "count=3")
    assert (said.code, said.out) == (0, "hello, it's $HOME; `id` 3\n")
    assert "good: succeeded" in said.err
    said = jobfile("run", "bad")
    assert (said.code, said.out) == (1, "trouble\n")
    assert "exit code 7" in said.err


def test_a_retry_is_reported_and_followed(jobfile: Jobfile) -> None:
    said = jobfile("run", "flaky")
    assert said.code == 0
    assert "next attempt in" in said.err
    assert "2 attempts" in said.err


def test_wrong_params_are_refused_before_anything_is_recorded(jobfile: Jobfile, tmp_path: Path) -> None:
    said = jobfile("run", "good", "-p", "count=many", "-p", "nmae=x")
    assert said.code == 64
    assert "count" in said.err
    assert "did you mean `name`?" in said.err
    assert jobfile("run", "good", "-p", "count").code == 64
    assert jobfile("run", "nope").code == 64
    assert not (tmp_path / ".jobfile").exists()


def test_a_broken_file_runs_nothing_and_is_explained(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS.replace("retry:", "retires:"))
    said = jobfile("run", "good")
    assert said.code == 1
    assert "JF101" in said.out


def test_a_dry_run_starts_nothing_and_writes_nothing(jobfile: Jobfile, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    said = jobfile("run", "good", "--dry-run", "-p", "name=you")
    assert said.code == 0
    assert "JF_1 = 'you'" in said.out
    assert "would run" in said.out
    assert sorted(tmp_path.rglob("*")) == before


def test_did_answers_with_its_exit_code(jobfile: Jobfile) -> None:
    assert jobfile("did", "good").code == 5
    assert jobfile("did", "god").code == 64
    jobfile("run", "good", "-p", "name=anna")
    jobfile("run", "bad")
    said = jobfile("did", "good")
    assert said.code == 0
    assert said.out.startswith("good: yes, it ran and succeeded")
    assert jobfile("did", "bad").code == 1
    assert jobfile("did", "good", "-p", "name=anna").code == 0
    assert jobfile("did", "good", "-p", "name=nobody").code == 5
    assert jobfile("did", "good", "--on", TODAY).code == 0
    assert jobfile("did", "good", "--on", "2020-01-01").code == 5
    assert jobfile("did", "god").code == 64
    assert jobfile("did", "good", "--on", "someday").code == 64
    answer = jobfile("did", "bad", "--json").json
    fits(answer, "did")
    assert (answer["answer"], answer["exit_code"]) == ("not_well", 1)


UNSTARTED = {
    "a program that is not there": ("command: [not-there], retry: 3", "program `not-there` not found"),
    "a missing secret": ("run: echo >ran, secrets: {T: env:NOT_SET_ANYWHERE}", "secret `T` is not there"),
    "a folder that is not there": ("run: echo >../ran, working_dir: /not-there", "working_dir /not-there"),
    "a template that fails": (
        "command: [touch, ran, '{{ 1 / (params.n - 3) }}'], params: {n: {type: integer, default: 3}}",
        "",
    ),
}


@pytest.mark.parametrize("name", UNSTARTED)
def test_what_could_not_be_started_did_not_run_in_any_answer(
    jobfile: Jobfile, tmp_path: Path, name: str
) -> None:
    about, why = UNSTARTED[name]
    (tmp_path / "jobs.yaml").write_text(f"version: 1\njobs:\n  a: {{{about}}}\n")
    said = jobfile("run", "a")
    assert said.code == 3
    assert said.err.startswith(f"a: failed: it could not be started: {why}")
    assert not (tmp_path / "ran").exists()
    (run,) = jobfile("runs", "--json").json["runs"]
    assert run["attempts"] == 1
    answer = jobfile("did", "a")
    assert (answer.code, answer.out.startswith(f"a: no, it could not be started: {why}")) == (3, True)
    assert jobfile("did", "a", "--json").json["answer"] == "did_not_run"
    story = jobfile("why", "a").out
    assert f": did not run, it could not be started: {why}" in story
    assert "no, its command was never executed" in story
    assert jobfile("wait", run["id"]).code == 3
    report = jobfile("report", "--json")
    assert (report.code, report.json["failed"], report.json["adds_up"]) == (1, 1, True)


def test_a_run_whose_retry_could_not_be_started_did_run(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    retry = "retry: {attempts: 3, delay: 1s, jitter: none}"
    (tmp_path / "jobs.yaml").write_text(
        f"version: 1\njobs:\n  a: {{run: rmdir ../folder; exit 7, working_dir: {tmp_path}/folder, {retry}}}\n"
    )
    said = jobfile("run", "a")
    assert said.code == 1
    assert "a: failed after" in said.err
    answer = jobfile("did", "a")
    assert answer.code == 1
    assert "no, it ran and did not succeed: failed after 2 attempts" in answer.out
    assert "never executed" not in jobfile("why", "a").out


def test_a_secret_reaches_the_job_and_nothing_else(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret-value\n")
    (tmp_path / "jobs.yaml").write_text(
        "version: 1\njobs:\n  a:\n"
        f"    secrets: {{TOKEN: 'file:{tmp_path}/token'}}\n"
        '    run: |\n      test "$TOKEN" = s3cret-value\n      echo "token is $TOKEN"\n'
    )
    (tmp_path / "jobs.yaml").write_text(
        (tmp_path / "jobs.yaml").read_text().replace("s3cret-value\n", "s3cret-value\n")
    )
    said = jobfile("run", "a")
    assert (said.code, said.out) == (0, "token is ***\n")
    for path in (tmp_path / ".jobfile").rglob("*"):
        if path.is_file() and path.name != "script":
            assert b"s3cret-value" not in path.read_bytes().replace(b"= s3cret-value", b""), path


def test_runs_logs_and_why_show_a_run(jobfile: Jobfile) -> None:
    jobfile("run", "bad")
    listed = jobfile("runs", "--json", "--limit", "5").json
    fits(listed, "runs")
    (run,) = listed["runs"]
    assert (run["state"], run["reason"], run["exit_code"], run["attempts"]) == ("failed", "exit(7)", 7, 1)
    assert "exit code 7" in jobfile("runs").out
    assert jobfile("logs", "bad").out == "trouble\n"
    assert jobfile("logs", run["id"][:8]).out == "trouble\n"
    assert jobfile("logs", "bad", "--json").json["attempts"][0]["output"] == "trouble\n"
    assert jobfile("logs", "ffffffff").code == 64
    story = jobfile("why", "bad", run["scheduled_for"], "--json").json
    fits(story, "why")
    assert (story["state"], story["runs"]) == ("failed", [run["id"]])
    assert "attempts    1" in jobfile("why", "bad", run["scheduled_for"]).out


def test_retry_makes_a_new_run_and_did_counts_it(jobfile: Jobfile, tmp_path: Path) -> None:
    jobfile("run", "bad")
    (old,) = jobfile("runs", "--json").json["runs"]
    (tmp_path / "jobs.yaml").write_text(JOBS)
    assert jobfile("retry", old["id"]).code == 1
    new, again = jobfile("runs", "--json").json["runs"]
    assert (new["retry_of"], again["id"], again["state"]) == (old["id"], old["id"], "failed")
    jobfile("run", "good")
    good = jobfile("runs", "good", "--json").json["runs"][0]
    assert jobfile("retry", good["id"]).code == 1
    assert jobfile("retry", good["id"], "--force").code == 0


def test_report_adds_up_and_says_when_something_is_not_well(jobfile: Jobfile) -> None:
    jobfile("run", "good")
    assert jobfile("report").code == 0
    jobfile("run", "bad")
    said = jobfile("report", "--json")
    assert said.code == 1
    fits(said.json, "report")
    for row in (said.json, *said.json["jobs"]):
        assert row["expected"] == sum(row[verdict] for verdict in VERDICTS)
    assert (said.json["expected"], said.json["requested"], said.json["failed"]) == (2, 2, 1)
    assert jobfile("report", "--since", "2030-01-01").code == 64
    assert "total" in jobfile("report", "--since", "7d").out


def test_with_an_engine_a_run_is_handed_over(jobfile: Jobfile, tmp_path: Path) -> None:
    with engine(tmp_path):
        status = jobfile("status", "--json").json
        fits(status, "status")
        assert (status["engine"]["running"], status["generation"], status["is_well"]) == (True, 1, True)
        assert jobfile("status").code == 0
        said = jobfile("run", "good", "-p", "name=engine")
        assert (said.code, said.out) == (0, "hello, engine 1\n")
        run_id = jobfile("run", "bad", "--detach").out.strip()
        assert until(jobfile, "bad", "failed")["id"] == run_id
        assert jobfile("did", "good", "--at", "2020-01-01T04:00").code == 5
    assert jobfile("status").code == 1


def test_a_second_engine_is_refused(jobfile: Jobfile, tmp_path: Path) -> None:
    with engine(tmp_path) as first:
        said = jobfile("up", "--for", "1s")
        assert said.code == 75
        assert str(first.pid) in said.err


def test_cancel_ends_a_running_run_with_and_without_an_engine(jobfile: Jobfile, tmp_path: Path) -> None:
    with engine(tmp_path):
        run_id = jobfile("run", "slow", "--detach").out.strip()
        until(jobfile, "slow", "running")
        assert jobfile("cancel", run_id, "--why", "too slow").code == 0
        assert until(jobfile, "slow", "cancelled")["id"] == run_id
        assert "was over already: " in jobfile("cancel", run_id).out
        second = jobfile("run", "slow", "--detach").out.strip()
        until(jobfile, "slow", "running")
    assert (
        "too slow"
        in jobfile("why", "slow", jobfile("runs", "slow", "--json").json["runs"][1]["scheduled_for"]).out
    )
    said = jobfile("cancel", second)
    assert (said.code, said.out.split()[-1]) == (0, "cancelled"), (
        "without an engine its end is recorded at once"
    )
    assert jobfile("did", "slow").code == 1


def test_what_is_detached_without_an_engine_waits_for_one(jobfile: Jobfile, tmp_path: Path) -> None:
    said = jobfile("run", "good", "--detach")
    assert said.code == 0
    assert "no engine is running" in said.err
    assert jobfile("did", "good").code == 4
    with engine(tmp_path):
        until(jobfile, "good", "succeeded")
    waiting = jobfile("run", "bad", "--detach").out.strip()
    assert jobfile("cancel", waiting).out.endswith("cancelled\n")
    assert jobfile("did", "bad").code == 3


def test_with_manual_apply_only_apply_changes_what_is_in_force(jobfile: Jobfile, tmp_path: Path) -> None:
    assert "\ngeneration 1 applied" in jobfile("apply", "--yes").out
    assert "nothing to apply" in jobfile("apply").out
    (tmp_path / "jobs.yaml").write_text(JOBS.replace("hello,", "goodbye,"))
    with engine(tmp_path, "--apply", "manual", "--json"):
        assert jobfile("status", "--json").json["file"]["differs"]
        assert jobfile("run", "good").out.startswith("hello")
        assert jobfile("apply", "--yes", "--json").json == {"format": 1, "applied": True, "generation": 2}
        assert jobfile("run", "good").out.startswith("goodbye")
    (tmp_path / "jobs.yaml").write_text("nonsense")
    assert jobfile("apply").code == 1


def test_a_state_folder_that_cannot_be_one_is_reported_clearly(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    said = jobfile("up", "--for", "1s", "--state", "state")
    assert said.code == 1
    assert "is a file" in said.err
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "ledger.db").write_bytes(b"no database " * 1000)
    said = jobfile("up", "--for", "1s", "--state", "damaged")
    assert said.code == 1
    assert "damaged" in said.err
    assert os.listdir(tmp_path / "damaged")


def test_a_full_disk_stops_nothing_but_what_cannot_be_recorded(tmp_path: Path) -> None:
    """Files may not grow (RLIMIT_FSIZE): the engine tells it, starts nothing new, and goes on by itself."""
    (tmp_path / "jobs.yaml").write_text("version: 1\njobs: {a: {schedule: {every: 1s}, run: 'true'}}\n")
    limited = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, resource.RLIM_INFINITY));"
        "from engine.cli.main import run; sys.exit(run(['up', '--for', '7s']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "cannot be written" in done.stdout
    assert "Traceback" not in done.stderr
    after = subprocess.run(
        [sys.executable, "-m", "engine.cli.main", "up", "--for", "2s"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert after.returncode == 0, after.stderr
    report = subprocess.run(
        [sys.executable, "-m", "engine.cli.main", "report", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert report.returncode in (0, 1), report.stderr


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("clock_hold", "clock    NOT BELIEVED: why: jobfile clock"),
        (
            "restored_hold",
            "ledger   RESTORED FROM AN OLDER COPY, starts are suspended: why: put the newer one back, "
            "or  jobfile up",
        ),
        ("disk_hold", "space    LOW DISK SPACE, starts are suspended: why"),
    ],
)
def test_status_shows_what_holds_the_engine_back(
    jobfile: Jobfile, tmp_path: Path, kind: str, told: str
) -> None:
    assert jobfile("apply", "--yes").code == 0
    store = SqliteStore.open(tmp_path / ".jobfile" / "ledger.db")
    with store.transaction():
        store.incidents.begin_hold(kind, detail="why", now=datetime.now(UTC))
    said = jobfile("status")
    assert said.code == 1
    assert told in said.out
    holds = jobfile("status", "--json").json["holds"]
    assert [(one["kind"], one["detail"]) for one in holds] == [(kind, "why")]
    store.close()


def test_a_run_without_an_engine_does_not_wait_for_a_copy_to_be_accepted(
    jobfile: Jobfile, tmp_path: Path
) -> None:
    assert jobfile("apply", "--yes").code == 0
    store = SqliteStore.open(tmp_path / ".jobfile" / "ledger.db")
    with store.transaction():
        store.incidents.begin_hold("restored_hold", detail="why", now=datetime.now(UTC))
    refused = jobfile("run", "bad")
    assert refused.code == 1
    assert "an older copy that has not been accepted" in refused.err
    with store.transaction():
        store.incidents.end_hold("restored_hold", by="anna", now=datetime.now(UTC))
    assert "exit code 7" in jobfile("run", "bad").err
    store.close()
