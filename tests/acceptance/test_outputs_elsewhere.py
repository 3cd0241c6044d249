"""Real hosts on one ledger, or one engine: what a job prints and keeps there is read on another machine."""

import os
import subprocess
import zlib
from pathlib import Path

import pytest

from tests.acceptance.engines import JOBFILE, end, put, say, start, until
from tests.acceptance.warm import Jobfile
from tests.postgres_ledgers import superuser
from tests.postgres_servers import Server, a_server

JOBS = """\
version: 1
jobs:
  talk:
    secrets: {PASSWORD: env:SHOP_PASSWORD}
    artifacts: [kept.bin]
    run: |
      printf 'a\\0b\\377 it is %s\\n' "$PASSWORD"
      printf '\\0\\1\\2 kept' > "$JOBFILE_RUN_DIR/kept.bin"
      echo first
      while [ ! -e go ]; do sleep 0.05; done
      echo last
  large:
    artifacts: [large.bin]
    run: |
      head --bytes 3000000 /dev/urandom > "$JOBFILE_RUN_DIR/large.bin"
      echo in the store
"""
SECRET = "correct-horse-battery"
OUTPUT = b"a\0b\377 it is ***\nfirst\nlast\n"


@pytest.mark.parametrize("how", [("--role", "all", "--apply", "auto"), ()], ids=["hosts", "one engine"])
def test_output_and_files_of_a_run_are_read_on_another_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: tuple[str, ...]
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    objects = tmp_path / "objects"
    for folder in (here, there):
        folder.mkdir()
        put(folder, JOBS)
    with a_server() as server:
        monkeypatch.setenv("JOBFILE_STORE", server.url())
        host = start(here, *how, SHOP_PASSWORD=SECRET)
        until(lambda: say(there, "run", "talk", "--detach").returncode == 0, "jobs in force")
        until(lambda: b"first" in say_bytes(there, "logs", "talk"), "the first lines")
        follower = _follow(there)
        until(lambda: "first" in (there / "followed").read_text(errors="replace"), "the same, followed")
        (here / "go").touch()
        assert follower.wait(timeout=30) == 0
        assert (there / "followed").read_bytes() == OUTPUT
        assert say_bytes(there, "logs", "talk") == say_bytes(here, "logs", "talk") == OUTPUT
        assert say(there, "why", "talk").stdout.rstrip().endswith("last")
        assert "last" in say(there, "notify", "preview", "talk", "succeeded").stdout
        assert say(there, "artifacts", "talk", "--to", "copied").returncode == 0
        assert (there / "copied" / "kept.bin").read_bytes() == b"\0\1\2 kept"
        assert not (there / ".jobfile" / "runs").exists()
        assert end(host) == 0
        host = start(here, *how, "--outputs", f"file://{objects}")
        run = say(there, "run", "large", "--detach").stdout.strip()
        until(lambda: say(there, "wait", run).returncode in (0, 1), "its end, when a scheduler leads")
        assert say(there, "did", run).returncode == 0, say(there, "why", run).stdout
        assert say_bytes(there, "logs", "large") == b"in the store\n"
        assert "in the store" in say(there, "run", "large").stdout
        assert say_bytes(there, "logs", "talk") == OUTPUT, "what was in the ledger is still there"
        assert say(there, "artifacts", "large", "--to", "copied").returncode == 0
        assert (there / "copied" / "large.bin").stat().st_size == 3_000_000
        assert end(host) == 0
        assert SECRET.encode() not in _everything(server)


def _follow(folder: Path) -> "subprocess.Popen[bytes]":
    with (folder / "followed").open("wb") as file:
        return Jobfile([JOBFILE, "logs", "--follow", "talk"], cwd=folder, stdout=file, env={**os.environ})


def say_bytes(folder: Path, *arguments: str) -> bytes:
    with Jobfile([JOBFILE, *arguments], cwd=folder, stdout=subprocess.PIPE) as command:
        return command.communicate(timeout=60)[0]


def _everything(server: Server) -> bytes:
    """All that the server has, with the pieces as they were before they were compressed."""
    with superuser(server.url()) as db:
        packed = db.execute("select packed from output_chunk").fetchall()
        [(rest,)] = db.execute("select schema_to_xml('public', true, false, '')::text").fetchall()
    assert packed
    return rest.encode() + b"".join(zlib.decompress(one) for (one,) in packed)
