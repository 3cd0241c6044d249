"""A real SMTP server on this machine, for the tests of mail: it may fail in every way."""

import asyncio
import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import NamedTuple

from tests.web_servers import free_port

CUT, HANG = "cut", "hang"
"""Answers that are none: the connection is closed, or nothing comes for a long time."""


class MailServer(NamedTuple):
    """A server that is running, and the mails that it got: also those that it did not accept."""

    port: int
    got: list[EmailMessage]


@contextmanager
def mail_server(answer: "Callable[[], str] | str" = "250 ok", *, port: int = 0) -> Iterator[MailServer]:
    """Run a server on 127.0.0.1 that says `answer` after each mail: a line of SMTP, CUT or HANG. It is at any
    free port if `port` is 0.
    """
    controller = importlib.import_module("aiosmtpd.controller")
    got: list[EmailMessage] = []

    class Handler:
        async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
            content = envelope.content  # type: ignore[attr-defined]
            got.append(message_from_bytes(content, policy=policy.default))
            said = answer if isinstance(answer, str) else answer()
            if said == HANG:
                await asyncio.sleep(3600)
            if said == CUT:
                server.transport.abort()  # type: ignore[attr-defined]
            return said

    port = port or free_port()
    running = controller.Controller(Handler(), hostname="127.0.0.1", port=port)
    running.start()
    try:
        yield MailServer(port, got)
    finally:
        running.stop()


def mail_url(port: int) -> str:
    """The address of such a server for Apprise."""
    return (
        f"mailto://127.0.0.1:{port}?from=jobfile@example.com&to=ops@example.com&smtp=127.0.0.1&mode=insecure"
    )


def part_of(mail: EmailMessage, kind: str) -> str:
    """The text of a mail in one of its forms: plain or html."""
    part = mail.get_body((kind,))
    assert part is not None, f"no {kind} in {mail.get_content_type()}"
    return str(part.get_content()).replace("\r\n", "\n")
