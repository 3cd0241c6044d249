"""Puts planned jobs in force, for the commands and the page: the same record; the engine wakes up at once."""

from collections.abc import Sequence

from engine.asking.place import Place
from engine.core.events import Event
from engine.host.home import prepare_ledger
from engine.host.lock import make_state_dir
from engine.host.run_ids import new_run_id
from engine.host.wake import poke
from engine.ledger.opening import open_ledger
from engine.ledger.store_ports import Store
from engine.notifications.system_channels import known_channels
from engine.planning.enforcing import Intent, put_in_force
from jobfile.plan import Plan

UNCOMMITTED = "with changes that were not committed"


def intent_of(plan: Plan, place: Place, *, why: str) -> Intent:
    """What applying the files of a plan means; refused when something else is in force by then."""
    after = plan.after
    return Intent(
        catalog=after.catalog,
        base=plan.before.generation or 0,
        by=place.user,
        why=why,
        main_file=str(place.main_file),
        revision=after.revision,
        note=UNCOMMITTED if after.is_dirty else "",
        channels=None if after.written is None else known_channels(after.written),
    )


def put(place: Place, intent: Intent) -> Sequence[Event]:
    """Put a set in force as the next generation, and wake the engine. Raises, and changes nothing."""
    store = open_store(place)
    try:
        events = put_in_force(store, intent, now=place.now(), new_id=new_run_id)
    finally:
        store.close()
    poke(place.state_dir)
    return events


def open_store(place: Place) -> Store:
    """The ledger for writing; created if there is none."""
    make_state_dir(place.state_dir)
    prepare_ledger(place.config)
    return open_ledger(place.config.ledger_url)
