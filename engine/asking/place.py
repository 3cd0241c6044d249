"""The place that a question is about: the main file, the state folder, the ledger, and the time."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engine.config import EngineConfig, find_main_file, find_state_dir, find_store, limits
from engine.core.errors import ErrorCode, JobfileError, NothingRecordedError
from engine.host.clock import SystemClock
from engine.host.environment import account, environment, user_name
from engine.host.ownership import file_troubles, refuse_foreign_files, refuse_foreign_state
from engine.ledger.opening import glance_at_hosts, glance_at_runs, open_trace_free_view, open_view
from jobfile.model.dataclass import dataclass

if TYPE_CHECKING:
    from engine.ledger.ports import View


MAX_LISTED: Final = 5
"""Maximum number of unreadable rows that an answer names; `doctor` names all."""


class UnknownJobError(JobfileError):
    """The job does not exist here."""

    code = ErrorCode.UNKNOWN_JOB


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The main file and the state folder, as -f and --state name them, and the time."""

    main_file: Path
    state_dir: Path
    store: str = ""
    """The URL of a ledger in a server; empty when the ledger is in the state folder."""

    @classmethod
    def named(cls, file: str | None, state: str | None, store: str | None = None) -> "Place":
        """The place that the options name."""
        main_file, environ = find_main_file(file, here=Path.cwd()), environment()
        return cls(
            main_file=main_file,
            state_dir=find_state_dir(state, main_file, environ=environ),
            store=find_store(store, environ=environ),
        )

    @property
    def options(self) -> str:
        """The options with which another command, typed in this folder, finds this place; usually none."""
        from shlex import quote  # noqa: PLC0415  start-up time: only for advice

        main_file, here, environ = self.main_file, Path.cwd(), environment()
        found = ""
        if main_file != find_main_file(None, here=here):
            found += f" -f {quote(str(main_file))}"
        if self.state_dir != find_state_dir(None, main_file, environ=environ):
            found += f" --state {quote(str(self.state_dir))}"
        if self.store != find_store(None, environ=environ):
            found += f" --store {quote(self.store)}"
        return found

    @property
    def config(self) -> EngineConfig:
        """The engine's settings for this place."""
        environ = environment()
        return EngineConfig(
            main_file=self.main_file,
            state_dir=self.state_dir,
            store=self.store,
            environ=environ,
            account=account,
            **limits(environ),
        )

    @property
    def user(self) -> str:
        """Who asks, for the audit and the records of runs."""
        return user_name()

    @property
    def is_limited(self) -> bool:
        """Whether the user may see only some jobs."""
        return False

    def sees(self, job: str) -> bool:  # noqa: ARG002  here, all may be seen
        """Whether the user may see this job. To the user, a job that may not be seen does not exist."""
        return True

    def apart(self) -> "Place":
        """The place alone, for a thread that outlives the question."""
        return Place(main_file=self.main_file, state_dir=self.state_dir, store=self.store)

    def now(self) -> datetime:
        """The wall clock."""
        return SystemClock().now()

    def note(self, text: str) -> None:
        """Say something beside the answer. A place of another kind passes it on."""

    def keep(self, view: "View") -> None:
        """Note that a ledger was opened for this question."""

    def warn_unreadable(self, view: "View") -> None:
        """Say which rows of a ledger could not be read."""
        found = view.unreadable
        for one in found[:MAX_LISTED]:
            self.note(f"warning: {one.words}")
        if found:
            more = f" and {len(found) - MAX_LISTED} more;" if len(found) > MAX_LISTED else ""
            self.note(f"{more} `jobfile doctor` says what to do".lstrip())

    def view(self) -> "View":
        """The ledger for reading. Raises NothingRecordedError when there is none."""
        refuse_foreign_state(self.state_dir)
        config = self.config
        if not self.may_have_ledger:
            from engine.host.home import refuse_without_store  # noqa: PLC0415  start-up time: only without a ledger

            refuse_without_store(config)
            raise NothingRecordedError(
                f"nothing is recorded yet in {self.state_dir}; start the engine with  jobfile up"
            )
        view = self.open()
        self.keep(view)
        return view

    def open(self) -> "View":
        """Open the ledger for reading. A place of another kind may keep it open."""
        return open_view(self.config.ledger_url)

    def trace_free_view(self) -> "View | None":
        """The ledger for a read that creates no file; None when there is no ledger that can be read so."""
        from engine.host.lock import is_engine_running  # noqa: PLC0415  start-up time: few commands look so

        refuse_foreign_state(self.state_dir)
        if not self.may_have_ledger:
            return None
        try:
            return open_trace_free_view(self.config.ledger_url, is_in_use=is_engine_running(self.state_dir))
        except JobfileError:
            return None

    def newest_runs(self, *, is_open: bool | None, prefix: str, limit: int) -> Sequence[tuple[str, str, str]]:
        """Id, job and state of the newest runs, read quickly without a trace; none without a ledger."""
        refuse_foreign_state(self.state_dir)
        return (
            glance_at_runs(self.config.ledger_url, is_open=is_open, prefix=prefix, limit=limit)
            if self.may_have_ledger
            else ()
        )

    def host_names(self) -> Sequence[str]:
        """The names of the hosts on the ledger, read quickly; none for a ledger in a file."""
        return glance_at_hosts(self.store) if self.store else ()

    def has_engine(self) -> bool:
        """Whether an engine acts on what is recorded: here, or on any host if the ledger is in a server."""
        from engine.host.lock import is_engine_running  # noqa: PLC0415  start-up time: few commands ask

        if is_engine_running(self.state_dir):
            return True
        if not self.store:
            return False
        from engine.service.presence import has_engine  # noqa: PLC0415  start-up time: only with a server

        return has_engine(self.config, self.view(), now=self.now())

    def view_if_any(self) -> "View | None":
        """The ledger for reading, if there is one."""
        try:
            return self.view()
        except NothingRecordedError:
            return None

    @property
    def may_have_ledger(self) -> bool:
        """Whether there is a ledger; one in a server says so itself when it is opened."""
        return bool(self.store) or self.config.ledger.exists()


def refuse_unsafe_files(place: Place, *, is_strict: bool) -> None:
    """Refuse job files that other users could change; without `is_strict`, only say so.

    A file that cannot be read is reported when it is read next.
    """
    from engine.sources.file_reader import read_job_files  # noqa: PLC0415  start-up time: few commands run files

    try:
        names = [Path(name) for name, _ in read_job_files(place.main_file).files]
    except OSError:
        return
    if is_strict:
        refuse_foreign_files(names)
        return
    found = next(file_troubles(names), None)
    if found is not None:
        place.note(f"warning: {found.found}, and with it the commands that run as you:  {found.help}")
