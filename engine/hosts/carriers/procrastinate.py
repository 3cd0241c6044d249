"""Brings offers to hosts with Procrastinate 3, whose tables are in a schema of their own."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Any, Final, LiteralString  # params of a task, and rows, have no narrower type

import procrastinate
import psycopg
from procrastinate.connector import Notify
from procrastinate.exceptions import ConnectorException, ProcrastinateException
from procrastinate.jobs import Status
from procrastinate.schema import SchemaManager

from engine.core.hosts import Offer, queue_of
from engine.core.lifecycle import AttemptKey
from engine.hosts.carriers.serving import (
    DEAD_SECONDS,
    POLL_SECONDS,
    START_SECONDS,
    STOP_SECONDS,
    Course,
    Sender,
    unavailable,
)
from engine.ledger.host_ports import Place, SharedLedger

NAME: Final = "procrastinate"
TASK: Final = "jobfile.execute"
TABLE: Final = "procrastinate_jobs"
"""If this table exists, so do all other tables of the carrier."""
CONNECTIONS: Final = 2
"""Maximum number of connections with which a host fetches and finishes. One more listens."""
WAIT_SECONDS: Final = 2.0
"""How long a fetch or a finish may wait for one of these connections."""
LONGEST_QUEUE: Final = 40
"""The longest name of a queue: names of channels have at most 63 bytes, 23 of them Procrastinate's."""


class ProcrastinateCarrier:
    """Implements `Carrier`."""

    def __init__(self, place: Place) -> None:
        """Connect later, when a connection is needed."""
        self._place = place
        self._sender = Sender(place, ProcrastinateException)
        self._app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector())
        """For offers. Its connector is never opened: it gets the sender's connection."""

    def offer(self, offers: Sequence[Offer]) -> None:
        by_queue: dict[str, list[dict[str, Any]]] = {}
        for one in offers:
            by_queue.setdefault(_short(queue_of(one.needs)), []).append(one.attempt._asdict())
        if by_queue:
            self._sender.send(lambda db: self._defer(db, by_queue))

    def serve(
        self,
        queues: Sequence[str],
        *,
        slots: int,
        execute: Callable[[AttemptKey], None],
        is_over: Callable[[], bool],
    ) -> None:
        course = Course(slots=slots, execute=execute)
        try:
            course.run(self._serve(course, [_short(queue) for queue in queues], slots, is_over))
        except (ProcrastinateException, psycopg.Error, TimeoutError) as error:
            raise unavailable(self._place, error) from error

    def close(self) -> None:
        self._sender.close()

    def _defer(self, db: psycopg.Connection, by_queue: dict[str, list[dict[str, Any]]]) -> None:
        with db.transaction():
            for queue, attempts in by_queue.items():
                self._app.configure_task(TASK, queue=queue, connection=db).batch_defer(*attempts)

    async def _serve(
        self, course: Course, queues: list[str], slots: int, is_over: Callable[[], bool]
    ) -> None:
        conninfo = self._place.conninfo
        # The pool would try for long, and would not say what is wrong.
        async with await psycopg.AsyncConnection.connect(conninfo):
            pass
        app = procrastinate.App(connector=_Connector(course, conninfo))

        @app.task(name=TASK)
        async def take(run_id: str, number: int, step: str, item: int) -> None:
            await course.take(AttemptKey(run_id, number, step, item))

        try:
            async with asyncio.timeout(START_SECONDS):
                await app.open_async()
            working = asyncio.create_task(
                app.run_worker_async(
                    queues=queues,
                    concurrency=slots,
                    delete_jobs="always",
                    fetch_job_polling_interval=POLL_SECONDS,
                    install_signal_handlers=False,
                    shutdown_graceful_timeout=STOP_SECONDS,
                    stalled_worker_timeout=DEAD_SECONDS,
                )
            )
            await course.attend(working, stop=working.cancel, sweep=lambda: _sweep(app), is_over=is_over)
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await app.close_async()


class _Connector(procrastinate.PsycopgConnector):
    """The connections of a host. When it can neither fetch nor listen any more, its course ends."""

    def __init__(self, course: Course, conninfo: str) -> None:
        super().__init__(conninfo=conninfo, min_size=1, max_size=CONNECTIONS, timeout=WAIT_SECONDS)
        self._course = course

    async def execute_query_one_async(self, query: LiteralString, **arguments: object) -> dict[str, Any]:
        with self._course.failing():
            row: dict[str, Any] = await super().execute_query_one_async(query, **arguments)
        return row

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        with self._course.failing():
            await super().listen_notify(on_notification, channels)


async def _sweep(app: procrastinate.App) -> None:
    """Delete dead workers, and what they had fetched: the leader repeats what nobody has taken."""
    manager = app.job_manager
    with suppress(ConnectorException):  # the worker finds out too
        await manager.prune_stalled_workers(DEAD_SECONDS)
        for job in await manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_SECONDS):
            with suppress(ConnectorException):  # another host has deleted it
                await manager.finish_job(job, status=Status.FAILED, delete_job=True)


def make_carrier(shared: SharedLedger) -> ProcrastinateCarrier:
    """A carrier beside a ledger; its tables are made if they are not there."""
    return ProcrastinateCarrier(shared.place_for(NAME, table=TABLE, make=SchemaManager.get_schema))


def _short(queue: str) -> str:
    """The name of a queue, or a digest of it, when it is too long."""
    return queue if len(queue) <= LONGEST_QUEUE else sha256(queue.encode()).hexdigest()[:LONGEST_QUEUE]
