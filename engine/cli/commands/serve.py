"""`jobfile serve`: the page and the API."""

import click

from engine.asking.place import Place
from engine.cli.exit_codes import GOOD
from engine.cli.place import place_options


@click.command("serve")
@click.option(
    "--listen",
    metavar="ADDRESS",
    help="Listen at this host and port: 127.0.0.1:8420 [default: a socket in the state folder].",
)
@place_options
def command(listen: str | None, *, place: Place) -> int:
    """Serve the page and the API. They read the ledger as commands do, and work without an engine."""
    from engine.web.access import make_token  # noqa: PLC0415  start-up time: loads the web server
    from engine.web.serving import make_site, open_tcp, open_unix, serve  # noqa: PLC0415  start-up time: as above

    if listen is None:
        site = make_site(place, hosts=frozenset(("localhost",)))
        serve(site, [open_unix(place.state_dir)])
        return GOOD
    host, _, port = listen.rpartition(":")
    make_token(place.state_dir)
    site = make_site(place, hosts=frozenset((listen, f"localhost:{port}")))
    opened = open_tcp(host, int(port))
    click.echo(f"http://{listen}/")
    serve(site, [opened])
    return GOOD
