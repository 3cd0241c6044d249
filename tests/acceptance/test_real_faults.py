"""Faults of files and of people against the real engine: real processes, real watching, a real repository."""

import os
import signal
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.core.lifecycle import RunState
from engine.ledger.sqlite.store import SqliteStore
from engine.loops.watcher import POLL_SECONDS, Watcher
from engine.sources.folder import FolderTree
from engine.testing import FakeClock, KeptJournal
from jobfile.pipeline import compile_files
from jobfile.schedule.occurrences import fires
from tests.acceptance.engines import JOBFILE, ask, engine, generation, ledger, put, runs, say, until, view
from tests.acceptance.warm import Jobfile

EVERY_SECOND = "{every: 1s}"


def many(count: int) -> str:
    return "version: 1\njobs:\n" + "".join(
        f"  job-{index}: {{schedule: '0 3 * * *', run: 'true'}}\n" for index in range(count)
    )


def test_f41_a_job_that_is_removed_ends_what_runs_and_cancels_what_waits(tmp_path: Path) -> None:
    queue = "concurrency: {on_overlap: queue}"
    put(tmp_path, f"version: 1\njobs:\n  a: {{schedule: {EVERY_SECOND}, {queue}, run: sleep 2; exit 3}}\n")
    with engine(tmp_path):
        until(lambda: len(runs(tmp_path)) >= 2, "a run and one that waits")
        put(tmp_path, "version: 1\njobs: {b: {run: 'true'}}\n")
        until(lambda: all(run.state.is_final for run in runs(tmp_path)), "the end of all")
    reasons = {run.reason for run in runs(tmp_path)}
    assert reasons == {"exit(3)", "job_removed"}
    later = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    assert "the job was removed" in say(tmp_path, "why", "a", later).stdout


