"""Brings offers to hosts with pgqueuer 1, whose tables are in a schema of their own."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import psycopg
from pgqueuer.adapters.drivers.psycopg import SyncPsycopgDriver
from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.adapters.persistence.queries import SyncQueries
from pgqueuer.db import PsycopgDriver
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.errors import PgqException
from pgqueuer.models import Job
from pgqueuer.ports.repository import EntrypointExecutionParameter
from pgqueuer.qm import QueueManager
from pgqueuer.queries import Queries
from pgqueuer.types import Channel, QueueEntrypoint, QueueManagerId

from engine.core.errors import StoreRefusedError
from engine.core.hosts import Offer, queue_of
from engine.core.lifecycle import AttemptKey
from engine.hosts.carriers.serving import (
    DEAD_SECONDS,
    POLL_SECONDS,
    START_SECONDS,
    Course,
    Sender,
    unavailable,
)
from engine.ledger.host_ports import Place, SharedLedger

NAME: Final = "pgqueuer"
TABLE: Final = "pgqueuer"
"""If this table exists, so do all other tables of the carrier."""
BATCH: Final = 10
"""Maximum number of offers that are fetched at once."""
FULL_SECONDS: Final = 0.5
"""How often a host without a free slot asks again."""
SETTINGS: Final = DBSettings.model_construct(
    prefix="",
    db_schema=None,
    channel=Channel("ch_pgqueuer"),
    function="fn_pgqueuer_changed",
    statistics_table="pgqueuer_statistics",
    queue_status_type="pgqueuer_status",
    queue_table=TABLE,
    queue_table_log="pgqueuer_log",
    trigger="tg_pgqueuer_changed",
    schedules_table="pgqueuer_schedules",
    durability=Durability.volatile,  # the leader repeats what a crash of the server has lost
    widen_id=True,
)
"""Always the same: pgqueuer would read the names from the environment, which can differ between hosts."""


class PgqueuerCarrier:
    """Implements `Carrier`."""

    def __init__(self, place: Place) -> None:
        """Connect later, when a connection is needed."""
        self._place = place
        self._sender = Sender(place, PgqException)

    def offer(self, offers: Sequence[Offer]) -> None:
        if not offers:
            return
        queues = [queue_of(one.needs) for one in offers]
        payloads: list[bytes | None] = [json.dumps(one.attempt).encode() for one in offers]

        def enqueue(db: psycopg.Connection) -> None:
            SyncQueries(SyncPsycopgDriver(db), QueryQueueBuilder(SETTINGS)).enqueue(
                queues, payloads, [0] * len(offers)
            )

        self._sender.send(enqueue)

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
            course.run(self._serve(course, queues, slots, is_over))
        except (PgqException, psycopg.Error, TimeoutError) as error:
            raise unavailable(self._place, error) from error

    def close(self) -> None:
        self._sender.close()

    async def _serve(
        self, course: Course, queues: Sequence[str], slots: int, is_over: Callable[[], bool]
    ) -> None:
        async with self._connection() as asking, self._connection() as listening:
            queries = _Queries(_Driver(course, asking, listening), slots)
            manager = QueueManager(queries, channel=Channel(SETTINGS.channel))
            manager.min_dequeue_poll_interval = timedelta(seconds=FULL_SECONDS)
            await _verify(manager)

            async def take(job: Job) -> None:
                await course.take(AttemptKey(*json.loads(job.payload or b"")))

            for queue in queues:
                manager.entrypoint(queue, accepts_context=False)(take)
            working = asyncio.create_task(
                manager.run(
                    batch_size=min(BATCH, slots),
                    dequeue_timeout=timedelta(seconds=POLL_SECONDS),
                    heartbeat_timeout=timedelta(seconds=DEAD_SECONDS),
                    shutdown_on_listener_failure=True,
                    log_aggregation_interval=timedelta(),
                )
            )
            await course.attend(
                working,
                stop=manager.shutdown.set,
                sweep=queries.clear_queue_log,  # it is never read, and would grow without end
                is_over=is_over,
            )

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[psycopg.AsyncConnection]:
        """A connection. It is closed without a goodbye: psycopg would wait for the server's answer."""
        opened = await psycopg.AsyncConnection.connect(self._place.conninfo, autocommit=True)
        try:
            yield opened
        finally:
            await opened.close()


class _Driver(PsycopgDriver):
    """Two connections: on one that listens, a query may wait for a second. If one fails, the course ends."""

    def __init__(
        self, course: Course, asking: psycopg.AsyncConnection, listening: psycopg.AsyncConnection
    ) -> None:
        super().__init__(listening)
        self._course = course
        self._asking = PsycopgDriver(asking)

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        with self._course.failing():
            return await self._asking.fetch(query, *args)

    async def execute(self, query: str, *args: object) -> str:
        with self._course.failing():
            return await self._asking.execute(query, *args)

    async def watch_notifies(self) -> None:
        with self._course.failing():
            await super().watch_notifies()


class _Queries(Queries):
    """Fetches at most as much as a host has room for. pgqueuer's own limit is at least two."""

    def __init__(self, driver: _Driver, slots: int) -> None:
        super().__init__(
            driver,
            QueryBuilderEnvironment(SETTINGS),
            QueryQueueBuilder(SETTINGS),
            QuerySchedulerBuilder(SETTINGS),
        )
        self._slots = slots

    async def dequeue(
        self,
        batch_size: int,
        entrypoints: dict[QueueEntrypoint, EntrypointExecutionParameter],
        queue_manager_id: QueueManagerId,
        global_concurrency_limit: int | None,  # noqa: ARG002  replaced
        heartbeat_timeout: timedelta,
    ) -> list[Job]:
        return await super().dequeue(
            batch_size, entrypoints, queue_manager_id, self._slots, heartbeat_timeout
        )


async def _verify(manager: QueueManager) -> None:
    try:
        async with asyncio.timeout(START_SECONDS):
            await manager.verify_structure()
    except RuntimeError as error:
        raise StoreRefusedError(
            "the tables of the queue belong to another version of pgqueuer; remove the schema whose name "
            f"ends with _{NAME}: it has only offers, and jobfile makes it again ({error})"
        ) from error


def make_carrier(shared: SharedLedger) -> PgqueuerCarrier:
    """A carrier beside a ledger; its tables are made if they are not there."""
    make = QueryBuilderEnvironment(SETTINGS).build_install_query
    return PgqueuerCarrier(shared.place_for(NAME, table=TABLE, make=make))
