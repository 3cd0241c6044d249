"""`jobfile explain`: what a diagnostic's code means, and which keys a job file may have."""

import sys

import click

from engine.answers.explained import (
    codes_to_json,
    codes_to_text,
    keys_to_json,
    page_of,
    page_to_json,
    page_to_text,
)
from engine.cli.exit_codes import GOOD
from engine.cli.output import print_json
from jobfile.diagnostics.diagnostic import CODES
from jobfile.diagnostics.suggest import suggest
from jobfile.pages import KINDS, keys_text


@click.command("explain")
@click.argument("words", nargs=-1, metavar="[CODE | keys KIND]")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def command(words: tuple[str, ...], *, as_json: bool) -> int:
    """What CODE means: a bad example, its message, the good form, and why. Without CODE: all codes.

    `jobfile explain keys job` lists the keys of a job; other kinds are file, defaults, param. In a pipe, the
    page of a code is Markdown.
    """
    if not words:
        return _list(as_json=as_json)
    if words[0] == "keys":
        return _keys(words[1:], as_json=as_json)
    if len(words) > 1:
        raise click.UsageError("one code at a time")
    name = words[0].upper()
    if name not in CODES:
        near = suggest(name, CODES)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; all of them:  jobfile explain"
        raise click.UsageError(f"there is no code {words[0]}{hint}")
    page = page_of(name)
    if as_json:
        print_json(page_to_json(page))
    else:
        click.echo(page_to_text(page) if sys.stdout.isatty() else page.text.rstrip("\n"))
    return GOOD


def _list(*, as_json: bool) -> int:
    if as_json:
        print_json(codes_to_json())
    else:
        click.echo(codes_to_text())
    return GOOD


def _keys(words: tuple[str, ...], *, as_json: bool) -> int:
    if len(words) != 1 or words[0] not in KINDS:
        raise click.UsageError(f"keys of what? One of {', '.join(KINDS)}")
    if as_json:
        print_json(keys_to_json(words[0]))
    else:
        click.echo(keys_text(words[0]))
    return GOOD
