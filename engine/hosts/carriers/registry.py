"""The carriers, by name."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Final

from engine.core.errors import WrongUsageError
from engine.core.extras import not_installed
from engine.hosts.carrier import Carrier
from engine.ledger.host_ports import SharedLedger

DEFAULT: Final = "procrastinate"
EXTRAS: Final[Mapping[str, str]] = {"pgqueuer": "pgqueuer", "procrastinate": "postgres"}
"""The extra of each carrier. Its module has the same name, and a function `make_carrier`."""


def make_carrier(name: str, shared: SharedLedger) -> Carrier:
    """Make a carrier on a ledger's server. Raises WrongUsageError for a name that is none."""
    if name not in EXTRAS:
        raise WrongUsageError(f"JOBFILE_CARRIER is `{name}`; expected {' or '.join(EXTRAS)}")
    try:
        module = import_module(f"engine.hosts.carriers.{name}")
    except ImportError as error:
        raise not_installed(f"the carrier {name} needs", error, extra=EXTRAS[name]) from error
    make: Callable[[SharedLedger], Carrier] = module.make_carrier
    return make(shared)
