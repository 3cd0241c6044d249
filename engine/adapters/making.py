"""Folders and files that a supervisor makes, closed to others. Imported by the shim: os and nothing else."""

import os

Path = str | bytes


def make_folder(path: Path) -> None:
    """Make a folder and those above it, asking for nothing first: most often only the last is missing."""
    try:
        os.mkdir(path, 0o700)  # noqa: PTH102  no pathlib in the shim
    except FileExistsError:
        pass
    except FileNotFoundError:
        make_folder(os.path.dirname(path))  # noqa: PTH120
        make_folder(path)


def write_new(path: Path, content: bytes) -> None:
    """Write a file anew."""
    handle = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    try:
        write_all_at(handle, content, 0)
    finally:
        os.close(handle)


def write_all_at(handle: int, content: bytes, at: int) -> None:
    """Write all of it at a place in a file, however many calls that takes."""
    while content:
        done = os.pwrite(handle, content, at)
        content, at = content[done:], at + done


def sync_folder(path: Path) -> None:
    """Names in a folder reach the disk with the folder, not with what they name: fsync(2)."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
