"""`jobfile clock`: whether the engine believes the clock; and to say that it is right."""

from datetime import UTC

import click

from engine.cli.exit_codes import GOOD, NOT_WELL
from engine.cli.output import print_json, width
from engine.cli.place import Place, json_option, place_options
from engine.core.columns import facts
from engine.core.records import Incident
from engine.core.vocabulary import instant_text
from engine.host.clock import is_synchronized
from engine.host.environment import user_name
from engine.host.wake import poke
from engine.ledger.sqlite.store import SqliteStore

SHOWN = 5
_WORDS = {True: "yes, says the system", False: "no, says the system", None: "the system cannot tell"}


@click.command("clock")
@click.argument("what", required=False, type=click.Choice(["accept"]))
@click.option("--why", default="", metavar="TEXT", help="The reason, for the record.")
@json_option
@place_options
def command(what: str | None, *, why: str, as_json: bool, place: Place) -> int:
    """Whether the engine believes the clock. `clock accept` says that it is right.

    An engine that sees an absurd clock starts nothing new until the clock is plausible again, or the
    system has called it synchronized for a minute, or a person accepts it. Accepting a clock that is
    behind what is accounted for begins its time anew: runs of the false time do not stand in its way.
    """
    if what == "accept":
        return _accept(place, why, as_json=as_json)
    view = place.view()
    now = place.now()
    recent = view.recent_incidents(limit=50)
    hold = next((one for one in recent if one.kind == "clock_hold" and one.ended_at is None), None)
    clocks = [one for one in recent if one.kind.startswith("clock")][:SHOWN]
    synchronized = is_synchronized()
    if as_json:
        events = [
            {"kind": one.kind, "began_at": one.began_at.isoformat(), "detail": one.detail} for one in clocks
        ]
        print_json(
            {
                "format": 1,
                "now": now.isoformat(),
                "believed": hold is None,
                "synchronized": synchronized,
                "events": events,
            }
        )
    else:
        lines = [("clock", instant_text(now, UTC, has_seconds=True)), ("synchronized", _WORDS[synchronized])]
        lines.append(("believed", "yes" if hold is None else f"NO: {hold.detail}"))
        lines += [("", _event(one)) for one in clocks]
        click.echo(facts(lines, width=width()))
    return GOOD if hold is None else NOT_WELL


def _event(one: Incident) -> str:
    what = f"set by {one.detail}" if one.kind == "clock_jump" else f"not believed: {one.detail}"
    return f"{instant_text(one.began_at, UTC, has_seconds=True)}  {what}"


def _accept(place: Place, why: str, *, as_json: bool) -> int:
    place.view()
    store = SqliteStore.open(place.config.ledger)
    who = user_name()
    with store.transaction():
        is_accepted = store.incidents.accept_hold(actor=who)
        if is_accepted:
            store.audit(actor=who, action="accept", object="clock", detail=why, now=place.now())
    store.close()
    poke(place.state_dir)
    if as_json:
        print_json({"format": 1, "accepted": is_accepted})
    else:
        click.echo("the clock is accepted" if is_accepted else "the clock is believed; nothing to accept")
    return GOOD
