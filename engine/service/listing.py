"""Collects what `jobfile list` answers: from the job files and the ledger."""

from collections.abc import Callable, Sequence
from datetime import datetime

from engine.answers.choice import ALL, Choice
from engine.answers.listing import MARKS, JobList, list_jobs
from engine.answers.presence import Presence
from engine.config import EngineConfig
from engine.core.errors import UnreadableFileError
from engine.host.lock import is_engine_running
from engine.ledger.ports import View
from engine.ports import Snapshot
from engine.service.presence import presence_at
from engine.sources.folder import FolderTree
from jobfile.pipeline import Compiled, compile_files


def compiled_snapshot(snapshot: Snapshot) -> Compiled:
    """The jobs of files as they are now."""
    return compile_files(snapshot.files, outside=snapshot.outside)


def list_at(
    config: EngineConfig,
    view: View | None,
    *,
    now: datetime,
    choice: Choice = ALL,
    states: Sequence[str] = (),
    marks: int = MARKS,
    compiled_from: Callable[[Snapshot], Compiled | None] = compiled_snapshot,
) -> JobList | Compiled:
    """The jobs of this state folder and of the files; `view` is None when nothing was ever recorded.
    `compiled_from` compiles files; a process that asks often remembers what they were. While they are not
    known yet, and it returns None, the list is that of the ledger alone.

    If there are only files, and they have errors, the files are the answer.
    """
    is_locked = is_engine_running(config.state_dir)
    follows = view is not None and is_locked and bool(view.source().ref)
    # An engine that follows commits never reads the files.
    snapshot = None if follows else _snapshot(config, is_needed=view is None)
    compiled = None if snapshot is None else compiled_from(snapshot)
    is_known = not follows and (snapshot is None or compiled is not None)
    if view is None and compiled is not None and compiled.catalog is None:
        return compiled
    catalog = None if compiled is None else compiled.catalog
    return list_jobs(
        view,
        catalog,
        presence=presence_at(config, view, now=now) if view else Presence(is_running=is_locked),
        now=now,
        has_file=catalog is not None if is_known else None,
        main_file=str(config.main_file),
        choice=choice,
        states=states,
        marks=marks,
    )


def _snapshot(config: EngineConfig, *, is_needed: bool) -> Snapshot | None:
    """The job files; None if they cannot be read. Raises the error if they are needed."""
    snapshot = FolderTree(config.main_file).snapshot()
    if not snapshot.problem:
        return snapshot
    if is_needed:
        raise UnreadableFileError(snapshot.trouble)
    return None
