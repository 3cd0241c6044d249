"""Submit runs from Python programs: `submit("welcome-email", {"user_id": 1042}, key="welcome-1042")`.

The request is recorded in the ledger before the call returns; no server is needed. From a different machine,
`connect("https://jobs.example.org")` gives a client that does the same over HTTP. See docs/client.md. This
module is the one that reaches from the language into the engine.
"""

from engine.client.api import Client, submit, submit_many
from engine.client.errors import (
    InvalidParamsError,
    RefusedError,
    SubmitError,
    UnavailableError,
    UnknownJobError,
)
from engine.client.remote import RemoteClient, connect
from engine.client.submitted import Submitted

__all__ = [
    "Client",
    "InvalidParamsError",
    "RefusedError",
    "RemoteClient",
    "SubmitError",
    "Submitted",
    "UnavailableError",
    "UnknownJobError",
    "connect",
    "submit",
    "submit_many",
]
