"""On which host an attempt is executed, and why one waits for a host."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from engine.core.hosts import DeliveryState, hindrance, name_without_row
from engine.core.lifecycle import Run, RunState
from engine.ledger.host_ports import HostsView
from engine.ledger.ports import View
from jobfile.model.canonical import spec_from_json

WAITS_LONG: Final = timedelta(seconds=2)
"""An attempt that was offered more recently does not count as waiting: a host is about to take it."""
TAKEN_SOON: Final = "a host is about to take it"
WAITING: Final = (RunState.QUEUED, RunState.RETRY_WAIT)


def shared_hosts(view: View) -> HostsView | None:
    """The hosts of a ledger, if they share it."""
    hosts = view.hosts
    return hosts if hosts is not None and hosts.are_sharing() else None


def run_hindrance(view: View, run: Run, *, now: datetime) -> str:
    """Why a run, or an attempt of it, waits for a host, in words; empty when it does not, or not for long."""
    hosts = shared_hosts(view)
    if hosts is None:
        return ""
    offered = [one for one in hosts.of_runs([run.id]) if one.state is DeliveryState.OFFERED]
    if offered:
        found = hosts.all()
        words = [hindrance(found, one.needs) for one in offered]
        is_new = hosts.now() - min(one.offered_at for one in offered) < WAITS_LONG
        return next(filter(None, words), "" if is_new else TAKEN_SOON)
    due_at = run.retry_at if run.state is RunState.RETRY_WAIT else run.not_before
    if run.state not in WAITING or due_at is None or due_at > now:
        return ""
    text = view.definition_text(run.digest)
    return hindrance(hosts.all(), () if text is None else spec_from_json(text).runs_on)


def host_names(hosts: HostsView, runs: Iterable[str]) -> Mapping[str, str]:
    """By the id of each attempt of some runs: the name of the host that executes or executed it."""
    delivered = [one for one in hosts.of_runs([*runs]) if one.host]
    if not delivered:
        return {}
    names = {host.id: host.name for host in hosts.all()}
    return {one.attempt.id: names.get(one.host) or name_without_row(one.host) for one in delivered}
