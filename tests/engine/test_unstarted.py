"""Why a program is not executed, in words: what the system really says, and then what is found."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.core.lifecycle import StartError
from tests.engine.real import WAYS, Real, real_world
from tests.engine.supervisors import ROOT, copy_of_supervisor

TRY = """\
import os, sys; sys.path.insert(0, sys.argv[1])
from engine.supervisor.unstarted import why_not_executed
os.chdir(sys.argv[2])
try:
    os.execve(sys.argv[3], [sys.argv[3], *["x" * 100_000] * int(sys.argv[4])], {})
except OSError as problem:
    print(why_not_executed(sys.argv[3], [os.path.join(sys.argv[2], sys.argv[3])], problem.errno))
"""
NOBODY = 64123


def script(path: Path, text: bytes, mode: int = 0o755) -> None:
    path.write_bytes(text)
    path.chmod(mode)


def nested(folder: Path) -> None:
    for number in range(8):
        script(folder / f"n{number}", f"#!{folder}/n{number + 1}\n".encode())


def closed(folder: Path) -> None:
    (folder / "above" / "below").mkdir(parents=True)
    script(folder / "above" / "below" / "it", b"#!/bin/sh\n")
    (folder / "above").chmod(0o700)


def circle(folder: Path) -> None:
    (folder / "it").symlink_to("other")
    (folder / "other").symlink_to("it")


CASES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "away": (lambda _: None, "./it", "program `./it` not found"),
    "crlf": (
        lambda here: script(here / "it", b"#!/bin/sh\r\necho\r\n"),
        "./it",
        r"exists, but its first line `#!/bin/sh\r` ends in a carriage return",
    ),
    "crlf with a space": (
        lambda here: script(here / "it", b"#! /bin/sh\r\necho\r\n"),
        "./it",
        r"looks for `/bin/sh\r`",
    ),
    "interpreter": (
        lambda here: script(here / "it", b"#!/opt/none/python -u\n"),
        "./it",
        "its interpreter /opt/none/python does not (its first line is `#!/opt/none/python -u`)",
    ),
    "interpreter below a file": (
        lambda here: script(here / "it", b"#!/etc/passwd/python\n"),
        "./it",
        "its interpreter /etc/passwd/python does not",
    ),
    "interpreter that may not run": (
        lambda here: script(here / "it", b"#!/etc/passwd\n"),
        "./it",
        "its interpreter /etc/passwd is not executable",
    ),
    "interpreter with a strange name": (
        lambda here: script(here / "it", b"#!/opt/\x1b[31m\xff\n"),
        "./it",
        r"interpreter /opt/\x1b[31m\\xff does not",
    ),
    "no line": (lambda here: script(here / "it", b"echo hello\n"), "./it", "it has no `#!` line"),
    "empty": (lambda here: script(here / "it", b""), "./it", "it is empty"),
    "no name": (lambda here: script(here / "it", b"#!\necho\n"), "./it", "`#!` names no interpreter"),
    "data": (lambda here: script(here / "it", b"\1\0\2\0"), "./it", "neither a program of this system nor"),
    "other machine": (
        lambda here: script(here / "it", b"\x7fELF" + bytes(60)),
        "./it",
        "a different kind of machine",
    ),
    "mark": (lambda here: script(here / "it", b"\xef\xbb\xbf#!/bin/sh\n"), "./it", "a byte order mark"),
    "rights": (lambda here: script(here / "it", b"#!/bin/sh\n", 0o644), "./it", "allow it:  chmod +x /"),
    "folder": (lambda here: (here / "it").mkdir(), "./it", "it is a folder"),
    "pipe": (lambda here: os.mkfifo(here / "it", 0o755), "./it", "it is not a regular file"),
    "below a file": (lambda here: script(here / "it", b"x"), "./it/it", "/it is a file, not a folder"),
    "link": (lambda here: (here / "it").symlink_to("gone"), "./it", "a link to gone, which does not exist"),
    "circle": (circle, "./it", "links on its path form a circle"),
    "nested": (nested, "./n0", "its interpreter is a script that needs a script"),
    "closed": (closed, "above/below/it", "/above; allow it with `chmod +x`"),
    "long": (lambda _: None, "./" + "x" * 300, "a path that is too long"),
    "large": (lambda here: script(here / "it", b"#!/bin/sh\n"), "./it", "more arguments and environment"),
}


@pytest.fixture
def here() -> Iterator[Path]:
    """A folder where an ordinary user may look."""
    folder = Path(tempfile.mkdtemp(prefix="jobfile-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_executed_is_shown_with_its_true_reason(here: Path, name: str) -> None:
    make, program, words = CASES[name]
    make(here)
    parts = copy_of_supervisor(here)  # the clone may be closed to others
    count = "200" if name == "large" else "0"
    done = subprocess.run(
        [
            shutil.which("python3", path="/usr/bin:/bin") or sys.executable,
            "-c",
            TRY,
            parts,
            here,
            program,
            count,
        ],
        user=NOBODY,
        capture_output=True,
        text=True,
    )
    assert words in done.stdout, done
    assert "\x1b" not in done.stdout
    assert done.stdout.count("\n") == 1


def test_a_file_system_that_executes_nothing_is_reported(here: Path) -> None:
    mount = f"mount -t tmpfs -o noexec none {here}; cp /bin/true {here}/it"
    code = ["unshare", "-m", "sh", "-ec", f'{mount}; exec "$0" "$@"', sys.executable, "-c", TRY]
    done = subprocess.run([*code, ROOT, here, "./it", "0"], capture_output=True, text=True)
    assert "its file system is mounted `noexec`" in done.stdout, done


def test_what_is_being_written_is_reported(here: Path) -> None:
    shutil.copy("/bin/true", here / "it")
    with (here / "it").open("r+b"):
        done = subprocess.run(
            [sys.executable, "-c", TRY, ROOT, here, "./it", "0"], capture_output=True, text=True
        )
    assert "is open for writing" in done.stdout, done


@pytest.fixture(params=WAYS)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Real]:
    yield from real_world(tmp_path, monkeypatch, way=request.param)


def test_a_supervisor_shows_it_wherever_the_program_was_looked_for(world: Real) -> None:
    folder = world.folder / "bin"
    folder.mkdir()
    script(folder / "windows", b"#!/bin/sh\r\n")
    script(folder / "bare", b"echo hello\n")
    cases = (
        ("windows", "ends in a carriage return"),
        ("bin/windows", "ends in a carriage return"),
        ("./bin/bare", "it has no `#!` line"),
        ("none", "program `none` not found in any folder of PATH"),
    )
    for number, (program, words) in enumerate(cases):
        env = {"PATH": f"/usr/bin:{folder}"}
        error = world.end_of(world.launch(f"case{number}", "", argv=(program,), env=env))
        assert isinstance(error, StartError)
        assert error.reason == "start_error"
        assert words in error.detail
