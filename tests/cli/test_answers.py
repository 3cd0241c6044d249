"""The answers on the command line, on ledgers with a past: no engine, other zones, runs by their ids."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import Jobfile
from tests.cli.test_files import fits
from tests.engine.test_faults import a_file
from tests.engine.world import World

BEGAN = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=3)
DUE = tuple(BEGAN + timedelta(minutes=minutes) for minutes in (30, 90, 150))
HOURLY = f'"{DUE[0].minute} * * * *"'


def a_past(folder: Path, text: str, *, first_id: int = 1) -> World:
    """A ledger whose engine began three hours ago. What happens in it is up to the test."""
    (folder / "jobs.yaml").write_text(text)
    return World(folder, text, at=BEGAN, first_id=first_id)


def test_a_dead_engine_is_reported_by_every_answer_and_by_its_exit_code(
    jobfile: Jobfile, tmp_path: Path
) -> None:
    world = a_past(tmp_path, a_file(schedule=HOURLY))
    world.pass_time(seconds=3600)
    world.finish()
    world.crash()
    since = f"since {BEGAN + timedelta(hours=1):%Y-%m-%d %H:%M} UTC"
    said = jobfile("did", "hello")
    assert said.code == 6
    assert said.out.startswith(
        f"hello: overdue, it has not run: no engine has been running {since}; `jobfile up` then"
    )
    answer = jobfile("did", "hello", "--json").json
    fits(answer, "did")
    assert (answer["answer"], answer["exit_code"], answer["items"][0]["state"]) == ("overdue", 6, "overdue")
    story = jobfile("why", "hello", f"{DUE[2]:%Y-%m-%dT%H:%MZ}", "--json").json
    fits(story, "why")
    assert story["state"] == "overdue"
    assert (
        f"has not run: no engine has been running {since}; `jobfile up` then runs it late"
        in story["headline"]
    )
    said = jobfile("report")
    assert said.code == 1
    assert (
        f"\nNO ENGINE {since}: 2 runs are due and nothing starts them; start one with  jobfile up\n"
        in said.out
    )
    report = jobfile("report", "--json").json
    fits(report, "report")
    assert (report["overdue"], report["open"], report["engine"]["running"]) == (2, 0, False)
    said = jobfile("status")
    assert said.code == 1
    assert "2 OVERDUE: they were due, and nothing has started them" in said.out
    status = jobfile("status", "--json").json
    fits(status, "status")
    assert status["overdue"] == 2


def test_a_run_whose_process_is_gone_is_reported_without_an_engine(jobfile: Jobfile, tmp_path: Path) -> None:
    world = a_past(tmp_path, a_file(schedule='"0 0 1 1 *"'))
    run = world.run_by_hand("hello")
    world.crash()
    said = "its process has ended, and no engine has recorded this yet"
    answer = jobfile("did", "hello")
    assert answer.code == 4
    assert said in answer.out
    assert said in " ".join(jobfile("why", "hello", run.scheduled_for.isoformat()).out.split())
    assert said in jobfile("runs").out
    status = jobfile("status")
    assert "1 of the running has ended, and no engine has recorded this" in status.out
    assert jobfile("status", "--json").json["unsettled"] == 1
    report = jobfile("report", "--since", "2000-01-01")
    assert report.code == 1
    assert ": 1 open run has ended, and nothing records this; start one with  jobfile up\n" in report.out
    told = jobfile("report", "--since", "2000-01-01", "--json")
    fits(told.json, "report")
    assert (told.code, told.json["unsettled"], told.json["open"], told.json["adds_up"]) == (1, 1, 1, True)


def test_a_run_is_named_by_the_beginning_of_its_id_everywhere(jobfile: Jobfile) -> None:
    jobfile("run", "bad")
    jobfile("run", "good")
    newer, older = (run["id"] for run in jobfile("runs", "--json").json["runs"])
    assert [run["id"] for run in jobfile("runs", older[:8], "--json").json["runs"]] == [older]
    assert [run["id"] for run in jobfile("runs", newer.upper(), "--json").json["runs"]] == [newer]
    said = jobfile("did", older[:6])
    assert (said.code, said.out[:9]) == (1, "bad: no, ")
    assert jobfile("did", newer[:6]).code == 0
    assert jobfile("why", older[:6]).out.startswith("bad, ")
    assert jobfile("logs", older[:6]).out == "trouble\n"
    shown = jobfile("show", older[:6]).out
    assert shown.startswith(f"bad:  # as run {older[:8]} had it")
    assert "  run: |\n    echo trouble >&2; exit 7\n" in shown
    assert jobfile("show", older[:6], "--json").json["job"]["name"] == "bad"
    assert jobfile("did", older[:6], "--on", "today").code == 64
    assert f"is run {older[:8]} of job bad; name the job" in jobfile("pause", older[:6]).err
    assert jobfile("did", older[:6], "-p", "name=x").code == 64


def test_show_shows_a_job_as_a_run_had_it(jobfile: Jobfile, tmp_path: Path) -> None:
    jobfile("run", "bad")
    run = jobfile("runs", "--json").json["runs"][0]["id"]
    (tmp_path / "jobs.yaml").write_text("version: 1\njobs: {}\n")
    assert "exit 7" in jobfile("show", run[:8]).out


def test_show_uses_the_keys_of_the_file(jobfile: Jobfile, tmp_path: Path) -> None:
    lines = [
        "  catchup: {mode: all, window: 2d, max: 7}",
        "  params.a: {type: string, default: xx, minLength: 2}",
        "  params.b: {type: array, items: string, maxItems: 3}",
    ]
    (tmp_path / "jobs.yaml").write_text(
        "version: 1\njobs:\n  j:\n    run: echo {{ params.a }}\n"
        "    catchup: {mode: all, window: 2d, max: 7}\n"
        "    params:\n      a: {type: string, default: xx, minLength: 2}\n"
        "      b: {type: array, items: {type: string}, maxItems: 3}\n"
    )
    shown = [line.partition("  #")[0] for line in jobfile("show", "j").out.splitlines()]
    assert [line for line in shown if line.startswith(("  catchup", "  params"))] == lines


def test_a_jobs_name_wins_over_a_runs_id_and_an_ambiguous_id_is_refused(
    jobfile: Jobfile, tmp_path: Path
) -> None:
    text = "version: 1\njobs: {abcd: {command: ['true']}, other: {command: ['true']}}\n"
    world = a_past(tmp_path, text, first_id=0xABCD << 112)
    world.run_by_hand("other")
    world.run_by_hand("other")
    world.crash()
    assert jobfile("runs", "abcd").out == "no runs yet\n"
    assert jobfile("did", "abcd").code == 5
    assert jobfile("did", "abcd0").code == 64
    assert "more than one run begins with abcd0" in jobfile("did", "abcd0").err


def test_a_name_of_no_job_and_no_run_is_refused_in_the_same_words(jobfile: Jobfile) -> None:
    jobfile("run", "good")
    for command in ("did", "why", "runs", "logs", "pause", "resume"):
        said = jobfile(command, "god")
        assert (command, said.code) == (command, 64)
        assert "no job `god` was ever applied or run here; did you mean good?" in said.err
        assert "and no run id begins with it" in jobfile(command, "beef").err


def test_the_state_of_a_run_is_not_taken_for_the_state_folder(jobfile: Jobfile, tmp_path: Path) -> None:
    jobfile("run", "good")
    said = jobfile("runs", "--state", "failed")
    assert (said.code, "--state names the state folder" in said.err) == (64, True)
    assert "jobfile runs --in failed" in said.err
    said = jobfile("runs", "good", "--state", "nowhere")
    assert f"never applied or run in {tmp_path}/nowhere" in said.err
    (tmp_path / "failed").mkdir()
    assert "nothing is recorded" in jobfile("runs", "--state", "failed").err


def test_a_job_that_is_only_in_the_file_is_known_and_was_not_expected(
    jobfile: Jobfile, tmp_path: Path
) -> None:
    for _ in range(2):
        said = jobfile("did", "flaky")
        assert said.code == 5
        told = "is in jobs.yaml, but was never applied or run"
        assert told in said.out
        answer = jobfile("did", "flaky", "--json").json
        fits(answer, "did")
        assert (answer["answer"], answer["items"]) == ("not_expected", [])
        for command in ("why", "runs", "logs", "pause"):
            said = jobfile(command, "flaky")
            assert (said.code, told in said.err) == (64, True)
        jobfile("run", "good")
    (tmp_path / "jobs.yaml").write_text("nonsense")
    assert jobfile("did", "flaky").code == 64


def test_runs_that_did_not_happen_are_reported_wherever_their_record_is(
    jobfile: Jobfile, tmp_path: Path
) -> None:
    text = a_file(schedule="{every: 1m}") + "  calm:\n    schedule: {every: 50m}\n    command: ['true']\n"
    world = a_past(tmp_path, text)
    world.pause("hello")
    for _ in range(32):
        world.pass_time(seconds=60)
    world.pass_time(seconds=3600)
    world.finish(exit_code=1)
    world.crash()
    said = jobfile("runs", "hello", "--in", "skipped")
    first, last = (f"{BEGAN + timedelta(minutes=minutes):%Y-%m-%d %H:%M} UTC" for minutes in (1, 92))
    assert said.out == (
        "no such runs\n92 more have no run of their own and are not listed:\n"
        f"  hello  92 skipped, {first} to {last}: the job is paused by anna: vendor outage\n"
    )
    assert "hello  92 skipped" in jobfile("runs").out
    assert jobfile("runs", "hello", "--in", "failed").out == "no such runs\n"
    assert "hello" not in jobfile("runs", "calm").out


def test_runs_takes_several_states_and_all_that_is_not_well(jobfile: Jobfile) -> None:
    jobfile("run", "bad")
    jobfile("run", "good")
    jobfile("run", "flaky", "--detach")

    def found(*arguments: str) -> set[str]:
        return {run["job"] for run in jobfile("runs", *arguments, "--json").json["runs"]}

    assert found("--in", "failed", "--in", "lost") == {"bad"}
    assert found("--in", "failed,succeeded") == {"bad", "good"}
    assert found("--in", "failed,lost", "--in", "queued") == {"bad", "flaky"}
    assert found("--not-ok") == {"bad"}
    assert found("--not-ok", "--in", "succeeded") == {"bad", "good"}
    said = jobfile("runs", "--in", "broken")
    assert said.code == 64
    assert "'broken' is not a state; the states are queued, running" in said.err


WRITES_LINES = r"""
version: 1
jobs:
  a:
    run: |
      for n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line $n; done
      printf '\033[2Jlast'
      exit 2
