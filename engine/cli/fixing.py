"""Fixes job files on disk for `check --fix`."""

from dataclasses import replace
from pathlib import Path

import click

from engine.host.atomic_write import replace_file
from engine.sources.includes import JobFiles
from jobfile.diagnostics.escapes import printable
from jobfile.fixing.fix_loop import fix_file
from jobfile.model.counts import many


def fix_set(given: JobFiles, *, unsafe: bool, only: set[str] | None = None) -> JobFiles:
    """Fix the files of a set and report that on standard error; return the set after the fixes.

    With `only`, only these files are changed, given by their absolute paths.
    """
    files = list(given.files)
    for index, (name, content) in enumerate(files):
        if only is not None and str(Path(name).resolve()) not in only:
            continue
        done = fix_file(name, content, unsafe=unsafe, files=files)
        if done.content != content:
            replace_file(Path(name), done.content)
            files[index] = (name, done.content)
            codes = ", ".join(sorted({one.code for one in done.fixed}))
            fixes = many(len(done.fixed), "fix", "fixes")
            click.echo(printable(f"fixed {name}: {fixes} ({codes})"), err=True)
    return replace(given, files=tuple(files))
