"""The options of  jobfile serve  and  jobfile up --serve, and what they need."""

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from engine.asking.place import Place
from engine.config import STORE
from engine.core.access import Role
from engine.core.errors import JobfileError, WrongUsageError
from engine.host.clock import SystemClock
from engine.host.console import Console

if TYPE_CHECKING:
    from engine.web.serving import Options

STDERR: Final = 2
ROOT: Final = 0
allow_root_option = click.option(
    "--allow-root", "may_be_root", is_flag=True, help="Serve the page at an address even as root."
)
EXTRA: Final = "the page needs more packages:  pip install 'jobfile[web]'"


def serve_options(
    *,
    listen: str | None,
    hosts: tuple[str, ...],
    certificate: str | None,
    key: str | None,
    is_behind_proxy: bool,
    proxies: tuple[str, ...],
    proxy_role: str | None,
    may_be_root: bool,
) -> "Options":
    """The options as given; contradictions, and addresses that others could listen in on, are refused."""
    refuse_without_extra()
    from engine.web.addresses import (  # noqa: PLC0415  start-up time: loads the server
        parse_listen,
        parse_proxy,
        refuse_open,
    )
    from engine.web.serving import Options  # noqa: PLC0415  start-up time: as above

    address = None if listen is None else parse_listen(listen)
    if (certificate is None) != (key is None):
        raise WrongUsageError("--tls-cert and --tls-key belong together")
    if address is None and (certificate or hosts or is_behind_proxy or proxies or may_be_root):
        raise WrongUsageError("the socket in the state folder needs no such option; add --listen")
    if proxy_role is not None and not proxies:
        raise WrongUsageError("--proxy-role is for users that a proxy names; add --proxy ADDRESS")
    is_behind_proxy = is_behind_proxy or bool(proxies)
    if address is not None:
        refuse_open(address, has_tls=certificate is not None, is_behind_proxy=is_behind_proxy, hosts=hosts)
        refuse_root(may_be_root=may_be_root)
    return Options(
        listen=address,
        hosts=hosts,
        certificate=None if certificate is None else Path(certificate),
        key=None if key is None else Path(key),
        is_behind_proxy=is_behind_proxy,
        proxies=tuple(map(parse_proxy, proxies)),
        proxy_role=Role(proxy_role or Role.VIEWER),
    )


def page_beside(
    served_at: str | None, place: Place, clock: SystemClock, *, may_be_root: bool
) -> contextlib.AbstractContextManager[object]:
    """The server of the page beside an engine, within a `with` block. A wrong address is refused here."""
    if served_at is None:
        if may_be_root:
            raise WrongUsageError("--allow-root is for the page; add --serve")
        return contextlib.nullcontext()
    refuse_without_extra()
    from engine.service.kept import Kept  # noqa: PLC0415  start-up time: only with --serve
    from engine.web.addresses import parse_listen, refuse_open  # noqa: PLC0415  start-up time: as above

    address = parse_listen(served_at, option="--serve")
    refuse_open(address, has_tls=False, is_behind_proxy=False, hosts=())
    refuse_root(may_be_root=may_be_root)
    console = Console(STDERR)
    arguments = ["--listen", served_at, "-f", str(place.main_file), "--state", str(place.state_dir)]
    arguments += ["--allow-root"] if may_be_root else []
    return Kept(
        (sys.executable, "-m", "engine.cli.main", "serve", *arguments),
        clock,
        what="the page's server",
        tell=lambda line: console.write(f"warning: {line}\n"),
        env={STORE: place.store},  # not among the arguments, which everyone can read: it may have a password
    )


def refuse_root(*, may_be_root: bool) -> None:
    """Raise for a server that root runs at an address: an attacker who breaks into it would be root."""
    if os.geteuid() == ROOT and not may_be_root:
        raise JobfileError(
            "the page is not served by root at an address: an attacker who breaks into it would be root. "
            "Run it as the user of the engine; or, as in a container, add --allow-root"
        )


def refuse_without_extra() -> None:
    """Raise if the packages of the web server are not installed."""
    import importlib.util  # noqa: PLC0415  start-up time: only to serve

    missing = [one for one in ("starlette", "uvicorn") if importlib.util.find_spec(one) is None]
    if missing:
        raise JobfileError(f"{EXTRA} (missing: {', '.join(missing)})")
