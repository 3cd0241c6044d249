"""`apprise`: notification URLs for e-mail, Slack and many other services, sent by the library Apprise.

The library is imported only in the process that sends. A URL is a secret: it is passed through standard
input, and nothing that the library says is shown with a part of it.
"""

import json
import sys
from typing import Final

from engine.actions.http import OPTIONS
from engine.channels.kind import Failure, Posting, Subject
from engine.execution.launcher_client import Heard
from engine.notifications.message import event_line
from engine.programs import APPRISE_SEND
from jobfile.model.environment import PASSED_ON
from jobfile.model.jobs import ChannelSpec

MEMORY_BYTES: Final = 1024 * 2**20
GOOD: Final = ("recovered", "succeeded", "accepted", "released")
BAD: Final = ("failed", "missed", "rejected", "held")


class AppriseChannel:
    """The kind `apprise`: one URL, or several."""

    def takes(self, channel: ChannelSpec) -> bool:
        """Whether a channel has URLs."""
        return bool(channel.apprise)

    def postings(self, subject: Subject) -> list[Posting]:
        """One program for each URL, so that one that works is not sent to again when another fails."""
        message, environ = subject.message, subject.config.environ
        kind = message.fields.get("kind")
        order = {
            "title": message.title,
            "body": f"{message.text}\n\n{event_line(message.ids)}",
            "html": message.html,
            "type": "success" if kind in GOOD else "failure" if kind in BAD else "warning",
        }
        env = {name: environ[name] for name in PASSED_ON if name in environ}
        return [
            Posting(
                argv=(sys.executable, *OPTIONS, APPRISE_SEND),
                env=env,
                text=json.dumps({**order, "url": subject.secrets[name]}),
                memory_bytes=MEMORY_BYTES,
                destination=name,
            )
            for name in subject.channel.apprise
        ]

    def failure(self, heard: Heard) -> Failure | None:
        """What the program says: it has removed the parts of the URL."""
        if heard.trouble:
            return Failure(f"it {heard.trouble}")
        if heard.code == 0:
            return None
        said = heard.complaint.decode("utf-8", "replace").strip().splitlines()
        return Failure(said[-1] if said else f"exit code {heard.code}")
