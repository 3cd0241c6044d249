"""Failures that a shell drops: a real one is asked whether it does, and each is reported or meant."""

import os
import subprocess
from pathlib import Path

import pytest

from jobfile.pipeline import check_files

DROPPED = (
    "./bad | gzip > out",
    "./bad 2>&1 | tee log",
    "./bad | sort > out",
    "./bad | sort | tee log",
    "{ ./bad; echo b; } | gzip > out",
    "timeout 5 ./bad | gzip > out",
    "if true; then ./bad | gzip > out; fi",
    "f() { ./bad | gzip > out; }; f",
    "echo $(./bad | gzip | cat) > out; ./bad | gzip > out",
    "./bad &",
    "./bad & echo b",
    "(./bad &)",
    "{ ./bad; } &",
    "./bad && echo a\necho b",
    "cd /none/such && echo a; echo b",
    "./bad || echo failed",
    "./bad || echo 'it failed' >&2\necho b",
    "./bad || printf 'error\\n'",
)
SEEN = (
    "./bad; echo a",
    "./bad > out",
    "echo a\n./bad && echo b",
    "./bad || exit 1",
    "./bad || { echo failed; exit 1; }",
    "./bad || false",
    "./bad > out; gzip out",
    "x=$(./bad); echo $x",
    "./bad & wait $!",
    "./bad & pid=$!; wait $pid",
)
MEANT = (
    "./bad || true",
    "if ./bad; then echo a; fi",
    "! ./bad",
    "[ -f none ] && echo a\necho b",
    "grep -q x none 2>log && echo a\necho b",
    "cat none 2>log | gzip > out",
    "./bad | grep x || echo none",
    "while ./bad; do echo a; done",
    "sleep 0 &",
)
ONLY_WITHOUT_PIPEFAIL = tuple(one for one in DROPPED if " | " in one)


def is_reported(script: str, shell: str = "sh") -> bool:
    indented = script.replace("\n", "\n      ")
    text = f"version: 1\njobs:\n  a:\n    shell: {shell}\n    run: |\n      {indented}\n"
    return "JF433" in {one.code for one in check_files([("jobs.yaml", text.encode())]).diagnostics}


def succeeds(script: str, folder: Path, *shell: str) -> bool:
    bad = folder / "bad"
    bad.write_text("#!/bin/sh\nexit 3\n")
    bad.chmod(0o755)
    env = {"PATH": os.environ["PATH"]}
    command = [*(shell or ("sh", "-eu")), "-c", script]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, timeout=20, check=False)
    return done.returncode == 0


@pytest.mark.parametrize("script", DROPPED)
def test_a_failure_that_the_shell_drops_is_reported(script: str, tmp_path: Path) -> None:
    assert succeeds(script, tmp_path)
    assert is_reported(script)
    assert is_reported(script, "[sh, -eu]")


@pytest.mark.parametrize("script", SEEN)
def test_a_failure_that_ends_the_script_is_not_reported(script: str, tmp_path: Path) -> None:
    assert not succeeds(script, tmp_path)
    assert not is_reported(script)


@pytest.mark.parametrize("script", MEANT)
def test_a_failure_that_the_author_means_is_not_reported(script: str, tmp_path: Path) -> None:
    assert succeeds(script, tmp_path)
    assert not is_reported(script)


@pytest.mark.parametrize("script", ONLY_WITHOUT_PIPEFAIL)
def test_with_pipefail_a_pipeline_is_not_reported(script: str, tmp_path: Path) -> None:
    assert not succeeds(script, tmp_path, "bash", "-euo", "pipefail")
    assert not is_reported(script, "bash")
    assert not is_reported(script, "[bash, -euo, pipefail]")
    assert not is_reported(f"set -o pipefail\n{script}", "[bash, -eu]")
    assert is_reported(script, "[bash, -eu]")


@pytest.mark.parametrize("script", DROPPED)
def test_nothing_is_reported_in_quotes_and_comments(script: str) -> None:
    line = script.replace("\n", "; ").replace("'", "")
    assert not is_reported(f"# {line}")
    assert not is_reported(f"ssh host '{line}'")
    assert not is_reported(f"cat <<'END'\n{line}\nEND")
