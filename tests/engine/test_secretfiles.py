"""Secrets in files: whatever stands there, the engine is told at once, and no text holds the value."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from engine.actions.secret_files import NotAvailableError, read_secret, refuse_unreadable
from engine.host.patience import (
    ANSWER_SECONDS,
    AT_ONCE_SECONDS,
    MOST_STUCK,
    NoAnswerError,
    NotYetError,
    ask,
    wait_for,
)
from tests.engine.disks import dead_disk

VALUE = "s3cret-value"
STRANGER = 12345


def written(path: Path, content: bytes = VALUE.encode(), *, mode: int = 0o600) -> None:
    path.write_bytes(content)
    path.chmod(mode)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


def given_away(path: Path, *, link: bool = False) -> None:
    real = path.with_name("real") if link else path
    written(real)
    if link:
        path.symlink_to(real)
    os.chown(path, STRANGER, STRANGER, follow_symlinks=False)


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing": (lambda path: None, "No such file"),
    "pipe": (os.mkfifo, "not a file but a named pipe"),
    "socket": (a_socket, "not a file but a socket"),
    "folder": (Path.mkdir, "not a file but a folder"),
    "device": (lambda path: os.mknod(path, 0o020600, os.makedev(1, 5)), "not a file but a device"),
    "link to a device": (lambda path: path.symlink_to("/dev/zero"), "not a file but a device"),
    "link to nothing": (lambda path: path.symlink_to("gone"), "it is a link to gone, which does not exist"),
    "link to itself": (lambda path: path.symlink_to(path), "symbolic links"),
    "stranger's link": (lambda path: given_away(path, link=True), "a symbolic link that belongs to"),
    "stranger's file": (given_away, "belongs to user 12345"),
    "too large": (lambda path: written(path, VALUE.encode() * 10_000), "at most 64 KiB"),
    "endless": (lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), 2**40), "64 KiB"),
    "NUL": (lambda path: written(path, VALUE.encode() + b"\0x"), "NUL"),
    "no text": (lambda path: written(path, VALUE.encode() + b"\xff"), "not a text"),
    "open to all": (lambda path: written(path, mode=0o666), "chmod 600"),
    "open to a group": (lambda path: (written(path, mode=0o620), os.chown(path, 0, 99)), "chmod 600"),
}


@pytest.mark.parametrize("what", BAD)
def test_an_invalid_secret_file_is_refused_at_once_and_its_content_never_shown(
    tmp_path: Path, what: str
) -> None:
    make, reason = BAD[what]
    make(tmp_path / "token")
    began = time.monotonic()
    with pytest.raises(NotAvailableError, match=reason) as error:
        wait_for(partial(read_secret, tmp_path / "token"))
    assert time.monotonic() - began < ANSWER_SECONDS
    assert VALUE not in str(error.value)


GOOD: dict[str, Callable[[Path], object]] = {
    "closed": written,
    "read-only": lambda path: written(path, mode=0o400),
    "of a container": lambda path: written(path, mode=0o444),
    "with a line end": lambda path: written(path, f"{VALUE}\n".encode()),
    "mounted by Kubernetes": lambda path: (
        (path.parent / "..data").mkdir(),
        written(path.parent / "..data" / "token", mode=0o644),
        path.symlink_to("..data/token"),
    ),
}


@pytest.mark.parametrize("how", GOOD)
def test_a_file_of_ones_own_or_of_root_is_a_secret(tmp_path: Path, how: str) -> None:
    GOOD[how](tmp_path / "token")
    wait_for(partial(refuse_unreadable, tmp_path / "token"))
    assert wait_for(partial(read_secret, tmp_path / "token")) == VALUE


AS_A_USER = """\
import os, sys
from pathlib import Path
from engine.actions.secret_files import NotAvailableError, read_secret
os.setgid(12345), os.setuid(12345)
for mode in (0o600, 0o400, 0o640, 0o604, 0o644, 0o660):
    path = Path(sys.argv[1])
    path.chmod(mode)
    try:
        print(oct(mode), read_secret(path))
    except NotAvailableError as error:
        print(oct(mode), "chmod 600" in str(error))
"""


def test_what_an_ordinary_user_can_close_has_to_be_closed(tmp_path: Path) -> None:
    place = tmp_path / "token"
    written(place)
    os.chown(place, STRANGER, STRANGER)
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(folder.stat().st_mode | 0o011)
    said = subprocess.run(
        [sys.executable, "-c", AS_A_USER, place], capture_output=True, text=True, check=True
    )
    shut = [f"{mode} {VALUE}" for mode in ("0o600", "0o400")]
    assert said.stdout.splitlines() == [
        *shut,
        *(f"{mode} True" for mode in ("0o640", "0o604", "0o644", "0o660")),
    ]


def test_a_disk_that_does_not_answer_is_asked_once_and_waited_for_in_parts(tmp_path: Path) -> None:
    written(tmp_path / "token")
    with dead_disk(tmp_path / "dead") as dead:
        before = threading.active_count()
        began = time.monotonic()
        with pytest.raises(NotYetError):
            read_secret(dead / "token")
        assert time.monotonic() - began < ANSWER_SECONDS / 2
        assert wait_for(partial(read_secret, tmp_path / "token")) == VALUE, "the others go on"
        with pytest.raises(NotAvailableError, match="timed out"):
            wait_for(partial(read_secret, dead / "token"))
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(NotAvailableError, match="timed out"):
                read_secret(dead / "token")
            assert time.monotonic() - began < AT_ONCE_SECONDS
        assert threading.active_count() == before + 1
        for number in range(MOST_STUCK - 1):
            with pytest.raises(NotYetError):
                ask(str(number), dead.stat)
        with pytest.raises(NoAnswerError, match="not tried"):
            ask("one more", dead.stat)


def test_an_exception_of_a_question_reaches_its_caller(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ask("a file", (tmp_path / "gone").stat)
