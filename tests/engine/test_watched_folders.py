"""The real watch on real folders: what the kernel reports, and what remains true when it reports nothing."""

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from watchdog.observers.api import BaseObserver

from engine.core.arrivals import UNKNOWN, Scan, Trace
from engine.host.mounts import Mount, mount_of, read_mounts
from engine.ports import WatchedFolder
from engine.sources.file_scan import find_gone, scan_folder
from engine.sources.watched_folders import WatchedFolders
from tests.acceptance.engines import until


class Watching:
    """A watched folder, and the number of times that something was to be looked at."""

    def __init__(self, folder: Path, *, recursive: bool = False, **options: Any) -> None:
        self.folder = WatchedFolder(str(folder), recursive)
        self.calls = 0
        self.folders = WatchedFolders(on_change=self._note, **options)
        self.folders.follow(frozenset({self.folder}))
        self.scan()

    def _note(self) -> None:
        self.calls += 1

    def scan(self) -> Scan:
        def ended() -> Scan | None:
            return self.folders.scan(self.folder, lambda _: True)

        found = until(ended, "a scan")
        assert found is not None
        return found

    def names(self) -> list[str]:
        return sorted(one.name for one in self.scan().files)

    def has_changed(self) -> bool:
        return self.folder in self.folders.changed()

    def trace(self, path: Path) -> Trace:
        return self.folders.traces(self.folder).get(str(path), UNKNOWN)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


@pytest.fixture
def watching(inbox: Path) -> Iterator[Watching]:
    made = Watching(inbox)
    yield made
    made.folders.close()


def test_a_file_that_is_written_is_reported_when_it_is_closed(inbox: Path, watching: Watching) -> None:
    path = inbox / "caf\udce9\n.csv"
    with path.open("w") as file:
        file.write("x")
        file.flush()
        until(lambda: watching.trace(path).is_being_written, "a writer")
        watching.has_changed()
        file.write("y")
    until(lambda: watching.trace(path).was_closed, "its close")
    assert not watching.trace(path).is_being_written
    until(watching.has_changed, "a change")
    assert watching.names() == [path.name]


def test_a_file_that_is_moved_here_is_told_from_one_that_is_written(
    tmp_path: Path, inbox: Path, watching: Watching
) -> None:
    (tmp_path / "new").write_text("x")
    (tmp_path / "new").rename(inbox / "from-outside")
    (inbox / "part").write_text("x")
    (inbox / "part").rename(inbox / "from-inside")
    os.link(inbox / "from-inside", inbox / "linked")
    until(lambda: watching.trace(inbox / "linked") != UNKNOWN, "reports")
    outside, inside = watching.trace(inbox / "from-outside"), watching.trace(inbox / "from-inside")
    assert (outside.was_moved, outside.was_closed) == (inside.was_moved, inside.was_closed) == (True, False)
    assert not watching.trace(inbox / "linked").is_being_written
    assert watching.trace(inbox / "part") == UNKNOWN


def test_a_file_that_is_only_read_is_no_change(inbox: Path, watching: Watching) -> None:
    path = inbox / "a"
    path.write_text("x")
    until(lambda: watching.trace(path).was_closed, "its close")
    watching.has_changed()
    with path.open() as file:
        until(lambda: watching.trace(path).is_open, "its opening")
        assert file.read() == "x"
    until(lambda: not watching.trace(path).is_open, "its close")
    assert not watching.has_changed()
    os.utime(path, (1, 1))
    until(watching.has_changed, "a touched file is one")


def test_what_is_known_of_a_file_that_is_gone_is_forgotten(inbox: Path, watching: Watching) -> None:
    for index in range(50):
        (inbox / str(index)).write_text("x")
    until(lambda: watching.trace(inbox / "49").was_closed, "reports")
    shutil.rmtree(inbox)
    until(lambda: not watching.folders.traces(watching.folder), "nothing is known")


