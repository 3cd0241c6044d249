"""Prints findings for CI and review services: in their formats, with their paths."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import click

from engine.cli.output import PIPE_WIDTH
from engine.config import repository_root
from engine.host.environment import environment
from engine.sources.git_revisions import changed_files
from jobfile import __version__
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.diagnostics.source import Source
from jobfile.render.ci import render_github, render_gitlab, render_sarif, render_summary
from jobfile.render.text import render_text, summary_line


def print_for_service(
    diagnostics: Sequence[Diagnostic],
    sources: Mapping[str, Source],
    *,
    form: str,
    files: Sequence[str],
    jobs: int | None,
) -> None:
    """Print findings for GitLab, as SARIF, or for GitHub; on GitHub also in the step's summary."""
    paths = _repository_paths({one.file for one in diagnostics})
    if form == "gitlab":
        click.echo(render_gitlab(diagnostics, paths=paths), nl=False)
    elif form == "sarif":
        click.echo(render_sarif(diagnostics, version=__version__, paths=paths), nl=False)
    else:
        log = render_text(diagnostics, sources=sources, width=PIPE_WIDTH)
        count = summary_line(diagnostics, files=len(files), jobs=jobs or 0)
        click.echo(render_github(diagnostics, paths=paths, log=log), nl=False)
        click.echo(count)
        _write_step_summary(f"{log}\n{count}" if log else count)


def changed_since(revision: str, files: Mapping[str, bytes]) -> frozenset[str]:
    """The names of the given files that differ from a revision in git."""
    return changed_files(files.items(), since=revision, here=Path.cwd())


def _repository_paths(names: Iterable[str]) -> Mapping[str, str]:
    """The path of each file from the top of the repository; the absolute path of a file outside it."""
    root = repository_root(environment(), here=Path.cwd()).resolve()
    return {name: _from_root(_whole_path(name), root) for name in names}


def _from_root(path: Path, root: Path) -> str:
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def _whole_path(name: str) -> Path:
    """The absolute path of a file as git sees it: links to folders are
    followed, a link that is the file is not.
    """
    path = Path(name)
    return path.parent.resolve() / path.name


def _write_step_summary(text: str) -> None:
    """Append a text to the summary of the GitHub step, if this runs in one."""
    name = environment().get("GITHUB_STEP_SUMMARY")
    if not name:
        return
    try:
        with Path(name).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(render_summary(text))
    except OSError as error:
        # Only a warning: the findings are in the log, and the exit code decides.
        click.echo(f"warning: cannot write the step's summary: {error.strerror or error}", err=True)
