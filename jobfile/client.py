"""Submit runs from Python programs: `submit("welcome-email", {"user_id": 1042}, key="welcome-1042")`.

The request is recorded in the ledger before the call returns; no server is needed. See docs/client.md. This
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
from engine.client.submitted import Submitted

__all__ = [
    "Client",
    "InvalidParamsError",
    "RefusedError",
    "SubmitError",
    "Submitted",
    "UnavailableError",
    "UnknownJobError",
    "submit",
    "submit_many",
]
