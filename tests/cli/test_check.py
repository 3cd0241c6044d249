"""`jobfile check` beyond telling: mending, choosing, and the services that show findings beside a change."""

import json
import os
import re
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core.errors import JobfileError
from engine.host.atomic_write import replace_file
from tests.cli.conftest import JOBS, Jobfile
from tests.known import check_fits

DATA = Path(__file__).parents[1] / "data"
BAD = JOBS.replace("retry:", "retrry:").replace("kill_grace: 1s", "kill_grace: 5 seconds")
REMARK = "version: 1\njobs: {a: {run: echo hi}}\n"
"""Its one finding is JF619, an info."""
WARNING = "version: 1\njobs: {a: {schedule: '0 4 * * *', run: echo, timeout: none}}\n"
"""Its one finding is JF617, a warning."""


@pytest.fixture(autouse=True)
def no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests may themselves run in one."""
    for name in ("GITHUB_WORKSPACE", "GITHUB_STEP_SUMMARY", "CI_PROJECT_DIR"):
        monkeypatch.delenv(name, raising=False)


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True)


def test_fix_fixes_what_is_safe_and_shows_what_is_left(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(BAD.replace("0 4 * * *", "0 24 * * *"))
    said = jobfile("check", "--fix")
    assert re.fullmatch(r"fixed jobs.yaml: .*\n", said.err)
    assert "retry:" in (tmp_path / "jobs.yaml").read_text()
    assert (said.code, said.out.count("error[")) == (1, 1)
    again = jobfile("check", "--fix")
    assert (again.code, again.out, again.err) == (said.code, said.out, "")


def test_fix_unsafe_fixes_all_that_can_be(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text("version: 1\njobs:\n  a:\n\trun: echo hi\n")
    assert jobfile("check", "--fix").code == 1
    assert (tmp_path / "jobs.yaml").read_text() == "version: 1\njobs:\n  a:\n\trun: echo hi\n"
    said = jobfile("check", "--fix", "--unsafe")
    assert (said.code, said.out) == (0, "no errors in 1 file, 1 job\n")
    assert said.err == "fixed jobs.yaml: 1 fix (JF002)\n"
    assert (tmp_path / "jobs.yaml").read_text() == "version: 1\njobs:\n  a:\n    run: echo hi\n"
    assert jobfile("check", "--unsafe").code == 64


def test_a_fixed_file_keeps_its_mode_its_mark_and_its_line_ends(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    real = tmp_path / "there" / "real.yaml"
    real.write_bytes(b"\xef\xbb\xbf" + BAD.replace("\n", "\r\n").encode())
    real.chmod(0o640)
    jobfile("check", "--fix", "--unsafe", "there/real.yaml")
    assert real.read_bytes() == b"\xef\xbb\xbf" + (
        BAD.replace("retrry:", "retry:").replace("5 seconds", "5s").replace("\n", "\r\n").encode()
    )
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert os.listdir(tmp_path / "there") == ["real.yaml"]


@pytest.fixture
def nobodys_folder() -> Iterator[Path]:
    """A folder that anybody may write to, and the rights of nobody in particular."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        user = os.geteuid()
        if user == 0:  # nothing is read-only to the superuser
            os.seteuid(65534)
        yield Path(name)
        os.seteuid(user)


def test_a_read_only_file_is_not_replaced(nobodys_folder: Path) -> None:
    file = nobodys_folder / "jobs.yaml"
    file.write_text("mine")
    replace_file(file, b"new")
    file.chmod(0o444)
    with pytest.raises(JobfileError, match="it is read-only; it is as it was"):
        replace_file(file, b"other")
    assert file.read_text() == "new"
    assert os.listdir(nobodys_folder) == ["jobs.yaml"]


def test_what_cannot_be_replaced_stays_and_leaves_nothing_behind(nobodys_folder: Path) -> None:
    file = nobodys_folder / "jobs.yaml"
    file.mkdir()
    with pytest.raises(JobfileError, match=r"cannot write .*jobs\.yaml: Is a directory"):
        replace_file(file, b"new")
    assert os.listdir(nobodys_folder) == ["jobs.yaml"]


