"""A rolling upgrade with two real versions in a stream of runs: nothing is lost or executed twice (F70)."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from jobfile import __version__
from tests.acceptance.engines import PATIENCE, put, until
from tests.known import ROOT
from tests.postgres_servers import a_server

NEWER = "9.9.9"
STEP = "alter table host add column of_the_future text not null default '';\n"
JOBS = """\
version: 1
jobs:
  tick:
    schedule: {every: 1s}
    catchup: all
    concurrency: {limit: 9}
    run: echo "$JOBFILE_RUN_ID" >> "$WROTE/ticks"
    env: {WROTE: WHERE}
  long:
    run: echo "$JOBFILE_RUN_ID" >> WHERE/long; while [ ! -e WHERE/go ]; do sleep 0.1; done
"""


def newer_version(folder: Path) -> Path:
    """A copy of the project with another version, and tables with one more step."""
    for name in ("engine", "jobfile", "schemas"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    about = folder / "jobfile" / "__init__.py"
    text = about.read_text()
    assert f'"{__version__}"' in text
    about.write_text(text.replace(f'"{__version__}"', f'"{NEWER}"'))
    (folder / "engine" / "ledger" / "postgres" / "migrations" / "9999_future.sql").write_text(STEP)
    return folder


class Fleet:
    """Hosts with folders of their own, each started with the code of a version."""

    def __init__(self, folder: Path, url: str, ending: ExitStack) -> None:
        self.folder = folder
        self.wrote = folder / "wrote"
        self.wrote.mkdir()
        self._url = url
        self._ending = ending

    def environ(self, code: Path) -> Mapping[str, str]:
        own = {"PATH": os.environ["PATH"], "PYTHONPATH": str(code), "PYTHONSAFEPATH": "1"}
        return {**own, "JOBFILE_STORE": self._url, "JOBFILE_LEADER_TERM": "2", "HOME": str(self.folder)}

    def place(self, name: str) -> Path:
        place = self.folder / name
        if not place.exists():
            place.mkdir()
            put(place, JOBS.replace("WHERE", str(self.wrote)))
        return place

    def start(self, name: str, code: Path) -> Callable[[], None]:
        """Start a host with both roles; returns what ends it in order."""
        command = [sys.executable, "-m", "engine.cli.main", "up", "--role", "all", "--name", name]
        process = subprocess.Popen(
            command,
            cwd=self.place(name),
            env=self.environ(code),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

        def end() -> None:
            process.terminate()
            process.wait(timeout=PATIENCE)

        self._ending.callback(end)
        return end

    def say(self, code: Path, *words: str) -> str:
        command = [sys.executable, "-m", "engine.cli.main", *words]
        place = self.place("user")
        done = subprocess.run(
            command, cwd=place, env=self.environ(code), capture_output=True, text=True, timeout=60
        )
        return done.stdout

    def ask(self, code: Path, *words: str) -> Any:
        said = self.say(code, *words, "--json")
        return json.loads(said) if said else {}

    def host(self, code: Path, name: str) -> Mapping[str, Any]:
        hosts = self.ask(code, "hosts").get("hosts", [])
        return next((one for one in hosts if one["name"] == name), {})

    def wrote_in(self, name: str) -> list[str]:
        path = self.wrote / name
        return path.read_text().split() if path.exists() else []

    def ticked(self, more: int) -> None:
        before = len(self.wrote_in("ticks"))
        until(lambda: len(self.wrote_in("ticks")) >= before + more, "ticks")


@pytest.mark.timeout(200)
def test_a_newer_version_takes_over_host_by_host_and_nothing_is_lost(tmp_path: Path) -> None:
    old, new = ROOT, newer_version(tmp_path / "newer")
    with a_server() as server, ExitStack() as ending:
        fleet = Fleet(tmp_path, server.url(), ending)
        end_a = fleet.start("a", old)
        until(lambda: "applied" in fleet.say(old, "apply", "--yes") or fleet.wrote_in("ticks"), "jobs")
        fleet.ticked(2)
        run = fleet.say(old, "run", "long", "--detach").strip()
        until(lambda: fleet.wrote_in("long"), "a long job on the old host")
        fleet.start("b", new)
        until(lambda: fleet.host(new, "a").get("state") == "troubled", "the old host to take nothing")
        assert "newer jobfile" in fleet.host(new, "a")["trouble"]
        assert {name: fleet.host(new, name)["version"] for name in "ab"} == {"a": __version__, "b": NEWER}
        assert [one["run"] for one in fleet.host(new, "a")["attempts"]] == [run], "it keeps what it has"
        fleet.ticked(3)
        (fleet.wrote / "go").touch()
        until(lambda: fleet.host(new, "a")["attempts"] == [], "the old host to report its end")
        end_a()
        fleet.start("a", new)
        until(lambda: fleet.host(new, "a").get("state") == "up", "the upgraded host")
        fleet.ticked(2)
        assert fleet.host(new, "a")["version"] == NEWER
        fleet.say(new, "pause", "tick")
        until(lambda: fleet.ask(new, "status").get("running") == 0, "the last end")
        report = {one["job"]: one for one in fleet.ask(new, "report")["jobs"]}
        runs = fleet.ask(new, "runs", "--limit", "500")["runs"]
        assert {one["state"] for one in runs} == {"succeeded"}, Counter(one["state"] for one in runs)
        assert fleet.wrote_in("long") == [run]
        ticks = Counter(fleet.wrote_in("ticks"))
        assert set(ticks.values()) == {1}, "no run was executed twice"
        assert ticks.keys() == {one["id"] for one in runs if one["job"] == "tick"}
        row = report["tick"]
        assert row["succeeded"] == len(ticks)
        assert row["expected"] == row["succeeded"] + row["skipped"], "the rest fell due in the pause"
        assert fleet.ask(new, "report")["adds_up"]
        assert fleet.ask(new, "generations")["generations"][0]["generation"] == 1
