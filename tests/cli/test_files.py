"""The commands that read job files: init, check, show, next, schema, explain."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import JOBS, Jobfile
from tests.known import check_fits

JOBFILE = Path(sys.executable).parent / "jobfile"
SCHEMAS = Path(__file__).parents[2] / "schemas"


def fits(value: object, name: str) -> None:
    """The output is what its schema says."""
    check_fits(value, SCHEMAS / f"{name}.schema.json")


def test_init_writes_a_file_that_is_good_and_overwrites_nothing(jobfile: Jobfile, tmp_path: Path) -> None:
    first = jobfile("init", "new")
    assert first.code == 0
    text = (tmp_path / "new" / "jobs.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=.jobfile.schema.json\n")
    json.loads((tmp_path / "new" / ".jobfile.schema.json").read_text())
    assert jobfile("check", "new/jobs.yaml").code == 0
    (tmp_path / "new" / "jobs.yaml").write_text("mine")
    assert "kept" in jobfile("init", "new").out
    assert set(jobfile("init", "new", "--json").json["wrote"].values()) == {False}
    assert (tmp_path / "new" / "jobs.yaml").read_text() == "mine"


def test_init_names_the_next_steps_of_this_folder(jobfile: Jobfile, tmp_path: Path) -> None:
    first = jobfile("init", "a b").out
    assert "next:  cd 'a b'\n       jobfile check      " in first
    assert "jobfile run hello   run it once, now\n" in first
    kept = jobfile("init").out
    assert "cd " not in kept
    assert "jobfile did good   did it run" in kept, "the first job of the file that was there"
    assert "jobfile run" not in kept, "nobody knows what it does"
    (tmp_path / "jobs.yaml").write_text("jobs: [")
    assert "jobfile did" not in jobfile("init").out


@pytest.mark.parametrize(
    ("folder", "entry"), [(".", "jobfile check"), ("it's", """jobfile check 'it'"'"'s/'""")]
)
def test_the_hook_of_init_sees_included_files(
    jobfile: Jobfile, tmp_path: Path, folder: str, entry: str
) -> None:
    (tmp_path / ".git").mkdir()
    shown = jobfile("init", folder).out.partition("under `repos:`\n\n")[2]
    (repository,) = yaml.safe_load(shown)
    (hook,) = repository["hooks"]
    assert (hook["entry"], hook["pass_filenames"]) == (entry, False)
    for name in ("jobs.yaml", "jobs/a.yaml", "deep/er/b.yml"):
        assert re.search(hook["files"], f"{folder}/{name}".removeprefix("./"))
    assert not re.search(hook["files"], "jobs.yaml.md")
    assert bool(re.search(hook["files"], "other/jobs.yaml")) == (folder == ".")


def test_check_prints_one_line_about_a_good_file(jobfile: Jobfile) -> None:
    said = jobfile("check")
    assert (said.code, said.out, said.err) == (0, "no errors in 1 file, 4 jobs\n", "")


def test_check_shows_all_mistakes_in_each_form(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(
        JOBS.replace("retry:", "retires:").replace('"0 4 * * *"', '"0 24 * * *"')
    )
    assert jobfile("check").code == 1
    (tmp_path / "jobs.yaml").write_text(
        JOBS.replace('"0 4 * * *"', '"0 24 * * *"').replace("kill_grace: 1s", "kill_grace: 1")
    )
    said = jobfile("check")
    assert (said.code, said.out.count("error[")) == (1, 2)
    assert "jobs.yaml:5:18" in said.out
    short = jobfile("check", "--format", "short").out.splitlines()
    assert [line.split()[2] for line in short] == ["JF302:", "JF110:"]
    assert short[0].startswith("jobs.yaml:5:18: error JF302: ")
    found = jobfile("check", "--format", "json").json
    fits(found, "diagnostic")
    assert (found["valid"], found["errors"]) == (False, 2)
    lines = jobfile("check", "--format", "jsonl").out.splitlines()
    assert [json.loads(line)["code"] for line in lines] == ["JF302", "JF110"]
    assert jobfile("check", "--format", "github").out.startswith("::error file=jobs.yaml,line=5,col=18")


def test_check_takes_several_files_and_says_which_cannot_be_read(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("version: 1\njobs: {}\n")
    assert jobfile("check", "jobs.yaml", "other.yaml").out == "no errors in 2 files, 4 jobs\n"
    said = jobfile("check", "jobs.yaml", "nope.yaml")
    assert said.code == 65
    assert "cannot read nope.yaml: No such file or directory" in said.err


def test_a_warning_fails_only_a_strict_check(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text("version: 1\njobs: {a: {run: echo, timeout: none}}\n")
    assert jobfile("check").code == 0
    assert jobfile("check", "--strict").code == 1
    assert "JF619" in jobfile("check", "--level", "info").out


def test_show_shows_where_each_value_comes_from(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(
        "version: 1\ndefaults: {timeout: 1h}\njobs:\n  a:\n    run: echo hi\n"
    )
    said = jobfile("show", "a").out
    assert "timeout: 1h  # from defaults (jobs.yaml:2)" in said
    assert "run: |  # jobs.yaml:5" in said
    assert "kill_grace: 10s  # built in" in said
    shown = jobfile("show", "a", "--json").json
    assert (shown["job"]["timeout"], shown["origins"]["timeout"]) == (3600, "from defaults (jobs.yaml:2)")
    assert jobfile("show", "b").code == 64


def test_next_gives_fires_in_local_time_and_utc(jobfile: Jobfile) -> None:
    arguments = ("--timezone", "America/New_York", "--now", "2026-03-05T12:00Z", "--limit", "4", "--json")
    found = jobfile("next", "30 2 * * *", *arguments).json
    fits(found, "next")
    assert [fire["utc"] for fire in found["fires"]] == [
        "2026-03-06T07:30:00+00:00",
        "2026-03-07T07:30:00+00:00",
        "2026-03-08T07:00:00+00:00",
        "2026-03-09T06:30:00+00:00",
    ]
    assert found["fires"][2]["local"] == "2026-03-08T03:00:00-04:00"
    text = jobfile("next", "30 2 * * *", *arguments[:-1]).out
    assert "02:30 does not exist" in text


def test_next_takes_a_period_a_job_or_all_jobs(jobfile: Jobfile) -> None:
    fires = jobfile("next", "10m", "--now", "2026-03-05T12:00Z", "--limit", "2", "--json").json["fires"]
    assert [fire["utc"][11:16] for fire in fires] == ["12:10", "12:20"]
    assert "every day at 04:00" in jobfile("next", "good").out
    fires = jobfile("next", "--json").json["fires"]
    assert [fire["job"] for fire in fires] == ["good"] * 20


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("61 * * * *",), 64, "minute 61 is out of range"),
        (("0 4 * * *", "--timezone", "Mars/Base"), 64, "unknown time zone"),
        (("god",), 64, "did you mean good?"),
        (("0 4 * * *", "--now", "soon"), 64, "is not a time"),
    ],
)
def test_next_says_what_is_wrong(jobfile: Jobfile, arguments: tuple[str, ...], code: int, words: str) -> None:
    said = jobfile("next", *arguments)
    assert said.code == code
    assert words in said.err


def test_the_schema_is_printed_as_it_is_shipped(jobfile: Jobfile) -> None:
    assert jobfile("schema").out == (SCHEMAS / "job.schema.json").read_text()
    assert jobfile("schema", "--cases").out == (SCHEMAS / "cases.schema.json").read_text()


def test_explain_explains_codes_and_keys(jobfile: Jobfile) -> None:
    assert jobfile("explain", "jf110").out.startswith("# JF110 not a duration")
    assert "JF303  error" in jobfile("explain").out
    assert "timeout" in jobfile("explain", "keys", "job").out
    assert jobfile("explain", "JF110", "--json").json["code"] == "JF110"
    assert jobfile("explain", "JF999").code == 64
    assert jobfile("explain", "keys", "nothing").code == 64


def test_a_wrong_command_gets_the_near_one(jobfile: Jobfile) -> None:
    said = jobfile("chek")
    assert said.code == 64
    assert "check" in said.err
    assert jobfile("check", "--nonsense").code == 64
    assert jobfile().code == 64
    assert jobfile("--help").code == 0


def test_show_shows_where_each_value_of_a_step_comes_from(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(
        "version: 1\ndefaults: {timeout: 2h}\njobs:\n  a:\n    steps:\n"
        "      one: {run: echo}\n      two:\n        retry: {attempts: 2, delay: 90s}\n        run: echo\n"
    )
    said = jobfile("show", "a")
    assert said.code == 0
    assert "  timeout: 2h  # from defaults (jobs.yaml:2)\n" in said.out
    assert "  steps.two.needs: [one]  # jobs.yaml:7\n" in said.out
    assert "  steps.two.retry: {attempts: 2, delay: 1m30s, backoff: exponential," in said.out
    assert "when: [any]}  # jobs.yaml:8\n" in said.out


KINDS = ("link", "environ", "pipe", "zero", "folder")
ASKED = (
    *(("check",), ("fmt",), ("test",), ("apply",), ("plan", "--to"), ("plan", "-f"), ("simulate", "--event")),
    *(("simulate", "--durations"), ("show", "good", "-f"), ("next", "-f"), ("check", "--fix")),
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", ASKED, ids=" ".join)
def test_only_regular_files_are_read_and_others_are_not_shown(
    jobfile: Jobfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], kind: str
) -> None:
    monkeypatch.setenv("CANARY", "hush-91")
    (tmp_path / "secret").write_text("CANARY=hush-91\nrun: [")
    (tmp_path / "link").symlink_to("secret")
    (tmp_path / "environ").symlink_to("/proc/self/environ")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    if (command, kind) == (("test",), "folder"):
        return  # its cases are looked for
    said = jobfile(*command, kind)
    assert said.code not in (0, 70), said
    assert "hush-91" not in said.out + said.err
    means_its_files = command[0] == "check" and kind == "folder"
    why = (
        r"this folder has no jobs\.yaml"
        if means_its_files
        else r"symbolic link|regular file|not a revision|git"
    )
    assert re.search(why, said.err), said.err
    assert (tmp_path / "secret").read_text() == "CANARY=hush-91\nrun: ["


def test_settings_behind_a_link_or_in_a_pipe_are_refused(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / ".jobfile.toml").symlink_to("/proc/self/environ")
    assert "symbolic link" in jobfile("check").err
    (tmp_path / ".jobfile.toml").unlink()
    os.mkfifo(tmp_path / ".jobfile.toml")
    assert "it is a pipe" in jobfile("check").err


def test_a_pipe_is_never_judged_by_what_is_in_it_now(tmp_path: Path) -> None:
    script = f"(echo 'version: 1'; sleep 0.1; echo 'jobs: 5') | {JOBFILE} check -f /dev/stdin"
    done = subprocess.run(script, shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 65
    assert "it leads to a pipe; a job file must be a regular file" in done.stderr


def test_no_umask_lets_others_write_what_jobfile_makes(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.test.yaml").write_text("version: 1\ntests: {}\n")
    (tmp_path / "kept.csv").touch(mode=0o600)
    old = os.umask(0)
    try:
        assert jobfile("init", "a/b").code == 0
        assert jobfile("simulate", "--days", "1", "--csv", "new.csv", "--svg", "new.svg").code == 0
        assert jobfile("simulate", "--days", "1", "--csv", "kept.csv").code == 0
        assert jobfile("apply", "--yes").code == 0
        assert jobfile("plan", "--out", "new.jfplan").code == 0
        assert jobfile("run", "flaky").code == 0
    finally:
        os.umask(old)
    modes = {path: path.lstat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert [path for path, mode in modes.items() if mode & 0o022] == []
    assert (modes[tmp_path / "new.csv"], modes[tmp_path / "kept.csv"]) == (0o644, 0o600)
    assert (modes[tmp_path / "new.jfplan"], modes[tmp_path / "a" / "b" / "jobs.yaml"]) == (0o600, 0o644)


@pytest.mark.parametrize(
    "word", ["../../evil", "/tmp/evil", "..", "a/../b", "ab" * 17, "deadbeef/../x", "%2e%2e"]
)
def test_a_word_that_is_no_name_and_no_id_becomes_no_path(
    jobfile: Jobfile, tmp_path: Path, word: str
) -> None:
    assert jobfile("apply", "--yes").code == 0
    before = sorted(tmp_path.parent.rglob("*evil*"))
    there = sorted(path for path in tmp_path.rglob("*") if "ledger" not in path.name)
    for command in ("run", "logs", "cancel", "retry", "wait", "show", "did", "pause", "resume", "runs"):
        said = jobfile(command, word)
        assert said.code == 64, (command, said)
    assert sorted(path for path in tmp_path.rglob("*") if "ledger" not in path.name) == there
    assert sorted(tmp_path.parent.rglob("*evil*")) == before
