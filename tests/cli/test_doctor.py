"""`jobfile doctor` as people and programs meet it: before, beside and after an engine, and on real damage."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from engine.answers.findings import AREAS, CODES
from engine.host.machine import container_kind, read_machine
from tests.acceptance.test_readme import ROOT, session, type_and_compare
from tests.cli.conftest import Jobfile, Said
from tests.cli.test_files import fits
from tests.cli.test_runs import engine

OF_THE_MACHINE = ("machine.", "clock.", "rights.job_file")
"""What a machine on which tests run may have to say."""


def findings(said: Said) -> dict[str, str]:
    """What was found beside what the machine has to say of itself, with its severity."""
    answer = said.json
    fits(answer, "doctor")
    assert {one["area"] for one in answer["checks"]} == set(AREAS) - {"hosts"}, "there is one host"
    bad = [one for one in answer["checks"] if one["severity"] in ("warning", "error")]
    assert (said.code, answer["is_well"]) == ((1, False) if bad else (0, True))
    return {
        one["code"]: one["severity"]
        for one in answer["checks"]
        if one["code"] in CODES and not one["code"].startswith(OF_THE_MACHINE)
    }


def test_before_there_is_a_ledger_the_machine_is_looked_at_and_nothing_is_made(
    jobfile: Jobfile, tmp_path: Path
) -> None:
    assert findings(jobfile("doctor", "--json")) == {"ledger.none": "info"}
    checks = jobfile("doctor", "--json").json["checks"]
    skipped = [one["area"] for one in checks if one["severity"] == "skipped"]
    assert skipped == ["invariant", "notifications"]
    assert "nothing is recorded yet in" in jobfile("doctor").out
    assert not (tmp_path / ".jobfile").exists()


def test_a_real_engine_leaves_a_sound_ledger(jobfile: Jobfile, tmp_path: Path) -> None:
    with engine(tmp_path):
        jobfile("run", "good")
        jobfile("run", "bad")
        jobfile("run", "flaky")
        assert findings(jobfile("doctor", "--json")) == {}
    assert findings(jobfile("doctor", "--json")) == {"engine.stopped": "info"}
    said = jobfile("doctor").out
    assert "\nok       invariants I1-I12: 3 runs, 4 attempts, 1 schedule, 0 gap records\n" in said


def test_a_run_without_an_engine_is_no_engine_that_stands_still(jobfile: Jobfile) -> None:
    jobfile("run", "good")
    assert findings(jobfile("doctor", "--json")) == {"engine.stopped": "info"}


def test_a_damaged_ledger_is_a_finding_and_the_rest_is_looked_at(jobfile: Jobfile, tmp_path: Path) -> None:
    jobfile("run", "good")
    ledger = tmp_path / ".jobfile" / "ledger.db"
    for name in ("ledger.db-wal", "ledger.db-shm"):
        (tmp_path / ".jobfile" / name).unlink(missing_ok=True)
    ledger.write_bytes(b"no database " * 1_000)
    ledger.chmod(0o644)
    assert findings(jobfile("doctor", "--json")) == {
        "ledger.unreadable": "error",
        "rights.state_file": "error",
    }
    said = jobfile("doctor")
    assert (said.code, said.err) == (1, "")
    assert f"chmod 600 {ledger}" in " ".join(said.out.split()), "the path may be too long for the line"


def test_a_ledger_that_is_empty_or_half_there_is_a_finding(jobfile: Jobfile, tmp_path: Path) -> None:
    jobfile("run", "good")
    ledger = tmp_path / ".jobfile" / "ledger.db"
    content = ledger.read_bytes()
    for rest in (b"", content[:100], content[: len(content) // 2], content[:-4096]):
        ledger.write_bytes(rest)
        assert any(code.startswith("ledger.") for code in findings(jobfile("doctor", "--json")))


def test_a_wrong_option_is_a_usage_error(jobfile: Jobfile) -> None:
    assert jobfile("doctor", "--fix").code == 64


def test_it_fits_a_narrow_terminal(jobfile: Jobfile, tmp_path: Path) -> None:
    jobfile("run", "good")
    (tmp_path / ".jobfile").chmod(0o755)
    ours, theirs = pty.openpty()
    subprocess.run(["stty", "cols", "50", "rows", "40"], stdin=theirs, check=True)
    command = [sys.executable, "-m", "engine.cli.main", "doctor"]
    done = subprocess.run(command, cwd=tmp_path, stdout=theirs, stderr=subprocess.PIPE, check=False)
    os.close(theirs)
    said = os.read(ours, 1 << 16).decode()
    lines = re.sub(r"\x1b\[\d+m", "", said).splitlines()
    os.close(ours)
    assert done.returncode == 1
    too_long = [line for line in lines if len(line) > 50 and "/" not in line]
    assert (too_long, done.stderr) == ([], b"")
    assert any(line.startswith("error    the state folder") for line in lines)
    assert "\x1b[31merror" in said, "a terminal shows colours"


def test_the_machine_says_its_limits_and_its_container(tmp_path: Path) -> None:
    limited = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (77, 77));"
        "from engine.host.machine import read_machine; print(read_machine().open_files)"
    )
    done = subprocess.run([sys.executable, "-c", limited], capture_output=True, text=True, check=True)
    assert done.stdout == "77\n"
    assert (read_machine().has_libyaml, read_machine().has_spawn) == (True, True)
    assert container_kind({}, root=tmp_path) == ""
    assert container_kind({"container": "lxc"}, root=tmp_path) == "lxc"
    assert container_kind({"KUBERNETES_SERVICE_HOST": "x"}, root=tmp_path) == "Kubernetes"
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".containerenv").touch()
    assert container_kind({}, root=tmp_path) == "Podman"


def test_the_command_imports_no_more_than_it_needs(tmp_path: Path) -> None:
    """Neither what checks job files nor what watches them: whoever asks is in a hurry."""
    asked = (
        "import sys; from engine.cli.main import run; run(['doctor']);"
        "slow = {'jinja2', 'watchdog', 'jsonschema', 'jsonschema_rs', 'jobfile.checks'};"
        "print(sorted(slow & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("\n[]\n"), done.stdout


def test_the_document_shows_what_is_printed_and_names_every_code(on_disk: Path) -> None:
    """In a folder with a short path: no line is broken that is whole in the document."""
    text = (ROOT / "docs" / "operations.md").read_text()
    section = text.partition("jobfile doctor\n")[2].partition("\n## ")[0]
    (on_disk / "jobs.yaml").write_text("version: 1\njobs: {hello: {run: echo hello}}\n")
    type_and_compare(session(section), on_disk)
    assert [code for code in CODES if f"`{code}`" not in section] == []
