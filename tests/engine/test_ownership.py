"""A state folder and job files are believed only when nobody else could have made or changed them."""

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.errors import JobfileError
from engine.host.lock import make_private_file, make_state_dir
from engine.host.ownership import (
    KINDS,
    NotOursError,
    file_troubles,
    refuse_foreign_files,
    refuse_foreign_state,
)
from tests.acceptance.engines import say

STRANGER = 12345
JOBS = "version: 1\njobs:\n  hello: {run: touch ran}\n"
SAYS_WHAT_RUNS = ("up --for 1s", "run hello", "run hello --detach", "apply --yes", "status", "runs", "plan")


def a_state(folder: Path) -> Path:
    make_state_dir(folder)
    make_private_file(folder / "ledger.db")
    (folder / "runs").mkdir(mode=0o700)
    return folder


def replaced(path: Path, make: Callable[[Path], object]) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
    make(path)


SPOILED: dict[str, Callable[[Path], object]] = {
    "the folder may be written": lambda state: state.chmod(0o777),
    "the folder may be read": lambda state: state.chmod(0o755),
    "the folder is a stranger's": lambda state: os.chown(state, STRANGER, STRANGER),
    "the ledger may be written": lambda state: (state / "ledger.db").chmod(0o666),
    "the ledger may be read": lambda state: (state / "ledger.db").chmod(0o644),
    "the ledger is a stranger's": lambda state: os.chown(state / "ledger.db", STRANGER, STRANGER),
    "the ledger is a pipe": lambda state: replaced(state / "ledger.db", os.mkfifo),
    "a log beside the ledger": lambda state: (state / "ledger.db-wal").write_bytes(b"x"),
    "a journal beside the ledger": lambda state: (state / "ledger.db-journal").write_bytes(b"x"),
    "no pipe": lambda state: (state / "wake").unlink(),
    "a file for a pipe": lambda state: replaced(state / "wake", Path.touch),
    "a folder for a lock": lambda state: (state / "engine.lock").mkdir(),
    "runs may be written": lambda state: (state / "runs").chmod(0o770) or os.chown(state / "runs", 0, 99),
}


@pytest.mark.parametrize("how", SPOILED)
def test_a_state_folder_that_others_could_have_made_is_refused(tmp_path: Path, how: str) -> None:
    state = a_state(tmp_path / ".jobfile")
    refuse_foreign_state(state)
    SPOILED[how](state)
    with pytest.raises(NotOursError, match=r"not trusted.*If you made it yourself:  (chmod|chown|rm|mkfifo)"):
        refuse_foreign_state(state)


@given(mode=st.integers(0, 0o777), name=st.sampled_from(["", "ledger.db"]))
def test_what_is_open_to_anybody_else_is_refused(
    tmp_path_factory: pytest.TempPathFactory, mode: int, name: str
) -> None:
    state = a_state(tmp_path_factory.mktemp("any") / ".jobfile")
    (state / name).chmod(mode)
    if not mode & (0o077 if name else 0o066):  # others may pass through the folder, to a run of theirs
        refuse_foreign_state(state)
        return
    with pytest.raises(NotOursError):
        refuse_foreign_state(state)


def test_the_command_that_is_shown_fixes_it(tmp_path: Path) -> None:
    state = a_state(tmp_path / "a state")
    for spoil in ("the folder may be read", "the ledger may be written", "no pipe"):
        SPOILED[spoil](state)
    with pytest.raises(NotOursError) as error:
        refuse_foreign_state(state)
    subprocess.run(["sh", "-c", str(error.value).partition("If you made it yourself:  ")[2]], check=True)
    refuse_foreign_state(state)


def test_an_empty_folder_of_ones_own_is_closed_and_used(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o755)
    make_state_dir(tmp_path / "state")
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


