"""`jobfile hosts`: which hosts share the ledger, what each runs, and whether one takes work."""

import threading
from typing import Final

import click

from engine.answers.hosts import Held, drained_to_json, drained_to_text, fleet_to_json, fleet_to_text
from engine.asking.hosts import ask_hosts, drain_host, held_by
from engine.asking.place import Place
from engine.cli.exit_codes import GOOD, NOT_OVER
from engine.cli.following import EndingSignals
from engine.cli.output import print_json, print_text, row_width, style_of, width
from engine.cli.place import json_option, place_options, why_option

DRAIN: Final = "drain"
LOOK_SECONDS: Final = 1.0
"""How often --wait checks whether something still runs."""


@click.command("hosts")
@click.argument("action", metavar="[drain|resume]", type=click.Choice((DRAIN, "resume")), required=False)
@click.argument("host", metavar="[HOST]", required=False)
@click.option("--wait", "waits", is_flag=True, help="With drain: wait until nothing runs there.")
@why_option
@json_option
@place_options
def command(
    action: str | None, host: str | None, *, waits: bool, why: str, as_json: bool, place: Place
) -> int:
    """Which hosts share the ledger: who leads, what each host runs, and what waits for one.

    After drain HOST, that host takes nothing new, and what it runs continues; after resume HOST, it takes
    work again. The audit records both. A host stays drained until it is resumed, even if it is restarted.
    """
    if (action is None) != (host is None):
        raise click.UsageError("name one HOST:  jobfile hosts drain HOST")
    if action is None and why:
        raise click.UsageError("--why is for  hosts drain  and  hosts resume")
    if waits and action != DRAIN:
        raise click.UsageError("--wait is for  hosts drain")
    if host is None:
        return _show(place, as_json=as_json)
    drained = drain_host(place, host, is_draining=action == DRAIN, why=why)
    if not as_json:
        print_text(drained_to_text(drained))
    if waits and drained.held:
        drained = drained._replace(held=_until_empty(place, host))
        if not as_json:
            print_text("nothing runs there" if not drained.held else "something still runs there")
    if as_json:
        print_json(drained_to_json(drained))
    return NOT_OVER if waits and drained.held else GOOD


def _show(place: Place, *, as_json: bool) -> int:
    fleet = ask_hosts(place)
    if as_json:
        print_json(fleet_to_json(fleet))
    else:
        style = style_of()
        print_text(fleet_to_text(fleet, width=width(), row_width=row_width(), style=style), style)
    return GOOD


def _until_empty(place: Place, name: str) -> tuple[Held, ...]:
    """Wait until nothing runs on a host, or the user stops the waiting; what still runs there."""
    pause = threading.Event()
    with EndingSignals().listening() as signals:
        while (held := held_by(place, name)) and not signals.take():
            pause.wait(LOOK_SECONDS)
    return held
