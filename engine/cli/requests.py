"""What the options of  jobfile run  exclude, here and at a server."""

import click

from engine.transactions.keys import key_trouble


def refuse_contradictions(
    outputs: tuple[str, ...], key: str | None, *, is_dry: bool, detach: bool, is_waiting: bool
) -> None:
    """Refuse options that exclude each other, and a key that cannot be one."""
    if outputs and not is_dry:
        raise click.UsageError("--output supplies results that a dry run cannot know; it needs --dry-run")
    if detach and is_waiting:
        raise click.UsageError("--detach does not wait; remove it, or --wait")
    if key is not None and (trouble := key_trouble(key)):
        raise click.UsageError(f"--key: {trouble}")
