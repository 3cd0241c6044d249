"""What `jobfile.client` offers. It knows nothing about where runs are recorded; that is in `ledger.py`."""

import os
import threading
import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from engine.client.errors import RefusedError
from engine.client.submitted import Submitted

if TYPE_CHECKING:
    from engine.client.ledger import LocalLedger

WAIT_SECONDS: Final = 10.0
"""How long a submission waits for others that write to the ledger, in seconds."""

Request = tuple[str, Mapping[str, object]] | tuple[str, Mapping[str, object], str | None]
"""A job, its params, and a key if there is one."""


class Client:
    """Submits runs to one ledger. Threads may share it, and it may be made before a fork.

    `state_dir` is the state folder; without it, the folder that JOBFILE_STATE names, else `.jobfile` beside
    `main_file`; without that, beside the jobs.yaml here or in a folder above. `store` is the URL of a ledger
    in PostgreSQL; without it, that of JOBFILE_STORE; without that, the ledger is in the state folder. Nothing
    is opened until the first submission.
    """

    def __init__(
        self,
        *,
        state_dir: str | Path | None = None,
        main_file: str | Path | None = None,
        store: str | None = None,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        """Name the ledger. A submission waits for at most `wait_seconds` for others that write."""
        self._state_dir, self._main_file, self._store = state_dir, main_file, store
        self._wait_seconds = wait_seconds
        self._lock = threading.RLock()
        self._ledger: LocalLedger | None = None
        self._opened_by = 0
        with _forking:
            _clients.add(self)

    def submit(
        self, job: str, params: Mapping[str, object] | None = None, *, key: str | None = None
    ) -> Submitted:
        """Record a request to run a job, durably, and wake the engine.

        A second request for the job with the same key within seven days is a duplicate of the first, and
        records nothing. Raises a SubmitError if nothing was recorded.
        """
        return self.submit_many([(job, params or {}, key)])[0]

    def submit_many(self, requests: Iterable[Request]) -> tuple[Submitted, ...]:
        """Record requests in one transaction: all, or none if one of them is invalid.

        Each is (job, params) or (job, params, key).
        """
        asked = tuple((one[0], one[1], one[2] if len(one) > 2 else None) for one in requests)
        with self._lock:
            return self._open().submit(asked)

    def is_engine_running(self) -> bool:
        """Whether an engine is running now. Without one, runs are recorded and wait for  jobfile up."""
        with self._lock:
            return self._open().is_engine_running()

    def close(self) -> None:
        """Close the ledger; the next submission opens it again."""
        with self._lock:
            ledger, self._ledger = self._ledger, None
            if ledger is not None:
                ledger.close()

    def __enter__(self) -> "Client":
        """Close the ledger at the end of a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the ledger."""
        self.close()

    def _open(self) -> "LocalLedger":
        """The ledger that the name means now: after it was replaced, or refused a submission, a new one."""
        from engine.client.ledger import LocalLedger, find_state, find_url  # noqa: PLC0415  start-up time of programs

        ledger = self._ledger
        if ledger is not None and os.getpid() != self._opened_by:
            raise RefusedError(
                "this process was forked in a way that Python does not notice, while a Client was open in "
                "its parent; close the Client before the fork, or make one after it"
            )
        if ledger is None or not ledger.is_usable():
            self.close()
            folder, store = find_state(self._state_dir, self._main_file), find_url(self._store)
            self._ledger = ledger = LocalLedger(folder, store=store, wait_seconds=self._wait_seconds)
            self._opened_by = os.getpid()
        return ledger


def submit(
    job: str,
    params: Mapping[str, object] | None = None,
    *,
    key: str | None = None,
    state_dir: str | Path | None = None,
    main_file: str | Path | None = None,
    store: str | None = None,
) -> Submitted:
    """Record a request to run a job, as `Client.submit` does, with a client that this process keeps."""
    return _client_for(state_dir, main_file, store).submit(job, params, key=key)


def submit_many(
    requests: Iterable[Request],
    *,
    state_dir: str | Path | None = None,
    main_file: str | Path | None = None,
    store: str | None = None,
) -> tuple[Submitted, ...]:
    """Record requests in one transaction, as `Client.submit_many` does, with a client that is kept."""
    return _client_for(state_dir, main_file, store).submit_many(requests)


MAX_KEPT: Final = 16
"""How many clients the functions keep; an older one is closed."""

_forking = threading.RLock()
_clients: "weakref.WeakSet[Client]" = weakref.WeakSet()
_kept: "dict[tuple[str, str], Client]" = {}
"""By state folder and URL of the ledger."""
_held: "list[Client]" = []


def _client_for(state_dir: str | Path | None, main_file: str | Path | None, store: str | None) -> Client:
    # Names may be relative, and the environment may change: the same words do not always mean the same.
    from engine.client.ledger import find_state, find_url  # noqa: PLC0415  start-up time of programs

    folder, url = str(find_state(state_dir, main_file)), find_url(store)
    with _forking:
        client = _kept.get((folder, url))
        if client is None:
            while len(_kept) >= MAX_KEPT:
                _kept.pop(next(iter(_kept))).close()
            client = _kept[folder, url] = Client(state_dir=folder, store=url)
        return client


def _before_fork() -> None:
    """Close every ledger: SQLite's locks belong to a process, and a connection in two of them damages it. Two
    processes that share a connection to PostgreSQL get each other's answers.
    """
    _forking.acquire()
    for client in list(_clients):
        client._lock.acquire()  # a submission of another thread ends first
        _held.append(client)
        client.close()


def _after_fork() -> None:
    while _held:
        _held.pop()._lock.release()
    _forking.release()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
