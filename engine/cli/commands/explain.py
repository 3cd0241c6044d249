"""`jobfile explain`: what a diagnostic's code means, and which keys there are."""

import click

from engine.cli.exit_codes import GOOD
from engine.cli.output import print_json
from jobfile.diagnostics.diagnostic import CODES
from jobfile.diagnostics.suggest import suggest
from jobfile.pages import KINDS, keys_text, page_text


@click.command("explain")
@click.argument("words", nargs=-1, metavar="[CODE | keys KIND]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(words: tuple[str, ...], *, as_json: bool) -> int:
    """What CODE means: a bad example, what is said about it, the good form, why. Without CODE: all.

    `jobfile explain keys job` lists the keys of a job; other kinds are file, defaults, param.
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
    one, text = CODES[name], page_text(name) or ""
    if as_json:
        print_json(
            {"format": 1, "code": name, "severity": one.severity.value, "says": one.says, "page": text}
        )
    else:
        click.echo(text.rstrip("\n"))
    return GOOD


def _list(*, as_json: bool) -> int:
    if as_json:
        rows = [
            {"code": code, "severity": one.severity.value, "says": one.says} for code, one in CODES.items()
        ]
        print_json({"format": 1, "codes": rows})
    else:
        for code, one in CODES.items():
            click.echo(f"{code}  {one.severity.value:<7}  {one.says}")
    return GOOD


def _keys(words: tuple[str, ...], *, as_json: bool) -> int:
    if len(words) != 1 or words[0] not in KINDS:
        raise click.UsageError(f"keys of what? One of {', '.join(KINDS)}")
    text = keys_text(words[0])
    if as_json:
        rows = [line.split(None, 1) for line in text.splitlines()]
        print_json(
            {"format": 1, "kind": words[0], "keys": [{"key": row[0], "means": row[-1]} for row in rows]}
        )
    else:
        click.echo(text)
    return GOOD
