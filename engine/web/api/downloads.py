"""Downloads: the output of an attempt, and the files that a run kept; whole, or a part."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from engine.answers.steps import attempts_in_order
from engine.asking.place import Place
from engine.asking.why import shown_attempt
from engine.core.lifecycle import Attempt, AttemptKey
from engine.core.pieces import Piece, Whereabouts
from engine.execution.artifact_files import CopyGoneError, read_copy
from engine.execution.attempt_output import output_of
from engine.execution.output_ranges import between, size_of
from engine.ledger.ports import View
from engine.ports import Pieces
from engine.web.access import Access
from engine.web.api.of_runs import seen_run
from engine.web.api.operations import PREFIX, Given, check_query, count_request
from engine.web.refusing import RefusedError, problem
from engine.web.visits import Handler, Route, Visit
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.regex import regex

_PLAIN: Final = regex(r"[^A-Za-z0-9._-]+")
_RANGE: Final = regex(r"bytes=([0-9]{1,15})-([0-9]{0,15})")


class Download(NamedTuple):
    """One operation whose answer is a file."""

    path: str
    give: Handler
    query: Sequence[Given] = ()

    @property
    def about(self) -> str:
        """What the operation returns, in a sentence."""
        return (self.give.__doc__ or "").strip()

    def route(self) -> Route:
        """The route of this operation."""

        def answer(visit: Visit) -> Response:
            count_request(visit)
            check_query(self.query, visit.query)
            return self.give(visit)

        return Route("GET", f"{PREFIX}{self.path}", Access.VIEW, answer, is_for_limited=True, is_page=False)


class _PiecesLater:
    """Implements `Pieces` for an answer that is still being sent when the ledger of its request is closed."""

    def __init__(self, place: Place) -> None:
        """The place whose ledger is read."""
        self._place = place

    def read(self, attempt: AttemptKey, *, copy: int, seq: int, size: int, limit: int) -> Sequence[Piece]:
        with closing(self._place.open()) as view:
            assert view.pieces is not None
            return view.pieces.read(attempt, copy=copy, seq=seq, size=size, limit=limit)

    def stored_bytes(self, attempt: AttemptKey) -> int:
        with closing(self._place.open()) as view:
            assert view.pieces is not None
            return view.pieces.stored_bytes(attempt)

    def lengths(self, attempt: AttemptKey) -> Sequence[Whereabouts]:
        with closing(self._place.open()) as view:
            assert view.pieces is not None
            return view.pieces.lengths(attempt)


def pieces_later(visit: Visit, view: View) -> Pieces | None:
    """What hosts have sent, for a download; None if the ledger has nothing of the kind."""
    return None if view.pieces is None else _PiecesLater(visit.place)


def chosen_attempt(visit: Visit, attempts: Sequence[Attempt]) -> Attempt | None:
    """The attempt of the address; without one, the one that runs, or whose output matters most."""
    query = visit.query
    if "attempt" in query:
        wanted = (query.get("step"), query.get("item") or "0", query.get("attempt"))
        for one in attempts:
            if (one.step, str(one.item), str(one.number)) == wanted:
                return one
        raise RefusedError(HTTPStatus.NOT_FOUND, "the run has no such attempt", code="unknown_run")
    live = [one for one in attempts if one.ended_at is None]
    return live[-1] if live else shown_attempt(attempts) if attempts else None


def output(visit: Visit) -> Response:
    """The output of an attempt, as it is stored; with the header Range, a part of it."""
    view, run = seen_run(visit)
    attempt = chosen_attempt(visit, attempts_in_order(view, run, view.attempts(run.id)))
    if attempt is None:
        detail = "nothing was started, so there is no output"
        raise RefusedError(HTTPStatus.NOT_FOUND, detail, code="unknown_run")
    stored = output_of(visit.place.config, attempt.key, pieces_later(visit, view))
    place = f"{attempt.step}-{attempt.item}-" if attempt.item else f"{attempt.step}-" if attempt.step else ""
    name = f"{run.job}-{run.id[:8]}-{place}{attempt.number}.log"
    headers = {"Content-Type": "text/plain; charset=utf-8", **_as_file(name)}
    wanted = _range(visit)
    if wanted is None:
        return StreamingResponse(stored.parts(), headers=headers)
    stretches = stored.stretches()
    return _partial(partial(between, stretches), size_of(stretches), wanted, headers)


def artifact(visit: Visit) -> Response:
    """A file that the run kept, by its place in the list of its artifacts, from 1; with Range, a part."""
    view, run = seen_run(visit)
    kept, number = view.artifacts(run.id), int(visit.values["number"])
    one = kept[number - 1] if number <= len(kept) else None
    if one is None or not one.has_copy:
        raise RefusedError(HTTPStatus.NOT_FOUND, "there is no such file", code="unknown_run")
    folder, pieces = visit.place.config.attempt_dir(one.attempt), pieces_later(visit, view)
    parts = _held_back(read_copy(folder, one.artifact, one.attempt, pieces))
    try:
        first = next(parts, b"")
    except CopyGoneError as error:
        raise RefusedError(HTTPStatus.GONE, str(error)) from error
    name = one.artifact.name.rpartition("/")[2] or "file"
    headers = {"Content-Type": "application/octet-stream", **_as_file(name)}
    whole, wanted = _whole(first, parts), _range(visit)
    if wanted is not None:
        return _partial(partial(_between, whole), one.artifact.size, wanted, headers)
    return StreamingResponse(whole, headers={**headers, "Content-Length": str(one.artifact.size)})


def _held_back(parts: Iterator[bytes]) -> Iterator[bytes]:
    """The parts, the last one only when the whole was compared with its digest."""
    held = b""
    for part in parts:
        if held:
            yield held
        held = part
    if held:
        yield held


def _whole(first: bytes, parts: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes to send. If the copy was changed, its end is missing, so that a browser reports it."""
    yield first
    try:
        yield from parts
    except CopyGoneError:
        return


