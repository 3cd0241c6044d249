"""The carriers, by name."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Final

from engine.core.errors import WrongUsageError
from engine.core.extras import not_installed
from engine.hosts.carrier import Carrier, Cluster
from engine.ledger.host_ports import SharedLedger

DEFAULT: Final = "procrastinate"
EXTRAS: Final[Mapping[str, str]] = {"pgqueuer": "pgqueuer", "procrastinate": "postgres"}
"""The extra of each carrier. Its module has the same name, and a function `make_carrier`."""
CLUSTERS: Final = ("kubernetes",)
"""The carriers without a queue: a cluster starts a host for each offer. Their modules have `make_cluster`."""


def make_carrier(name: str, shared: SharedLedger) -> Carrier:
    """Make a carrier on a ledger's server. Raises WrongUsageError for an unknown name."""
    if name not in EXTRAS:
        known = f"{', '.join(EXTRAS)} or {' or '.join(CLUSTERS)}"
        raise WrongUsageError(f"JOBFILE_CARRIER is `{name}`; expected {known}")
    try:
        module = import_module(f"engine.hosts.carriers.{name}")
    except ImportError as error:
        raise not_installed(f"the carrier {name} needs", error, extra=EXTRAS[name]) from error
    make: Callable[[SharedLedger], Carrier] = module.make_carrier
    return make(shared)


def make_cluster(name: str, environ: Mapping[str, str]) -> Cluster | None:
    """Make the carrier of a cluster; None for a carrier of another kind. Raises WrongUsageError."""
    if name not in CLUSTERS:
        return None
    make: Callable[[Mapping[str, str]], Cluster] = import_module(f"engine.hosts.carriers.{name}").make_cluster
    return make(environ)
