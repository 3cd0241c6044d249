"""Why a request gets no answer: a status and a sentence that names no value of the request."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType

from starlette.responses import JSONResponse

from engine.core.errors import JobfileError
from engine.web.notes import WARNINGS, notes_header
from jobfile.diagnostics.escapes import printable

PROBLEM = "application/problem+json"


class RefusedError(Exception):
    """A request that is refused, with a status that shows the reason."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        code: str = "",
        retry_after: int = 0,
        fields: Mapping[str, str] = MappingProxyType({}),
        words: str = "",
        allow: str = "",
    ) -> None:
        """`code` is the word for programs: that of `--json` where there is one. `fields`: by field of the
        request, what is wrong with it. `words`: the message of the command, with the names of its options.
        `allow`: the methods of the address, for 405.
        """
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.code = code or status.name.lower()
        self.retry_after = retry_after
        self.fields = fields
        self.words = words
        self.allow = allow


def problem(error: RefusedError, *, warnings: Sequence[str] = ()) -> JSONResponse:
    """The error for programs, as RFC 9457 has it; with warnings, as an answer has them."""
    plain: dict[str, object] = {
        "type": "about:blank",
        "title": error.status.phrase,
        "status": error.status.value,
        "detail": error.detail,
        "code": error.code,
    }
    if error.fields:
        plain["errors"] = dict(error.fields)
    if error.words not in ("", error.detail):
        plain["message"] = error.words
    headers = extra_headers(error) | notes_header(WARNINGS, warnings)
    return JSONResponse(plain, status_code=error.status, media_type=PROBLEM, headers=headers)


def extra_headers(error: RefusedError) -> dict[str, str]:
    """The headers that belong to an error."""
    found = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
    if error.allow:
        found["Allow"] = error.allow
    if error.status is HTTPStatus.UNAUTHORIZED:
        found["WWW-Authenticate"] = "Bearer"
    return found


def words_of(error: JobfileError) -> str:
    """The message of an error, without the dashes that options have on the command line."""
    return printable(str(error)).replace(" --", " ").removeprefix("--")
