"""Submits runs to a server, and asks it how they ended: `connect("https://jobs.example.org")`."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from engine.client.api import WAIT_SECONDS, Request
from engine.client.errors import (
    InvalidParamsError,
    RefusedError,
    SubmitError,
    UnavailableError,
    UnknownJobError,
)
from engine.client.submitted import Submitted, submitted_from_json
from engine.core.errors import ErrorCode, JobfileError
from engine.host.environment import environment

if TYPE_CHECKING:
    from engine.client.http import Answer

LOOK_SECONDS: Final = 30.0
"""How long one request of `wait` waits; then it is asked again."""
MAX_PROBLEMS: Final = 100


def connect(
    server: str,
    *,
    token: str | None = None,
    token_file: str | Path | None = None,
    wait_seconds: float = WAIT_SECONDS,
) -> "RemoteClient":
    """A client of the server at this address: https://HOST:PORT, or unix:PATH of its socket.

    Without a token, that of JOBFILE_TOKEN or of the file that JOBFILE_TOKEN_FILE names. Nothing is sent yet.
    """
    return RemoteClient(server, token=token, token_file=token_file, wait_seconds=wait_seconds)


class RemoteClient:
    """Submits runs to one server. Threads may share it, and it may be made before a fork.

    A request that is safe to repeat is repeated for at most `wait_seconds`: one that reads, and a submission
    in which every request has a key.
    """

    def __init__(
        self,
        server: str,
        *,
        token: str | None = None,
        token_file: str | Path | None = None,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        """Name the server. Raises a SubmitError for an invalid address or token."""
        from engine.client.http import Connection  # noqa: PLC0415  start-up time of programs
        from engine.client.server import checked_token, parse_address, token_in, token_of  # noqa: PLC0415  as above

        with _explaining():
            if token is not None:
                token = checked_token(token, where="token")
            elif token_file is not None:
                token = token_in(Path(token_file))
            else:
                token = token_of(environment())
            self._connection: Connection = Connection(
                parse_address(server), token=token, wait_seconds=wait_seconds
            )

    def submit(
        self, job: str, params: Mapping[str, object] | None = None, *, key: str | None = None
    ) -> Submitted:
        """Record a request to run a job, durably. With a key, asking twice is safe."""
        return self.submit_many([(job, params or {}, key)])[0]

    def submit_many(self, requests: Iterable[Request]) -> tuple[Submitted, ...]:
        """Record requests in one transaction: all, or none if one of them is invalid.

        Each is (job, params) or (job, params, key).
        """
        asked = tuple((one[0], one[1], one[2] if len(one) > 2 else None) for one in requests)
        if not asked:
            return ()
        runs = [
            {"job": job, "params": params, **({} if key is None else {"key": key})}
            for (job, _, key), params in zip(asked, _plain_params(asked), strict=True)
        ]
        is_safe = all(key is not None for _, _, key in asked)
        answer = self._ask("POST", "/submissions", body={"runs": runs}, is_safe=is_safe)
        try:
            return submitted_from_json(answer.json)
        except ValueError:
            raise RefusedError(f"{self._connection.address.text} is not a server of jobfile") from None

    def did(
        self,
        job: str,
        params: Mapping[str, object] | None = None,
        *,
        on: str | None = None,
        at: str | None = None,
        wait_seconds: float = 0.0,
    ) -> Mapping[str, Any]:
        """Did the job run, did it succeed? What  jobfile did --json  prints: `answer` is the word.

        `on` is a day, `at` a time. With `wait_seconds`, at most 60, it waits for the run to be over.
        """
        query = [("param", f"{name}={value}") for name, value in (params or {}).items()]
        query += [(name, text) for name, text in (("on", on), ("at", at)) if text is not None]
        return self._look(f"/jobs/{_segment(job)}/did", query, wait_seconds=wait_seconds)

    def run(self, run: str) -> Mapping[str, Any]:
        """A run, as  jobfile runs --json  prints it, with its attempts and outputs."""
        return self._look(f"/runs/{_segment(run)}")

    def wait(self, run: str, *, timeout_seconds: float | None = None) -> Mapping[str, Any]:
        """The run when it is over, or as it is after this time."""
        until = float("inf") if timeout_seconds is None else time.monotonic() + timeout_seconds
        while True:
            seconds = max(0.0, min(LOOK_SECONDS, until - time.monotonic()))
            found = self._look(f"/runs/{_segment(run)}", wait_seconds=seconds)
            if found.get("ended_at") is not None or time.monotonic() >= until:
                return found

    def cancel(self, run: str, *, why: str = "", kill: bool = False) -> Mapping[str, Any]:
        """End a run; one that is over stays as it is."""
        body = {"why": why, "kill": kill}
        return self._mapping(self._ask("POST", f"/runs/{_segment(run)}/cancel", body=body, is_safe=True))

    def is_engine_running(self) -> bool:
        """Whether an engine is running on the server's host. Without one, runs are recorded and wait."""
        return bool(self._look("/status").get("engine", {}).get("running"))

    def close(self) -> None:
        """Close the connections; the next request opens one again."""
        self._connection.close()

    def __enter__(self) -> "RemoteClient":
        """Close the connections at the end of a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def _look(
        self, path: str, query: Sequence[tuple[str, str]] = (), *, wait_seconds: float = 0.0
    ) -> Mapping[str, Any]:
        waits = [("wait", f"{wait_seconds:.0f}s")] if wait_seconds >= 1 else []
        return self._mapping(self._ask("GET", path, query=[*query, *waits], wait_seconds=wait_seconds))

    def _mapping(self, answer: "Answer") -> Mapping[str, Any]:
        found = answer.json
        if not isinstance(found, dict):
            raise RefusedError(f"{self._connection.address.text} is not a server of jobfile")
        return found

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        body: Mapping[str, object] | None = None,
        is_safe: bool | None = None,
        wait_seconds: float = 0.0,
    ) -> "Answer":
        from engine.client.http import ANSWER_SECONDS  # noqa: PLC0415  start-up time of programs

        silent = ANSWER_SECONDS + wait_seconds
        with _explaining():
            return self._connection.ask(
                method, path, query=query, body=body, is_safe=is_safe, silent_seconds=silent
            )


@contextmanager
def _explaining() -> Iterator[None]:
    """Turn the errors of a server into those of the client."""
    try:
        yield
    except SubmitError:
        raise
    except JobfileError as error:
        fields = getattr(error, "fields", None)  # those of a server
        match error.code:
            case ErrorCode.USAGE if fields is not None:
                raise InvalidParamsError(str(error), tuple(fields.values()) or (str(error),)) from error
            case ErrorCode.UNKNOWN_JOB:
                raise UnknownJobError(str(error)) from error
            case ErrorCode.LEDGER_UNAVAILABLE | ErrorCode.CHANGE_UNKNOWN | ErrorCode.SERVER_UNAVAILABLE:
                raise UnavailableError(str(error)) from error
            case _:
                raise RefusedError(str(error)) from error


def _segment(text: str) -> str:
    """A part of a path. A text that cannot be the name of a job or the id of a run is never sent."""
    if not text or not text.isascii() or not all(one.isalnum() or one in "_-" for one in text):
        raise UnknownJobError(f"`{text}` is neither the name of a job nor the id of a run")
    return text


def _plain_params(asked: Sequence[tuple[str, Mapping[str, object], str | None]]) -> list[dict[str, object]]:
    """The values of params as JSON data. Raises an error with every value that cannot be one."""
    from engine.client.values import plain_value  # noqa: PLC0415  start-up time of programs

    found: list[dict[str, object]] = []
    problems: list[str] = []
    for number, (job, params, _) in enumerate(asked, start=1):
        where = f"{job}, request {number}" if len(asked) > 1 else job
        values: dict[str, object] = {}
        for name, value in params.items():
            try:
                plain = plain_value(value)
            except ValueError as error:
                problems.append(f"{where}: {name}: {error}")
            else:
                values[name] = list(plain) if isinstance(plain, tuple) else plain
        found.append(values)
    if problems:
        listed = "\n".join(f"  {one}" for one in problems[:MAX_PROBLEMS])
        text = f"nothing was submitted, because values are missing or wrong:\n{listed}"
        raise InvalidParamsError(text, tuple(problems))
    return found
