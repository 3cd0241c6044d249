"""The application: each request passes the guard and the check of its rights, then its handler answers."""

import asyncio
import inspect
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Final, ParamSpec, TypeVar
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from engine.core.errors import ErrorCode, JobfileError
from engine.web import bodies
from engine.web.access import Access, Who
from engine.web.addresses import peer_of
from engine.web.guard import SECURITY, Request, check_origin, is_address, look_at
from engine.web.hook_memory import HookMemory
from engine.web.identity import Identity
from engine.web.limits import MAX_ANSWERS
from engine.web.refusing import RefusedError, problem, words_of
from engine.web.rendering import error_page, page
from engine.web.routing import Found, Routes
from engine.web.site import Site
from engine.web.under_way import UnderWay
from engine.web.visit_place import VisitPlace
from engine.web.visits import Fields, Visit, closing_after
from jobfile.diagnostics.escapes import message

P = ParamSpec("P")
T = TypeVar("T")

LOG: Final = logging.getLogger("jobfile.web")
_STATUS: Final[Mapping[ErrorCode, HTTPStatus]] = {
    ErrorCode.USAGE: HTTPStatus.UNPROCESSABLE_ENTITY,
    ErrorCode.UNKNOWN_JOB: HTTPStatus.NOT_FOUND,
    ErrorCode.UNKNOWN_RUN: HTTPStatus.NOT_FOUND,
    ErrorCode.UNKNOWN_GENERATION: HTTPStatus.NOT_FOUND,
    ErrorCode.NOTHING_RECORDED: HTTPStatus.NOT_FOUND,
    ErrorCode.LEDGER_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.CHANGE_UNKNOWN: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.LEDGER_REFUSED: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.ENGINE_RUNNING: HTTPStatus.CONFLICT,
    ErrorCode.INVALID_FILES: HTTPStatus.CONFLICT,
    ErrorCode.UNREADABLE_FILE: HTTPStatus.CONFLICT,
    ErrorCode.REFUSED: HTTPStatus.CONFLICT,
    ErrorCode.RISKS: HTTPStatus.CONFLICT,
    ErrorCode.PLAN_REFUSED: HTTPStatus.CONFLICT,
}
"""The status for an error of a question or an action; any other is 500."""

_LEDGER_TROUBLE: Final[Mapping[ErrorCode, str]] = {
    ErrorCode.LEDGER_UNAVAILABLE: "the ledger cannot be reached now; try again",
    ErrorCode.CHANGE_UNKNOWN: "the ledger did not answer; the change may have been recorded",
    ErrorCode.LEDGER_REFUSED: "the ledger cannot be used; jobfile doctor says why",
}
"""The error for a client that is not signed in, while the ledger cannot say who it is."""
RETRY_SECONDS: Final = 10
"""The seconds after which a program, or an open page, asks again while the ledger cannot be reached."""


