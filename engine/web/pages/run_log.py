"""The log of a run, a window of its lines at a time; and what it wrote and kept, to download.

The address names the attempt, the first line and the text that is searched, so a line can be sent to a
colleague. A log is read in parts: one of 100 MB costs no more memory than a short one.
"""

from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from engine.answers.logs import why_no_output
from engine.answers.steps import attempts_in_order
from engine.core.errors import OutputsUnavailableError
from engine.core.lifecycle import Attempt, AttemptKey, Run
from engine.core.vocabulary import place_text
from engine.execution.attempt_output import output_of
from engine.execution.output_windows import find_lines, read_window
from engine.ledger.ports import View
from engine.web.access import Access
from engine.web.ansi import Part, parts_of, plain_text
from engine.web.api.downloads import artifact, chosen_attempt, output
from engine.web.api.of_runs import seen_run
from engine.web.rendering import page
from engine.web.visits import Route, Visit
from jobfile.model.dataclass import dataclass
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.regex import regex

LINES: Final = 500
"""Number of lines of a window."""
MAX_FOUND: Final = 200
"""Number of lines with the text that is searched."""
MAX_TEXT: Final = 200
"""Maximum length of the text that is searched."""
MAX_EXCERPT: Final = 200
MAX_CHOICES: Final = 200
"""Maximum number of attempts among which one is chosen."""
_NUMBER: Final = regex(r"[1-9][0-9]{0,9}")


class Line(NamedTuple):
    """A line of the log."""

    number: int
    parts: tuple[Part, ...]


class Hit(NamedTuple):
    """A line with the text that is searched."""

    number: int
    text: str
    address: str


class Choice(NamedTuple):
    """An attempt whose log can be shown."""

    words: str
    address: str
    is_it: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPart:
    """The values of the log."""

    run: Run
    attempt: Attempt | None
    """None while nothing was started."""
    choices: tuple[Choice, ...] = ()
    why_none: str = ""
    lines: tuple[Line, ...] = ()
    first: int = 1
    total: int = 0
    is_end: bool = True
    """Whether the address asks for the end, whatever is added to it."""
    find: str = ""
    hits: tuple[Hit, ...] = ()
    is_all: bool = True
    """Whether there are no more lines with that text."""
    poll: str = ""
    """The address of the next look at the log; empty when nothing more is added to it."""
    trouble: str = ""

    @staticmethod
    def address_of(run: Run, key: AttemptKey | None, **more: str | int) -> str:
        """The page of a run with the log of an attempt."""
        return f"/runs/{run.id}{_query(key, more)}"

    @property
    def last(self) -> int:
        """The number of the last line of the window."""
        return self.first + len(self.lines) - 1

    def at(self, first: int) -> str:
        """The window from a line on."""
        more: dict[str, str | int] = {"from": max(1, first)}
        key = None if self.attempt is None else self.attempt.key
        return self.address_of(self.run, key, **more)

    @property
    def end(self) -> str:
        """The end of the log, and what is added to it."""
        return self.address_of(self.run, None if self.attempt is None else self.attempt.key)

    @property
    def download(self) -> str:
        """The whole log."""
        return f"/runs/{self.run.id}/output{_query(None if self.attempt is None else self.attempt.key, {})}"


def log_part(visit: Visit, view: View, run: Run) -> LogPart:
    """The log that the address asks for."""
    attempts = attempts_in_order(view, run, view.attempts(run.id))
    attempt = chosen_attempt(visit, attempts)
    if attempt is None:
        poll = "" if run.state.is_final else f"/runs/{run.id}/log?seen=none"
        return LogPart(run=run, attempt=None, why_none=why_no_output(run, attempts), poll=poll)
    try:
        return _log_of(visit, view, run, attempts, attempt)
    except OutputsUnavailableError as error:
        return LogPart(run=run, attempt=attempt, trouble=str(error))


