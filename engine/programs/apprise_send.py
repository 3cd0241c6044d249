"""Sends a notification with the library Apprise: `python apprise_send.py`, with the order as JSON on its
standard input: `url`, `title`, `body`, `html`, `type`. A mail has both forms, everything else gets `body`.

The exit code is 0 when it was delivered. Otherwise the last line of the errors says why, without any part of
the URL: each may be a token or a password.
"""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from urllib.parse import unquote

INSTALL = "install it with  pip install 'jobfile[notify]'"
MAX_WHY = 300
MENTION = re.compile(r"@(?=(?:everyone|here|channel|all|room)\b)|<(?=[!@#])", re.IGNORECASE)
NO_SPACE = "\u200b"
"""A space without width."""
CONVERTER = "convert_between"
"""What the library makes the text of a mail with."""
MIN_PART = 3
"""Shorter parts of a URL are not removed from what the library says: they would hide half of it."""


def main() -> int:
    """Send; return the exit code."""
    order = json.load(sys.stdin)
    try:
        import apprise  # noqa: PLC0415  an extra of jobfile
    except ImportError:
        return fail(f"the library apprise is missing; {INSTALL}")
    said = io.StringIO()
    logging.basicConfig(stream=said, level=logging.WARNING, format="%(message)s", force=True)
    asset = apprise.AppriseAsset(app_id="jobfile", app_desc="jobfile", async_mode=False, secure_logging=True)
    sender = apprise.Apprise(asset=asset)
    scheme = order["url"].partition("://")[0]
    if not sender.add(order["url"]):
        return fail(f"apprise does not understand this URL{said_by(said, order['url'])}; its secret is wrong")
    try:
        is_html = mails_html(sender[0], text=order["body"])
        is_sent = sender.notify(
            body=order["html"] if is_html else calm(order["body"]),
            title=order["title"] if is_html else calm(order["title"]),
            notify_type=order["type"],
            body_format="html" if is_html else "text",
        )
    except Exception as error:
        return fail(hide(f"apprise failed: {type(error).__name__}: {error}", order["url"]))
    if not is_sent:
        return fail(f"{hide(scheme, '')}: it was not delivered{said_by(said, order['url'])}")
    return 0


def mails_html(service: object, *, text: str) -> bool:
    """Whether a service is a mail with two forms, of which `text` is the other one.

    Apprise would make the text from the page, where each cell of a table becomes a line.
    """
    try:
        from apprise.plugins.email import base  # noqa: PLC0415  an extra of jobfile

        is_mail = isinstance(service, base.NotifyEmail) and service.resolve_format("html") == "html"
        if is_mail and CONVERTER in vars(base):
            setattr(base, CONVERTER, lambda *_, **__: text)
            return True
    except (ImportError, AttributeError):  # another version: the mail is a text
        pass
    return False


def calm(text: str) -> str:
    """A text in which a chat program finds no name to call: an output must not wake a whole channel."""
    return MENTION.sub(lambda found: f"{found[0]}{NO_SPACE}", text)


def said_by(said: io.StringIO, url: str) -> str:
    """What the library logged, without the parts of the URL."""
    lines = [line for line in said.getvalue().splitlines() if line.strip()]
    return f": {hide('; '.join(lines[-2:]), url)}" if lines else ""


def hide(text: str, url: str) -> str:
    """A text in which no part of a URL occurs."""
    rest = url.partition("://")[2]
    parts = {url, rest, *re.split(r"[/:@?&=,#]", rest)}
    parts |= {unquote(part) for part in parts}
    for part in sorted((part for part in parts if len(part) >= MIN_PART), key=len, reverse=True):
        text = text.replace(part, "***")
    return text[:MAX_WHY]


def fail(why: str) -> int:
    """Say why nothing was delivered."""
    print(" ".join(why.split()), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
