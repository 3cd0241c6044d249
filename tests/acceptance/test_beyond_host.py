"""What this machine cannot give a job is refused in one sentence, before anything is in force."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.acceptance.engines import JOBFILE, put, say


def without(*capabilities: str) -> Sequence[str]:
    """Root without some of its rights."""
    gone = ",".join(f"-{one}" for one in capabilities)
    return ("setpriv", f"--inh-caps={gone}", f"--bounding-set={gone}")


def refused(folder: Path, keys: str, *prefix: str) -> str:
    put(folder, f"version: 1\njobs:\n  a: {{run: touch done, {keys}}}\n")
    start = (*prefix, sys.executable, JOBFILE, "run", "a")
    done = subprocess.run(start, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout
    assert not (folder / "done").exists()
    return done.stderr


@pytest.mark.parametrize(
    ("keys", "gone", "words"),
    [
        ("user: no-such-user", (), "there is no user `no-such-user` on this machine"),
        ("user: nobody", ("setuid",), "`user: nobody` needs an engine that runs as root, or has CAP_CHOWN"),
        ("user: nobody", ("kill",), "needs an engine that runs as root"),
        ("nice: -5", ("sys_nice",), "`nice: -5` needs an engine with more rights"),
        ("limits: {open_files: 100000000}", ("sys_resource",), "above the engine's own hard limit of"),
    ],
)
def test_what_this_host_cannot_run_is_refused_in_words(
    tmp_path: Path, keys: str, gone: tuple[str, ...], words: str
) -> None:
    said = refused(tmp_path, keys, *(without(*gone) if gone else ()))
    assert words in said
    assert "jobs.yaml:3: job `a` is valid, but cannot run here: " in said


def test_a_state_folder_that_the_user_cannot_reach_is_named(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o700)
    said = refused(tmp_path / "closed", "user: nobody")
    assert "user `nobody` cannot reach the folders of its runs: it may not enter /" in said


def test_apply_refuses_a_user_that_does_not_exist(tmp_path: Path) -> None:
    put(tmp_path, "version: 1\njobs:\n  a: {run: touch done, user: no-such-user}\n")
    done = say(tmp_path, "apply", "--yes")
    assert done.returncode == 1
    assert "nothing was applied" in done.stderr
    assert "there is no user `no-such-user`" in done.stderr


def test_the_engine_s_own_user_needs_no_rights(tmp_path: Path) -> None:
    put(tmp_path, "version: 1\njobs:\n  a: {run: 'echo $USER $HOME', user: root}\n")
    start = (*without("setuid", "chown"), sys.executable, JOBFILE, "run", "a")
    done = subprocess.run(start, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "root /root\n", done.stderr
