"""A request that the guard let through, as handlers see it; and what a route is."""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from starlette.responses import Response

from engine.core.errors import WrongUsageError
from engine.ledger.ports import View
from engine.web.access import Access, Who
from engine.web.apart.question import Question, Scene
from engine.web.hook_memory import HookMemory
from engine.web.identity import Identity
from engine.web.limits import MAX_BODY_BYTES
from engine.web.memory import How
from engine.web.site import Site
from engine.web.visit_place import VisitPlace
from jobfile.model.dataclass import dataclass
from jobfile.model.namedtuple import NamedTuple


class Fields:
    """The fields of a query or a form, in their order; a name can come more than once."""

    def __init__(self, pairs: Sequence[tuple[str, str]] = ()) -> None:
        """Take the pairs."""
        self.pairs = tuple(pairs)

    def get(self, name: str, default: str = "") -> str:
        """The last value of a field."""
        return next((value for one, value in reversed(self.pairs) if one == name), default)

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a field, without empty ones."""
        return tuple(value for one, value in self.pairs if one == name and value)

    def __contains__(self, name: str) -> bool:
        """Whether there is a field of this name."""
        return any(one == name for one, _ in self.pairs)


P = ParamSpec("P")
T = TypeVar("T")


class InThread(Protocol):
    """Runs a function in a thread, for a handler that must not block."""

    def __call__(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> Awaitable[T]:
        """Wait for its result."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request. A handler gets it and returns a response."""

    site: Site
    place: VisitPlace
    """The main file, the state folder and the ledger, as this user may see them."""
    identity: Identity
    in_thread: InThread
    is_own_page: Callable[[str], bool]
    """Whether an address is a page of this site: nothing else may be redirected to."""
    now: datetime
    path: str
    who: Who | None
    """None only on an open route."""
    values: Mapping[str, str]
    """The parts of the path that the route names: {"job": "report"}."""
    query: Fields
    form: Fields
    body: Mapping[str, object]
    """The JSON object that was sent; empty for a form."""
    headers: Mapping[str, str]
    peer: str
    """The address of the client, for counting failures."""
    hooks: HookMemory
    """The webhooks of the jobs in force."""
    raw: bytes = b""
    """The body as it came, of the call of a webhook."""
    csrf: str = ""
    """What a form of this session must send back."""

    @property
    def user(self) -> Who:
        """Who makes the request, on a route that is not open."""
        assert self.who is not None
        return self.who

    def ask(
        self, how: How, answer: Callable[Concatenate[Scene, P], T], *values: P.args, **named: P.kwargs
    ) -> T:
        """An answer that may take long, computed by the process beside the server if there is one; the same
        for all who ask. The values must be plain, and may be nothing secret: the answer is kept under them.
        """
        question, site = Question(answer, values, tuple(sorted(named.items()))), self.site
        found = site.memory.recall_for(self._name, question, lambda: site.compute(question), how)
        self._note(found.notes)
        return found.value  # type: ignore[return-value]  # as its function says

    @property
    def _name(self) -> str:
        return "" if self.who is None else self.who.name

    def apart(self) -> "Visit":
        """The same visit now, with views of its own: for an answer that may be computed after this one."""
        return replace(self, place=replace(self.place, opened=[], notes=[]), now=self.site.clock())

    def recall(self, question: Hashable, answer: "Callable[[Visit], T]", *, is_rough: bool = False) -> T:
        """An answer that is the same for all who ask, kept as long as nothing changes: see `Memory`."""

        def compute() -> "tuple[T, Sequence[str]]":
            apart = self.apart()
            found = closing_after(answer)(apart)
            return found, apart.place.notes

        memory, how = self.site.memory, How(is_rough=is_rough)
        found, notes = memory.recall_for(self._name, question, compute, how)
        self._note(notes)
        return found

    def _note(self, notes: Sequence[str]) -> None:
        """Warn of what the computation of an answer met, but not users who may see only some jobs."""
        if not self.place.is_limited:
            self.place.notes.extend(notes)

    def view(self) -> View | None:
        """The ledger for reading, closed after the answer; None when nothing was ever recorded."""
        return self.place.view_if_any()


Handler = Callable[[Visit], Response]
Slow = Callable[[Visit], Awaitable[Response]]
"""A handler that waits for something: it runs in the loop of the server and must not block."""


class Route(NamedTuple):
    """One path and method, what it asks for, and the function that answers."""

    method: str
    path: str
    """`/jobs/{job}`: a part in braces takes one segment, and is checked by `routing.KINDS`."""
    access: Access
    answer: Handler | Slow
    is_for_limited: bool = False
    """Whether a token that is limited to some jobs may use it: then `{job}` in the path is checked before the
    handler, and a handler that lists jobs or takes a run asks `who.sees`."""
    is_page: bool = True
    """Whether it is for people: errors are pages, a missing sign-in leads to the sign-in page."""
    body: str = ""
    """What it accepts: "form", "json", or nothing."""
    most: int = MAX_BODY_BYTES
    """The largest body that it accepts."""
    is_call: bool = False
    """Whether it is the call of a webhook: the handler proves it from the body as it came. A token in it is
    not one of ours, and no browser sends the call.
    """


def number_of(text: str, name: str, *, most: int, default: int) -> int:
    """A number of a query from 1 to `most`; the default when it is not given."""
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and 1 <= int(text) <= most):
        raise WrongUsageError(f"`{name}`: expected a number from 1 to {most}")
    return int(text)


def closing_after(answer: Callable[[Visit], T]) -> Callable[[Visit], T]:
    """A handler that closes, in its own thread, the views that it opened."""

    def closed(visit: Visit) -> T:
        try:
            return answer(visit)
        finally:
            visit.place.close()

    return closed
