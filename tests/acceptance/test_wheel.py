"""The wheel, installed without the working copy: it has every file that several hosts need."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.acceptance.engines import put, until
from tests.known import ROOT, project_files
from tests.postgres_servers import a_server

JOBS = "version: 1\njobs:\n  hello: {run: echo from the wheel}\n"
Say = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built offline, from the files that git knows alone."""
    folder = tmp_path_factory.mktemp("wheel")
    for file in project_files():
        (folder / "copy" / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / "copy" / file).write_bytes((ROOT / file).read_bytes())
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(words, cwd=folder / "copy", check=True, capture_output=True)
    [made] = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def environ(wheel: Path) -> Mapping[str, str]:
    """An environment in which the wheel is installed, with the packages that it needs from here."""
    site = wheel.parent / "site"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", str(site)]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
    paths = (str(site), sysconfig.get_path("purelib"))
    return {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1"}


@pytest.fixture
def say(tmp_path: Path, environ: Mapping[str, str]) -> Say:
    def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "engine.cli.main", *words]
        env = {**environ, **more}
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)

    return run


def test_the_wheel_has_every_file_of_the_packages(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    own = {file for file in project_files() if file.startswith(("engine/", "jobfile/"))}
    own |= {f"jobfile/_{file}" for file in project_files() if file.startswith("schemas/")}
    assert own <= packed
    assert {
        "engine/ledger/postgres/migrations/0004_schedulers.sql",
        "engine/ledger/postgres/sql/host.sql",
    } < own


def test_hosts_work_from_the_wheel_alone(tmp_path: Path, environ: Mapping[str, str], say: Say) -> None:
    put(tmp_path, JOBS)
    where = "import engine, jobfile; print(engine.__file__, jobfile.__file__)"
    found = subprocess.run([sys.executable, "-c", where], env=dict(environ), capture_output=True, text=True)
    assert found.stdout.count(environ["PYTHONPATH"].partition(os.pathsep)[0]) == 2, found.stdout
    assert "kind: Secret" in say("export", "kubernetes").stdout
    with a_server() as server:
        for carrier in ("procrastinate", "pgqueuer"):
            env = {**environ, "JOBFILE_STORE": server.url(), "JOBFILE_CARRIER": carrier}
            command = [sys.executable, "-m", "engine.cli.main", "up", "--role", "all", "--apply", "auto"]
            output = (tmp_path / "said").open("ab")
            host = subprocess.Popen(command, cwd=tmp_path, env=env, stdout=output, stderr=output)
            try:
                run = until(lambda: say("run", "hello", "--detach", **env).stdout.strip(), "jobs in force")  # noqa: B023
                assert say("wait", run, **env).returncode == 0, carrier
                assert "from the wheel" in say("logs", run, **env).stdout
            finally:
                host.terminate()
                host.wait(timeout=30)
                output.close()
    assert "Traceback" not in (tmp_path / "said").read_text()