"""


def test_why_ends_with_the_last_lines_that_were_written_and_needs_no_time(
    jobfile: Jobfile, tmp_path: Path
) -> None:
    (tmp_path / "jobs.yaml").write_text(WRITES_LINES)
    jobfile("run", "a")
    said = jobfile("why", "a")
    assert said.code == 0
    assert said.out.split("\n")[0].endswith(": failed, exit code 2")
    lines = said.out.rstrip("\n").split("\n")
    assert lines[-10].split(maxsplit=2)[-1] == "line 4"
    assert lines[-1].strip() == "last"
    assert "peak memory" in said.out
    story = jobfile("why", "a", "--json").json
    fits(story, "why")
    assert story["run_list"][0]["attempt_list"][0]["exit_code"] == 2
    assert jobfile("why", "a", "yesterday").out.startswith("a, ")
    assert jobfile("why", "a", "today", "--json").json["state"] == "failed"
    assert jobfile("why", story["runs"][0][:8], "8:00").code == 64


SILENT = """
version: 1
jobs:
  secret: {run: echo hi, secrets: {TOKEN: env:NOT_SET_ANYWHERE}}
  missing: {command: [not-there]}
  silent: {run: exit 3}
  waiting: {run: echo hi}
  twice: {run: "echo $JOBFILE_ATTEMPT; exit 1", retry: {attempts: 2, delay: 1s, jitter: none}}
