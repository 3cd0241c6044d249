"""`jobfile serve`: the page and the API."""

import click

from engine.asking.place import Place
from engine.cli.exit_codes import GOOD
from engine.cli.place import place_options
from engine.cli.serving import allow_root_option, serve_options
from engine.core.access import Role
from engine.host.environment import environment
from engine.host.hardening import PARENT, die_with_parent, make_undumpable


@click.command("serve")
@click.option(
    "--listen",
    metavar="HOST:PORT",
    help="Listen at this address, for example 127.0.0.1:8420 [default: a socket in the state folder].",
)
@click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="A name by which browsers reach it: jobs.example.org. Repeatable.",
)
@click.option("--tls-cert", "certificate", metavar="FILE", help="The certificate for https; needs --tls-key.")
@click.option("--tls-key", "key", metavar="FILE", help="The key of the certificate.")
@click.option("--behind-proxy", "is_behind_proxy", is_flag=True, help="A proxy in front of it does the TLS.")
@click.option(
    "--proxy",
    "proxies",
    multiple=True,
    metavar="ADDRESS",
    help="Believe what this proxy, which does the TLS, says about its user, in X-Remote-User. Repeatable.",
)
@click.option(
    "--proxy-role",
    type=click.Choice([one.value for one in Role]),
    help="What users that a proxy names may do [default: viewer].",
)
@allow_root_option
@place_options
def command(
    listen: str | None,
    hosts: tuple[str, ...],
    certificate: str | None,
    key: str | None,
    *,
    proxies: tuple[str, ...],
    proxy_role: str | None,
    is_behind_proxy: bool,
    may_be_root: bool,
    place: Place,
) -> int:
    """Serve the page and the API until it is stopped: Ctrl-C or SIGTERM.

    It reads the ledger as commands do: it works without an engine, and the engine does not notice it. At an
    address, everyone needs a token:  jobfile ui  opens a browser that is signed in, and  jobfile token add
    makes a token. At the socket, which only this user can open, no token is needed.
    """
    make_undumpable()  # first: jobs of this user may run, and the environment may have a password
    parent = environment().get(PARENT)
    if parent:
        die_with_parent(int(parent))
    options = serve_options(
        listen=listen,
        hosts=hosts,
        certificate=certificate,
        key=key,
        is_behind_proxy=is_behind_proxy,
        proxies=proxies,
        proxy_role=proxy_role,
        may_be_root=may_be_root,
    )
    from engine.web.apart.computer import Computer  # noqa: PLC0415  start-up time: only with the extra

    computer = Computer(place, is_for_pages=True)
    computer.start()  # first: it loads what it needs while this process loads the web server
    from engine.web.serving import SOCKET, Server  # noqa: PLC0415  start-up time: loads the web server

    server = Server(place, options, computer)
    click.echo(f"the page is at {server.url or place.state_dir / SOCKET}")
    server.run()
    return GOOD
