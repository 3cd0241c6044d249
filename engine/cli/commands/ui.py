"""`jobfile ui`: open the page in a browser, signed in."""

import webbrowser
from contextlib import closing

import click

from engine.asking.place import Place
from engine.asking.tokens import CODE_LENGTH, digest, new_secret
from engine.cli.exit_codes import GOOD
from engine.cli.output import print_json
from engine.cli.place import json_option, place_options
from engine.core.access import Grant, GrantKind, Role
from engine.core.errors import JobfileError
from engine.host.environment import user_name
from engine.ledger.opening import open_ledger
from engine.transactions.access import add_code


@click.command("ui")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@json_option
@place_options
def command(*, no_browser: bool, as_json: bool, place: Place) -> int:
    """Open the page in a browser, signed in. The page is served by  jobfile serve --listen  or  up --serve.

    The address has a code that signs one browser in, once, within a minute.
    """
    from engine.cli.serving import refuse_without_extra  # noqa: PLC0415  start-up time: few need the page

    refuse_without_extra()
    from engine.web.serving import read_address  # noqa: PLC0415  start-up time: loads the web server

    address = read_address(place.state_dir)
    if not address:
        raise JobfileError(
            "the page is not served at an address; start it:  jobfile serve --listen 127.0.0.1:8420"
        )
    now, code = place.now(), new_secret()
    grant = Grant(
        hash=digest(code),
        kind=GrantKind.CODE,
        name=user_name(),
        role=Role.ADMIN,
        created_at=now,
        created_by=user_name(),
        expires_at=now + CODE_LENGTH,
    )
    store = open_ledger(place.config.ledger_url)
    with closing(store), store.transaction():
        add_code(store, grant)
    url = f"{address}login#code={code}"
    if as_json:
        print_json({"format": 1, "url": url})
    elif no_browser or not webbrowser.open(url):
        click.echo(url)
    else:
        click.echo(f"opened {address} in the browser")
    return GOOD
