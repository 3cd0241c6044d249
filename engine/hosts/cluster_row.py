"""A cluster among the hosts: by its row, `hosts`, `why` and the leader know its slots and its trouble."""

from datetime import UTC, datetime, timedelta
from typing import Final

from engine.core.hosts import CLUSTER, EVERY, Host
from engine.hosts.carrier import Cluster
from engine.ledger.host_ports import Hosts

FORGOTTEN_AFTER: Final = timedelta(minutes=10)
"""How long a host for one attempt may be silent and have nothing, before it is deleted."""
NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


class ClusterRow:
    """Has the leader's process speak for a cluster."""

    def __init__(self, hosts: Hosts, cluster: Cluster, *, process: str, version: str) -> None:
        """Not among the hosts yet."""
        self._hosts = hosts
        self._cluster = cluster
        self._process = process
        self._version = version

    def appear(self) -> None:
        """Have the leader offer attempts from now on."""
        self._hosts.appear(
            Host(
                id=CLUSTER,
                name=self._cluster.name,
                process=self._process,
                boot_id="",
                version=self._version,
                labels=(EVERY,),
                slots=self._cluster.slots,
                is_draining=False,
                seen_at=NEVER,
                ended_at=None,
                skew=timedelta(),
                free_bytes=0,
                trouble="",
                held=0,
                silence=timedelta(),
                carrier=self._cluster.name,
            )
        )
        self._sign()

    def tend(self) -> float:
        """Have hosts started and removed, and say how that goes; the seconds until the next time."""
        self._sign()
        try:
            return self._cluster.tend()
        finally:
            self._sign()
            self._hosts.forget_members(after=FORGOTTEN_AFTER)

    def leave(self) -> None:
        """Have nothing offered any more by this leader."""
        self._hosts.leave(CLUSTER, self._process)

    def _sign(self) -> None:
        self._hosts.sign(
            CLUSTER, self._process, skew=timedelta(), free_bytes=0, trouble=self._cluster.trouble
        )
