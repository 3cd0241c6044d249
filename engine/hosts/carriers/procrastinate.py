"""Brings offers to hosts with Procrastinate 3, whose tables are in a schema of their own."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import procrastinate
from procrastinate.exceptions import ProcrastinateException
from procrastinate.jobs import Status
from procrastinate.schema import SchemaManager

from engine.core.errors import StoreUnavailableError
from engine.core.hosts import Offer, queue_of
from engine.core.lifecycle import AttemptKey
from engine.ledger.host_ports import SharedLedger

NAME: Final = "procrastinate"
TASK: Final = "jobfile.execute"
TABLE: Final = "procrastinate_jobs"
"""Where there is this table, there are all."""
POLL_SECONDS: Final = 2.0
"""How often a host asks for offers of which it was not told."""
LOOK_SECONDS: Final = 0.2
"""How often a host checks whether it shall end."""
CONNECTIONS: Final = 4
"""Maximum number of a host's connections: one listens, one fetches, the others finish."""
STOP_SECONDS: Final = 5.0
"""How long the end of a host waits for what is being taken."""


class ProcrastinateCarrier:
    """Implements `Carrier`."""

    def __init__(self, conninfo: str) -> None:
        """Connect when something is to be done."""
        self._conninfo = conninfo
        self._app: procrastinate.App | None = None

    def offer(self, offers: Sequence[Offer]) -> None:
        by_queue: dict[str, list[dict[str, Any]]] = {}
        for one in offers:
            by_queue.setdefault(queue_of(one.needs), []).append(one.attempt._asdict())
        if not by_queue:
            return
        try:
            app = self._opened()
            for queue, attempts in by_queue.items():
                app.configure_task(TASK, queue=queue).batch_defer(*attempts)
        except ProcrastinateException as error:
            raise _unavailable(error) from error

    def serve(
        self,
        queues: Sequence[str],
        *,
        slots: int,
        execute: Callable[[AttemptKey], None],
        is_over: Callable[[], bool],
    ) -> None:
        pool = ThreadPoolExecutor(slots, thread_name_prefix="execute")
        try:
            asyncio.run(self._serve(queues, pool, slots, execute, is_over))
        except ProcrastinateException as error:
            raise _unavailable(error) from error
        finally:  # what is executed may take hours more; new offers must not wait for that
            pool.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        if self._app is not None:
            self._app.close()
            self._app = None

    def _opened(self) -> procrastinate.App:
        if self._app is None:
            connector = procrastinate.SyncPsycopgConnector(conninfo=self._conninfo, min_size=1, max_size=1)
            app = procrastinate.App(connector=connector)
            app.open()
            self._app = app
        return self._app

    async def _serve(
        self,
        queues: Sequence[str],
        pool: ThreadPoolExecutor,
        slots: int,
        execute: Callable[[AttemptKey], None],
        is_over: Callable[[], bool],
    ) -> None:
        app = procrastinate.App(
            connector=procrastinate.PsycopgConnector(
                conninfo=self._conninfo, min_size=1, max_size=CONNECTIONS
            )
        )

        @app.task(name=TASK)
        async def take(run_id: str, number: int, step: str, item: int) -> None:
            attempt = AttemptKey(run_id, number, step, item)
            await asyncio.get_running_loop().run_in_executor(pool, execute, attempt)

        async with app.open_async():
            await _forget_dead(app)
            worker = asyncio.create_task(
                app.run_worker_async(
                    queues=[*queues],
                    concurrency=slots,
                    delete_jobs="always",
                    fetch_job_polling_interval=POLL_SECONDS,
                    install_signal_handlers=False,
                    shutdown_graceful_timeout=STOP_SECONDS,
                )
            )
            while not is_over() and not worker.done():
                await asyncio.wait([worker], timeout=LOOK_SECONDS)
            if not worker.done():
                worker.cancel()
            await asyncio.wait([worker])
            if not worker.cancelled() and (error := worker.exception()) is not None:
                raise error


async def _forget_dead(app: procrastinate.App) -> None:
    """Delete what dead workers had fetched: the leader repeats what nobody has taken."""
    for job in await app.job_manager.get_stalled_jobs():
        await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)


def make_carrier(shared: SharedLedger) -> ProcrastinateCarrier:
    """A carrier beside a ledger; its tables are made if they are not there."""
    return ProcrastinateCarrier(shared.place_for(NAME, table=TABLE, make=SchemaManager.get_schema))


def _unavailable(error: ProcrastinateException) -> StoreUnavailableError:
    said = " ".join(str(error.__cause__ or error).split())
    return StoreUnavailableError(f"the queue of the ledger cannot be reached ({said}); it is retried")
