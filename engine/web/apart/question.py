"""A question that any process can compute: a function with a name, and plain values for it."""

from collections.abc import Callable
from datetime import datetime
from typing import Concatenate, Final, ParamSpec, Protocol, TypeVar

from engine.ledger.ports import View
from engine.web.compiled import CompiledFiles
from engine.web.memory import PAGE, How, Memory
from engine.web.visit_place import Seer, SitePlace, VisitPlace
from jobfile.model.dataclass import dataclass
from jobfile.model.namedtuple import NamedTuple

P = ParamSpec("P")
T = TypeVar("T")

ROUGHLY: Final = How(is_rough=True, late=PAGE.late)
"""For pages, and it may be older than the ledger."""


class Question(NamedTuple):
    """A function of a module, and its arguments after the scene. Equal questions have one answer."""

    answer: Callable[..., object]
    arguments: tuple[object, ...] = ()
    named: tuple[tuple[str, object], ...] = ()


class Computed(NamedTuple):
    """An answer, and what a command would warn of beside it: first of all rows that cannot be read."""

    value: object
    notes: tuple[str, ...]


class Stage(Protocol):
    """Where questions are answered: this is what a server has, and the process beside it."""

    @property
    def place(self) -> SitePlace:
        """The ledger and the files."""
        ...

    @property
    def memory(self) -> Memory:
        """Answers that are kept for a moment."""
        ...

    @property
    def files(self) -> CompiledFiles:
        """The jobs of the files."""
        ...

    @property
    def clock(self) -> Callable[[], datetime]:
        """The time."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the function of a question gets: one moment of a stage."""

    stage: Stage
    place: VisitPlace
    now: datetime

    def view(self) -> View | None:
        """The ledger for reading; None when nothing was ever recorded."""
        return self.place.view_if_any()

    def place_of(self, seer: Seer) -> VisitPlace:
        """The place as someone sees it who may be limited to some jobs."""
        return self.stage.place.of_visit(self.stage.clock, seer)

    def ask(
        self, how: How, answer: "Callable[Concatenate[Scene, P], T]", *arguments: P.args, **named: P.kwargs
    ) -> T:
        """The answer to a question within this one."""
        question = Question(answer, arguments, tuple(sorted(named.items())))
        found: Computed = self.stage.memory.recall(question, lambda: answer_of(question, self.stage), how)
        self.place.notes.extend(found.notes)
        return found.value  # type: ignore[return-value]  # as its function says


def answer_of(question: Question, stage: Stage) -> Computed:
    """Compute an answer in this process, with views of its own."""
    place = stage.place.of_visit(stage.clock, None)
    try:
        scene = Scene(stage=stage, place=place, now=stage.clock())
        value = question.answer(scene, *question.arguments, **dict(question.named))
    finally:
        place.close()
    return Computed(value, tuple(place.notes))