def _as_file(name: str) -> dict[str, str]:
    """The headers of a download: no browser shows it as a page of this site."""
    plain = _PLAIN.sub("_", name).strip("._") or "file"
    return {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }


def _range(visit: Visit) -> tuple[int, int | None] | None:
    """The first and the last byte of the part. Any other form of Range gets the whole, as HTTP has it."""
    found = _RANGE.fullmatch(visit.headers.get("range", ""))
    if found is None or "if-range" in visit.headers:
        return None
    first, last = int(found[1]), int(found[2]) if found[2] else None
    return None if last is not None and last < first else (first, last)


def _partial(
    part_of: Callable[[int, int], Iterator[bytes]],
    size: int,
    wanted: tuple[int, int | None],
    headers: dict[str, str],
) -> Response:
    first, last = wanted[0], size - 1 if wanted[1] is None else min(wanted[1], size - 1)
    if first >= size:
        status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        refused = problem(RefusedError(status, f"there are {size:,} bytes"))
        refused.headers["Content-Range"] = f"bytes */{size}"
        return refused
    more = {"Content-Range": f"bytes {first}-{last}/{size}", "Content-Length": str(last - first + 1)}
    return StreamingResponse(
        part_of(first, last), status_code=HTTPStatus.PARTIAL_CONTENT, headers={**headers, **more}
    )


def _between(parts: Iterator[bytes], first: int, last: int) -> Iterator[bytes]:
    """A part of a file; what comes before it is read, because its digest is that of the whole."""
    at = 0
    for part in parts:
        piece = part[max(0, first - at) : max(0, last + 1 - at)]
        at += len(part)
        if piece:
            yield piece
        if at > last:
            return


_ATTEMPT: Final = (
    Given(
        "attempt",
        "The number of the attempt [default: the one that runs, else the one that failed, or the last].",
    ),
    Given("step", "With `attempt`: the step."),
    Given("item", "With `attempt`: the item of the step."),
)
OPERATIONS: Final[Sequence[Download]] = (
    Download("/runs/{run}/output", output, _ATTEMPT),
    Download("/runs/{run}/artifacts/{number}", artifact),
)
