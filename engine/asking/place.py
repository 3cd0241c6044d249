"""The place that a question is about: the main file, the state folder, the ledger, and the time."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from engine.config import EngineConfig, find_main_file, find_state_dir, limits
from engine.core.errors import ErrorCode, JobfileError, NothingRecordedError
from engine.host.clock import SystemClock
from engine.host.environment import account, environment
from engine.host.ownership import refuse_foreign_state
from engine.ledger.opening import glance_at_runs, open_trace_free_view, open_view
from jobfile.model.dataclass import dataclass

if TYPE_CHECKING:
    from engine.ledger.ports import View


class UnknownJobError(JobfileError):
    """The job does not exist here."""

    code = ErrorCode.UNKNOWN_JOB


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The main file and the state folder, as -f and --state name them, and the time."""

    main_file: Path
    state_dir: Path

    @classmethod
    def named(cls, file: str | None, state: str | None) -> "Place":
        """The place that the options name."""
        main_file = find_main_file(file, here=Path.cwd())
        return cls(main_file=main_file, state_dir=find_state_dir(state, main_file, environ=environment()))

    @property
    def options(self) -> str:
        """The options with which another command, typed in this folder, finds this place; usually none."""
        main_file, here, environ = self.main_file, Path.cwd(), environment()
        found = ""
        if main_file != find_main_file(None, here=here):
            found += f" -f {quote(str(main_file))}"
        if self.state_dir != find_state_dir(None, main_file, environ=environ):
            found += f" --state {quote(str(self.state_dir))}"
        return found

    @property
    def config(self) -> EngineConfig:
        """The engine's settings for this place."""
        environ = environment()
        return EngineConfig(
            main_file=self.main_file,
            state_dir=self.state_dir,
            environ=environ,
            account=account,
            **limits(environ),
        )

    def now(self) -> datetime:
        """The wall clock."""
        return SystemClock().now()

    def view(self) -> "View":
        """The ledger for reading. Raises NothingRecordedError when there is none."""
        refuse_foreign_state(self.state_dir)
        if not self.config.ledger.exists():
            raise NothingRecordedError(
                f"nothing is recorded yet in {self.state_dir}; start the engine with  jobfile up"
            )
        return open_view(self.config.ledger_url)

    def trace_free_view(self) -> "View | None":
        """The ledger for a read that creates no file; None when there is no ledger that can be read so."""
        from engine.host.lock import is_engine_running  # noqa: PLC0415  start-up time: few commands look so

        refuse_foreign_state(self.state_dir)
        if not self.config.ledger.exists():
            return None
        try:
            return open_trace_free_view(self.config.ledger_url, is_in_use=is_engine_running(self.state_dir))
        except JobfileError:
            return None

    def newest_runs(self, *, is_open: bool | None, prefix: str, limit: int) -> Sequence[tuple[str, str, str]]:
        """Id, job and state of the newest runs, read quickly without a trace; none without a ledger."""
        refuse_foreign_state(self.state_dir)
        ledger = self.config.ledger
        return (
            glance_at_runs(self.config.ledger_url, is_open=is_open, prefix=prefix, limit=limit)
            if ledger.exists()
            else ()
        )

    def view_if_any(self) -> "View | None":
        """The ledger for reading, if there is one."""
        refuse_foreign_state(self.state_dir)
        return self.view() if self.config.ledger.exists() else None
