"""What carriers share: how a host serves and ends, how offers are sent, and the errors of both."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, Final  # a coroutine's yields and sends have no narrower type

import psycopg

from engine.core.errors import StoreUnavailableError
from engine.core.lifecycle import AttemptKey
from engine.ledger.host_ports import Place

POLL_SECONDS: Final = 2.0
"""How often a host asks for offers, in case a notification was lost."""
LOOK_SECONDS: Final = 0.2
"""How often a host checks whether it should end."""
START_SECONDS: Final = 10.0
"""How long a carrier may take to connect and to look at its tables."""
STOP_SECONDS: Final = 2.0
"""How long each part of a carrier may take to end. Afterwards its connections are closed."""
SWEEP_SECONDS: Final = 60.0
"""How often a host deletes what dead hosts left in the carrier's tables."""
DEAD_SECONDS: Final = 30
"""The carrier treats a host without a heartbeat for this long as dead."""

for _name in ("procrastinate", "psycopg", "concurrent.futures"):
    # Without a handler, Python would print their logs to the terminal. We report failures ourselves.
    logging.getLogger(_name).addHandler(logging.NullHandler())


class Course:
    """One call of `serve`. Its threads outlive it: what is executed continues when the carrier fails."""

    def __init__(self, *, slots: int, execute: Callable[[AttemptKey], None]) -> None:
        """Nothing is being executed yet."""
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix="execute")
        self._execute = execute
        self._is_ending = asyncio.Event()
        self._failure: Exception | None = None

    @contextmanager
    def failing(self) -> Iterator[None]:
        """End this course when the block fails: a carrier's worker may wait long before it reports that."""
        try:
            yield
        except Exception as error:
            self._failure = self._failure or error
            self._is_ending.set()
            raise

    async def take(self, attempt: AttemptKey) -> None:
        """Execute an attempt; return when that is over, or when this course ends."""
        running = asyncio.get_running_loop().run_in_executor(self._pool, self._execute, attempt)
        ending: asyncio.Future[Any] = asyncio.create_task(self._is_ending.wait())
        try:
            await asyncio.wait({running, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.cancel()
            if not running.cancel():
                running.exception()  # looked at, so that asyncio does not report it

    async def attend(
        self,
        working: asyncio.Task[None],
        *,
        stop: Callable[[], object],
        sweep: Callable[[], Awaitable[None]],
        is_over: Callable[[], bool],
    ) -> None:
        """Let a carrier's worker work until `is_over`, or until it fails: then raise its error."""
        sweeping = asyncio.create_task(_repeat(sweep))
        ending = asyncio.create_task(self._is_ending.wait())
        while not (is_over() or working.done() or ending.done()):
            await asyncio.wait({working, ending}, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        was_over = is_over()
        self._is_ending.set()
        sweeping.cancel()
        if not working.done():
            stop()
            await asyncio.wait([working], timeout=STOP_SECONDS)
        if was_over:
            return
        if self._failure is not None:
            raise self._failure
        if working.done() and not working.cancelled() and (error := working.exception()) is not None:
            raise error
        raise StoreUnavailableError("the queue beside the ledger has stopped; the host starts it again")

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine; when it ends, abandon the tasks that do not end with it."""
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda *_: None)  # errors of abandoned tasks: the leader repeats offers
        try:
            loop.run_until_complete(main)
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)
            _end_all(loop)
            loop.close()


class Sender:
    """A connection for offers, made when it is needed."""

    def __init__(self, place: Place, *failures: type[Exception]) -> None:
        """`failures` are the carrier's own errors."""
        self._place = place
        self._failures: tuple[type[Exception], ...] = (psycopg.Error, *failures)
        self._lock = threading.Lock()
        self._db: psycopg.Connection | None = None

    def send(self, act: Callable[[psycopg.Connection], object]) -> None:
        """Call a function with the connection; if that has broken meanwhile, call it again with a new one."""
        with self._lock:
            if self._db is not None:
                try:
                    act(self._db)
                except self._failures:
                    self._drop()
                else:
                    return
            try:
                self._db = psycopg.connect(self._place.conninfo, autocommit=True)
                act(self._db)
            except self._failures as error:
                self._drop()
                raise unavailable(self._place, error) from error

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


def unavailable(place: Place, error: Exception) -> StoreUnavailableError:
    """The error of a queue that failed, without the password."""
    said = " ".join(str(error.__cause__ or error).split()) or type(error).__name__
    return StoreUnavailableError(
        f"the queue of the ledger cannot be reached ({place.without_password(said)}); it is retried"
    )


def _end_all(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel every task again and again: it may wait for the server in each step of its own end."""
    end = loop.time() + STOP_SECONDS
    while (rest := asyncio.all_tasks(loop)) and loop.time() < end:
        for task in rest:
            task.cancel()
        loop.run_until_complete(asyncio.wait(rest, timeout=LOOK_SECONDS))
    with suppress(TimeoutError):
        loop.run_until_complete(asyncio.wait_for(loop.shutdown_asyncgens(), STOP_SECONDS))


async def _repeat(sweep: Callable[[], Awaitable[None]]) -> None:
    while True:
        await sweep()
        await asyncio.sleep(SWEEP_SECONDS)
