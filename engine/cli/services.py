"""What a check leaves to services that build and review: paths as they know them, GitHub's summary."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from engine.adapters.environment import environment
from engine.config import repository_root
from jobfile.render_ci import render_summary


def repository_paths(names: Iterable[str]) -> Mapping[str, str]:
    """Each file's path from the top of the repository; the whole path of one that lies elsewhere."""
    root = repository_root(environment(), here=Path.cwd()).resolve()
    return {name: _from_root(whole_path(name), root) for name in names}


def whole_path(name: str) -> Path:
    """A file's path from the top, as git tells it: links are followed, but the file's own name stays."""
    path = Path(name)
    return path.parent.resolve() / path.name


def write_step_summary(text: str) -> None:
    """Add a text to the summary of the GitHub step that this runs in, if it runs in one."""
    name = environment().get("GITHUB_STEP_SUMMARY")
    if not name:
        return
    try:
        with Path(name).open("a", encoding="utf-8") as file:
            file.write(render_summary(text))
    except OSError as error:
        # The findings are in the log all the same, and what counts is the exit code.
        click.echo(f"warning: cannot write the step's summary: {error.strerror or error}", err=True)


def _from_root(path: Path, root: Path) -> str:
    return str(path.relative_to(root) if path.is_relative_to(root) else path)
