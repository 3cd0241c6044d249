"""What follows from the response in a case: decided by the program that sends the requests of jobs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from engine.casetests.cases import GivenAttempt
from engine.core.reasons import Reason
from jobfile.model.namedtuple import NamedTuple

if TYPE_CHECKING:
    from engine.programs.http_request import FailedError

OF_A_REQUEST: Final = ("http", str(Reason.CONNECT))
"""The ends of an attempt that only a request can have."""


class EndOfRequest(NamedTuple):
    """How the program of a request ends, and what it writes to its file of outputs."""

    exit_code: int
    outputs: str


@dataclass(frozen=True, slots=True)
class _Given:
    """A response as the program reads it."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def stream(self, amt: int, decode_content: bool) -> Iterator[bytes]:  # noqa: ARG002  as urllib3's
        if self.body:
            yield self.body


def end_of_request(request: str, attempt: GivenAttempt) -> EndOfRequest:
    """The end of a request, given as JSON, when this attempt of a case answers it."""
    from engine.programs.http_request import FailedError, judge, outputs_in  # noqa: PLC0415  it loads urllib3

    if attempt.kind == Reason.CONNECT:
        return _failed(FailedError(Reason.CONNECT, "no connection"))
    asked = json.loads(request)
    headers = {name.title(): text for name, text in attempt.headers.items()}
    response = _Given(attempt.code, headers, attempt.body.encode())
    try:
        outputs = outputs_in(judge(response, asked, show=lambda _: None), asked["outputs"])
    except FailedError as error:
        return _failed(error)
    return EndOfRequest(0, json.dumps(outputs))


def _failed(error: "FailedError") -> EndOfRequest:
    return EndOfRequest(1, json.dumps(error.line))