def test_a_good_file_is_not_written_and_one_that_cannot_be_read_is_reported(
    jobfile: Jobfile, tmp_path: Path
) -> None:
    before = (tmp_path / "jobs.yaml").stat()
    assert jobfile("check", "--fix", "jobs.yaml", "nope.yaml").code == 65
    assert (tmp_path / "jobs.yaml").stat().st_ino == before.st_ino


def test_allow_hides_and_deny_makes_an_error(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(WARNING)
    assert "JF617" in jobfile("check").out
    said = jobfile("check", "--strict", "--allow", "jf617")
    assert (said.code, said.out) == (0, "no errors in 1 file, 1 job\n")
    assert jobfile("check", "--deny", "JF619", "--deny", "JF617").code == 1
    (tmp_path / "jobs.yaml").write_text(REMARK)
    assert jobfile("check").out == "no errors in 1 file, 1 job\n"
    denied = jobfile("check", "--deny", "JF619")
    assert (denied.code, "JF619" in denied.out) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--allow", "JF101"), "JF101 is an error, and errors cannot be allowed"),
        (("--allow", "JF42"), "there is no code JF42; all of them:  jobfile explain"),
        (("--deny", "nonsense"), "there is no code nonsense; all of them:  jobfile explain"),
        (("--allow", "JF617", "--deny", "JF617"), "JF617 is both allowed and denied"),
    ],
)
def test_a_code_that_cannot_be_chosen_is_a_wrong_use(
    jobfile: Jobfile, arguments: tuple[str, ...], told: str
) -> None:
    said = jobfile("check", *arguments)
    assert (said.code, told in said.err) == (64, True), said.err


def test_gitlab_and_sarif_get_reports_with_paths_from_the_top(
    jobfile: Jobfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "jobs.yaml").write_text(BAD)
    monkeypatch.chdir(tmp_path / "a b")
    monkeypatch.setenv("CI_PROJECT_DIR", str(tmp_path))
    said = jobfile("check", "--format", "gitlab", "./jobs.yaml")
    check_fits(said.json, DATA / "gitlab-codequality.schema.json")
    assert said.code == 1
    assert {one["location"]["path"] for one in said.json} == {"a b/jobs.yaml"}
    log = jobfile("check", "--format", "sarif", "../a b/jobs.yaml").json
    check_fits(log, DATA / "sarif-schema-2.1.0.json")
    [place] = {
        json.dumps(one["locations"][0]["physicalLocation"]["artifactLocation"])
        for one in log["runs"][0]["results"]
    }
    assert json.loads(place) == {"uri": "a%20b/jobs.yaml", "uriBaseId": "%SRCROOT%"}


def test_github_gets_commands_then_the_text_and_the_summary(
    jobfile: Jobfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "jobs.yaml").write_text(BAD)
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.chdir(tmp_path / "sub")
    text = jobfile("check").out
    said = jobfile("check", "--format", "github")
    lines = said.out.splitlines()
    assert said.code == 1
    assert lines[0].startswith("::error file=sub/jobs.yaml,line=")
    stop = next(at for at, line in enumerate(lines) if line.startswith("::stop-commands::"))
    assert "\n".join((*lines[stop + 1 : -2], "", lines[-1])) + "\n" == text
    assert summary.read_text() == f"before\n```text\n{text}```\n"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    assert (
        "warning: cannot write the step's summary: Is a directory"
        in jobfile("check", "--format", "github").err
    )


def test_what_changed_comes_first(jobfile: Jobfile, tmp_path: Path) -> None:
    for name in ("a.yaml", "ö b.yaml"):
        (tmp_path / name).write_text(BAD)
    git(tmp_path, "init")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-m", "x")
    (tmp_path / "ö b.yaml").write_text(f"{BAD}\n")
    arguments = ("check", "--format", "short", "a.yaml", "ö b.yaml")
    assert jobfile(*arguments).out.startswith("a.yaml:")
    assert jobfile(*arguments, "--changed-since", "HEAD").out.startswith("ö b.yaml:")