def test_f42_a_set_of_files_is_never_mixed_while_git_changes_it(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        about = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        subprocess.run(["git", *about, *arguments], cwd=tmp_path, check=True, capture_output=True)

    def write(mark: str) -> str:
        put(tmp_path, "version: 1\ninclude: ['jobs/*.yaml']\njobs: {}\n")
        (tmp_path / "jobs").mkdir(exist_ok=True)
        for part in range(5):
            jobs = "".join(
                f"  j{part}-{n}: {{schedule: '0 3 * * *', env: {{MARK: {mark}}}, run: 'true'}}\n"
                for n in range(10)
            )
            put(tmp_path / "jobs", f"version: 1\njobs:\n{jobs}", f"{part}.yaml")
        git("add", "-A", ".")
        git("commit", "-qm", mark)
        catalog = compile_files(FolderTree(tmp_path / "jobs.yaml").snapshot().files).catalog
        assert catalog is not None
        return catalog.digest

    git("init", "-q")
    (tmp_path / ".gitignore").write_text(".jobfile/\n")
    digests = {write("one"), write("two")}
    with engine(tmp_path):
        end = time.monotonic() + 4
        while time.monotonic() < end:
            git("checkout", "-q", "HEAD~1")
            git("checkout", "-q", "-")
        until(lambda: ask(tmp_path, "status")["file"]["differs"] is False, "the last state in force")
    with view(tmp_path) as opened:
        last = opened.current_generation()
        assert last is not None
        found = [opened.generation(number) for number in range(1, last.number + 1)]
        assert {one.digest for one in found if one is not None} <= digests
        assert len(opened.jobs_in_force()) == 50
        assert all(len(opened.job_versions(f"j0-{n}")) == last.number for n in range(10))


def test_f43_files_that_are_gone_change_nothing_and_a_mass_removal_is_asked_about(tmp_path: Path) -> None:
    folder = tmp_path / "jobs"
    folder.mkdir()
    put(folder, many(40))
    with engine(folder):
        (folder / "jobs.yaml").rename(folder / "elsewhere")
        until(lambda: ask(folder, "status")["rejected"], "the file is missed")
        assert say(folder, "status").returncode == 1
        (folder / "elsewhere").rename(folder / "jobs.yaml")
        until(lambda: ask(folder, "status")["is_well"], "well again")
        put(folder, many(10))
        until(lambda: ask(folder, "status")["rejected"], "the removal is doubted")
        assert "30 jobs would be removed at once" in ask(folder, "status")["rejected"]["diagnostics"][0]
        assert generation(folder) == 1
        refused = say(folder, "apply")
        assert refused.returncode != 0
        assert "30 of 40 jobs would be removed" in refused.stderr
        assert say(folder, "apply", "--yes", "--yes-remove-many").returncode == 0
        until(lambda: ask(folder, "status")["is_well"], "well after the removal")
        assert (generation(folder), ask(folder, "status")["jobs"]) == (2, 10)


def test_f44_two_broken_files_are_both_reported_and_fixed_as_one_generation(tmp_path: Path) -> None:
    main = (
        f"version: 1\ninclude: [a.yaml, b.yaml]\njobs: {{tick: {{schedule: {EVERY_SECOND}, run: 'true'}}}}\n"
    )
    good = "version: 1\njobs: {{{}: {{schedule: '0 3 * * *', run: 'true'}}}}\n"
    for name in ("a", "b"):
        put(tmp_path, good.format(name), f"{name}.yaml")
    put(tmp_path, main)
    with engine(tmp_path):
        put(tmp_path, "version: 1\njobs: {a: {schedule: [\n", "a.yaml")
        put(tmp_path, "version: 1\njobs: {b: {timezone: Mars/Base, run: 'true'}}\n", "b.yaml")
        until(lambda: len((ask(tmp_path, "status")["rejected"] or {"diagnostics": []})["diagnostics"]) > 1)
        places = [line.split(":")[0] for line in ask(tmp_path, "status")["rejected"]["diagnostics"]]
        assert {"a.yaml", "b.yaml"} <= set(places)
        before = len(runs(tmp_path))
        until(lambda: len(runs(tmp_path)) > before + 1, "the good generation runs on")
        for name in ("a", "b"):
            put(tmp_path, good.format(f"{name}-new"), f"{name}.yaml")
        until(lambda: ask(tmp_path, "status")["rejected"] is None, "mended")
        assert generation(tmp_path) == 2
    assert ask(tmp_path, "report")["missed"] == 0


def test_f45_an_edit_without_an_event_is_found_by_looking(tmp_path: Path) -> None:
    """The watch is a hint that may be lost (a full queue, a network folder): the poll is the truth."""
    put(tmp_path, many(1))
    ledger(tmp_path).parent.mkdir()
    ledger(tmp_path).touch()
    clock = FakeClock(datetime.now(UTC))
    store = SqliteStore.open(ledger(tmp_path))
    watcher = Watcher(
        store=store,
        clock=clock,
        journal=KeptJournal(),
        tree=FolderTree(tmp_path / "jobs.yaml"),
        new_id=lambda: "0" * 32,
        applies=True,
        on_applied=lambda: None,
        on_unreadable=lambda: None,
    )
    waited = timedelta(0)
    for text in (many(1), many(2)):
        put(tmp_path, text)
        begin = clock.now()
        while len(store.jobs_in_force()) != text.count("run:"):
            clock.advance(seconds=watcher.tick())
        waited = clock.now() - begin
    assert waited <= timedelta(seconds=POLL_SECONDS + 1)
    store.close()


def test_f46_f47_a_pause_outlives_engines_and_edits_and_is_reported_by_every_answer(tmp_path: Path) -> None:
    text = f"version: 1\njobs: {{a: {{schedule: {EVERY_SECOND}, run: 'true'}}}}\n"
    put(tmp_path, text)
    process = Jobfile([JOBFILE, "up"], cwd=tmp_path, stdout=subprocess.DEVNULL)
    until(lambda: generation(tmp_path) is not None and runs(tmp_path), "a run")
    assert say(tmp_path, "pause", "a", "--why", "vendor outage").returncode == 0
    process.kill()
    process.wait()
    put(tmp_path, text.replace("run:", "description: another, run:"))
    paused = len(runs(tmp_path))
    with engine(tmp_path):
        until(lambda: "paused" in say(tmp_path, "did", "a").stdout, "it is left out")
        assert say(tmp_path, "did", "a").returncode == 3
        (pause,) = ask(tmp_path, "status")["paused"]
        assert (pause["job"], pause["why"]) == ("a", "vendor outage")
        inside = datetime.fromisoformat(pause["since"]).replace(microsecond=0) + timedelta(seconds=2)
        until(lambda: "paused" in say(tmp_path, "why", "a", f"{inside:%Y-%m-%dT%H:%M:%SZ}").stdout)
        assert "vendor outage" in say(tmp_path, "why", "a", f"{inside:%Y-%m-%dT%H:%M:%SZ}").stdout
        assert len(runs(tmp_path)) - paused <= 1  # the one that was due before the pause
        assert say(tmp_path, "resume", "a").returncode == 0
        before = len(runs(tmp_path))
        until(lambda: len(runs(tmp_path)) > before and runs(tmp_path)[0].state == "succeeded", "it goes on")
    report = ask(tmp_path, "report")
    assert report["adds_up"]
    assert report["skipped"] > 0


def test_an_engine_that_stood_still_shows_that_it_was_away(tmp_path: Path) -> None:
    put(tmp_path, f"version: 1\njobs: {{a: {{schedule: {EVERY_SECOND}, catchup: none, run: 'true'}}}}\n")
    with engine(tmp_path) as process:
        until(lambda: runs(tmp_path), "a run")
        os.kill(process.pid, signal.SIGSTOP)
        threading.Event().wait(13)
        os.kill(process.pid, signal.SIGCONT)
        until(lambda: ask(tmp_path, "status")["incidents"], "the absence is noted")
    (incident, *_) = ask(tmp_path, "status")["incidents"]
    assert incident["kind"] == "away"
    assert 1 <= incident["occurrences"] <= 5  # what is less than ten seconds late was missed by nobody
    report = ask(tmp_path, "report")
    assert report["adds_up"]
    assert report["missed"] == incident["occurrences"]


def test_a_clock_behind_the_ledger_is_not_believed_until_a_user_accepts_it(tmp_path: Path) -> None:
    """A clock that was ten hours ahead has accounted for them; now it is right."""
    put(tmp_path, f"version: 1\njobs: {{a: {{schedule: {EVERY_SECOND}, run: 'true'}}}}\n")
    with engine(tmp_path):
        until(lambda: runs(tmp_path), "a run")
    store = SqliteStore.open(ledger(tmp_path))
    with store.transaction():
        (schedule,) = store.schedules_in_force()
        ahead = [
            fire.at
            for fire in fires(
                schedule.entries,
                after=schedule.covered_until,
                until=datetime.now(UTC) + timedelta(hours=10),
            )
        ]
        store.add_gap(
            schedule,
            first_at=ahead[0],
            last_at=ahead[-1],
            count=len(ahead),
            state=RunState.SKIPPED,
            reason="superseded",
            detail="",
            generation=1,
            now=ahead[-1],
        )
        store.advance_coverage(schedule.id, to=ahead[-1])
    store.close()
    (tmp_path / ".jobfile" / "high_water").unlink()
    before = len(runs(tmp_path))
    with engine(tmp_path):
        until(lambda: not ask(tmp_path, "status")["clock"]["believed"], "the doubt")
        assert say(tmp_path, "status").returncode == 1
        assert say(tmp_path, "clock").returncode == 1
        assert say(tmp_path, "apply").returncode != 0
        assert len(runs(tmp_path)) == before
        assert say(tmp_path, "clock", "accept", "--why", "NTP was wrong").returncode == 0
        until(lambda: len(runs(tmp_path)) > before, "true times run")
    assert runs(tmp_path)[0].clock_epoch == 1
    assert ask(tmp_path, "report")["adds_up"]


def test_wrong_questions_of_users_are_reported(tmp_path: Path) -> None:
    put(tmp_path, many(2))
    with engine(tmp_path):
        pass
    unknown = say(tmp_path, "pause", "job-x")
    assert unknown.returncode == 64
    assert "did you mean job-0 or job-1?" in unknown.stderr
    assert "is not in the future" in say(tmp_path, "pause", "job-0", "--until", "2020-01-01T00:00Z").stderr
    assert "job-0 was not paused" in say(tmp_path, "resume", "job-0").stdout
    assert ask(tmp_path, "pause", "job-0", "--until", "2h")["paused"] is True
    assert "is paused already" in say(tmp_path, "pause", "job-0").stdout
    assert ask(tmp_path, "resume", "job-0") == {
        "format": 1,
        "job": "job-0",
        "paused": False,
        "was_paused": True,
    }
    assert "the engine believes the clock already" in say(tmp_path, "clock", "accept").stdout
    assert ask(tmp_path, "clock")["believed"] is True
