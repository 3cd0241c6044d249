"""`jobfile comment`: put a plan or a report on its pull or merge request, as one comment that is updated."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from engine.cli.exit_codes import GOOD
from engine.host.environment import environment
from engine.integrations.forge import github, gitlab, put_comment
from engine.sources.file_reader import read_limited

MAX_CHARACTERS = 65_000
MAX_EVENT_BYTES = 64 * 1024 * 1024
"""GitHub sends at most 25 MB."""


@click.command("comment")
@click.option(
    "--github",
    "service",
    flag_value="github",
    help="Comment on a pull request on GitHub, with the token in $GITHUB_TOKEN.",
)
@click.option(
    "--gitlab",
    "service",
    flag_value="gitlab",
    help="Comment on a merge request on GitLab, with the token in $GITLAB_TOKEN.",
)
@click.option(
    "--number",
    type=click.IntRange(min=1),
    help="Number of the pull request on GitHub [default: that of the CI event].",
)
def command(service: str | None, number: int | None) -> int:
    """Post the plan or report on standard input, or update the comment that was posted before.

    For CI. Exactly one of --github and --gitlab is required.
    """
    if service is None:
        raise click.UsageError("give --github or --gitlab")
    environ = environment()
    text = sys.stdin.read(MAX_CHARACTERS + 1)
    if len(text) > MAX_CHARACTERS:
        raise click.UsageError("the text is too long for a comment")
    is_github = service == "github"
    forge = github(environ, number or _number_of_event(environ)) if is_github else gitlab(environ)
    click.echo(f"comment {put_comment(forge, text)}")
    return GOOD


def _number_of_event(environ: Mapping[str, str]) -> int:
    """The pull request of the event that GitHub's runner describes in a file."""
    try:
        path = Path(environ["GITHUB_EVENT_PATH"])
        event = json.loads(read_limited(path, most=MAX_EVENT_BYTES, what="event file"))
        return int(event["pull_request"]["number"])
    except (KeyError, OSError, ValueError, TypeError, RecursionError) as error:
        raise click.UsageError("this CI run has no pull request; name one with --number") from error
