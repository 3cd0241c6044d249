"""Records the requests of a program in a ledger, without a server of the page."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from engine.client.errors import (
    InvalidParamsError,
    RefusedError,
    SubmitError,
    UnavailableError,
    UnknownJobError,
)
from engine.client.submitted import Submitted
from engine.client.values import plain_value
from engine.config import MAIN_FILE, EngineConfig, find_main_file, find_state_dir, find_store
from engine.core.errors import JobfileError, StoreUnavailableError
from engine.core.lifecycle import Run
from engine.host.clock import SystemClock
from engine.host.environment import environment, user_name
from engine.host.home import refuse_without_store
from engine.host.lock import is_engine_running
from engine.host.ownership import refuse_foreign_state
from engine.host.run_ids import new_run_id
from engine.host.wake import poke
from engine.ledger.opening import open_to_submit
from engine.transactions.account import Moment, bound_params, request_runs, requested_runs
from engine.transactions.keys import key_trouble
from engine.transactions.requests import requesting_run
from jobfile.diagnostics.suggest import did_you_mean, suggest
from jobfile.expressions.params import ParamProblem, bind_params
from jobfile.model.jobs import JobSpec
from jobfile.model.values import Value

MAX_AT_ONCE: Final = 10_000
"""Maximum number of requests in one transaction: the engine waits for its end."""
MAX_PROBLEMS: Final = 100
"""Maximum number of problems that one error lists."""

Identity = tuple[int, int]
"""Which file something is: its device and its inode."""
IN_SERVER: Final[Identity] = (0, 0)

Asked = tuple[str, Mapping[str, object], str | None]
"""A job, its params, and a key if there is one."""


def find_state(state_dir: str | Path | None, main_file: str | Path | None) -> Path:
    """The state folder that a client names, as the options --state and -f do."""
    if state_dir is not None:
        return Path(state_dir).absolute()  # the program's own folder may be closed to its user
    given = None if main_file is None else str(main_file)
    main = find_main_file(given, here=Path.cwd())
    return find_state_dir(None, main, environ={} if main_file is not None else environment())


def find_url(store: str | None) -> str:
    """The URL of a ledger in a server that a client names, as the option --store does; else empty."""
    try:
        return find_store(store, environ=environment())
    except JobfileError as error:
        raise RefusedError(str(error).replace("--store", "store=")) from error


class LocalLedger:
    """An open ledger, with the jobs in force as far as they were needed."""

    def __init__(self, state_dir: Path, *, wait_seconds: float, store: str = "", user: str = "") -> None:
        """Open the ledger of a state folder, or `store`, the URL of one in a server. Raises a SubmitError if
        this program may not use it.

        `user` is who submits: the user of this process, if no other is named.
        """
        main_file = state_dir.parent / MAIN_FILE
        self._config = EngineConfig(main_file=main_file, state_dir=state_dir, store=store, environ={})
        self._file = "" if store else str(self._config.ledger)
        self._where = self._config.ledger_name if store else str(state_dir)
        self._is_refused = False
        self._generation = 0
        self._jobs: dict[str, str] = {}
        """The digests of jobs of this generation."""
        with self._explaining():
            refuse_foreign_state(state_dir)
            refuse_without_store(self._config)
            found = _identity(self._file)
            if found is None:
                raise RefusedError(
                    f"nothing is recorded yet in {state_dir}, so no jobs are in force; start the engine "
                    "once, which puts those of the job file in force:  jobfile up"
                )
            self._identity = found
            self._store = open_to_submit(self._config.ledger_url, busy_seconds=wait_seconds)
            self._parent = requesting_run(self._store, environment())
        self._user = user or user_name()

    def close(self) -> None:
        """Close it."""
        self._store.close()

    def is_usable(self) -> bool:
        """Whether it is still the ledger at its path, and has not refused this program."""
        return not self._is_refused and _identity_if_any(self._file) == self._identity

    def is_engine_running(self) -> bool:
        """Whether an engine is running: here, or on another host if the ledger is in a server."""
        if is_engine_running(self._config.state_dir):
            return True
        with self._explaining():
            session = self._store.last_session() if self._config.store else None
        return session is not None and session.is_heard_at(SystemClock().now())

    def submit(self, asked: Sequence[Asked]) -> tuple[Submitted, ...]:
        """Record requests in one transaction, and wake the engine."""
        if len(asked) > MAX_AT_ONCE:
            raise SubmitError(
                f"{len(asked):,} requests at once; expected at most {MAX_AT_ONCE:,} in one call"
            )
        with self._explaining():
            with self._store.transaction():
                self._store.refuse_other_version()
                found = self._record(asked)
            if not self.is_usable():
                raise UnavailableError(
                    f"the state folder {self._config.state_dir} was removed or replaced meanwhile, so the "
                    "runs may be recorded in a ledger that no engine reads; submit again"
                )
        if not all(one.is_duplicate for one in found):
            poke(self._config.state_dir)
        return found

    def _record(self, asked: Sequence[Asked]) -> tuple[Submitted, ...]:
        generation = self._store.current_generation()
        if generation is None:
            raise RefusedError(
                f"no jobs are in force in {self._where} yet; the engine puts those of the "
                "job file in force:  jobfile up"
            )
        if generation.number != self._generation:
            self._generation, self._jobs = generation.number, {}
        now = SystemClock().now()
        moment = Moment(now=now, generation=generation.number, new_id=new_run_id)
        checked = self._checked(asked)
        found = []
        for (digest, spec, params), (_, _, key) in zip(checked, asked, strict=True):
            runs = requested_runs(
                spec,
                new_id=new_run_id,
                digest=digest,
                generation=generation.number,
                params=params,
                at=now,
                now=now,
                requested_by=self._user,
                key=key or "",
                caused_by=self._parent,
            )
            found.append(self._request(runs, spec, moment))
        return tuple(found)

    def _request(self, runs: Sequence[Run], spec: JobSpec, moment: Moment) -> Submitted:
        recorded, earlier = request_runs(self._store, runs, spec, moment)
        first = recorded[0] if recorded else None
        return Submitted(
            id=earlier[0] if earlier else runs[0].id,
            job=spec.name,
            is_duplicate=bool(earlier),
            state=first.state.value if first else "",
            reason=first.reason if first else "",
            runs=tuple(run.id for run in recorded) or earlier,
        )

    def _checked(self, asked: Sequence[Asked]) -> list[tuple[str, JobSpec, dict[str, Value]]]:
        """The definition and the values of params of each request. Raises an error with every problem."""
        checked, problems = [], []
        for number, (job, given, key) in enumerate(asked, start=1):
            digest = self._digest(job)
            spec = self._store.definition(digest)
            params, wrong = _bound(spec, given)
            where = f"{job}, request {number}" if len(asked) > 1 else job
            problems += [f"{where}: {one.name or 'params'}: {one.message}" for one in wrong]
            if key is not None and (trouble := key_trouble(key)):
                problems.append(f"{where}: {trouble}")
            checked.append((digest, spec, params))
        if problems:
            listed = "\n".join(f"  {one}" for one in problems[:MAX_PROBLEMS])
            more = f"\n  and {len(problems) - MAX_PROBLEMS:,} more" if len(problems) > MAX_PROBLEMS else ""
            message = f"nothing was submitted, because values are missing or wrong:\n{listed}{more}"
            raise InvalidParamsError(message, tuple(problems))
        return checked

    def _digest(self, job: str) -> str:
        """The digest of a job in force."""
        known = self._jobs.get(job)
        if known is not None:
            return known
        version = self._store.job_in_force(job)
        if version is None:
            names = [one.job for one in self._store.jobs_in_force()]
            near = suggest(job, names)
            hint = did_you_mean(near) if near else "list the jobs:  jobfile list"
            raise UnknownJobError(f"no job `{job}` is in force in generation {self._generation}; {hint}")
        if trouble := self._store.definition_trouble(version.digest):
            raise RefusedError(f"the job `{job}` cannot be used, {trouble}; `jobfile doctor` says what to do")
        self._jobs[job] = version.digest
        return version.digest

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        """Turn the errors of the ledger into those of the client."""
        try:
            yield
        except SubmitError:
            raise
        except StoreUnavailableError as error:
            raise UnavailableError(str(error)) from error
        except JobfileError as error:
            self._is_refused = True
            raise RefusedError(str(error)) from error
        except PermissionError as error:
            self._is_refused = True
            raise RefusedError(
                f"the user {user_name()} may not use the state folder {self._config.state_dir} "
                f"({error.strerror}: {error.filename}); run this program as the user of the engine"
            ) from error


def _bound(spec: JobSpec, given: Mapping[str, object]) -> tuple[dict[str, Value], tuple[ParamProblem, ...]]:
    values: dict[str, Value] = {}
    wrong: list[ParamProblem] = []
    for name, value in given.items():
        try:
            values[name] = plain_value(value)
        except ValueError as error:
            wrong.append(ParamProblem(name, str(error)))
    known = {problem.name for problem in wrong}
    bound, problems = bind_params(spec.params, values, from_text=False)
    wrong += [one for one in problems if one.name not in known]  # one that is wrong is not missing, too
    return bound_params(spec, bound), tuple(wrong)


def _identity(path: str) -> Identity | None:
    """Which file a path names; None if there is none. Without a path, the ledger is in a server."""
    if not path:
        return IN_SERVER
    try:
        found = os.stat(path)  # noqa: PTH116  for each submission: faster than through a Path
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def _identity_if_any(path: str) -> Identity | None:
    try:
        return _identity(path)
    except OSError:
        return None
