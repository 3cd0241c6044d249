"""A folder for PATH with a program `docker` that stands in for the real one."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.acceptance.engines import until

STAND_IN = Path(__file__).with_name("stand_in_docker.py")


class Docker:
    """The stand-in: its folder for PATH, and what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def calls(self, what: str = "") -> list[list[str]]:
        path = self.folder / "calls"
        found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [words for words in found if not what or words[0] == what]


@contextlib.contextmanager
def docker_in(folder: Path, *, name: str = "docker") -> Iterator[Docker]:
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -S -I {STAND_IN} client {folder} "$@"\n')
    program.chmod(0o755)
    daemon = subprocess.Popen([sys.executable, "-S", "-I", STAND_IN, "daemon", folder])
    try:
        until((folder / "ready").exists)
        yield Docker(folder)
    finally:
        daemon.kill()
        daemon.wait()
