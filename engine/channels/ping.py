"""Pings: small requests that tell an outside watchdog of a start, a success or a failure.

The convention is that of healthchecks.io: URL/start, URL, URL/fail or URL/EXITCODE, and URL/log; the body is
shown with the ping, and `rid` says which start and which end belong together.
"""

from typing import Final, Protocol
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from engine.actions.http import Http
from engine.actions.kind import CannotStartError, Surroundings
from engine.actions.prepare import secret_value
from engine.channels.failing import MAX_OUTPUT_BYTES, shown
from engine.channels.http import HttpChannel
from engine.channels.kind import Failure
from engine.config import EngineConfig
from engine.core import notices
from engine.execution.launcher_client import listen
from engine.notifications.message import Happening, make_message
from jobfile.model.jobs import HttpAction
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.pinging import SOURCE, ping_host, ping_problem

START: Final = "/start"
SUCCESS: Final = ""
FAIL: Final = "/fail"
LOG: Final = "/log"
SEND_SECONDS: Final = 10.0
"""Total time of a ping. A watchdog only takes notes, so it answers at once."""
MAX_BODY_BYTES: Final = 10_000
"""Healthchecks keeps this many bytes of a body."""
MAX_CODE: Final = 255
MIN_SECRET: Final = 6
"""Minimum length of a part of a URL that is kept out of messages."""


class Ping(NamedTuple):
    """What a ping says: the end of its URL, its body, and the run that it is about."""

    end: str
    body: str = ""
    rid: str = ""


class SendPing(Protocol):
    """Sends one ping."""

    def __call__(self, target: str, ping: Ping, config: EngineConfig) -> Failure | None:
        """Send it once; why it failed. `target` is a URL, or where it is read from. Never raises."""
        ...


def make_ping(found: Happening) -> Ping:
    """The ping about a start or an end of a run: the exit code if it failed with one, and the message."""
    if found.event == notices.STARTED:  # by the time it is sent, the run may be over
        found = found._replace(attempts=(), tail=())
    message = make_message(found.id, [found])
    run = found.run
    rid = "" if run is None else str(UUID(hex=(run.occurrence or run.id)))
    return Ping(_end_of(found.event, message.fields["exit_code"]), f"{message.title}\n\n{message.text}", rid)


def _end_of(event: str, code: object) -> str:
    """What follows the URL. A run that was skipped or cancelled is neither a success nor a failure."""
    match event:
        case notices.STARTED:
            return START
        case "succeeded":
            return SUCCESS
        case "skipped" | notices.CANCELLED:
            return LOG
        case _:
            is_code = event == "failed" and isinstance(code, int) and 0 < code <= MAX_CODE
            return f"/{code}" if is_code else FAIL


def send_ping(target: str, ping: Ping, config: EngineConfig) -> Failure | None:
    """Send one ping."""
    secrets: dict[str, str] = {}
    try:
        url = secret_value("ping", target, config.environ).strip() if SOURCE.fullmatch(target) else target
        secrets = _parts_of(url)
        if problem := ping_problem(url):
            return Failure(problem)
        failure = _send(url, ping, config)
    except CannotStartError as error:
        failure = Failure(error.detail)
    return None if failure is None else failure._replace(error=shown(failure.error, secrets))


def ping_url(url: str, ping: Ping) -> str:
    """The URL of a ping: its end follows the path, and the run is one more part of the query."""
    parts = urlsplit(url)
    query = "&".join(one for one in (parts.query, f"rid={ping.rid}" if ping.rid else "") if one)
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/") + ping.end, query, ""))


def _send(url: str, ping: Ping, config: EngineConfig) -> Failure | None:
    body = ping.body.encode("utf-8", "replace")[-MAX_BODY_BYTES:].decode("utf-8", "ignore")
    action = HttpAction(
        url="{{ secrets.url }}",
        method="POST",
        headers={"Content-Type": "text/plain; charset=utf-8"},
        body="{{ secrets.body }}",
        allow_private=(ping_host(url),),
    )
    values = {"secrets": {"url": ping_url(url, ping), "body": body}}
    around = Surroundings(config.main_file.absolute().parent, config.environ)
    prepared = Http().prepare(action, lambda: values, around)
    try:
        heard = listen(
            prepared.argv,
            env={**prepared.env, "JOBFILE_OUTPUT": "/dev/stderr"},
            text=b"",
            most_bytes=MAX_OUTPUT_BYTES,
            memory_bytes=None,
            timeout_seconds=SEND_SECONDS,
        )
    except OSError as error:
        return Failure(f"{prepared.argv[0]} cannot be executed: {error.strerror}")
    return HttpChannel().failure(heard)


def _parts_of(url: str) -> dict[str, str]:
    """The URL, and the parts of it that identify the check, under made-up names: no message shows them."""
    parts = urlsplit(url) if not ping_problem(url) else None
    found = [url, *([] if parts is None else [*parts.path.split("/"), parts.query])]
    return {str(number): one for number, one in enumerate(found) if len(one) >= MIN_SECRET}
