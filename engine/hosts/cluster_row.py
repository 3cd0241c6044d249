"""The row of a cluster among the hosts: there `hosts`, `why` and the leader find its slots and trouble."""

from datetime import timedelta
from typing import Final

from engine.core.hosts import CLUSTER, EVERY, Host
from engine.hosts.carrier import Cluster
from engine.ledger.host_ports import Hosts

FORGOTTEN_AFTER: Final = timedelta(minutes=10)
"""A host for one attempt is deleted when it has held nothing and been silent for this long."""


class ClusterRow:
    """Keeps the row of a cluster up to date, from the process of the leader."""

    def __init__(self, hosts: Hosts, cluster: Cluster, *, process: str, version: str) -> None:
        """Write no row yet."""
        self._hosts = hosts
        self._cluster = cluster
        self._process = process
        self._version = version

    def appear(self) -> None:
        """Write the row: from now on, the leader offers attempts."""
        self._hosts.appear(
            Host(
                id=CLUSTER,
                name=self._cluster.name,
                process=self._process,
                boot_id="",
                version=self._version,
                labels=(EVERY,),
                slots=self._cluster.slots,
                carrier=self._cluster.name,
            )
        )
        self._sign()

    def tend(self) -> float:
        """Start and remove hosts, and note the cluster's trouble; the seconds until the next time."""
        self._sign()
        try:
            return self._cluster.tend()
        finally:
            self._sign()
            self._hosts.forget_members(after=FORGOTTEN_AFTER)

    def leave(self) -> None:
        """Note that the cluster has left: this leader offers nothing more."""
        self._hosts.leave(CLUSTER, self._process)

    def _sign(self) -> None:
        self._hosts.sign(
            CLUSTER, self._process, skew=timedelta(), free_bytes=0, trouble=self._cluster.trouble
        )
