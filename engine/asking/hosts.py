"""The hosts on a ledger: what they do, and whether one takes work."""

from contextlib import closing
from typing import TYPE_CHECKING

from engine.answers.hosts import Drained, Fleet, Held, make_fleet
from engine.asking.place import Place
from engine.core.errors import WrongUsageError
from engine.core.hosts import listed
from engine.host.wake import poke
from engine.ledger.opening import open_ledger
from engine.transactions.draining import drain_by_hand

if TYPE_CHECKING:
    from engine.ledger.host_ports import HostsView
    from engine.ledger.ports import View

ONE_HOST = "this ledger belongs to one host"


def ask_hosts(place: Place) -> Fleet:
    """The hosts of the ledger. Raises WrongUsageError if it belongs to one host."""
    view = place.view()
    return make_fleet(view, hosts_of(view))


def hosts_of(view: "View") -> "HostsView":
    """The hosts of a ledger, also before one has led. Raises WrongUsageError if it belongs to one host."""
    hosts = view.hosts
    if hosts is None:
        raise WrongUsageError(f"{ONE_HOST}, because it is a file; see docs/scale.md for one that hosts share")
    if not hosts.are_sharing() and not hosts.all():
        raise WrongUsageError(f"{ONE_HOST}: no engine was started on it with  jobfile up --role")
    return hosts


def drain_host(place: Place, name: str, *, is_draining: bool, why: str) -> Drained:
    """Stop giving a host new work, or give it work again."""
    view = place.view()
    hosts = hosts_of(view)
    store = open_ledger(place.config.ledger_url)
    with closing(store), store.transaction():
        was_so = drain_by_hand(store, name, is_draining=is_draining, by=place.user, why=why, now=place.now())
    if was_so is None:
        known = listed([host.name for host in hosts.all()])
        raise WrongUsageError(f"no host is called '{name}'{f'; there are {known}' if known else ''}")
    poke(place.state_dir)
    return Drained(name, is_draining=is_draining, was_so=was_so, held=held_by(place, name))


def held_by(place: Place, name: str) -> tuple[Held, ...]:
    """The attempts that the hosts of a name still have."""
    with closing(place.open()) as view:
        found = make_fleet(view, hosts_of(view))
    return tuple(one for state in found.hosts if state.host.name == name for one in state.held)
