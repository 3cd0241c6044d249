"""Renders pages. The only importer of Jinja2 beside the language; everything in a page is escaped."""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from functools import cache, lru_cache, partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from engine.answers.listing import Mark
from engine.answers.listing_text import SIGNS
from engine.core.vocabulary import combination_text, instant_text, seconds_text, short
from engine.web.corner import corner
from engine.web.navigation import NAVIGATION
from engine.web.refusing import RefusedError, extra_headers
from engine.web.visits import Visit
from jobfile.diagnostics.escapes import printable
from jobfile.render.style import WORDS, Tone

TEMPLATES: Final = Path(__file__).parent / "templates"
KEPT_MARKS: Final = 20_000
"""Number of results whose HTML is kept: those of some pages of the list of jobs."""
_TONES: Final[Mapping[Tone, str]] = {
    Tone.GOOD: "good",
    Tone.BAD: "bad",
    Tone.DOUBTFUL: "doubtful",
    Tone.ACTIVE: "active",
    Tone.FAINT: "faint",
}


def page(
    visit: Visit,
    template: str,
    *,
    title: str,
    values: Mapping[str, object],
    status: HTTPStatus = HTTPStatus.OK,
) -> HTMLResponse:
    """A page: its template gets these values, and the visit as `visit`."""
    shared = {"visit": visit, "title": title, "pages": NAVIGATION, "corner": partial(corner, visit)}
    html = environment().get_template(template).render(values, **shared)
    return HTMLResponse(html, status_code=status)


def error_page(visit: Visit, error: RefusedError, *, is_again: bool) -> HTMLResponse:
    """The page for a request that is refused; with `is_again` it loads itself again."""
    values = {"error": error, "is_again": is_again}
    shown = page(visit, "error.html", title=error.status.phrase, values=values, status=error.status)
    shown.headers.update(extra_headers(error))
    return shown


@cache
def environment() -> Environment:
    """The templates' environment. A name that is not given is an error, never an empty text."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_neutral,
    )
    made.filters |= {"short": short, "length": seconds_text, "when": when, "iso": iso}
    made.filters |= {"lines": lines, "exact": Kept, "combination": combination_text}
    made.globals |= {"tone": tone, "sign": sign, "mark": mark, "UTC": UTC}
    return made


def _neutral(value: object) -> object:
    """Text of jobs and files may not change how the text around it is shown: no control characters, no
    marks that turn the direction of writing.
    """
    return printable(value) if type(value) is str else value


class Kept(str):
    """Text that is escaped as any other, but whose characters stay as they are."""

    __slots__ = ()


def lines(text: str) -> Kept:
    """Text of several lines: line ends and tabs stay, and the rest is as neutral as any other text."""
    return Kept("\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n")))


def tone(state: str) -> str:
    """The class of the stylesheet for a state, a verdict or a severity."""
    return _TONES.get(WORDS.get(state, Tone.FAINT), "faint")


def sign(state: str) -> str:
    """The character that stands for a state: colours are not needed to tell states apart."""
    return SIGNS.get(state, "·")


def mark(one: Mark, zone: tzinfo) -> str:
    """The HTML of a result. It is kept: a page of the list of jobs has 3,000 of them, and making them would
    take most of its time.
    """
    return _mark(one.state, one.at, one.run_id, zone)


@lru_cache(KEPT_MARKS)
def _mark(state: str, at: datetime, run_id: str, zone: tzinfo) -> str:
    macros: Any = environment().get_template("macros.html").module
    html: str = macros.mark(state, at, run_id, zone)
    return html


def when(at: datetime, zone: tzinfo = UTC) -> str:
    """An instant, as every command prints it."""
    return instant_text(at, zone)


def iso(at: datetime) -> str:
    """An instant for programs, in UTC."""
    return at.astimezone(UTC).isoformat(timespec="seconds")
