"""What an operation of the API is, and the way of a request to its answer: rates, names, ETag, waiting."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response

from engine.core.errors import ErrorCode
from engine.web.access import Access
from engine.web.api.looks import TEXT, Look, look_of
from engine.web.limits import MAX_WAIT_SECONDS
from engine.web.notes import NOTES, WARNINGS, notes_header
from engine.web.refusing import RefusedError
from engine.web.visits import Fields, Route, Visit, closing_after
from jobfile.model.namedtuple import NamedTuple
from jobfile.schedule.duration import parse_duration

PREFIX: Final = "/api/v1"
PER_REQUEST: Final = ("now",)
"""Keys of an answer that differ each time, although nothing has changed."""
EXIT_CODE: Final = "Jobfile-Exit-Code"
"""The header with the exit code of the command that gives the same answer."""
_TYPES: Final[Mapping[str, type]] = {"string": str, "boolean": bool, "object": dict, "array": list}


class Answered(NamedTuple):
    """The answer of an operation."""

    body: Mapping[str, object]
    status: HTTPStatus = HTTPStatus.OK
    cursor: str = ""
    """Where the next part begins; empty if this is the last one."""
    is_over: bool = True
    """Whether it is final; a request that waits gets it then."""
    location: str = ""
    text: Callable[[Look], str] | None = None
    """The same answer as text, as the command prints it; None if it prints JSON only."""
    exit_code: int = 0
    """The exit code of the command."""
    notes: Sequence[str] = ()
    """What the command prints beside the answer."""


class Given(NamedTuple):
    """One parameter of a query, or one field of a body."""

    name: str
    about: str
    type: str = "string"
    is_repeated: bool = False
    more: Mapping[str, Any] = MappingProxyType({})
    """Further keywords of its JSON Schema."""


WAIT: Final = Given(
    "wait", "Wait for this time, at most 60s, for the answer to be final, or to differ from If-None-Match."
)
WHY: Final = Given("why", "The reason, for the audit.")


class Operation(NamedTuple):
    """One operation. `schema` names a file of schemas/."""

    method: str
    path: str
    access: Access
    answer: Callable[[Visit], Answered]
    schema: str
    query: Sequence[Given] = ()
    body: Sequence[Given] = ()
    is_for_limited: bool = True
    also: str = ""
    """Another schema that the answer may have."""

    @property
    def about(self) -> str:
        """What it gives or does, in a sentence."""
        return (self.answer.__doc__ or "").strip()

    def route(self) -> Route:
        """The route of this operation."""

        async def answer(visit: Visit) -> Response:
            return await _answer(self, visit)

        return Route(
            self.method,
            f"{PREFIX}{self.path}",
            self.access,
            answer,
            is_for_limited=self.is_for_limited,
            is_page=False,
            body="json" if self.body else "",
        )


def make_routes(operations: Sequence[Operation]) -> tuple[Route, ...]:
    """The routes of all operations."""
    return tuple(one.route() for one in operations)


async def _answer(operation: Operation, visit: Visit) -> Response:
    count_request(visit)
    check_query(operation.query, visit.query)
    _check_body(operation, visit.body)
    known = visit.headers.get("if-none-match", "")
    seconds = _wait_seconds(visit.query.get("wait"))
    watch = visit.site.watch
    until = time.monotonic() + seconds
    look = look_of(visit.headers.get("accept", ""))
    while True:
        mark = await watch.look() if seconds else None
        visit.place.notes.clear()
        answered, text = await visit.in_thread(closing_after(partial(_shown, operation, look)), visit)
        tag = etag(answered.body, look)
        left = until - time.monotonic()
        is_waited_for = tag == known if known else not answered.is_over
        if not is_waited_for or left <= 0 or watch.is_over:
            break
        await watch.changed(mark, seconds=left)
    kind = "application/json" if look is None or answered.text is None else f"{TEXT}; charset=utf-8"
    headers = {"ETag": tag, "Content-Type": kind, "Vary": "Accept", EXIT_CODE: str(answered.exit_code)}
    headers |= notes_header(NOTES, answered.notes) | notes_header(WARNINGS, visit.place.notes)
    if answered.cursor:
        headers["Link"] = f'<{_next(visit, answered.cursor)}>; rel="next"'
    if answered.location:
        headers["Location"] = f"{PREFIX}{answered.location}"
    if known == tag and operation.method == "GET":
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": tag})
    return Response(f"{text}\n", status_code=answered.status, headers=headers)


def _shown(operation: Operation, look: Look | None, visit: Visit) -> tuple[Answered, str]:
    """The answer, and what is sent of it; both made while its ledgers are open."""
    answered = operation.answer(visit)
    if look is None or answered.text is None:
        return answered, json.dumps(answered.body, indent=2)
    return answered, answered.text(look)


def etag(body: Mapping[str, object], look: Look | None = None) -> str:
    """A mark of an answer: equal as long as nothing has changed but the time."""
    plain = {name: value for name, value in body.items() if name not in PER_REQUEST}
    form = "" if look is None else str(look)
    return f'"{sha256(f"{json.dumps(plain, sort_keys=True)}{form}".encode()).hexdigest()[:32]}"'


def count_request(visit: Visit) -> None:
    """Count a request of this token. Raises 429 when it has made too many."""
    visit.identity.requests.check(visit.user.name)
    visit.identity.requests.count(visit.user.name)


def check_query(takes: Sequence[Given], query: Fields) -> None:
    """Refuse parameters that an operation does not take."""
    known = {one.name: one for one in takes}
    for name, _ in query.pairs:
        if name not in known:
            raise _wrong(f"this takes no such parameter; it takes: {', '.join(known) or 'none'}")
    for one in takes:
        if not one.is_repeated and [name for name, _ in query.pairs].count(one.name) > 1:
            raise _wrong(f"`{one.name}` is given twice")


def _check_body(operation: Operation, body: Mapping[str, object]) -> None:
    known = {one.name: one for one in operation.body}
    for name, value in body.items():
        if name not in known:
            raise _wrong(f"this takes no such field; it takes: {', '.join(known) or 'none'}")
        if not isinstance(value, _TYPES[known[name].type]):
            raise _wrong(f"`{name}`: expected {known[name].type}")


def _wait_seconds(text: str) -> float:
    if not text:
        return 0.0
    length = parse_duration(text)
    if length is None or length.total_seconds() > MAX_WAIT_SECONDS:
        raise _wrong(f"`wait`: expected a length of at most {MAX_WAIT_SECONDS:.0f}s, such as 30s")
    return length.total_seconds()


def _wrong(detail: str) -> RefusedError:
    return RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, detail, code=ErrorCode.USAGE.value)


def _next(visit: Visit, cursor: str) -> str:
    pairs = [one for one in visit.query.pairs if one[0] != "cursor"]
    return f"{visit.path}?{urlencode([*pairs, ('cursor', cursor)])}"