def test_a_new_folder_and_what_is_in_it_is_found(inbox: Path) -> None:
    watching = Watching(inbox, recursive=True)
    try:
        (inbox / "sub/deep").mkdir(parents=True)
        (inbox / "sub/deep/a").write_text("x")
        until(lambda: watching.has_changed() and watching.names() == ["a"], "the file")
        watching.has_changed()
        until(lambda: not watching.has_changed(), "quiet")
        (inbox / "sub/deep/b").write_text("x")
        until(watching.has_changed, "a change in it")
    finally:
        watching.folders.close()


def test_a_folder_that_vanishes_and_comes_back_is_watched_again(inbox: Path, watching: Watching) -> None:
    for move in (lambda: shutil.rmtree(inbox), lambda: inbox.rename(inbox.parent / "away")):
        move()
        until(lambda: watching.folders.is_replaced(watching.folder), "it is noticed")
        assert watching.scan().trouble == f"{inbox} does not exist"
        inbox.mkdir()
        assert watching.names() == []
        watching.has_changed()
        (inbox / "a").write_text("x")
        until(watching.has_changed, "a change")
        assert watching.names() == ["a"]


def test_a_folder_may_be_reached_by_a_link(tmp_path: Path, inbox: Path) -> None:
    (tmp_path / "link").symlink_to(inbox)
    watching = Watching(tmp_path / "link")
    try:
        (inbox / "a").write_text("x")
        until(lambda: watching.trace(tmp_path / "link/a").was_closed, "its name is that of the job file")
        (found,) = watching.scan().files
        assert found.path == str(tmp_path / "link/a")
        assert watching.scan().mounts == {str(tmp_path / "link"): mount_of(str(inbox), read_mounts()).point}
        (tmp_path / "link").unlink()
        (tmp_path / "other").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "other")
        assert watching.folders.is_replaced(watching.folder)
    finally:
        watching.folders.close()


def test_lost_reports_are_a_reason_to_look(inbox: Path, watching: Watching) -> None:
    path = inbox / "a"
    path.write_text("x")
    until(lambda: watching.trace(path).was_closed, "reports")
    watching.has_changed()
    logging.getLogger("watchdog.observers.inotify_c").warning("Inotify queue overflowed")
    assert watching.has_changed()
    assert watching.trace(path) == UNKNOWN


def test_the_engines_own_files_are_no_change(inbox: Path) -> None:
    state = inbox / "state"
    state.mkdir()
    watching = Watching(inbox, recursive=True, left_alone=str(state))
    try:
        (state / "ledger.db").write_text("x")
        (inbox / "a").write_text("x")
        until(lambda: watching.trace(inbox / "a").was_closed, "reports")
        assert watching.trace(state / "ledger.db") == UNKNOWN
        assert watching.names() == ["a"]
    finally:
        watching.folders.close()


def test_a_folder_that_is_not_followed_any_more_is_not_watched(inbox: Path, watching: Watching) -> None:
    watching.folders.follow(frozenset())
    (inbox / "a").write_text("x")
    assert watching.folders.changed() == frozenset()
    watching.folders.follow(frozenset({watching.folder}))
    assert watching.names() == ["a"]
    watching.has_changed()
    (inbox / "b").write_text("x")
    until(watching.has_changed, "it is watched again")


def test_without_room_for_a_watch_the_folder_is_scanned_often(inbox: Path) -> None:
    def full() -> BaseObserver:
        raise OSError(28, "inotify watch limit reached")

    watching = Watching(inbox, make_observer=full)
    (inbox / "a").write_text("x")
    scan = watching.scan()
    assert scan.polled == "no reports of changes: inotify watch limit reached"
    assert len(scan.files) == 1


def test_a_scan_that_is_held_up_holds_up_nothing_else(tmp_path: Path, inbox: Path) -> None:
    answers, other = threading.Event(), WatchedFolder(str(tmp_path), is_recursive=False)
    answers.set()

    def scan(watched: WatchedFolder, wants: Callable[[str], bool]) -> Scan:
        assert watched == other or answers.wait(30)
        return scan_folder(watched.path, is_recursive=False, wants=wants)

    watching = Watching(inbox, scan=scan)
    watching.folders.follow(frozenset({watching.folder, other}))
    answers.clear()
    began = time.monotonic()
    assert watching.folders.scan(watching.folder, lambda _: True) is None
    assert watching.folders.scan(watching.folder, lambda _: True) is None
    assert watching.folders.scan(other, lambda _: True) is not None
    assert time.monotonic() - began < 5
    calls = watching.calls
    answers.set()
    until(lambda: watching.calls > calls, "its end is reported")
    assert watching.scan().is_complete
    watching.folders.close()


