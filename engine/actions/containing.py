"""Containers: the command of docker or podman that runs an attempt in one, and the commands that end it."""

import os
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from engine.actions.confining import limits_of
from engine.actions.kind import CannotStartError
from engine.core.confinement import ContainerOrder
from engine.core.lifecycle import AttemptKey
from engine.core.reasons import Reason
from engine.supervisor.confinement import CPU_GRACE_SECONDS
from jobfile.model.containers import ContainerSpec, Runtime
from jobfile.model.environment import GIVEN, PASSED_ON
from jobfile.model.jobs import JobSpec
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.size import NO_LIMIT, parse_size

RUNTIMES: Final = (Runtime.DOCKER, Runtime.PODMAN)
"""Those that `auto` looks for, in this order."""
OF_THE_CLIENT: Final = (
    *("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"),
    *("CONTAINER_HOST", "CONTAINERS_CONF", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"),
)
"""Variables of the engine for the runtime itself; they do not reach the container."""


class Inside(NamedTuple):
    """What a container needs to know of its attempt; `run_folder` has the same path inside."""

    attempt: AttemptKey
    job: str
    run_folder: str
    main_folder: Path
    working_dir: str
    """Empty: the run's folder."""
    names: Sequence[str]
    """The variables that are passed on, by name alone: their values are in the environment of the client."""


def find_runtime(container: ContainerSpec, environ: Mapping[str, str]) -> str | None:
    """The path of the program that runs the container; None if it is not on the engine's PATH."""
    wanted = RUNTIMES if container.runtime is Runtime.AUTO else (container.runtime,)
    found = (shutil.which(name.value, path=environ.get("PATH", os.defpath)) for name in wanted)
    return next((path for path in found if path), None)


def runtime_troubles(spec: JobSpec, environ: Mapping[str, str]) -> Iterator[str]:
    """The containers of a job that this machine cannot run."""
    for container in containers_of(spec):
        if find_runtime(container, environ) is None:
            yield no_runtime(container)


def containers_of(spec: JobSpec) -> tuple[ContainerSpec, ...]:
    """The containers of a job and its steps."""
    steps = getattr(spec.action, "steps", ())
    found = [step.container for step in steps] if steps else [spec.container]
    return tuple(one for one in found if one is not None)


def no_runtime(container: ContainerSpec) -> str:
    """The message about a missing program."""
    named = "docker or podman" if container.runtime is Runtime.AUTO else container.runtime.value
    return f"its container needs {named}, which is not on the engine's PATH: install it, or set PATH"


def runtime_of(spec: JobSpec, environ: Mapping[str, str]) -> str:
    """The program for a job's container. Raises CannotStartError."""
    assert spec.container is not None
    found = find_runtime(spec.container, environ)
    if found is None:
        raise CannotStartError(Reason.START_ERROR, no_runtime(spec.container))
    return found


def container_name(attempt: AttemptKey) -> str:
    """The name of an attempt's container: the runtime refuses a second one with it."""
    return f"jobfile-{attempt.folder}"


def names_inside(env: Collection[str], spec: JobSpec) -> list[str]:
    """The variables of an attempt that reach its container: of those of this machine, what its job names."""
    of_machine = {*PASSED_ON, *GIVEN} - {*spec.env, *spec.pass_env}
    return [name for name in (*env, *spec.given(spec.secrets)) if name not in of_machine]


def client_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of the engine that the runtime needs."""
    return {name: environ[name] for name in OF_THE_CLIENT if name in environ}


def container_argv(runtime: str, argv: Sequence[str], spec: JobSpec, inside: Inside) -> tuple[str, ...]:
    """The command that runs a program in the container; its last words are the program's arguments."""
    container = spec.container
    assert container is not None
    for folder in (inside.run_folder, str(inside.main_folder)):
        if ":" in folder:
            raise CannotStartError(
                Reason.START_ERROR, f"{folder} cannot be mounted in a container: its path has a `:`"
            )
    return (
        *(runtime, "run", f"--name={container_name(inside.attempt)}"),
        *(f"--label=jobfile.job={inside.job}", f"--label=jobfile.run={inside.attempt.run_id}"),
        *(f"--pull={container.pull.value}", "--log-driver=none"),
        *((f"--network={container.network}",) if container.network else ()),
        *(() if spec.new_privileges else ("--security-opt=no-new-privileges",)),
        f"--workdir={inside.working_dir or inside.run_folder}",
        f"--volume={inside.run_folder}:{inside.run_folder}",
        *(f"--volume={_mount(one, inside.main_folder)}" for one in container.mounts),
        *_limit_options(spec),
        *container.args,
        *(f"--env={name}" for name in inside.names),
        f"--entrypoint={argv[0]}",
        *(container.image, *argv[1:]),
    )


def container_order(runtime: str, attempt: AttemptKey) -> ContainerOrder:
    """The commands that end a container, and ask how it ended."""
    name = container_name(attempt)
    return ContainerOrder(
        stop=(runtime, "stop", "--time"),
        remove=(runtime, "rm", "--force", "--volumes", name),
        inspect=(runtime, "inspect", "--format={{.State.OOMKilled}}", name),
        name=name,
    )


def _mount(mount: str, main_folder: Path) -> str:
    source, _, rest = mount.partition(":")
    return f"{main_folder / source}:{rest}" if source.startswith(".") else mount


def _limit_options(spec: JobSpec) -> Iterator[str]:
    """The limits of a job as options: those of the client's own process do not reach the container."""
    limits = limits_of(spec.limits)
    if "memory" in limits:
        yield f"--memory={limits['memory']}"
        yield f"--memory-swap={limits['memory']}"
    if "processes" in limits:
        yield f"--pids-limit={limits['processes']}"
    if "cpu_seconds" in limits:
        yield f"--ulimit=cpu={limits['cpu_seconds']}:{limits['cpu_seconds'] + CPU_GRACE_SECONDS}"
    if "open_files" in limits:
        yield f"--ulimit=nofile={limits['open_files']}"
    if "file_size" in limits:
        yield f"--ulimit=fsize={limits['file_size']}"
    if spec.limits.core is not None:
        yield f"--ulimit=core={-1 if spec.limits.core == NO_LIMIT else parse_size(spec.limits.core)}"
