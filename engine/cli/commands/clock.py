"""`jobfile clock`: whether the engine believes the clock; and to say that it is right."""

import click

from engine.answers.clock import (
    accepted_to_json,
    accepted_to_text,
    clock_to_json,
    clock_to_text,
    look_at_clock,
)
from engine.cli.exit_codes import GOOD, NOT_WELL
from engine.cli.output import print_json, width
from engine.cli.place import Place, json_option, place_options
from engine.host.clock import is_synchronized
from engine.host.environment import user_name
from engine.host.wake import poke
from engine.ledger.opening import open_ledger
from engine.transactions.clock import accept_clock


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
    clock = look_at_clock(place.view(), now=place.now(), is_synchronized=is_synchronized())
    if as_json:
        print_json(clock_to_json(clock))
    else:
        click.echo(clock_to_text(clock, width=width()))
    return GOOD if clock.hold is None else NOT_WELL


def _accept(place: Place, why: str, *, as_json: bool) -> int:
    place.view()
    store = open_ledger(place.config.ledger_url)
    with store.transaction():
        is_accepted = accept_clock(store, by=user_name(), why=why, now=place.now())
    store.close()
    poke(place.state_dir)
    if as_json:
        print_json(accepted_to_json(is_accepted=is_accepted))
    else:
        click.echo(accepted_to_text(is_accepted=is_accepted))
    return GOOD
