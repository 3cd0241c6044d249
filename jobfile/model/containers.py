"""The container in which a job or a step runs."""

from enum import StrEnum

from jobfile.model.dataclass import dataclass
from jobfile.model.values import Shown


class Runtime(StrEnum):
    """The program that runs a container; `auto` is the first of the others that is there."""

    AUTO = "auto"
    DOCKER = "docker"
    PODMAN = "podman"


class Pull(StrEnum):
    """When an image is fetched."""

    MISSING = "missing"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ContainerSpec(Shown):
    """The container in which an action runs. `args` are further options of the runtime's `run`."""

    image: str
    runtime: Runtime = Runtime.AUTO
    pull: Pull = Pull.MISSING
    network: str | None = None
    mounts: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