def test_a_scan_for_other_names_is_not_used_after_a_change_of_jobs(inbox: Path) -> None:
    answers = threading.Event()
    answers.set()

    def scan(watched: WatchedFolder, wants: Callable[[str], bool]) -> Scan:
        assert answers.wait(30)
        return scan_folder(watched.path, is_recursive=False, wants=wants)

    watching = Watching(inbox, scan=scan)
    for name in "ab":
        (inbox / name).write_text("x")
    answers.clear()
    assert watching.folders.scan(watching.folder, lambda name: name == "a") is None
    watching.folders.follow(frozenset({watching.folder}))
    answers.set()
    assert watching.names() == ["a", "b"]
    watching.folders.close()


def test_a_scan_of_ten_thousand_known_files_is_cheap(inbox: Path) -> None:
    for index in range(10_000):
        (inbox / f"file-{index}.csv").touch()
    spent = []
    for _ in range(5):
        began = time.process_time()
        assert len(scan_folder(str(inbox), is_recursive=False, wants=lambda _: True).files) == 10_000
        spent.append(time.process_time() - began)
    assert min(spent) < 0.1


UNPRIVILEGED = """
import os, sys
from engine.sources.file_scan import scan_folder
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)
print(scan_folder(sys.argv[1], is_recursive=False, wants=lambda _: True).trouble)
"""


def test_a_folder_that_may_not_be_read_says_so() -> None:
    with tempfile.TemporaryDirectory() as folder:  # every user may enter the folders above it
        inbox = Path(folder) / "in"
        inbox.mkdir()
        Path(folder).chmod(0o755)
        inbox.chmod(0)
        words = [sys.executable, "-c", UNPRIVILEGED, str(inbox)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        assert done.stdout == f"{inbox} cannot be read: Permission denied\n"
        inbox.chmod(0o700)


def test_a_file_is_gone_only_if_nothing_is_there(inbox: Path) -> None:
    (inbox / "link").symlink_to("nowhere")
    (inbox / "file").write_text("")
    assert [find_gone(str(inbox / name)) for name in ("a", "file", "file/below", "link", "x" * 300)] == [
        *(True, False, True, False, False)
    ]


MOUNTINFO = """\
21 1 8:1 / / rw - ext4 /dev/sda1 rw
30 21 0:45 / /mnt/my\\040share rw,relatime shared:7 - nfs4 server:/x rw
31 21 0:46 / /mnt/my\\040share/deep rw - fuse.sshfs a:/ rw
32 21 0:47 / /data rw - xfs /dev/sdb rw
33 21 0:48 / /data rw - tmpfs none rw
broken line
"""


@pytest.mark.parametrize(
    ("path", "mount"),
    [
        ("/mnt/my share/x", Mount("/mnt/my share", "nfs4")),
        ("/mnt/my share", Mount("/mnt/my share", "nfs4")),
        ("/mnt/my shares", Mount("/", "ext4")),
        ("/mnt/my share/deep/in", Mount("/mnt/my share/deep", "fuse.sshfs")),
        ("/data/in", Mount("/data", "tmpfs")),
        ("/", Mount("/", "ext4")),
    ],
)
def test_the_mount_of_a_path_is_the_newest_of_the_nearest(tmp_path: Path, path: str, mount: Mount) -> None:
    (tmp_path / "mountinfo").write_text(MOUNTINFO)
    assert mount_of(path, read_mounts(tmp_path / "mountinfo")) == mount


def test_without_mountinfo_nothing_is_known_of_mounts(tmp_path: Path) -> None:
    assert read_mounts(tmp_path / "none") == ()
    assert mount_of("/x", ()).keeps_numbers