@pytest.mark.parametrize("name", [*KINDS, "."])
def test_nothing_is_written_through_a_link_in_a_state_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)
    target = tmp_path / "target"
    if KINDS.get(name, stat.S_IFDIR) == stat.S_IFDIR:
        target.mkdir()
    else:
        target.write_text("precious")
    before = target.stat()
    state = tmp_path / ".jobfile"
    if name == ".":
        state.symlink_to("target")
    else:
        make_state_dir(state)
        replaced(state / name, lambda path: path.symlink_to("../target"))
    for command in ("up --for 1s", "run hello") if name == "engine.lock" else ("run hello",):
        said = say(tmp_path, *command.split())
        assert said.returncode == 1, said
        assert "is a symbolic link" in said.stderr
    after = target.stat()
    assert (after.st_mtime_ns, after.st_mode) == (before.st_mtime_ns, before.st_mode)
    assert not (tmp_path / "ran").exists()


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_a_ledger_that_came_with_a_clone_runs_nothing(tmp_path: Path, umask: int) -> None:
    origin = tmp_path / "origin"
    origin.mkdir()
    (origin / "jobs.yaml").write_text(JOBS.replace("ran", "ran-from-the-ledger"))
    assert say(origin, "run", "hello", "--detach").returncode == 0
    git(origin, "init", "-q")
    git(origin, "add", "-Af")
    git(origin, "commit", "-qm", "jobs")
    before = os.umask(umask)
    try:
        git(tmp_path, "clone", "-q", "origin", "clone")
    finally:
        os.umask(before)
    clone = tmp_path / "clone"
    (clone / "jobs.yaml").write_text(JOBS)
    (clone / "jobs.yaml").chmod(0o644)
    clone.chmod(0o755)
    content = (clone / ".jobfile" / "ledger.db").read_bytes()
    for command in SAYS_WHAT_RUNS if umask == 0o022 else SAYS_WHAT_RUNS[:1]:
        said = say(clone, *command.split())
        assert said.returncode == 1, (command, said)
        assert "is not trusted" in said.stderr
        assert "remove it" in said.stderr
    assert sorted(path.name for path in clone.iterdir()) == [".git", ".jobfile", "jobs.yaml"]
    assert (clone / ".jobfile" / "ledger.db").read_bytes() == content


OPENED: dict[str, Callable[[Path], object]] = {
    "a file of all": lambda folder: (folder / "jobs.yaml").chmod(0o666),
    "a folder of all": lambda folder: folder.chmod(0o777),
    "a folder above": lambda folder: folder.parent.chmod(0o757),
    "a file of a group": lambda folder: (
        (folder / "jobs.yaml").chmod(0o664) or os.chown(folder / "jobs.yaml", 0, 99)
    ),
    "a stranger's file": lambda folder: os.chown(folder / "jobs.yaml", STRANGER, STRANGER),
    "a stranger's folder": lambda folder: os.chown(folder, STRANGER, STRANGER),
    "an included file": lambda folder: (folder / "more.yaml").chmod(0o666),
}


@pytest.mark.parametrize("how", OPENED)
def test_job_files_that_others_could_change_do_not_run(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "above" / "jobs"
    folder.mkdir(parents=True)
    (folder / "jobs.yaml").write_text("include: [more.yaml]\n" + JOBS)
    (folder / "more.yaml").write_text("version: 1\njobs:\n  other: {run: touch ran}\n")
    OPENED[how](folder)
    is_every_way = how == "an included file"
    for command in ("up --for 1s", "run hello", "apply --yes") if is_every_way else ("run hello",):
        said = say(folder, *command.split())
        assert said.returncode == 1, (command, said)
        assert "and with it the commands that run as you" in said.stderr
        assert "--no-strict-modes" in said.stderr
    assert not (folder / "ran").exists()
    if is_every_way:  # who reviews is not who runs
        assert say(folder, "check").returncode == 0
        assert say(folder, "run", "hello", "--dry-run").returncode == 0
    said = say(folder, "run", "hello", "--no-strict-modes")
    assert said.returncode == 0
    assert said.stderr.startswith("warning: ")
    assert (folder / "ran").exists()


@pytest.mark.parametrize(("mode", "group"), [(0o644, 0), (0o664, 0), (0o600, 99), (0o644, 99)])
def test_files_that_only_their_owner_can_change_are_fine(tmp_path: Path, mode: int, group: int) -> None:
    """0664 of a group with the owner's number: what Debian's users make."""
    path = tmp_path / "jobs.yaml"
    path.touch()
    os.chown(path, 0, group)
    path.chmod(mode)
    assert list(file_troubles([path])) == []


def test_a_sticky_folder_is_fine(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    (tmp_path / "jobs.yaml").touch()
    refuse_foreign_files([tmp_path / "jobs.yaml"])
    tmp_path.chmod(0o777)
    with pytest.raises(JobfileError, match="chmod go-w"):
        refuse_foreign_files([tmp_path / "jobs.yaml"])
