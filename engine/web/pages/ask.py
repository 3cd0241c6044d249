"""The answer to the question in the search box: did a job run, with these params, on that day?"""

from typing import Final

from starlette.responses import Response

from engine.answers.did import Did
from engine.asking.did import Wanted, ask_did
from engine.core.errors import JobfileError
from engine.web.access import Access
from engine.web.rendering import page
from engine.web.visits import Route, Visit


def show(visit: Visit) -> Response:
    """The page."""
    question = " ".join(visit.query.get("q").split())
    found: Did | None = None
    trouble = ""
    try:
        found = ask_did(visit.place, question, Wanted({}, {}, None, None)) if question else None
    except JobfileError as error:  # a question that was typed wrong is answered on its page
        trouble = str(error)
    values = {"question": question, "found": found, "trouble": trouble}
    return page(visit, "ask.html", title="Did it run?", values=values)


ROUTES: Final = (Route("GET", "/ask", Access.VIEW, show, is_for_limited=True),)
