"""The roles of  jobfile up  on a ledger that hosts share: deciding what runs, and executing it."""

import os
import threading
from datetime import timedelta
from typing import Final

from engine.config import EngineConfig
from engine.core.errors import WrongUsageError
from engine.host.systemd import Manager
from jobfile.model.labels import LABEL_RULE, MOST_LABELS, is_label
from jobfile.model.namedtuple import NamedTuple

ALL: Final = "all"
SCHEDULER: Final = "scheduler"
WORKER: Final = "worker"
MAX_SLOTS: Final = 1_000
"""Maximum number of attempts that a host executes at once: each has a thread that waits for its end."""
OUTPUTS: Final = "JOBFILE_OUTPUTS"
SCHEMES: Final = ("s3", "gs", "az", "file")
"""The kinds of object stores."""
ROLES: Final = (ALL, SCHEDULER, WORKER)


class Offered(NamedTuple):
    """What a host can do for the leader."""

    name: str
    labels: tuple[str, ...]
    slots: int
    outputs: str = ""
    """The URL of the object store in which all hosts keep outputs; empty to leave it as it is."""


class Part(NamedTuple):
    """The settings of a process on one of several hosts."""

    config: EngineConfig
    about: Offered
    ended: threading.Event
    manager: Manager
    duration: timedelta | None
    stops_jobs: bool = False
    """Whether jobs that run here are ended when it ends."""

    @property
    def seconds(self) -> float | None:
        """After how many seconds it ends; None for never."""
        return None if self.duration is None else self.duration.total_seconds()


def offered(
    name: str,
    labels: tuple[str, ...],
    slots: int | None,
    config: EngineConfig,
    *,
    role: str | None,
    outputs: str | None,
) -> Offered:
    """The options of a host. Refuses labels that no job can need, and a ledger that hosts cannot share."""
    if role is None:
        if name or labels or slots is not None:
            raise WrongUsageError("--name, --label and --slots are only for one of several hosts; add --role")
        if not config.store:
            if outputs:
                raise WrongUsageError(
                    "--outputs is for a ledger in PostgreSQL; add --store, and add --role if hosts share it"
                )
            return Offered("", (), 0)
        return Offered("", (), 0, _outputs(config.environ.get(OUTPUTS, "") if outputs is None else outputs))
    if not config.store:
        raise WrongUsageError(
            "--role is for hosts that share a ledger in PostgreSQL; add --store, or set JOBFILE_STORE"
        )
    for label in labels:
        if not is_label(label):
            raise WrongUsageError(f"--label `{label}` is not a label of a host: expected {LABEL_RULE}")
    if len({*labels}) > MOST_LABELS:
        raise WrongUsageError(f"a host has at most {MOST_LABELS} labels")
    outputs = _outputs(config.environ.get(OUTPUTS, "") if outputs is None else outputs)
    return Offered(name or os.uname().nodename, labels, slots or config.max_running, outputs)


def _outputs(url: str) -> str:
    """The URL of an object store. Refuses one with a password: messages show it, and the ledger keeps it."""
    if not url:
        return ""
    scheme, mark, place = url.partition("://")
    if not mark or scheme not in SCHEMES or not place or (scheme == "file" and not place.startswith("/")):
        raise WrongUsageError(
            f"--outputs or {OUTPUTS} is not the URL of an object store; expected s3://BUCKET/PREFIX, "
            "gs://BUCKET/PREFIX, az://ACCOUNT/CONTAINER/PREFIX or file:///FOLDER"
        )
    if "@" in place.partition("/")[0] or "?" in place:
        raise WrongUsageError(
            f"the URL of --outputs or {OUTPUTS} has a password or options; set these in the variables of the "
            "store's own tools, such as AWS_ACCESS_KEY_ID"
        )
    return url