"""


def test_logs_says_which_run_it_shows_and_why_there_is_nothing(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(SILENT)
    told = {
        "secret": ("failed, secret `TOKEN` is not there", "it never started, so it wrote nothing"),
        "missing": ("failed, program `not-there` not found", "it never started, so it wrote nothing"),
        "silent": ("failed, exit code 3", "it wrote nothing"),
    }
    for job, (how, why) in told.items():
        jobfile("run", job)
        said = jobfile("logs", job)
        run = jobfile("runs", job, "--json").json["runs"][0]["id"][:8]
        assert (said.code, said.out) == (0, "")
        assert said.err.startswith(f"run {run} of {job}, {datetime.now(UTC):%Y-}")
        assert how in said.err.split("\n")[0]
        assert said.err.split("\n")[1] == why
    jobfile("run", "waiting", "--detach")
    assert jobfile("logs", "waiting").err.endswith("it has not started yet\n")


def test_logs_of_an_attempt_that_is_not_there_is_an_error(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(SILENT)
    jobfile("run", "twice")
    assert jobfile("logs", "twice", "--attempt", "2").out == "2\n"
    said = jobfile("logs", "twice", "--attempt", "3")
    assert (said.code, said.out) == (64, "")
    assert "has 2 attempts; there is no attempt 3" in said.err
    for path in (tmp_path / ".jobfile").rglob("output*"):
        path.unlink()
    assert jobfile("logs", "twice").err.endswith("what it wrote is no longer kept\n")


def test_next_says_when_a_job_is_paused_and_when_nothing_starts(jobfile: Jobfile, tmp_path: Path) -> None:
    text = a_file("timezone: Asia/Tokyo", schedule=HOURLY) + "  calm: {schedule: '@daily', run: 'true'}\n"
    (tmp_path / "jobs.yaml").write_text(text)
    assert "nothing starts" not in jobfile("next", "hello").out
    world = a_past(tmp_path, text)
    world.pause("hello", minutes=600)
    world.crash()
    until, since = BEGAN + timedelta(hours=19), BEGAN + timedelta(hours=9)
    paused = f"hello is paused by anna until {until:%Y-%m-%d %H:%M} JST: vendor outage\n"
    stopped = f"nothing starts now: no engine has been running since {since:%Y-%m-%d %H:%M} JST\n"
    assert jobfile("next", "hello").out.endswith(paused + stopped)
    assert f"\n{paused}" in jobfile("next").out
    assert "paused" not in jobfile("next", "calm").out
    assert (
        stopped.replace(f"{since:%Y-%m-%d %H:%M} JST", f"{BEGAN:%Y-%m-%d %H:%M} UTC") in jobfile("next").out
    )
    assert "fires" in jobfile("next", "hello", "--json").json
    assert "nothing starts" not in jobfile("next", "0 4 * * *").out


@pytest.mark.parametrize(
    ("question", "options"),
    [
        (("job last friday",), ("job", "--on", "last friday")),
        (("job", "yesterday", "8:00"), ("job", "--at", "yesterday 8:00")),
        (("job name=x 2026-W47",), ("job", "-p", "name=x", "--on", "2026-W47")),
        (("job", "name=x"), ("job", "-p", "name=x")),
        (("job last month",), ("job", "--on", "last month")),
    ],
)
def test_a_question_that_is_typed_as_it_is_asked_is_the_one_with_options(
    jobfile: Jobfile, tmp_path: Path, question: tuple[str, ...], options: tuple[str, ...]
) -> None:
    params = "{name: {type: string, default: x}}"
    text = f"version: 1\njobs:\n  job: {{schedule: '0 * * * *', params: {params}, command: ['true']}}\n"
    a_past(tmp_path, text).crash()
    asked, told = jobfile("did", *question), jobfile("did", *options)
    assert (asked.code, asked.out) == (told.code, told.out)
    assert asked.out.startswith("job")


def test_a_question_names_one_time(jobfile: Jobfile) -> None:
    said = jobfile("did", "job", "yesterday", "--at", "8:00")
    assert (said.code, "'yesterday' and --at both name a time" in said.err) == (64, True)
