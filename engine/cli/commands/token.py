"""`jobfile token`: who may use the page and the API."""

from contextlib import closing

import click

from engine.answers.tokens import NewToken, new_token_to_json, token_to_json, tokens_to_json, tokens_to_text
from engine.asking.place import Place
from engine.asking.requests import prepare_state
from engine.asking.times import parse_length
from engine.asking.tokens import new_secret, new_token
from engine.cli.exit_codes import GOOD
from engine.cli.output import print_json, row_width
from engine.cli.place import json_option, place_options, why_option
from engine.core.access import ALL_JOBS, Role
from engine.host.environment import user_name
from engine.ledger.opening import open_ledger
from engine.transactions.access import add_token, revoke_token

ACTIONS = ("add", "list", "revoke")


@click.command("token")
@click.argument("action", metavar="add|list|revoke", type=click.Choice(ACTIONS))
@click.argument("name", metavar="[NAME]", required=False)
@click.option(
    "--role",
    type=click.Choice([one.value for one in Role]),
    help="With add: a viewer looks; an operator also runs, cancels, retries and pauses; an admin may do "
    "everything [default: viewer].",
)
@click.option("--jobs", metavar="PATTERN", help="With add: only these jobs: report-* [default: all].")
@click.option("--expires", metavar="LENGTH", help="With add: until after this length: 90d [default: never].")
@why_option
@json_option
@place_options
def command(
    action: str,
    name: str | None,
    role: str | None,
    jobs: str | None,
    expires: str | None,
    *,
    why: str,
    as_json: bool,
    place: Place,
) -> int:
    """Make, list or revoke tokens for the page and the API. A token is shown once; only its hash is kept.

    A program sends it as  Authorization: Bearer TOKEN ; a browser asks for it. The audit names the token of
    each action. Revoking one also ends the sessions that browsers opened with it.
    """
    if action != "add" and (role or jobs or expires):
        raise click.UsageError("--role, --jobs and --expires are for  token add")
    if (name is None) != (action == "list"):
        raise click.UsageError(f"token {action} needs {'no' if name else 'a'} NAME")
    if action == "list":
        return _list(place, as_json=as_json)
    assert name is not None
    if action == "revoke":
        return _revoke(place, name, why=why, as_json=as_json)
    return _add(place, name, role, jobs, expires, why=why, as_json=as_json)


def _add(
    place: Place,
    name: str,
    role: str | None,
    jobs: str | None,
    expires: str | None,
    *,
    why: str,
    as_json: bool,
) -> int:
    now, secret = place.now(), new_secret()
    length = parse_length(expires, of="--expires") if expires else None
    token = new_token(
        secret,
        name,
        Role(role or Role.VIEWER),
        jobs=jobs or ALL_JOBS,
        length=length,
        by=user_name(),
        now=now,
    )
    prepare_state(place)
    store = open_ledger(place.config.ledger_url)
    with closing(store), store.transaction():
        add_token(store, token, why=why)
    if as_json:
        print_json(new_token_to_json(NewToken(token, secret), now=now))
    else:
        click.echo(secret)
        click.echo("this is the token; it is not shown again", err=True)
    return GOOD


def _list(place: Place, *, as_json: bool) -> int:
    view, now = place.view_if_any(), place.now()
    tokens = () if view is None else view.access.tokens()
    if as_json:
        print_json(tokens_to_json(tokens, now=now))
    else:
        click.echo(tokens_to_text(tokens, now=now, width=row_width()))
    return GOOD


def _revoke(place: Place, name: str, *, why: str, as_json: bool) -> int:
    place.view()  # nothing is made here if nothing was ever recorded
    store, now = open_ledger(place.config.ledger_url), place.now()
    with closing(store):
        with store.transaction():
            revoke_token(store, name, by=user_name(), why=why, now=now)
        token = next(one for one in store.access.tokens() if one.name == name and one.ended_at == now)
    if as_json:
        print_json({"format": 1, **token_to_json(token, now=now)})
    else:
        click.echo(f"token {name} is revoked")
    return GOOD