@pytest.mark.parametrize("revision", ["nope", "--output=stolen", ""])
def test_a_revision_that_git_does_not_know_is_a_wrong_use(
    jobfile: Jobfile, tmp_path: Path, revision: str
) -> None:
    git(tmp_path, "init")
    said = jobfile("check", "--changed-since", revision)
    assert (said.code, said.out) == (64, "")
    assert "revision" in said.err
    assert not (tmp_path / "stolen").exists()


def test_outside_a_repository_nothing_can_have_changed(jobfile: Jobfile, tmp_path: Path) -> None:
    said = jobfile("check", "--changed-since", "HEAD")
    assert said.code == 64
    assert f"error: {tmp_path} is not in a git repository" in said.err


@pytest.mark.parametrize("name", ["folder", "folder/", "."])
@pytest.mark.parametrize("command", ["fmt", "show", "run", "next", "simulate"])
def test_a_folder_in_place_of_a_job_file_is_named_in_words(
    jobfile: Jobfile, tmp_path: Path, command: str, name: str
) -> None:
    """Not by the number of a descriptor, and without a hint that the file is missing elsewhere."""
    (tmp_path / "folder").mkdir()
    words = [name] if command == "fmt" else ["-f", name]
    said = jobfile(command, *(["good"] if command in ("show", "run") else []), *words)
    assert said.code not in (0, 70)
    assert re.search(r"\bcannot read \d", said.err) is None, said.err
    assert "Is a directory" in said.err or "is a folder" in said.err, said.err


@pytest.mark.parametrize(
    ("folder", "files", "checked"),
    [
        ({"jobs.yaml": "main", "more.yaml": "main"}, ".", ["jobs.yaml"]),
        ({"sub/jobs.yaml": "main", "sub/b.yaml": "main"}, "sub", ["sub/jobs.yaml"]),
        (
            {"sub/b.yaml": "main", "sub/a.yml": "main", "sub/x.yaml": "other"},
            "sub/",
            ["sub/a.yml", "sub/b.yaml"],
        ),
        ({"jobs.yaml": "include", "sub/b.yaml": "part", "sub/x.test.yaml": "other"}, "sub", ["sub/b.yaml"]),
        ({"jobs.yaml": "include", "sub/b.yaml": "empty"}, "sub", ["sub/b.yaml"]),
        ({"jobs.yaml": "include", "sub/b.yaml": "part"}, ".", ["jobs.yaml", "sub/b.yaml"]),
    ],
)
def test_a_folder_stands_for_its_job_files(
    jobfile: Jobfile, tmp_path: Path, folder: dict[str, str], files: str, checked: list[str]
) -> None:
    texts = {
        "main": "version: 1\njobs: {a: {run: x, timeout: 5 x}}\n",
        "include": "version: 1\ninclude: [sub/*.yaml]\nqueues: {db: {slots: 1}}\njobs: {}\n",
        "part": "version: 1\njobs: {b: {run: x, queue: db}}\n",
        "empty": "version: 1\n",
        "other": "services: {db: {image: x}}\n",
    }
    (tmp_path / "jobs.yaml").unlink()
    (tmp_path / "sub").mkdir()
    for name, kind in folder.items():
        (tmp_path / name).write_text(texts[kind])
    said = jobfile("check", files, "--json")
    has_mistakes = any(folder[name] == "main" for name in checked)
    assert (said.code, said.json["files"]) == (int(has_mistakes), checked)


def test_a_folder_without_job_files_is_named_in_words(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "sub" / "a.yaml").mkdir(parents=True)
    (tmp_path / "sub" / "b.yaml").write_text("services: {}\n")
    (tmp_path / "sub" / "c.yaml").symlink_to(tmp_path / "sub" / "b.yaml")
    said = jobfile("check", "sub")
    assert (said.code, said.out) == (65, "")
    assert said.err == (
        "error: cannot read sub: this folder has no jobs.yaml, and no other YAML file with `jobs`\n"
    )
