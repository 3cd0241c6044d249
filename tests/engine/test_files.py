"""Reading job files: the fake tree and the real one through one suite; and real watching."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.ports import SourceTree
from engine.sources.folder import FolderTree, revision_of
from engine.sources.folder_watch import FolderWatch
from engine.testing import GivenTree
from jobfile.pipeline import compile_files

GOOD = "version: 1\njobs: {}\n"


class Given:
    """The fake, written to as if it were a file."""

    def __init__(self, _folder: Path) -> None:
        self.tree = GivenTree("", problem="cannot read jobs.yaml: No such file or directory")

    def write(self, text: str) -> None:
        self.tree.text, self.tree.problem = text, ""

    def remove(self) -> None:
        self.tree.problem = "cannot read jobs.yaml: No such file or directory"


class Real:
    """The real one, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "jobs.yaml"
        self.tree = FolderTree(self.path)

    def write(self, text: str) -> None:
        self.path.write_text(text)

    def remove(self) -> None:
        self.path.unlink()


@pytest.fixture(params=[Given, Real])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Given | Real:
    made: Given | Real = request.param(tmp_path)
    return made


def test_a_tree_shows_what_is_in_its_files(files: Given | Real) -> None:
    tree: SourceTree = files.tree
    assert "cannot read" in tree.snapshot().problem
    files.write(GOOD)
    ((name, content),) = tree.snapshot().files
    assert (Path(name).name, content, tree.snapshot().problem) == ("jobs.yaml", GOOD.encode(), "")
    files.write(GOOD * 2)
    assert tree.snapshot().files[0][1] == GOOD.encode() * 2
    files.remove()
    assert tree.snapshot().files == ()
    assert "No such file" in tree.snapshot().problem


def change(folder: Path, act: Callable[[], object]) -> bool:
    """Whether a change is noticed."""
    noticed = threading.Event()
    watch = FolderWatch(folder, noticed.set)
    watch.start()
    try:
        act()
        return noticed.wait(10)
    finally:
        watch.stop()


def test_a_file_saved_in_place_or_by_rename_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "jobs.yaml"
    path.write_text(GOOD)
    assert change(tmp_path, lambda: path.write_text(GOOD * 2))
    other = tmp_path / "jobs.yaml.new"

    def rename() -> None:
        other.write_text(GOOD)
        other.rename(path)

    assert change(tmp_path, rename)


def test_a_folder_that_is_not_there_is_no_error_and_is_watched_when_it_comes(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    noticed = threading.Event()
    watch = FolderWatch(folder, noticed.set)
    watch.start()
    folder.mkdir()
    watch.restart()
    (folder / "jobs.yaml").write_text(GOOD)
    assert noticed.wait(10)
    watch.stop()


def test_looking_for_a_folder_that_is_gone_leaks_nothing(tmp_path: Path) -> None:
    watch = FolderWatch(tmp_path / "gone", lambda: None)
    before = open_descriptors()
    for _ in range(5):
        watch.restart()
    assert open_descriptors() == before


def open_descriptors() -> int:
    return sum(
        "inotify" in os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()
    )


def test_reading_a_named_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "jobs.yaml")
    snapshot = FolderTree(tmp_path / "jobs.yaml").snapshot()
    assert "it is a pipe; a job file must be a regular file" in snapshot.problem


def test_the_commit_is_read_from_gits_own_files(tmp_path: Path) -> None:
    assert revision_of(tmp_path) == ""
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    assert revision_of(tmp_path) == ""
    (git / "packed-refs").write_text(f"# pack-refs\n{'1' * 40} refs/heads/main\n")
    assert revision_of(tmp_path) == "1" * 40
    (git / "refs" / "heads" / "main").write_text("2" * 40 + "\n")
    assert revision_of(tmp_path / "sub") == "2" * 40
    (git / "HEAD").write_text("3" * 64 + "\n")
    assert revision_of(tmp_path) == "3" * 64


@pytest.mark.parametrize(
    "head",
    ["ref: /proc/self/environ", "ref: ../../secret", "ref: refs/../../secret", "token=abc", "ref: refs/x"],
)
def test_what_is_no_commit_is_not_reported_as_one(tmp_path: Path, head: str) -> None:
    (tmp_path / "secret").write_text("hush")
    (tmp_path / "here" / ".git" / "refs").mkdir(parents=True)
    (tmp_path / "here" / ".git" / "refs" / "x").symlink_to(tmp_path / "secret")
    (tmp_path / "here" / ".git" / "packed-refs").write_text("hush refs/x\n")
    (tmp_path / "here" / ".git" / "HEAD").write_text(f"{head}\n")
    assert revision_of(tmp_path / "here") == ""


