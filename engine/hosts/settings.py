"""The settings of several hosts, from the environment."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from engine.core.errors import WrongUsageError
from engine.core.hosts import GRACE, LEASE, LEASE_ONCE, TERM, Leases
from engine.hosts.carriers.registry import DEFAULT
from jobfile.model.namedtuple import NamedTuple

CARRIER: Final = "JOBFILE_CARRIER"
LEASE_VARIABLE: Final = "JOBFILE_LEASE"
LEASE_ONCE_VARIABLE: Final = "JOBFILE_LEASE_ONCE"
TERM_VARIABLE: Final = "JOBFILE_LEADER_TERM"
SHORTEST_LEASE: Final = timedelta(seconds=6)
"""A lease must be long enough to be renewed three times, and to end before another host may take over."""
SHORTEST_TERM: Final = timedelta(seconds=2)


class HostSettings(NamedTuple):
    """How long hosts may keep attempts, how long a leader leads, and what brings offers."""

    leases: Leases = Leases()
    grace: timedelta = GRACE
    term: timedelta = TERM
    carrier: str = DEFAULT


def host_settings(environ: Mapping[str, str]) -> HostSettings:
    """Read the settings. Raises WrongUsageError for an invalid value."""
    return HostSettings(
        leases=Leases(
            idempotent=_seconds(environ, LEASE_VARIABLE, LEASE, at_least=SHORTEST_LEASE),
            once=_seconds(environ, LEASE_ONCE_VARIABLE, LEASE_ONCE, at_least=SHORTEST_LEASE),
        ),
        term=_seconds(environ, TERM_VARIABLE, TERM, at_least=SHORTEST_TERM),
        carrier=environ.get(CARRIER, "") or DEFAULT,
    )


def _seconds(environ: Mapping[str, str], name: str, default: timedelta, *, at_least: timedelta) -> timedelta:
    text = environ.get(name, "")
    if not text:
        return default
    least = int(at_least.total_seconds())
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and int(text) >= least):
        raise WrongUsageError(f"{name} is `{text}`; expected a number of seconds, {least} or more")
    return timedelta(seconds=int(text))
