"""`run --dry-run`: what would be executed is told; nothing is started, read or written, under strace too."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.acceptance import warm
from tests.acceptance.engines import say, until
from tests.cli.conftest import Jobfile
from tests.cli.test_files import fits

SECRET = "s3cr3t-Value-91x"
FILE = """\
version: 1
jobs:
  etl:
    params:
      dry: {type: boolean, default: false}
      days: {type: array, items: {type: integer}, default: [1, 2]}
    schedule: "0 4 * * *"
    secrets: {DATABASE_URL: "env:ORDERS_DATABASE_URL", KEY: "file:KEY_FILE"}
    retry: 3
    steps:
      fetch:
        run: echo {{ run.scheduled_at | date('%Y-%m-%d') }} {{ run.id }} {{ run.started_at }}
        needs: []
        outputs: {rows: {type: integer}}
      other: {command: [ls, "{{ params.dry }}"], needs: []}
      join:
        if: steps.fetch.outputs.rows > 3
        needs: [fetch, other]
        command: [sort, "{{ steps.fetch.outputs.rows }}", "{{ steps.fetch.outputs.rows + 1 }}"]
      never: {if: params.dry, command: [no-such-program], needs: []}
      each: {for_each: params.days, command: [ls, "{{ item }}"], needs: [never]}
      behind: {if: "steps.never.status == 'skipped'", command: [ls], needs: [never]}
      last: {command: [ls], needs: [join]}
  after: {triggers: [{after: etl}], command: [x]}
  simple:
    env: {A: "{{ params.name }}"}
    params: {name: {type: string}}
    secrets: {TOKEN: "env:TOKEN"}
    working_dir: "{{ params.name }}"
    run: |
      touch started
      echo {{ params.name }}
  waits: {schedule: "0 4 * * *", command: [sleep, "30"], kill_grace: 1s}
  skips: {schedule: "0 4 * * *", command: [sleep, "30"], kill_grace: 1s, concurrency: {on_overlap: skip}}
  asks:
    secrets: {TOKEN: "env:TOKEN"}
    http:
      url: "https://host/{{ run.job }}"
      method: POST
      headers: {Authorization: "Bearer {{ secrets.TOKEN }}"}
      json: {day: "{{ run.trigger }}"}
  calls: {python: "orders.batch:run"}
  never: {if: "params.on", params: {on: {type: boolean, default: false}}, command: [ls]}
  open: {if: "run.id != 'x'", command: [ls]}
  many: {matrix: {os: [a, b]}, command: [ls, "{{ matrix.os }}"]}