def _log_of(visit: Visit, view: View, run: Run, attempts: Sequence[Attempt], attempt: Attempt) -> LogPart:
    output = output_of(visit.place.config, attempt.key, view.pieces)
    wanted, find = visit.query.get("from"), visit.query.get("find").strip()[:MAX_TEXT]
    seen = output.stored_bytes()
    first = int(wanted) if _NUMBER.fullmatch(wanted) else None
    window = read_window(output, first=first, most=LINES)
    found = find_lines(output, find, most=MAX_FOUND) if find else None
    is_end = first is None
    is_named = "attempt" in visit.query
    more: dict[str, str | int] = {"seen": f"{attempt.id}.{seen}"}
    poll = f"/runs/{run.id}/log{_query(attempt.key if is_named else None, more)}"
    is_live = not (attempt.ended_at and is_named) and not run.state.is_final
    part = LogPart(
        run=run,
        attempt=attempt,
        choices=tuple(_choice(run, one, attempt) for one in attempts[:MAX_CHOICES]),
        why_none="" if window.total else why_no_output(run, [attempt]),
        lines=tuple(
            Line(number, parts_of(one)) for number, one in enumerate(window.lines, start=window.first)
        ),
        first=window.first,
        total=window.total,
        is_end=is_end,
        find=find,
        is_all=found is None or found.is_all,
        poll=poll if is_live and is_end and not find else "",
        trouble=f"the log has {window.total:,} lines" if first and first > window.total else "",
    )
    hits = () if found is None else tuple(_hit(part, number, line) for number, line in found.lines)
    return replace(part, hits=hits)


def show(visit: Visit) -> Response:
    """The log alone, for a page that follows it; nothing when nothing was added since."""
    view, run = seen_run(visit)
    attempts = attempts_in_order(view, run, view.attempts(run.id))
    attempt = chosen_attempt(visit, attempts)
    if attempt is None or attempt.ended_at is None:
        now = "none" if attempt is None else f"{attempt.id}.{_stored(visit, view, attempt)}"
        if visit.query.get("seen") == now and not run.state.is_final:
            return Response(status_code=HTTPStatus.NO_CONTENT)
    return page(visit, "log.html", title="Log", values={"log": log_part(visit, view, run), "window": LINES})


def _stored(visit: Visit, view: View, attempt: Attempt) -> int:
    try:
        return output_of(visit.place.config, attempt.key, view.pieces).stored_bytes()
    except OutputsUnavailableError:
        return 0


def _choice(run: Run, one: Attempt, chosen: Attempt) -> Choice:
    place = f"{place_text(one.step, one.item)} " if one.step else "attempt "
    return Choice(f"{place}{one.number}", f"{LogPart.address_of(run, one.key)}#log", one is chosen)


def _hit(part: LogPart, number: int, line: bytes) -> Hit:
    """A line that was found, with the window around it."""
    text = plain_text(line)
    at = max(0, text.lower().find(part.find.lower()) - MAX_EXCERPT // 2)
    shown = f"{'…' if at else ''}{text[at : at + MAX_EXCERPT]}{'…' if len(text) > at + MAX_EXCERPT else ''}"
    first = max(1, number - LINES // 2)
    return Hit(number, shown, f"{part.at(first)}#L{number}")


def _query(key: AttemptKey | None, more: dict[str, str | int]) -> str:
    pairs: dict[str, str | int] = {}
    if key is not None:
        pairs |= {"step": key.step} if key.step else {}
        pairs |= {"item": key.item} if key.item else {}
        pairs["attempt"] = key.number
    pairs |= more
    return f"?{urlencode(pairs)}" if pairs else ""


_PATH: Final = "/runs/{run}"
ROUTES: Final[Sequence[Route]] = (
    Route("GET", f"{_PATH}/log", Access.VIEW, show, is_for_limited=True),
    Route("GET", f"{_PATH}/output", Access.VIEW, output, is_for_limited=True),
    Route("GET", f"{_PATH}/artifacts/{{number}}", Access.VIEW, artifact, is_for_limited=True),
)
