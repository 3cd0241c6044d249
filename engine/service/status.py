"""Collects what `jobfile status` answers: from the machine, the job files and the ledger."""

import shutil
from contextlib import nullcontext
from datetime import datetime

from engine.answers.presence import Presence
from engine.answers.status import Status, make_status
from engine.config import EngineConfig
from engine.host.lock import engine_bug, engine_stuck, engine_trouble, is_engine_running
from engine.ledger.ports import View
from engine.service.presence import presence_at
from engine.sources.folder import FolderTree
from jobfile.model.catalog import Catalog
from jobfile.pipeline import compile_files


def status_at(config: EngineConfig, view: View | None, *, now: datetime) -> Status:
    """Whether the engine of this state folder works; `view` is None when nothing was ever recorded."""
    state_dir, main_file = config.state_dir, config.main_file
    there = state_dir if state_dir.exists() else main_file.absolute().parent
    is_locked = is_engine_running(state_dir)
    follows = view is not None and is_locked and bool(view.source().ref)
    file = None if follows else _catalog(config)  # an engine that follows commits never reads the files
    with view.soundness.snapshot() if view else nullcontext():  # an engine may write meanwhile
        return make_status(
            view,
            presence=presence_at(config, view, now=now) if view else Presence(is_running=is_locked),
            file=file,
            free_bytes=shutil.disk_usage(there if there.exists() else "/").free,
            now=now,
            trouble=engine_trouble(state_dir),
            bug=engine_bug(state_dir),
            stuck=engine_stuck(state_dir),
            main_file=str(main_file),
            has_main_file=main_file.exists(),
        )


def _catalog(config: EngineConfig) -> Catalog | None:
    snapshot = FolderTree(config.main_file).snapshot()
    if snapshot.problem:
        return None
    return compile_files(snapshot.files, outside=snapshot.outside).catalog
