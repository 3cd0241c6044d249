"""Only regular files are job files: links, pipes, devices and folders
are refused, without hanging or leaking.
"""

import os
import socket
from pathlib import Path

import pytest

from engine.core.errors import JobfileError
from engine.host.atomic_write import replace_file
from engine.sources.file_reader import LinkError, read_job_files, read_limited

SECRET = "token=hush-91"


@pytest.fixture
def kinds(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "link").symlink_to("secret")
    (tmp_path / "nowhere").symlink_to("gone")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "environ").symlink_to("/proc/self/environ")
    (tmp_path / "stdin").symlink_to("/dev/stdin")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "socket"))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("link", "it is a symbolic link; a job file must be a regular file: name the file itself"),
        ("nowhere", "it is a symbolic link"),
        ("loop", "it is a symbolic link"),
        ("environ", "it is a symbolic link"),
        ("folder", "it is a folder; a job file must be a regular file"),
        ("pipe", "it is a pipe; a job file must be a regular file"),
        ("socket", "it is a socket or a device"),
        ("zero", "it leads to a device; a job file must be a regular file"),
        ("/dev/null", "it is a device"),
    ],
)
def test_no_file_is_shown_as_what_it_is(kinds: Path, name: str, why: str) -> None:
    with pytest.raises(OSError, match="a job file must be a regular file") as caught:
        read_limited(kinds / name)
    assert caught.value.strerror is not None
    assert caught.value.strerror.startswith(why)
    assert caught.value.filename == str(kinds / name)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("depth", range(4))
def test_a_link_at_any_depth_below_the_folder_is_not_followed(tmp_path: Path, depth: int) -> None:
    """And one above it is: that is where the user said that the files are."""
    parts = ["a", "b", "c", "d.yaml"]
    real, top = tmp_path / "real", tmp_path / "top"
    (real / "/".join(parts[:3])).mkdir(parents=True)
    (real / "/".join(parts)).write_text("version: 1\njobs: {}\n")
    (top / "/".join(parts[:depth])).mkdir(parents=True)
    (top / "/".join(parts[: depth + 1])).symlink_to(real / "/".join(parts[: depth + 1]))
    for folder, is_link in ((top, True), (real, False)):
        (folder / "jobs.yaml").write_text(f"version: 1\ninclude: ['{'/'.join(parts)}']\njobs: {{}}\n")
        (tmp_path / f"to-{folder.name}").symlink_to(folder)
        found = read_job_files(tmp_path / f"to-{folder.name}" / "jobs.yaml")
        assert (len(found.files), len(found.outside)) == ((1, 1) if is_link else (2, 0))


def test_a_folder_of_links_as_kubernetes_makes_it_is_read_by_its_own_path(tmp_path: Path) -> None:
    (tmp_path / "..2026_01_01").mkdir()
    (tmp_path / "..2026_01_01" / "jobs.yaml").write_text("version: 1\njobs: {}\n")
    (tmp_path / "..data").symlink_to("..2026_01_01")
    (tmp_path / "jobs.yaml").symlink_to("..data/jobs.yaml")
    with pytest.raises(LinkError):
        read_job_files(tmp_path / "jobs.yaml")
    assert len(read_job_files(tmp_path / "..data" / "jobs.yaml").files) == 1


@pytest.mark.parametrize("name", ["link", "nowhere", "environ"])
def test_nothing_is_written_through_a_link(kinds: Path, name: str) -> None:
    with pytest.raises(JobfileError, match="it is a symbolic link; it is as it was"):
        replace_file(kinds / name, b"new")
    assert (kinds / "secret").read_text() == SECRET
    assert (kinds / name).is_symlink()
