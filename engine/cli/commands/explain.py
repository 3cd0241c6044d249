"""`jobfile explain`: what a diagnostic's code means, and which keys a job file may have."""

import sys

import click

from engine.answers.explained import (
    codes_to_json,
    codes_to_text,
    keys_to_json,
    keys_to_text,
    page_of,
    page_to_json,
    page_to_text,
)
from engine.cli.exit_codes import GOOD
from engine.cli.output import print_json, width
from engine.cli.place import json_option
from jobfile.diagnostics.diagnostic import CODES
from jobfile.diagnostics.suggest import suggest
from jobfile.pages.keys import KINDS
from jobfile.pages.reference import reference


@click.command("explain")
@click.argument("words", nargs=-1, metavar="[CODE | keys KIND]")
@click.option(
    "--markdown",
    "as_markdown",
    is_flag=True,
    help="With keys: print Markdown, for all kinds if there is no KIND.",
)
@json_option
def command(words: tuple[str, ...], *, as_markdown: bool, as_json: bool) -> int:
    """What CODE means: a bad example, its message, the good form, and why. Without CODE: all codes.

    `jobfile explain keys job` lists the keys of a job, with their types, defaults and values. A KIND that
    does not exist is an error, which lists the kinds. In a pipe, the page of a code is Markdown.
    """
    if as_markdown and (as_json or words[:1] != ("keys",)):
        raise click.UsageError("--markdown is for  jobfile explain keys")
    if not words:
        return _list(as_json=as_json)
    if words[0] == "keys":
        return _keys(words[1:], as_markdown=as_markdown, as_json=as_json)
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


def _keys(words: tuple[str, ...], *, as_markdown: bool, as_json: bool) -> int:
    if as_markdown and not words:
        click.echo(reference(), nl=False)
        return GOOD
    if len(words) != 1 or words[0] not in KINDS:
        raise click.UsageError(f"name the kind of keys: one of {', '.join(KINDS)}")
    if as_markdown:
        click.echo(reference(words), nl=False)
    elif as_json:
        print_json(keys_to_json(words[0]))
    else:
        click.echo(keys_to_text(words[0], width=width()))
    return GOOD
