"""The process beside the server: it gets questions, computes in threads, and ends with the server."""

import gc
import os
import sys
import traceback
from collections.abc import Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import field
from datetime import datetime
from functools import partial
from multiprocessing.connection import Connection
from threading import Lock
from typing import Final

from engine.asking.place import Place
from engine.host.clock import SystemClock
from engine.host.hardening import make_undumpable
from engine.host.memory_release import give_back_freed, share_arenas
from engine.ports import Snapshot
from engine.service.listing import WrittenJobs
from engine.web.apart.computer import Computer, of_descriptor
from engine.web.apart.first import first_questions
from engine.web.apart.jobs import written
from engine.web.apart.passing import from_bytes, passed_error, to_bytes
from engine.web.apart.question import Computed, Question, answer_of
from engine.web.compiled import CompiledFiles
from engine.web.memory import Memory
from engine.web.visit_place import SitePlace
from jobfile.model.dataclass import dataclass

THREADS: Final = 3
"""How many answers are computed at the same time: a quick one need not wait for one that takes long."""
SEARCHES: Final = (50_000, 10, 100)
"""After how many new objects Python searches for garbage: nearly all of these are kept or freed at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """The stage of this process."""

    place: SitePlace
    memory: Memory
    files: CompiledFiles

    ahead: "dict[Question, Future[Computed]]" = field(default_factory=dict)
    """Answers that nobody needs yet."""

    @staticmethod
    def clock() -> datetime:
        """The time."""
        return SystemClock().now()

    def prepare(self, threads: Executor) -> None:
        """Compute what the first pages need while the server is still starting: one after the other, so that
        the first one is there soon.
        """
        self.ahead.update((one, Future()) for one in first_questions(self.clock()))
        threads.submit(self._prepare, dict(self.ahead))

    def _prepare(self, wanted: "Mapping[Question, Future[Computed]]") -> None:
        for one, prepared in wanted.items():
            try:
                prepared.set_result(answer_of(one, self))
            except Exception as error:  # noqa: BLE001  who asks first gets it
                prepared.set_exception(error)

    def answer(self, question: Question) -> Computed:
        """The answer to a question; a prepared one is given once."""
        prepared = self.ahead.pop(question, None)
        return answer_of(question, self) if prepared is None else prepared.result()


def main(number: int) -> None:
    """Answer what comes until the server has ended."""
    make_undumpable()  # first: the environment may have a password
    share_arenas()
    gc.set_threshold(*SEARCHES)
    gc.freeze()  # what is loaded stays
    connection, sending = of_descriptor(number), Lock()
    try:
        about: tuple[Place, bool] = from_bytes(connection.recv_bytes())  # type: ignore[assignment]  # what it sends
        place, is_for_pages = about
        stage = _stage(place)
        threads = ThreadPoolExecutor(THREADS)
        if is_for_pages:
            stage.prepare(threads)
        while True:
            threads.submit(partial(_answer, stage, connection, sending, connection.recv_bytes()))
    except (EOFError, OSError):
        os._exit(0)  # nobody waits for what the threads still compute


def _stage(place: Place) -> Apart:
    site = SitePlace.of(place)
    return Apart(place=site, memory=Memory(site.reader.mark), files=CompiledFiles(partial(_compile, place)))


def _compile(place: Place, snapshot: Snapshot) -> WrittenJobs:
    """Compile files in a process that ends then: thousands of jobs take much memory, which it gives back."""
    compiler = Computer(place)
    try:
        found = compiler.answer(Question(written, (snapshot,))).value
    finally:
        compiler.close()
    assert isinstance(found, WrittenJobs)
    return found


def _answer(stage: Apart, connection: Connection, sending: Lock, content: bytes) -> None:
    asked: tuple[int, Question] = from_bytes(content)  # type: ignore[assignment]  # what the server sends
    number, question = asked
    try:
        content = to_bytes((number, stage.answer(question), None))
    except Exception as caught:  # noqa: BLE001  the server raises it
        content = to_bytes((number, None, passed_error(caught, traceback.format_exc())))
    with sending:
        connection.send_bytes(content)
    del content
    give_back_freed()


if __name__ == "__main__":
    main(int(sys.argv[1]))
