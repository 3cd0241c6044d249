"""`jobfile check`: find every mistake in job files."""

import os
from collections.abc import Mapping

import click

from engine.asking.params import split_params
from engine.asking.place import Place
from engine.cli.checking import check_sets
from engine.cli.exit_codes import GOOD, NOT_WELL, UNREADABLE
from engine.cli.findings import print_diagnostics
from engine.cli.lints import project_lints, read_lints
from engine.cli.place import place_options
from engine.core.errors import UnreadableFileError
from jobfile.diagnostics.escapes import message
from jobfile.render.redact import without_secrets

FORMATS = ("text", "json", "jsonl", "short", "github", "gitlab", "sarif")


class NothingToCheckError(UnreadableFileError):
    """No file could be read; each was reported."""

    is_reported = True


@click.command("check")
@click.argument("files", nargs=-1, metavar="[FILE or DIR]...")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="Form of the findings.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings too.")
@click.option(
    "--level",
    type=click.Choice(["error", "warning", "info"]),
    default="warning",
    show_default=True,
    help="Show findings of this severity and above.",
)
@click.option(
    "--allow", multiple=True, metavar="CODE", help="Do not show this warning: --allow JF606. Repeatable."
)
@click.option(
    "--deny",
    multiple=True,
    metavar="CODE",
    help="Exit with 1 for findings with this code: --deny JF601. Repeatable.",
)
@click.option(
    "--fix", is_flag=True, help="Change the files: apply the fixes that cannot change their meaning."
)
@click.option(
    "--unsafe",
    is_flag=True,
    help="With --fix: also apply the fixes that can change the meaning; review them.",
)
@click.option(
    "--set",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="Check with this value of a var instead of that of the file: --set region=eu. Repeatable.",
)
@click.option(
    "--changed-since",
    metavar="REV",
    help="Sort findings in files that changed since this commit to the top; none is left out.",
)
@place_options
def command(
    files: tuple[str, ...],
    form: str,
    *,
    as_json: bool,
    strict: bool,
    level: str,
    allow: tuple[str, ...],
    deny: tuple[str, ...],
    fix: bool,
    unsafe: bool,
    given: tuple[str, ...],
    changed_since: str | None,
    place: Place,
) -> int:
    """Find every mistake in job FILEs and what they include, or in the main file. Starts nothing.

    For an included FILE, only problems in that file are reported. For a DIR, its jobs.yaml is
    checked, or if it has none, each of its YAML files with `jobs`. No secret is read.
    """
    own_allow, own_deny = project_lints(place.main_file.absolute().parent)
    allow = (*(code for code in own_allow if code not in deny), *allow)
    deny = (*(code for code in own_deny if code not in allow), *deny)
    lints = read_lints(level=level, strict=strict, allow=allow, deny=deny)
    if unsafe and not fix:
        raise click.UsageError("--unsafe needs --fix; give both")
    fixes = ("unsafe" if unsafe else "safe") if fix else ""
    checked = check_sets(files or (str(place.main_file),), place, overrides=split_params(given), fix=fixes)
    for problem in checked.unreadable:
        hint = "" if files or os.path.lexists(place.main_file) else "; make one with  jobfile init"
        click.echo(message(f"error: cannot read {problem}{hint}"), err=True)
    changed = _changed(checked.contents, changed_since)
    selected = [one for one in checked.diagnostics if lints.is_shown(one)]
    selected.sort(key=lambda one: one.file not in changed)
    form = "json" if as_json else form
    # Of the formats only SARIF can mark a finding as suppressed by a comment in the file.
    shown = [one for one in selected if form == "sarif" or one.suppressed is None]
    sources = without_secrets(checked.diagnostics, checked.sources)
    if checked.names or not checked.unreadable:
        print_diagnostics(shown, sources, form=form, files=checked.names, jobs=checked.jobs)
    if checked.unreadable and not checked.names and form == "json":
        raise NothingToCheckError("; ".join(checked.unreadable))
    if checked.unreadable:
        return UNREADABLE
    return NOT_WELL if any(map(lints.is_bad, selected)) else GOOD


def _changed(files: Mapping[str, bytes], revision: str | None) -> frozenset[str]:
    if revision is None:
        return frozenset()
    from engine.cli.services import changed_since  # noqa: PLC0415  start-up time: only when needed

    return changed_since(revision, files)
