"""`check --fix`: mend job files on disk, and say so."""

from collections.abc import Iterable
from pathlib import Path

import click

from engine.adapters.reading import read_limited
from engine.adapters.writing import replace_file
from jobfile.mending import mend


def mend_files(names: Iterable[str], *, unsafe: bool) -> None:
    """Mend each file and say so on standard error; of one that cannot be read the check will tell."""
    for name in names:
        path = Path(name)
        if not path.is_file():
            continue
        try:
            content = read_limited(path)
        except OSError:
            continue
        done = mend(name, content, unsafe=unsafe)
        if done.content != content:
            replace_file(path, done.content)
            codes = ", ".join(sorted({one.code for one in done.mended}))
            count = len(done.mended)
            click.echo(f"mended {name}: {count} {'fix' if count == 1 else 'fixes'} ({codes})", err=True)
