"""A pull request of all tricks at once, reviewed under strace: git alone is executed, nothing is written."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.engines import JOBFILE
from tests.acceptance.test_comment import MARKER, TOKEN, Service, serve
from tests.acceptance.test_git import text
from tests.acceptance.test_hostile_repositories import Trap, embedded, keys, state

__all__ = ["keys"]

CANARY = "canary-v4lue-77"
CALLS = (
    "trace=execve,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,link,linkat,"
    "symlink,symlinkat,truncate,ftruncate,chmod,fchmodat"
)
TO_WRITE = re.compile(r"\b(O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND)\b")
LEFT_ALONE = ("/dev/null", "/dev/tty", "/proc/self/")
SETTINGS = ("core.fsmonitor=false", "core.hooksPath=/dev/null", "safe.bareRepository=explicit")


@pytest.fixture
def trap(tmp_path: Path, keys: Path) -> Trap:
    """A hostile .git below, an embedded repository, links, and job files in front of it all."""
    trap = Trap(tmp_path, keys)
    embedded(trap)
    trap.config(
        core__fsmonitor="EVIL",
        filter__evil__clean="EVIL",
        filter__evil__process="EVIL",
        diff__external="EVIL",
        diff__evil__textconv="EVIL",
        core__pager="EVIL",
        core__sshCommand="EVIL",
        remote__origin__uploadpack="EVIL",
        alias__log="!EVIL",
    )
    hook = trap.at / ".git" / "hooks" / "post-index-change"
    hook.write_bytes(trap.program.read_bytes())
    hook.chmod(0o755)
    (trap.at / "jobs.yaml").write_text(text(7) + "    timeout: 1h\n")
    (trap.at / "link.yaml").symlink_to("/proc/self/environ")
    (trap.at / "config.yaml").symlink_to(".git/config")
    (trap.at / "inner").symlink_to("/proc/self")
    (trap.at / "more.yaml").write_text("version: 1\ninclude: [link.yaml, inner/environ]\njobs: {}\n")
    (trap.at / "fresh.test.yaml").symlink_to("/proc/self/environ")
    os.mkfifo(trap.at / "pipe.yaml")
    return trap


@pytest.fixture
def service() -> Service:
    return Service("github")


@pytest.fixture
def address(service: Service) -> Iterator[str]:
    yield from serve(service)


COMMANDS = (
    "check --changed-since HEAD... jobs.yaml ops/jobs.yaml more.yaml link.yaml config.yaml",
    "plan -f ops/jobs.yaml --from HEAD --format markdown",
    "plan -f link.yaml --from HEAD --format markdown",
    "plan -f more.yaml --from jobs.yaml --format markdown",
    "simulate --days 1 --compare HEAD",
    "test",
    "fmt --diff link.yaml config.yaml pipe.yaml",
    "comment --github --number 12",
)


def test_a_review_executes_git_alone_writes_nothing_and_prints_nothing(
    trap: Trap, service: Service, address: str
) -> None:
    env = {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "1",
        "MY_SECRET": CANARY,
        "GITHUB_API_URL": address,
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_TOKEN": TOKEN,
    }
    trap.mark.unlink(missing_ok=True)
    before, log = state(trap.at), trap.at.parent / "calls"
    script = "\n".join(f"{shlex.quote(JOBFILE)} {command} < ../text" for command in COMMANDS)
    (trap.at.parent / "text").write_text(f"{MARKER}\na plan\n")
    command = ["strace", "-f", "-qq", "-s", "200", "-v", "-e", "abbrev=none", "-e", "signal=none"]
    command = [*command, "-e", CALLS, "-ff", "-o", str(log)]
    done = subprocess.run(
        [*command, "/bin/sh", "-c", script], cwd=trap.at, env=env, capture_output=True, text=True, timeout=100
    )
    said = done.stdout + done.stderr
    assert CANARY not in said + "".join(service.bodies())
    assert "repositoryformatversion" not in said
    assert said.count("symbolic link") >= 5, said
    assert not trap.mark.exists()
    assert state(trap.at) == before
    logs = trap.at.parent.glob("calls.*")
    calls = [line for one in logs for line in one.read_text().splitlines() if " = -1" not in line]
    assert sum("execve(" in line for line in calls) > len(COMMANDS)
    for line in calls:
        if "execve(" in line:
            assert is_expected(line), line
        elif "openat(" in line:
            assert not TO_WRITE.search(line) or any(f'"{name}' in line for name in LEFT_ALONE), line
        else:
            raise AssertionError(line)


def is_expected(line: str) -> bool:
    """The commands themselves, git with its settings and no secret, and shells that only read: `-n`."""
    program, argv, environ = re.findall(r'execve\("([^"]*)", (\[.*?\]), (\[.*\])\)', line)[0]
    if program in ("/bin/sh", JOBFILE) and ("text" in argv or JOBFILE in argv):
        return True
    if CANARY in environ or TOKEN in environ:
        return program == JOBFILE
    if program.rpartition("/")[2] == "git":
        return all(setting in argv for setting in SETTINGS)
    return program.rpartition("/")[2] in ("sh", "bash") and '"-n"' in argv
