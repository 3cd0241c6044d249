"""Which commands ask a server, and why the others do not."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Final

import click

READING: Final = "engine.cli.remote.reading"
ACTING: Final = "engine.cli.remote.acting"
PLANNING: Final = "engine.cli.remote.planning"
ASKED: Final[Mapping[str, tuple[str, str]]] = {
    **{
        name: (READING, name)
        for name in ("did", "why", "status", "doctor", "clock", "hosts", "runs", "report", "show")
    },
    **{name: (READING, name) for name in ("logs", "outputs", "artifacts", "generations", "audit")},
    "list": (READING, "list_jobs"),
    "next": (READING, "coming"),
    **{name: (PLANNING, name) for name in ("plan", "apply")},
    **{name: (ACTING, name) for name in ("run", "retry", "wait", "cancel", "pause", "resume")},
}
"""The commands that ask a server, with the module and the function."""

WITH_FILES: Final = frozenset({"plan"})
"""Of these, the commands that read job files of this machine, too."""

OF_FILES: Final = frozenset(
    {"init", "fmt", "explain", "explain-schedule", "schema", "lsp", "completion", "check", "test"}
    | {"simulate", "comment"}
)
"""Commands that work on files of this machine, whatever the server is."""


INSTEAD: Final[Mapping[str, str]] = {
    "ui": "open its address in a browser",
    "metrics": "collect them at its address with  /metrics  and a token",
}
"""Where to find what a command shows that does not ask a server."""


def asked_of(name: str, server: str, *, is_explicit: bool) -> Callable[..., object] | None:
    """What a command does with a server; None if it does the same as without one."""
    if name in ASKED:
        return partial(_ask, name, server, is_explicit)
    if name in OF_FILES and not is_explicit:
        return None
    return partial(_refuse, name, is_explicit)


def _ask(name: str, server: str, is_explicit: bool, **options: object) -> object:
    refused = ("state", "store") if name in WITH_FILES else ("file", "state", "store")
    named = [options.pop(one, None) for one in refused]
    if any(one is not None for one in named):
        where = "--server" if is_explicit else "JOBFILE_SERVER"
        words = "--state and --store name" if name in WITH_FILES else "-f, --state and --store name"
        raise click.UsageError(f"{words} a place of this machine, and {where} a server; remove one")
    from engine.cli.remote.asking import Remote  # noqa: PLC0415  start-up time: a wrong option needs none
    from engine.client.server import ServerError  # noqa: PLC0415  as above
    from engine.core.errors import ErrorCode, WrongUsageError  # noqa: PLC0415  as above

    module, function = ASKED[name]
    remote = Remote(server)
    try:
        return getattr(import_module(module), function)(remote, **options)
    except ServerError as error:
        if error.code is ErrorCode.USAGE:
            raise WrongUsageError(str(error)) from error
        raise
    finally:
        remote.say_warnings()
        remote.connection.close()


def _refuse(name: str, is_explicit: bool, **_: object) -> object:
    where = "remove --server" if is_explicit else "unset JOBFILE_SERVER"
    if name in OF_FILES:
        raise click.UsageError(f"`{name}` works on files of this machine; {where}")
    instead = INSTEAD.get(name)
    if instead is not None:
        raise click.UsageError(f"`{name}` works on the server's host only; {instead}")
    raise click.UsageError(f"`{name}` works on the server's host only; run it there, or {where}")
