"""The image: no container engine is needed to see that its parts are enough and its commands are true."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "packaging" / "Dockerfile"


def instructions() -> list[tuple[str, str]]:
    """Each instruction with what it says, long ones on one line."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in lines if line.strip()]


def said(instruction: str) -> str:
    (text,) = [text for name, text in instructions() if name == instruction]
    return text


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project, installed from nothing but what the image copies."""
    folder = tmp_path_factory.mktemp("image")
    for name, text in instructions():
        if name == "COPY" and not text.startswith("--from=build"):
            *sources, target = shlex.split(text)
            place = folder / target.strip("/")
            for source in sources:
                path = ROOT / source
                if path.is_dir():
                    shutil.copytree(path, place, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
                else:
                    place.mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, place)
    assert "pip wheel --no-cache-dir --no-deps --no-build-isolation" in DOCKERFILE.read_text(), "as here"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--disable-pip-version-check"]
    where = ["--no-build-isolation", "--no-compile", "--target", str(folder / "lib"), str(folder / "src")]
    subprocess.run([*install, *where], check=True)
    return folder / "lib"


def run(installed: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command of the image, on the state folder that it names, moved into this test's."""
    environ = dict(text.split("=", 1) for name, text in instructions() if name == "ENV")
    assert environ == {"JOBFILE_STATE": said("VOLUME").strip('["]')}
    program, *rest = command
    assert program == "jobfile"
    return subprocess.run(
        [str(installed / "bin" / program), *rest],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(installed), "JOBFILE_STATE": str(folder / "state")},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_what_the_image_copies_is_enough_and_what_it_runs_is_there(installed: Path, tmp_path: Path) -> None:
    assert (installed / "engine" / "supervisor" / "libplain.so").exists(), (
        "what it builds with is enough, too"
    )
    (tmp_path / "jobs.yaml").write_text("version: 1\njobs: {hello: {run: echo hello}}\n")
    ran = run(installed, tmp_path, *json.loads(said("CMD")), "--for", "1s")
    assert (ran.returncode, ran.stderr) == (0, "warning: the engine runs as root, and so does every job\n")
    assert "generation 1 applied: 1 job" in ran.stdout
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    health = said("HEALTHCHECK").partition("CMD ")[2]
    well = run(installed, tmp_path, *json.loads(health))
    assert well.returncode == 1, "no engine runs"
    assert "NOT RUNNING, stopped" in well.stdout


def test_the_image_ends_its_jobs_in_order_and_has_a_first_process_that_reaps() -> None:
    assert "--stop-jobs" in json.loads(said("CMD"))
    assert json.loads(said("ENTRYPOINT"))[0] == "tini"
    assert said("USER") == "jobfile"
    packages = " ".join(text for name, text in instructions() if name == "RUN" and "apt-get install" in text)
    assert {"git", "tini", "gcc", "libc6-dev"} <= set(packages.split())
