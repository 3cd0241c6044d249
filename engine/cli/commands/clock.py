"""`jobfile clock`: show whether the engine believes the clock, or confirm that it is right."""

import click

from engine.answers.clock import (
    accepted_to_json,
    accepted_to_text,
    clock_to_json,
    clock_to_text,
    look_at_clock,
)
from engine.asking.place import Place
from engine.cli.exit_codes import GOOD, NOT_WELL
from engine.cli.output import print_json, print_text, style_of, width
from engine.cli.place import json_option, place_options, why_option
from engine.host.clock import is_synchronized
from engine.host.environment import user_name
from engine.host.wake import poke
from engine.ledger.opening import open_ledger
from engine.transactions.clock import accept_clock


@click.command("clock")
@click.argument("what", required=False, type=click.Choice(["accept"]))
@why_option
@json_option
@place_options
def command(what: str | None, *, why: str, as_json: bool, place: Place) -> int:
    """Whether the engine believes the clock. `clock accept` confirms that it is right.

    When the clock is implausible, the engine starts nothing new until the clock is plausible again, the
    system has reported it as synchronized for a minute, or a user accepts it. Accepting a clock that is
    behind the ledger starts a new clock epoch: runs recorded under the wrong clock no longer block runs at
    the correct times.
    """
    if what == "accept":
        return _accept(place, why, as_json=as_json)
    clock = look_at_clock(place.view(), now=place.now(), is_synchronized=is_synchronized())
    if as_json:
        print_json(clock_to_json(clock))
    else:
        style = style_of()
        print_text(clock_to_text(clock, width=width(), style=style), style)
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
