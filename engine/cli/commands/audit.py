"""`jobfile audit`: who changed what, and whether the record of it is whole."""

from datetime import UTC

import click

from engine.cli.exit_codes import GOOD, NOT_WELL
from engine.cli.output import print_json, width
from engine.cli.place import Place, json_option, place_options
from engine.core.audit_chain import Chain, Link, follow
from engine.core.columns import table
from engine.core.records import Audited
from engine.core.vocabulary import instant_text

HEADS = ("record", "when", "who", "what", "of", "why")
SHORTEST_HASH = 12
"""Digits of a hash by which a record is looked for: fewer could be met by chance."""


@click.command("audit")
@click.argument("verify", metavar="[verify]", type=click.Choice(["verify"]), required=False)
@click.option("--head", "noted", metavar="HASH", help="With verify: a hash noted earlier, must be there.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many.")
@json_option
@place_options
def command(verify: str | None, noted: str | None, limit: int, *, as_json: bool, place: Place) -> int:
    """Who did what, when and why, the newest first: pauses, cancels, generations, starts and stops.

    With `verify`, whether every record follows from the one before: one that was edited, removed or put in is
    found. That the newest were cut off, or all were made anew, shows when a hash that was printed earlier,
    here or as an engine started, is gone: --head HASH.
    Exit code: 0; 1 the chain is broken, or the hash is not in it.
    """
    if verify:
        return _verify(place, _hash(noted), as_json=as_json)
    if noted is not None:
        raise click.UsageError("--head is for  jobfile audit verify")
    records = place.view().recent_audit(limit=limit)
    if as_json:
        print_json({"format": 1, "records": [_as_json(number, one) for number, one in records]})
    elif records:
        click.echo(table(HEADS, [_row(number, one) for number, one in records], right=(0,), width=width()))
    else:
        click.echo("nothing was recorded yet")
    return GOOD


def _hash(text: str | None) -> str:
    if text is None:
        return ""
    given = text.lower()
    if len(given) < SHORTEST_HASH or not all(one in "0123456789abcdef" for one in given):
        raise click.UsageError(f"--head: '{text}' is no hash; give at least {SHORTEST_HASH} digits of it")
    return given


def _verify(place: Place, noted: str, *, as_json: bool) -> int:
    chain = follow(place.view().audit_links(), noted=noted)
    is_missing = bool(noted) and not chain.is_noted
    if as_json:
        print_json(_chain_as_json(chain, noted, is_whole=chain.broken_at is None and not is_missing))
    else:
        _tell(chain)
        if is_missing:
            click.echo(f"no record has the hash {noted}: records were cut off, or all were made anew")
    return NOT_WELL if chain.broken_at is not None or is_missing else GOOD


def _tell(chain: Chain) -> None:
    if chain.broken_at is not None:
        click.echo(f"the audit is broken: record {chain.broken_at} {chain.why}")
    elif chain.head is None:
        click.echo("the audit has no record yet")
    else:
        records = "1 record" if chain.records == 1 else f"{chain.records} records"
        click.echo(f"the audit is whole: {records}; the newest is {chain.head.seq}, hash {chain.head.hash}")


def _chain_as_json(chain: Chain, noted: str, *, is_whole: bool) -> dict[str, object]:
    head: Link | None = chain.head
    return {
        "format": 1,
        "whole": is_whole,
        "count": chain.records,
        "head": None if head is None else {"record": head.seq, "hash": head.hash},
        "broken_at": chain.broken_at,
        "why": chain.why or None,
        "noted": {"hash": noted, "found": chain.is_noted} if noted else None,
    }


def _row(number: int, one: Audited) -> tuple[str, ...]:
    when = instant_text(one.at, UTC, has_seconds=True)
    return str(number), when, one.actor, one.action, one.object, one.detail


def _as_json(number: int, one: Audited) -> dict[str, object]:
    return {
        "record": number,
        "at": one.at.isoformat(),
        "actor": one.actor,
        "action": one.action,
        "object": one.object,
        "detail": one.detail,
    }