def names_of(tree: FolderTree, folder: Path) -> list[str]:
    snapshot = tree.snapshot()
    assert not snapshot.problem
    return [str(Path(name).relative_to(folder)) for name, _ in snapshot.files]


def test_included_files_are_read_with_the_main_one(tmp_path: Path) -> None:
    inside = ("b.yaml", "a.yaml", "deep/c.yaml", ".hidden.yaml", "notes.txt")
    for name in ("d.yaml", *(f"jobs/{one}" for one in inside)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(GOOD)
    main = tmp_path / "jobs.yaml"
    tree = FolderTree(main)
    main.write_text("version: 1\ninclude: ['jobs/*.yaml', '*.yaml', missing.yaml]\n")
    assert names_of(tree, tmp_path) == ["jobs.yaml", "d.yaml", "jobs/a.yaml", "jobs/b.yaml"]
    main.write_text("version: 1\ninclude: ['jobs/**/*.yaml', 'jobs/a.yaml']\n")
    assert names_of(tree, tmp_path) == ["jobs.yaml", "jobs/a.yaml", "jobs/b.yaml", "jobs/deep/c.yaml"]


def test_a_link_is_reported_and_not_read_wherever_it_leads(tmp_path: Path) -> None:
    folder, other = tmp_path / "repo", tmp_path / "elsewhere"
    folder.mkdir()
    other.mkdir()
    (other / "x.yaml").write_text(GOOD)
    (folder / "out.yaml").symlink_to(other / "x.yaml")
    (folder / "in.yaml").write_text(GOOD)
    (folder / "again.yaml").symlink_to(folder / "in.yaml")
    (folder / "more").symlink_to(other)
    (folder / "jobs.yaml").write_text("version: 1\ninclude: ['*.yaml', 'more/x.yaml']\n")
    snapshot = FolderTree(folder / "jobs.yaml").snapshot()
    assert [Path(name).name for name, _ in snapshot.files] == ["jobs.yaml", "in.yaml"]
    links = ["again.yaml", "more/x.yaml", "out.yaml"]
    assert [str(Path(name).relative_to(folder)) for name in snapshot.outside] == links
    found = compile_files(snapshot.files, outside=snapshot.outside).diagnostics
    assert [one.code for one in found if one.is_error] == ["JF023", "JF023"]


def test_a_link_that_leads_to_itself_is_reported_too(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text("version: 1\ninclude: [loop.yaml, a.yaml]\n")
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    snapshot = FolderTree(tmp_path / "jobs.yaml").snapshot()
    assert [Path(name).name for name, _ in snapshot.files] == ["jobs.yaml", "a.yaml"]
    assert snapshot.outside == (str(tmp_path / "loop.yaml"),)


@pytest.mark.parametrize("pattern", ["jobs/*.yaml", "jobs/c.yaml", "**/*.yaml"])
def test_a_link_to_nothing_that_an_include_means_is_reported(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "a.yaml").write_text(GOOD)
    (tmp_path / "jobs" / "c.yaml").symlink_to("gone.yaml")
    (tmp_path / "jobs" / ".#a.yaml").symlink_to("anna@host.123")  # an editor's lock
    (tmp_path / "jobs.yaml").write_text(f"version: 1\ninclude: ['jobs/a.yaml', '{pattern}']\n")
    snapshot = FolderTree(tmp_path / "jobs.yaml").snapshot()
    found = compile_files(snapshot.files, outside=snapshot.outside).diagnostics
    assert [one.code for one in found if one.is_error] == ["JF023"]
    assert "c.yaml" in "".join(one.message for one in found)


def test_a_change_in_the_folder_of_an_included_file_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    inner = tmp_path / "jobs" / "a.yaml"
    inner.write_text(GOOD)
    (tmp_path / "jobs.yaml").write_text("version: 1\ninclude: ['jobs/*.yaml']\n")
    tree = FolderTree(tmp_path / "jobs.yaml")
    noticed = threading.Event()
    watch = FolderWatch(tmp_path, noticed.set)
    watch.start()
    tree.snapshot()
    watch.follow(tree.folders)
    try:
        noticed.clear()
        inner.write_text(GOOD * 2)
        assert noticed.wait(10)
    finally:
        watch.stop()


def test_a_watch_that_is_being_taken_away_says_nothing(tmp_path: Path) -> None:
    script = (
        "import sys, queue\n"
        "import engine.sources.folder_watch\n"
        "from watchdog.observers.api import ObservedWatch\n"
        "from watchdog.observers.inotify import InotifyEmitter\n"
        "watch = ObservedWatch(sys.argv[1], recursive=False)\n"
        "InotifyEmitter(queue.Queue(), watch).queue_events(1)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
