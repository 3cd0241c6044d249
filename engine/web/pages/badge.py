"""The badge of a job: a small picture with its last verdict. It says what `did` says."""

from collections.abc import Sequence
from hashlib import sha256
from html import escape
from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from engine.answers.did import Answer, Did
from engine.asking.did import Wanted, ask_did
from engine.asking.naming import UnknownRunError
from engine.asking.place import UnknownJobError
from engine.core.errors import NothingRecordedError
from engine.web.access import Access
from engine.web.refusing import RefusedError
from engine.web.rendering import tone
from engine.web.visits import Route, Visit

SUFFIX: Final = ".svg"
_WORDS: Final = {
    Answer.NOT_OVER: "not yet due",
    Answer.NOT_EXPECTED: "not expected",
    Answer.NOT_WELL: "unknown",
}
"""What the badge says where no run decides the answer."""
_COLOURS: Final = {
    "good": "#1c6b36",
    "bad": "#b3261e",
    "doubtful": "#855300",
    "active": "#0f6674",
    "faint": "#5c6066",
}
"""White text on each has a contrast of at least 4.5."""
_CHARACTER: Final = 7
"""Width of a character, in pixels; the text is fitted to it, whatever font there is."""
_PICTURE: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{job}: {word}">\
<title>{job}: {word}</title><rect width="{width}" height="20" rx="3" fill="#35393e"/>\
<path d="M{left} 0h{path}a3 3 0 0 1 3 3v14a3 3 0 0 1 -3 3h-{path}z" fill="{colour}"/>\
<g fill="#fff" font-family="DejaVu Sans,Verdana,sans-serif" font-size="11">\
<text x="6" y="14" textLength="{job_length}">{job}</text>\
<text x="{word_x}" y="14" textLength="{word_length}">{word}</text></g></svg>
"""


def show(visit: Visit) -> Response:
    """The picture; 404 for every name that this user sees no job of."""
    name = visit.values["file"]
    job = name.removesuffix(SUFFIX)
    missing = RefusedError(HTTPStatus.NOT_FOUND, "there is nothing at this address")
    if not name.endswith(SUFFIX) or not visit.user.sees(job):
        raise missing
    try:
        found = ask_did(visit.place, job, Wanted({}, {}, None, None))
    except (UnknownJobError, UnknownRunError, NothingRecordedError):
        raise missing from None
    if found.job != job:  # the beginning of the id of a run
        raise missing
    text = picture(job, *verdict(found))
    tag = f'"{sha256(text.encode()).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Content-Type": "image/svg+xml"}
    if visit.headers.get("if-none-match") == tag:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(text, headers=headers)


def verdict(found: Did) -> tuple[str, str]:
    """The word of an answer, and its class."""
    word = found.states[-1] if found.states else ""
    if not word or (word == "succeeded" and found.answer is not Answer.SUCCEEDED):
        word = _WORDS.get(found.answer, "unknown")
    return word.replace("_", " "), "bad" if found.answer is Answer.NOT_WELL else tone(word)


def picture(job: str, word: str, look: str) -> str:
    """The picture."""
    job_length, word_length = len(job) * _CHARACTER, len(word) * _CHARACTER
    left = job_length + 12
    width = left + word_length + 12
    return _PICTURE.format(
        job=escape(job),
        word=escape(word),
        width=width,
        left=left,
        path=width - left - 3,
        job_length=job_length,
        word_x=left + 6,
        word_length=word_length,
        colour=_COLOURS[look],
    )


ROUTES: Final[Sequence[Route]] = (
    Route("GET", "/badge/{file}", Access.VIEW, show, is_for_limited=True, is_page=False),
)
