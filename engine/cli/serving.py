"""The options of  jobfile serve  and  jobfile up --serve, and what they need."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engine.asking.place import Place
from engine.core.access import Role
from engine.core.errors import JobfileError, WrongUsageError
from engine.host.clock import SystemClock
from engine.host.console import Console

if TYPE_CHECKING:
    from engine.web.serving import Options

STDERR: Final = 2
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
) -> "Options":
    """The options as given; contradictions, and addresses that others could listen in on, are refused."""
    refuse_without_extra()
    from engine.web.addresses import parse_listen, refuse_open  # noqa: PLC0415  start-up time: loads the server
    from engine.web.serving import Options  # noqa: PLC0415  start-up time: as above

    address = None if listen is None else parse_listen(listen)
    if (certificate is None) != (key is None):
        raise WrongUsageError("--tls-cert and --tls-key belong together")
    if address is None and (certificate or hosts or is_behind_proxy or proxies):
        raise WrongUsageError("the socket in the state folder needs no such option; add --listen")
    if proxy_role is not None and not proxies:
        raise WrongUsageError("--proxy-role is about users that a proxy names; add --proxy ADDRESS")
    if address is not None:
        is_proxied = is_behind_proxy or bool(proxies)
        refuse_open(address, has_tls=certificate is not None, is_behind_proxy=is_proxied, hosts=hosts)
    return Options(
        listen=address,
        hosts=hosts,
        certificate=None if certificate is None else Path(certificate),
        key=None if key is None else Path(key),
        is_behind_proxy=is_behind_proxy,
        proxies=proxies,
        proxy_role=Role(proxy_role or Role.VIEWER),
    )


def page_beside(
    served_at: str | None, place: Place, clock: SystemClock
) -> contextlib.AbstractContextManager[object]:
    """The server of the page beside an engine, within a `with` block. A wrong address is refused here."""
    if served_at is None:
        return contextlib.nullcontext()
    refuse_without_extra()
    from engine.service.page_server import PageServer  # noqa: PLC0415  start-up time: only with --serve
    from engine.web.addresses import parse_listen, refuse_open  # noqa: PLC0415  start-up time: as above

    address = parse_listen(served_at, option="--serve")
    refuse_open(address, has_tls=False, is_behind_proxy=False, hosts=())
    console = Console(STDERR)
    arguments = ("--listen", served_at, "-f", str(place.main_file), "--state", str(place.state_dir))
    return PageServer(arguments, clock, tell=lambda line: console.write(f"warning: {line}\n"))


def refuse_without_extra() -> None:
    """Raise if the packages of the web server are not installed."""
    import importlib.util  # noqa: PLC0415  start-up time: only to serve

    missing = [one for one in ("starlette", "uvicorn") if importlib.util.find_spec(one) is None]
    if missing:
        raise JobfileError(f"{EXTRA} (missing: {', '.join(missing)})")