"""


@pytest.fixture(autouse=True)
def job_file(jobfile: Jobfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text(SECRET)
    (tmp_path / "jobs.yaml").write_text(FILE.replace("KEY_FILE", str(tmp_path / "key")))
    monkeypatch.setenv("TOKEN", SECRET)


def dry(jobfile: Jobfile, job: str, *more: str, code: int = 0) -> str:
    said = jobfile("run", job, "--dry-run", "--at", "2026-03-05T09:15Z", *more)
    assert (said.code, said.err) == (code, ""), said
    assert said.out.startswith("dry run: nothing is started, no secret is read, nothing is written\n")
    assert SECRET not in said.out
    return re.sub(" +", " ", said.out)


def verdicts(text: str) -> dict[str, str]:
    return dict(re.findall(r"^wave \d+ (\w+): (.*)$", text, re.MULTILINE))


def test_steps_are_reported_by_wave_and_what_only_the_run_knows_is_never_guessed(
    jobfile: Jobfile, tmp_path: Path
) -> None:
    said = dry(jobfile, "etl", code=6)
    assert re.findall(r"^wave (\d+) (\w+)", said, re.MULTILINE) == [
        *(("1", "fetch"), ("1", "other"), ("1", "never")),
        *(("2", "join"), ("2", "each"), ("2", "behind"), ("3", "last")),
    ]
    assert verdicts(said) == {
        "fetch": "would run",
        "other": "would run",
        "never": "would skip (if is false: params.dry)",
        "join": "cannot tell before fetch",
        "each": "would run",
        "behind": "would run",
        "last": "would run",
    }
    assert "env JF_1 = '2026-03-05' {{ run.scheduled_at | date('%Y-%m-%d') }}" in said
    assert "env JF_2 = '⟨run.id: string⟩' {{ run.id }}" in said
    assert "argument ⟨steps.fetch.outputs.rows: integer⟩" in said
    assert "argument ⟨steps.fetch.outputs.rows + 1⟩" in said
    assert "if decided after fetch" in said
    assert "for_each 2 times, 4 at a time: 1, 2" in said
    assert "env DATABASE_URL = (secret env:ORDERS_DATABASE_URL: IS NOT SET)" in said
    unbroken = " ".join(said.split())  # the path may be too long for the line
    assert f"env KEY = (secret file:{tmp_path}/key: exists)" in unbroken
    assert "starts after (succeeded)" in said
    missing = "secret `DATABASE_URL` is not there: the engine has no ORDERS_DATABASE_URL in its environment"
    last = said.splitlines()[-1]
    assert last.startswith(f"would run: no; step fetch: {missing}; step other: {missing}; ")
    assert "step last: " in last
    assert "no-such-program" not in last, "a step that is skipped needs no program"


def test_supplied_results_show_both_branches(jobfile: Jobfile) -> None:
    more = dry(jobfile, "etl", "--output", "fetch.rows=5", code=6)
    assert verdicts(more)["join"] == "would run"
    assert "argument 5\n" in more
    assert "argument 6\n" in more
    less = dry(jobfile, "etl", "--output", "fetch.rows=2", code=6)
    assert verdicts(less)["join"] == "would skip (if is false: steps.fetch.outputs.rows > 3)"
    assert verdicts(less)["last"] == "would run"


@pytest.mark.parametrize("given", ["fetch.rows=many", "fetch.nope=1", "nope.rows=1", "rows=1"])
def test_results_that_no_step_has_are_refused(jobfile: Jobfile, given: str) -> None:
    assert jobfile("run", "etl", "--dry", "--output", given).code == 64
    assert jobfile("run", "etl", "--output", given).code == 64


def test_every_kind_of_job_is_reported(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "you").mkdir()
    simple = dry(jobfile, "simple", "-p", "name=you")
    assert "params name = you (given)" in simple
    assert "env A = you" in simple
    assert "env TOKEN = (secret env:TOKEN: is set)" in simple
    assert f"cwd {tmp_path / 'you'}" in simple
    assert 'script 1 touch started\n 2 echo "${JF_1}"' in simple
    assert f"program sh found {shutil.which('sh')}" in simple
    asks = dry(jobfile, "asks")
    assert "request POST https://host/asks" in asks
    assert "header Authorization: Bearer ***" in asks
    assert 'body {"day": "manual"}' in asks
    assert "header Content-Type: application/json" in asks
    assert "python orders.batch:run, with the params as keywords" in dry(jobfile, "calls")
    many = dry(jobfile, "many")
    assert "matrix 2 runs; this is of os = a\n os = b\n" in many
    assert "argument a" in many


def test_a_condition_decides_about_the_exit_code(jobfile: Jobfile) -> None:
    assert "would skip (if is false: params.on)" in dry(jobfile, "never", code=6)
    assert "would run: yes" in dry(jobfile, "never", "-p", "on=true")
    assert "cannot tell before the run begins" in dry(jobfile, "open")
    assert jobfile("run", "never", "--dry", "--json").json["would_run"] is False
    for job in ("etl", "never", "asks"):
        fits(jobfile("run", job, "--dry", "--json").json, "dry-run")
    (job_steps,) = [
        one for one in jobfile("run", "etl", "--dry", "--json").json["steps"] if one["step"] == "join"
    ]
    assert (job_steps["wave"], job_steps["verdict"]) == (2, "cannot tell before fetch")
    assert jobfile("run", "simple", "--dry").code == 64


def test_a_run_in_the_way_is_named(jobfile: Jobfile, tmp_path: Path) -> None:
    slow = warm.Jobfile([warm.JOBFILE, "run", "waits"], cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        until(lambda: ": running since" in dry(jobfile, "waits"), "the run")
        listed = jobfile("runs", "--json")
        assert listed.code == 0, listed
        run = listed.json["runs"][0]["id"][:8]
        assert re.search(rf"would wait \(waits: running since .*, run {run}\)", dry(jobfile, "waits"))
        assert "1 running now" in dry(jobfile, "waits")
    finally:
        stopped = jobfile("cancel", jobfile("runs", "--json").json["runs"][0]["id"])
        assert stopped.code == 0, stopped
        slow.wait(timeout=20)
    waiting = jobfile("run", "skips", "--detach").out.strip()
    assert f"would skip (blocked by run {waiting[:8]})" in dry(jobfile, "skips", code=6)
    assert jobfile("runs", "--json").json["runs"][0]["id"] == waiting


# Nothing is started, read or written


def picture(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    found = {}
    for path in folder.rglob("*"):
        about = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = (about.st_mode, about.st_mtime_ns, content)
    return found


OPENS_TO_WRITE = re.compile(r"\b(O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND)\b")
CHANGES = re.compile(
    r"\b(mkdir|rename|unlink|link|symlink|chmod|chown|truncate|utime|rmdir|mknod)\w*\(|\b(pwrite64|ftruncate)\("
)
CALLS = "trace=%file,%process,%network,write,pwrite64,ftruncate"


def traced(folder: Path, *arguments: str) -> list[str]:
    """The calls of a command that came to something."""
    log = folder.parent / f"{folder.name}.strace"
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "TOKEN": SECRET}
    options = ["-f", "--seccomp-bpf", "-qq", "-y", "-s", "300", "-e", CALLS, "-o", str(log)]
    command = ["strace", *options, warm.JOBFILE, *arguments]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 6), done.stderr
    return [line for line in log.read_text().splitlines() if " = -1" not in line]


@pytest.mark.parametrize("ledger", ["none", "left", "with an engine"])
@pytest.mark.parametrize("job", ["etl", "simple", "asks"])
def test_nothing_is_started_read_or_written(tmp_path: Path, job: str, ledger: str) -> None:
    (tmp_path / "other.yaml").write_text("version: 1\njobs: {after: {command: ['true']}}\n")
    state = ("--state", "state")
    engine = None
    if ledger != "none":
        say(tmp_path, "run", "after", "-f", "other.yaml", *state).check_returncode()
    if ledger == "with an engine":
        engine = warm.Jobfile([warm.JOBFILE, "up", "-f", "other.yaml", *state], cwd=tmp_path)
        until(lambda: (tmp_path / "state" / "ledger.db-shm").exists(), "an engine")
    try:
        before = picture(tmp_path)
        params = ("-p", "name=x") if job == "simple" else ()
        lines = traced(tmp_path, "run", job, "--dry-run", *state, *params)
        after = picture(tmp_path)
    finally:
        if engine is not None:
            engine.terminate()
            engine.wait(timeout=20)
    assert engine is not None or after == before
    assert any("openat(" in line and "jobs.yaml" in line for line in lines)
    # SQLite opens the log of a ledger in use as if it would write; that it does not is what is looked at.
    harmless = ("/dev/null", "/dev/tty") if ledger == "none" else ("/dev/null", "/dev/tty", "ledger.db-wal")
    opened = [line for line in lines if "openat(" in line and OPENS_TO_WRITE.search(line)]
    assert not [line for line in opened if not any(name in line for name in harmless)]
    assert not [line for line in lines if CHANGES.search(line)]
    assert not [line for line in lines if re.search(r"\b(connect|sendto|sendmsg|bind|vfork|fork)\(", line)]
    assert len([line for line in lines if "execve(" in line]) == 1
    assert not [line for line in lines if str(tmp_path / "key") in line and "openat(" in line]
    assert not [line for line in lines if re.search(r"\bwrite\((?![12]<)", line)]
    assert not [line for line in lines if "write(" in line and SECRET in line]


# Yes is said only where `run` runs


REFUSED = {
    "folder that is missing": ("working_dir: nowhere", "working_dir FOLDER/nowhere is not a folder"),
    "file for a folder": ("working_dir: plain-file", "working_dir FOLDER/plain-file is not a folder"),
    "folder from a param": ('working_dir: "{{ params.where }}"', "working_dir FOLDER/gone is not a folder"),
    "secret that is not set": ('secrets: {S: "env:NOT_SET_91"}', "secret `S` is not there"),
    "secret that is too short": ('secrets: {S: "env:SHORT"}', "secret `S` is shorter than 6 bytes"),
    "secret file that is missing": ('secrets: {S: "file:/none/such"}', "secret `S` is not there: /none/such"),
    "secret file open to others": (
        'secrets: {S: "file:FOLDER/open-key"}',
        "users other than its owner may change",
    ),
    "secret file that is a folder": ('secrets: {S: "file:FOLDER"}', "FOLDER is not a file"),
    "program that is missing": ("command: [no-such-program-91]", "program `no-such-program-91` not found"),
    "program by a path": ("command: [./no-such-91]", "program `./no-such-91` not found"),
    "program without rights": ("command: [./plain-file]", "program `./plain-file` is not executable"),
    "program of no interpreter": ("command: [./odd-script]", "names /none/python, which does not exist"),
    "program not on its own PATH": (
        "env: {PATH: /none}\n    command: [ls]",
        "program `ls` not found in PATH",
    ),
    "argument that is an option": ('command: [ls, "{{ params.option }}"]', "would be an option"),
    "shell that is missing": (
        "shell: [no-such-shell-91]\n    run: echo",
        "program `no-such-shell-91` not found",
    ),
    "step": (
        "steps: {a: {run: echo}, b: {command: [no-such-program-91]}}",
        "step b: program `no-such-program-91` not found",
    ),
}
RUNS = {
    "nothing special": "run: echo",
    "no timeout": "run: echo\n    timeout: none",
    "folder that is there": "working_dir: there\n    run: echo",
    "program beside its folder": "working_dir: there\n    command: [../good-script]",
    "program on a PATH of its own": "env: {PATH: 'FOLDER/there:/bin:/usr/bin'}\n    command: [only-there]",
    "secret that is set": 'secrets: {S: "env:TOKEN"}\n    run: echo',
    "secret file": 'secrets: {S: "file:FOLDER/key"}\n    run: echo',
}


@pytest.fixture
def around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the jobs above need, and what they must not find."""
    (tmp_path / "there").mkdir()
    for name, text, mode in (
        ("plain-file", "x", 0o600),
        ("open-key", SECRET, 0o666),
        ("key", SECRET, 0o600),
        ("odd-script", "#!/none/python\n", 0o755),
        ("good-script", "#!/bin/sh\necho good\n", 0o755),
        ("there/only-there", "#!/bin/sh\necho there\n", 0o755),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(mode)
    monkeypatch.setenv("SHORT", "x")
    return tmp_path


def write(folder: Path, lines: str) -> None:
    has_action = re.search(r"\b(run|command|steps|http):", lines)
    text = (
        "version: 1\nqueues: {q: {slots: 1}}\njobs:\n  a:\n"
        "    params: {where: {type: string, default: gone}, option: {type: string, default: -l}}\n"
        f"    {lines}\n{'' if has_action else '    run: echo'}\n"
    )
    (folder / "jobs.yaml").write_text(text.replace("FOLDER", str(folder)))


def really(folder: Path) -> tuple[int, str]:
    """The exit code and the output of the run itself, in a process of its own: it has one folder for life."""
    done = say(folder, "run", "a")
    return done.returncode, done.stdout


@pytest.mark.parametrize("case", REFUSED)
def test_what_run_refuses_the_dry_run_refuses_with_the_same_reason(
    jobfile: Jobfile, around: Path, case: str
) -> None:
    lines, reason = REFUSED[case]
    write(around, lines)
    said = dry(jobfile, "a", code=6)
    assert "would run: no; " in said
    assert reason.replace("FOLDER", str(around)) in said.splitlines()[-1]
    assert jobfile("run", "a", "--dry-run", "--json").json["would_run"] is False
    assert really(around)[0] != 0, "and so the real one"


@pytest.mark.parametrize("case", RUNS)
def test_where_the_dry_run_says_yes_the_run_runs_in_the_folder_that_it_names(
    jobfile: Jobfile, around: Path, case: str
) -> None:
    write(around, RUNS[case])
    said = dry(jobfile, "a")
    assert said.endswith("would run: yes\n")
    assert really(around)[0] == 0
    (folder,) = re.findall(r"^cwd (.*)$", said, re.MULTILINE)
    write(around, re.sub(r"(run|command): .*", "command: [pwd]", RUNS[case].replace("only-there", "ls")))
    assert really(around) == (0, f"{folder}\n")


@pytest.mark.parametrize(("timeout", "shown"), [("none", "none"), ("45s", "45s"), ("2h", "2h")])
def test_the_timeout_is_shown_as_it_holds(jobfile: Jobfile, around: Path, timeout: str, shown: str) -> None:
    write(around, f"timeout: {timeout}")
    assert re.search(rf"^timeout {shown} retry", dry(jobfile, "a"), re.MULTILINE)


EVENTS = """\
version: 1
jobs:
  load:
    triggers: [{file: {path: in, match: "*.csv"}}]
    outputs: {rows: {type: integer}}
    params: {day: {type: string, default: mon}}
    concurrency: {key: "{{ trigger.name }}"}
    command: [ls, "{{ trigger.path }}", "{{ trigger.size + 1 }}"]
  refresh:
    triggers: [{after: load}]
    if: trigger.outputs.rows > 0
    command: [echo, "{{ trigger.outputs.rows }}", "{{ trigger.params.day }}"]
  in-steps:
    triggers: [{after: load}]
    steps: {one: {command: [echo, "{{ trigger.run_id }}"]}}
  tests-it:
    triggers: [{after: load}]
    if: trigger.outputs.rows > 0 if run.trigger == 'after' else true
    command: [echo, "{{ trigger.job if run.trigger == 'after' else 'nobody' }}"]
"""


@pytest.mark.parametrize(
    ("job", "shown", "missing"),
    [
        ("load", ["⟨trigger.name: string⟩   limit 1, queue", "⟨trigger.path: string⟩", "⟨trigger.size + 1⟩"],
         "`trigger.name`, `trigger.path`, `trigger.size` have a value only in a run that `file` starts"),
        ("refresh", ["decided by the event that starts a run: trigger.outputs.rows > 0",
                     "⟨trigger.outputs.rows: integer⟩", "⟨trigger.params.day: string⟩"],
         "`trigger.outputs.rows`, `trigger.params.day` have a value only in a run that `after` starts"),
        ("in-steps", ["⟨trigger.run_id: string⟩"],
         "`trigger.run_id` has a value only in a run that `after` starts"),
    ],
)  # fmt: skip
def test_what_only_an_event_gives_is_unknown_and_a_run_by_hand_would_fail(
    jobfile: Jobfile, tmp_path: Path, job: str, shown: list[str], missing: str
) -> None:
    (tmp_path / "jobs.yaml").write_text(EVENTS)
    said = jobfile("run", job, "--dry-run", "--json")
    text = str(said.json)
    assert [one for one in shown if one not in text] == []
    assert said.json["verdict"] == f"would run: not by hand; {missing}"
    assert (said.json["would_run"], said.code) == (False, 6)
    ran = jobfile("run", job)  # and so it does: a key refuses the request, anything else fails the start
    assert ran.code in (1, 3, 64)
    assert "has no value here" in ran.out + ran.err


def test_a_job_that_tests_what_started_it_runs_by_hand(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(EVENTS)
    said = jobfile("run", "tests-it", "--dry-run")
    assert said.out.endswith("would run: yes\n")
    assert "nobody" in said.out
    assert jobfile("run", "tests-it").code == 0
