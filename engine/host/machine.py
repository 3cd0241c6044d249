"""Reads facts about the machine: its limits, its clock, its container, and the processes of runs on it."""

import os
import platform
import resource
from collections.abc import Iterator, Mapping
from pathlib import Path

from engine.host.clock import is_synchronized
from engine.host.environment import environment
from jobfile.model.namedtuple import NamedTuple

_SIGNS = {".dockerenv": "Docker", "run/.containerenv": "Podman"}
_ID_DIGITS = 32
"""Hexadecimal digits of a run's id."""


class Machine(NamedTuple):
    """Facts about the machine. A limit is None if there is none."""

    python: str
    has_libyaml: bool
    has_spawn: bool
    open_files: int | None
    processes: int | None
    container: str
    is_synchronized: bool | None


class RunProcess(NamedTuple):
    """A process whose environment names the run and the state folder for which it was started."""

    pid: int
    run_id: str
    run_dir: str


def read_machine() -> Machine:
    """Read the facts."""
    from engine.supervisor.plain import is_built  # noqa: PLC0415
    from jobfile.syntax.document import PARSER, PurePythonParser  # noqa: PLC0415  start-up time: an engine need not ask

    return Machine(
        python=platform.python_version(),
        has_libyaml=PARSER is not PurePythonParser,
        has_spawn=is_built(),
        open_files=_limit(resource.RLIMIT_NOFILE),
        processes=_limit(resource.RLIMIT_NPROC),
        container=container_kind(environment()),
        is_synchronized=is_synchronized(),
    )


def container_kind(environ: Mapping[str, str], *, root: Path = Path("/")) -> str:
    """The kind of container that this process is in, by the marks of each kind; empty for none."""
    for sign, kind in _SIGNS.items():
        if (root / sign).exists():
            return kind
    if "KUBERNETES_SERVICE_HOST" in environ:
        return "Kubernetes"
    return environ.get("container", "")


def processes_of_runs(proc: Path = Path("/proc")) -> Iterator[RunProcess]:
    """The processes of this machine that belong to runs, as far as their environments may be read."""
    me = str(os.getpid())
    for entry in sorted(os.listdir(proc)):  # noqa: PTH208  only names are needed
        if entry.isdigit() and entry != me:
            found = process_of_run(int(entry), proc=proc)
            if found is not None:
                yield found


def process_of_run(pid: int, *, proc: Path = Path("/proc")) -> RunProcess | None:
    """The run of a process; None when the process is gone, cannot be read, or belongs to no run."""
    try:
        block = (proc / str(pid) / "environ").read_bytes()
    except OSError:
        return None
    if b"JOBFILE_RUN_ID=" not in block:
        return None
    entries = (entry.partition(b"=") for entry in block.split(b"\0"))
    said = {name: os.fsdecode(value) for name, _, value in entries if name.startswith(b"JOBFILE_RUN_")}
    run_id = said.get(b"JOBFILE_RUN_ID", "")
    if len(run_id) != _ID_DIGITS or run_id.strip("0123456789abcdef"):
        return None
    return RunProcess(pid, run_id, said.get(b"JOBFILE_RUN_DIR", ""))


def _limit(which: int) -> int | None:
    soft, _ = resource.getrlimit(which)
    return None if soft == resource.RLIM_INFINITY else soft
