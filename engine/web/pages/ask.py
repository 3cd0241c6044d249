"""The search box: did it run, did it succeed? The question is that of `jobfile did`, and so is the answer."""

from collections.abc import Mapping, Sequence
from typing import Final

from starlette.responses import Response

from engine.answers.asked import Asked
from engine.answers.concerns import did_words
from engine.answers.did import Answer, Did, worst_of
from engine.answers.expected import Item
from engine.answers.facts import Fact
from engine.answers.why import why, why_run
from engine.answers.zones import zone_of_job
from engine.asking.did import Wanted, ask_did
from engine.asking.place import Place
from engine.core.errors import ErrorCode, JobfileError
from engine.service.presence import presence_at
from engine.web.access import Access
from engine.web.rendering import page
from engine.web.verdicts import LOOKS
from engine.web.visits import Route, Visit
from jobfile.model.dataclass import dataclass

MAX_QUESTION: Final = 1_000
MAX_ITEMS: Final = 100
"""Maximum number of runs that an answer lists: the newest."""
MEANINGS: Final[Mapping[Answer, str]] = {  # as `jobfile did --help` has them
    Answer.SUCCEEDED: "it succeeded",
    Answer.NOT_WELL: "it ran and did not succeed, or its end is unknown",
    Answer.DID_NOT_RUN: "it did not run, or could not be started",
    Answer.NOT_OVER: "it is not over, or not yet due",
    Answer.NOT_EXPECTED: "it was not expected then, or was never applied or run",
    Answer.OVERDUE: "it was due and nothing has started it: no engine is running, or starts are on hold",
}
_WRONG: Final = (
    ErrorCode.USAGE,
    ErrorCode.UNKNOWN_JOB,
    ErrorCode.UNKNOWN_RUN,
    ErrorCode.NOTHING_RECORDED,
)
"""The errors of a question: they are shown beside the question, and not as an error of the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskPage:
    """The values of the page."""

    question: str
    trouble: str = ""
    """What is wrong with the question."""
    found: Did | None = None
    facts: tuple[Fact, ...] = ()
    """The answer of `why` about the run that decides the answer."""
    items: tuple[tuple[Item, str], ...] = ()
    """The runs that the answer is about, each with its verdict, newest first."""

    @property
    def words(self) -> str:
        """The answer in a sentence."""
        return did_words(self.found) if self.found is not None else ""

    @property
    def meaning(self) -> str:
        """What the exit code of the command says."""
        return MEANINGS[self.found.answer] if self.found is not None else ""

    @property
    def look(self) -> tuple[str, str]:
        """The class and the sign of the answer."""
        return LOOKS[self.found.answer] if self.found is not None else ("", "")


def show(visit: Visit) -> Response:
    """The page."""
    here = answer(visit)
    return page(visit, "ask.html", title=here.question or "Did it run?", values={"here": here})


def answer(visit: Visit) -> AskPage:
    """The answer to the question of the query."""
    question = " ".join(visit.query.get("q")[:MAX_QUESTION].split())
    if not question:
        return AskPage(question="")
    try:
        found = ask_did(visit.place, question, Wanted({}, {}, None, None))
    except JobfileError as error:
        if error.code not in _WRONG:
            raise
        return AskPage(question=question, trouble=str(error))
    pairs = tuple(zip(reversed(found.items), reversed(found.states), strict=True))
    return AskPage(question=question, found=found, facts=_facts(visit.place, found), items=pairs[:MAX_ITEMS])


def _facts(place: Place, found: Did) -> tuple[Fact, ...]:
    """Why: the facts of the run that decides the answer."""
    if not found.items:
        return ()
    view = place.view()
    zone = zone_of_job(view, found.job)
    now = place.now()
    asked = Asked(
        view=view, job=found.job, zone=zone, now=now, presence=presence_at(place.config, view, now=now)
    )
    item = worst_of(asked, found.items)
    if item.run is not None:
        return why_run(asked, item.run).facts
    return why(view, found.job, item.scheduled_for, zone=zone, now=now, presence=asked.presence).facts


ROUTES: Final[Sequence[Route]] = (Route("GET", "/ask", Access.VIEW, show, is_for_limited=True),)
