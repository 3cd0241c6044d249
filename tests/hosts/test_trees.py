"""A run is executed beside the files that its job was applied from."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from engine.config import EngineConfig
from engine.core.errors import RevisionError
from engine.hosts.trees import KEPT, Trees
from engine.sources.git_export import export_commit
from engine.testing import FakeClock
from tests.builders import NOON, a_run


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=anna", "-c", "user.email=anna@example.org")
    command = ["git", "-C", str(folder), *who, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def commit(folder: Path, text: str) -> str:
    (folder / "job" / "script").write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", text)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    (folder / "job").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    return folder


class Host:
    """The trees of a host; generations are applied from the commits of `revisions`."""

    def __init__(self, folder: Path, state: Path, ref: str = "") -> None:
        self.clock = FakeClock(NOON)
        self.revisions: list[str] = [""]
        config = EngineConfig(
            main_file=folder / "job" / "jobs.yaml", state_dir=state, environ={}, git_ref=ref
        )
        self.trees = Trees(config, self.clock, lambda number: self.revisions[number])

    def script(self, revision: str) -> str | None:
        """What the script beside a run says; None when its files are not here."""
        self.revisions.append(revision)
        found = self.trees.config_for(replace(a_run(), generation=len(self.revisions) - 1))
        return None if found is None else (found.main_file.parent / "script").read_text()


def test_each_run_finds_the_script_of_its_commit(repository: Path, tmp_path: Path) -> None:
    one, two = commit(repository, "one"), commit(repository, "two")
    host = Host(repository, tmp_path, "main")
    assert [host.script(one), host.script(two), host.script(one)] == ["one", "two", "one"]
    assert host.script("") == "two", "applied from no commit: what is in the folder"
    assert host.script("1" * 40) is None
    assert "the files of 111111111111 are not here" in host.trees.trouble


def test_a_remote_is_asked_for_a_commit_that_is_not_here_yet(repository: Path, tmp_path: Path) -> None:
    one = commit(repository, "one")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(repository), str(clone))
    host = Host(clone, tmp_path, "origin/main")
    assert host.script(one) == "one"
    assert host.script(commit(repository, "two")) == "two"


def test_a_folder_is_enough_if_it_has_the_commit(repository: Path, tmp_path: Path) -> None:
    one = commit(repository, "one")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(repository), str(clone))
    host, behind = Host(repository, tmp_path), Host(clone, tmp_path)
    two = commit(repository, "two")
    assert [host.script(one), host.script(two)] == ["two", "two"]
    assert [behind.script(one), behind.script(two)] == ["one", None]
    git(clone, "pull", "-q")
    assert behind.script(two) is None, "not asked at each attempt"
    behind.clock.advance(seconds=11)
    assert behind.script(two) == "two"


def test_files_without_a_repository_are_as_good_as_any(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "script").write_text("here")
    assert Host(tmp_path, tmp_path).script("1" * 40) == "here"


def test_folders_of_commits_that_nothing_needs_are_deleted(repository: Path, tmp_path: Path) -> None:
    host = Host(repository, tmp_path, "main")
    commits = [commit(repository, f"{number}") for number in range(KEPT + 3)]
    for number, one in enumerate(commits):
        assert host.script(one) == f"{number}"
        os.utime(tmp_path / "trees" / one, (number, number))
    host.trees.sweep([replace(a_run(), generation=1)])
    assert {path.name for path in (tmp_path / "trees").iterdir()} == {commits[0], *commits[-KEPT:]}
    assert host.script(commits[1]) == "1", "and made again when it is needed"


def test_an_export_has_modes_and_links_and_nothing_that_leads_out(repository: Path, tmp_path: Path) -> None:
    (repository / "run.sh").write_text("#!/bin/sh\n")
    (repository / "run.sh").chmod(0o755)
    (repository / "link").symlink_to("run.sh")
    (repository / "new\nline").write_bytes(bytes(range(256)))
    (repository / "empty").touch()
    (repository / ".gitattributes").write_text("* filter=evil\n")
    git(repository, "config", "filter.evil.smudge", f"touch {tmp_path}/was-here; cat")
    whole = commit(repository, "one")
    export_commit(repository, whole, tmp_path / "tree")
    assert (tmp_path / "tree" / "run.sh").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "tree" / "link").readlink() == Path("run.sh")
    assert (tmp_path / "tree" / "new\nline").read_bytes() == bytes(range(256))
    assert (tmp_path / "tree" / "empty").read_bytes() == b""
    assert (tmp_path / "tree" / "job" / "script").stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "was-here").exists()
    blob = git(repository, "rev-parse", "HEAD:job/script")
    entries = f"100644 blob {blob}\t.git\n"
    made = subprocess.run(
        ["git", "-C", str(repository), "mktree"], input=entries, capture_output=True, text=True, check=True
    )
    bad = git(repository, "commit-tree", made.stdout.strip(), "-m", "x")
    with pytest.raises(RevisionError, match="leads out of it"):
        export_commit(repository, bad, tmp_path / "bad")
    assert not (tmp_path / "bad").exists()
