"""`jobfile artifacts`, and the artifacts in other answers."""

from hashlib import sha256
from pathlib import Path

import pytest

from tests.cli.conftest import Jobfile
from tests.cli.test_schemas import fits

SAMPLES = Path(__file__).parents[2] / "samples"
KEEPING = """\
version: 1
jobs:
  keep:
    artifacts: ["**/*.txt", pipe]
    retry: {attempts: 2, delay: 1s, jitter: none}
    run: |
      cd "$JOBFILE_RUN_DIR"
      rm -f once*.txt
      mkdir -p a
      echo "try $JOBFILE_ATTEMPT" > a/x.txt
      echo once >> "once$JOBFILE_ATTEMPT.txt"
      test -p pipe || mkfifo pipe
      exit 3
  steps:
    artifacts: ["*.txt"]
    steps:
      first: {run: 'echo 1 > "$JOBFILE_RUN_DIR/first.txt"'}
      second: {for_each: "[1, 2]", run: 'echo {{ item }} > "$JOBFILE_RUN_DIR/second-{{ item }}.txt"'}
  none:
    artifacts: ["*.txt"]
    run: "true"
  plain:
    run: "true"
"""


@pytest.fixture
def keeping(jobfile: Jobfile) -> Jobfile:
    Path("jobs.yaml").write_text(KEEPING)
    return jobfile


def test_a_failed_run_lists_the_files_of_all_its_attempts(keeping: Jobfile) -> None:
    run = keeping("run", "keep", "--json")
    assert run.code == 1
    fits(run.json, "run")
    said = keeping("artifacts", "keep")
    lines = [line.split() for line in said.out.splitlines()]
    assert [line[0] for line in lines] == ["file", "a/x.txt", "once1.txt", "pipe", "a/x.txt", "once2.txt"]
    assert lines[1][1:] == ["6", sha256(b"try 1\n").hexdigest()[:12], "1"]
    assert " ".join(lines[3]) == "pipe 1 not kept: a named pipe"
    plain = keeping("artifacts", run.json["id"], "--json").json
    fits(plain, "artifacts")
    assert plain["artifacts"] == run.json["artifacts"]
    why = keeping("why", "keep").out
    assert "artifacts   once1.txt, a/x.txt, once2.txt; 16 bytes; 1 note about what is not kept" in why
    assert f"jobfile artifacts {run.json['id'][:8]}" in why
    for answer, schema in (("wait", "wait"), ("runs", "runs")):
        found = keeping(answer, run.json["id"], "--json").json
        fits(found, schema)
        assert found["runs"][0]["artifacts"] == plain["artifacts"]


def test_the_newest_copy_of_each_file_is_written_and_nothing_is_replaced(keeping: Jobfile) -> None:
    keeping("run", "keep")
    said = keeping("artifacts", "keep", "--to", "out/there")
    assert (said.code, said.out) == (0, "3 files written to out/there\n")
    found = {str(path.relative_to("out/there")): path.read_text() for path in Path("out").rglob("*.txt")}
    assert found == {"a/x.txt": "try 2\n", "once1.txt": "once\n", "once2.txt": "once\n"}
    (Path("out/there/once1.txt")).unlink()
    again = keeping("artifacts", "keep", "*.txt", "--to", "out/there")
    assert (again.code, again.out) == (1, "1 file written to out/there\n")
    assert again.err.splitlines() == [
        "a/x.txt cannot be written: File exists",
        "once2.txt cannot be written: File exists",
    ]


def test_a_link_in_the_place_of_a_folder_is_not_followed(keeping: Jobfile, tmp_path: Path) -> None:
    keeping("run", "keep")
    Path("out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    Path("out/a").symlink_to(tmp_path / "elsewhere")
    said = keeping("artifacts", "keep", "a/*", "--to", "out")
    assert (said.code, said.out) == (1, "0 files written to out\n")
    assert "a/x.txt cannot be written: Not a directory" in said.err
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_copy_that_was_changed_is_not_written(keeping: Jobfile) -> None:
    keeping("run", "keep")
    for copy in Path(".jobfile/runs").glob("*/*.artifacts/1"):
        copy.write_text("changed")
    said = keeping("artifacts", "keep", "a/*", "--to", "out")
    assert said.code == 1
    assert "a/x.txt is not written: its copy was changed: it does not have the recorded SHA-256" in said.err
    assert not Path("out/a/x.txt").exists()


def test_each_step_keeps_its_files(keeping: Jobfile) -> None:
    assert keeping("run", "steps").code == 0
    found = keeping("artifacts", "steps", "--json").json["artifacts"]
    by_step = {(one["name"], one["step"], one["item"]) for one in found}
    assert {("first.txt", "first", None), ("second-1.txt", "second", 1)} <= by_step
    keeping("artifacts", "steps", "--to", "out")
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "first.txt",
        "second-1.txt",
        "second-2.txt",
    ]


def test_the_reason_for_no_artifacts_is_shown(keeping: Jobfile) -> None:
    assert keeping("artifacts", "plain").code == 64
    keeping("run", "plain")
    keeping("run", "none")
    assert keeping("artifacts", "plain").out.endswith(
        "of plain has no artifacts: its job names no files to keep\n"
    )
    assert keeping("artifacts", "none").out.endswith("of none left no artifacts\n")
    assert keeping("artifacts", "none", "*.x").out.endswith("of none left no artifacts that match `*.x`\n")
    assert keeping("artifacts", "none", "--to", "out").code == 1
    assert keeping("artifacts", "none", "--to", "out", "--json").code == 64
    assert not Path("out").exists()


def test_the_sample_keeps_what_it_says(jobfile: Jobfile) -> None:
    Path("jobs.yaml").write_text((SAMPLES / "artifacts.yaml").read_text())
    assert jobfile("run", "backup").code == 0
    jobfile("artifacts", "backup", "--to", "out")
    assert Path("out/restored.txt").read_text() == "./data/orders.csv\n"