class App:
    """An ASGI application. Handlers run in a few threads, so a slow answer stops no other connection."""

    def __init__(self, site: Site, routes: Routes) -> None:
        """Serve this site."""
        self._site = site
        self._routes = routes
        self._identity = Identity(site)
        self._hooks = HookMemory(site)
        self._under_way = UnderWay()
        self._threads = ThreadPoolExecutor(MAX_ANSWERS, thread_name_prefix="answer")

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":  # no lifespan, and no WebSocket: `ws="none"` refuses those before
            return
        asked = _Asked()
        try:
            response = await self._answer(scope, receive, asked)
            for name, value in SECURITY.items():
                response.headers.setdefault(name, value)
            await response(scope, receive, send)
        finally:
            if asked.counted is not None:
                self._under_way.end(asked.counted)

    async def _answer(self, scope: Scope, receive: Receive, asked: "_Asked") -> Response:
        try:
            return await self._visited(scope, receive, asked)
        except RefusedError as error:
            return self._refusal(error, asked)
        except JobfileError as error:
            return self._refusal(_refused(error, asked.who), asked)
        except Exception:
            LOG.exception("a bug in jobfile")
            bug = RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, "a bug in jobfile; its log has more")
            return self._refusal(bug, asked)

    async def _visited(self, scope: Scope, receive: Receive, asked: "_Asked") -> Response:
        request = asked.request = look_at(scope, self._site.hosts)
        peer = peer_of(scope["client"]) if scope.get("client") else ""
        # Signed out, every address but the open ones looks the same: 401, whether it exists or not.
        found, missing = self._find(request)
        asked.found = found
        is_open = found is not None and found.route.access is Access.OPEN
        is_call = found is not None and found.route.is_call
        who = asked.who = None if is_call else await self._in_thread(self._identity.of, scope, request, peer)
        if who is None and not is_open:
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "sign in first")
        if who is not None:
            self._under_way.begin(who.name)
            asked.counted = who.name
        if found is None:
            assert missing is not None
            raise missing
        check_origin(request, self._site.origins, is_browser=not is_call and _is_browser(request, who))
        if not is_open:
            assert who is not None
            _check_may(who, found)
        visit = await self._visit(request, found, who, peer, receive)
        asked.visit = visit
        answer = found.route.answer
        if inspect.iscoroutinefunction(answer):
            response = await answer(visit)
        else:
            response = await self._in_thread(closing_after(answer), visit)
        assert isinstance(response, Response)
        if not request.is_safe:
            self._site.memory.note_change("" if who is None else who.name)
        return response

    def _find(self, request: Request) -> tuple[Found | None, RefusedError | None]:
        try:
            return self._routes.find(request.method, request.path), None
        except RefusedError as error:
            return None, error

    async def _visit(
        self, request: Request, found: Found, who: Who | None, peer: str, receive: Receive
    ) -> Visit:
        form, body, raw = Fields(), {}, b""
        if not request.is_safe:
            kind = bodies.media_type(request.headers)
            raw = await bodies.read_body(receive, request.headers, most=found.route.most)
            wanted = {"form": bodies.FORM, "json": bodies.JSON}.get(found.route.body)
            if raw and kind != wanted:
                raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"expected a body of type {wanted}")
            if kind == bodies.FORM:
                form = bodies.parse_fields(raw.decode("utf-8", "replace"))
            elif not found.route.is_call:
                body = dict(bodies.parse_object(raw))
        csrf = self._identity.csrf(who)
        if not request.is_safe and who is not None and who.session:
            self._identity.check_csrf(who, form.get("csrf") or request.headers.get("x-csrf-token", ""))
        return Visit(
            site=self._site,
            place=self._place(who),
            identity=self._identity,
            in_thread=self._in_thread,
            is_own_page=self._is_own_page,
            now=self._site.clock(),
            path=request.path,
            who=who,
            values=found.values,
            query=bodies.parse_fields(request.query),
            form=form,
            body=body,
            headers=request.headers,
            peer=peer,
            hooks=self._hooks,
            raw=raw if found.route.is_call else b"",
            csrf=csrf,
        )

    async def _in_thread(self, function: Callable[P, T], *arguments: P.args, **_none: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    def _refusal(self, error: RefusedError, asked: "_Asked") -> Response:
        """The error: a page for people, a problem for programs."""
        request, found = asked.request, asked.found
        is_page = found.route.is_page if found else request is None or _wants_page(request)
        if not is_page or request is None or not _wants_page(request):
            warnings = () if asked.visit is None else asked.visit.place.notes
            return problem(error, warnings=warnings)
        visit = asked.visit or self._nobody(request)
        if error.status is HTTPStatus.UNAUTHORIZED and request.is_safe:
            return self._sign_in_first(visit, request)
        if error.code in _LEDGER_TROUBLE:  # the page of a user asks the ledger, too
            visit = self._nobody(request)
        return error_page(
            visit, error, is_again=request.is_safe and error.code == ErrorCode.LEDGER_UNAVAILABLE
        )

    def _sign_in_first(self, visit: Visit, request: Request) -> Response:
        """Lead to the sign-in page. A link on a different site made the browser hold its cookie back, so then
        the page is loaded once more from here.
        """
        if request.headers.get("sec-fetch-site") == "cross-site":
            return page(visit, "again.html", title="jobfile", values={})
        wanted = f"{request.path}?{request.query}" if request.query else request.path
        back = f"?{urlencode({'next': wanted})}" if self._is_own_page(wanted) and wanted != "/" else ""
        return RedirectResponse(f"/login{back}", HTTPStatus.SEE_OTHER)

    def _is_own_page(self, address: str) -> bool:
        path, _, query = address.partition("?")
        if not is_address(path, query):
            return False
        try:
            found = self._routes.find("GET", path)
        except RefusedError:
            return False
        return found.route.is_page and found.route.access is not Access.OPEN

    def _place(self, who: Who | None) -> VisitPlace:
        return self._site.place.of_visit(self._site.clock, who)

    def _nobody(self, request: Request) -> Visit:
        """A visit without a user, for an error that comes before the user is known."""
        return Visit(
            site=self._site,
            place=self._place(None),
            identity=self._identity,
            in_thread=self._in_thread,
            is_own_page=self._is_own_page,
            now=self._site.clock(),
            path=request.path,
            who=None,
            values={},
            query=Fields(),
            form=Fields(),
            body={},
            headers=request.headers,
            peer="",
            hooks=self._hooks,
        )


class _Asked:
    """How far a request came, for the answer to one that is refused."""

    request: Request | None = None
    who: Who | None = None
    found: Found | None = None
    visit: Visit | None = None
    counted: str | None = None
    """The user of whom the request was counted as under way."""


def _refused(error: JobfileError, who: Who | None) -> RefusedError:
    """The answer to a request whose question or action has failed. Strangers learn nothing about the ledger:
    its message names the host, and what the host said.
    """
    status = _STATUS.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR)
    again = RETRY_SECONDS if error.code is ErrorCode.LEDGER_UNAVAILABLE else 0
    if who is None and error.code in _LEDGER_TROUBLE:
        return RefusedError(status, _LEDGER_TROUBLE[error.code], code=error.code.value, retry_after=again)
    words = message(f"{error}; {error.advice}" if error.advice else str(error))
    return RefusedError(status, words_of(error), code=error.code.value, words=words, retry_after=again)


def _check_may(who: Who, found: Found) -> None:
    """Refuse what role and pattern do not allow. A job that may not be seen does not exist."""
    if not who.may(found.route.access):
        raise RefusedError(HTTPStatus.FORBIDDEN, f"this needs the role {found.route.access.role}")
    if who.is_limited and not found.route.is_for_limited:
        raise RefusedError(HTTPStatus.FORBIDDEN, "this is about all jobs, and your token is for some")
    job = found.values.get("job")
    if job is not None and not who.sees(job):
        raise RefusedError(HTTPStatus.NOT_FOUND, "there is nothing at this address")


def _is_browser(request: Request, who: Who | None) -> bool:
    """Whether a browser sends the request, or may: nobody signed in it with a token or at the socket."""
    return "authorization" not in request.headers if who is None else bool(who.session)


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")
