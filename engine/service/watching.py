"""Connects the watcher with its source: the job files of a folder, or the commits of a git ref."""

from collections.abc import Callable
from functools import partial
from typing import Final

from engine.actions.beyond_host import beyond_host
from engine.config import EngineConfig
from engine.core.events import RefUnread
from engine.core.records import SOURCE, Source
from engine.host.memory_release import give_back_code
from engine.host.run_ids import new_run_id
from engine.ledger.source_fact import source_to_text
from engine.ledger.store_ports import Store
from engine.loops.watcher import Watcher
from engine.ports import Clock, Journal, SourceTree
from engine.sources.folder import FolderTree
from engine.sources.folder_watch import FolderWatch
from engine.sources.git_tree import GitTree
from engine.sources.shell_syntax import SyntaxChecker
from jobfile.model.namedtuple import NamedTuple
from jobfile.pipeline import Compiled

FILES: Final = "files"
"""The name of the loop that finds the files that have arrived."""


class Watched(NamedTuple):
    """Three functions: `settle` reads the files for the first time,
    `look` is the loop, `close` ends the watch.
    """

    settle: Callable[[], Compiled | None]
    look: Callable[[], float]
    close: Callable[[], None]


class Watching:
    """Makes a watcher for the job files of an engine's configuration."""

    def __init__(
        self,
        *,
        config: EngineConfig,
        store: Store,
        clock: Clock,
        journal: Journal,
        is_held: Callable[[], bool],
        wake: Callable[[str], None],
    ) -> None:
        """`wake` wakes a loop by name; while `is_held`, no generation is applied."""
        self._config = config
        self._store = store
        self._clock = clock
        self._journal = journal
        self._is_held = is_held
        self._wake = wake
        self._source: Source | None = None

    def make(self) -> Watched:
        """Make the functions; nothing is read or watched before `settle`."""
        return self._follow_ref() if self._config.git_ref else self._watch_folder()

    def _watch_folder(self) -> Watched:
        tree = FolderTree(self._config.main_file, is_strict=self._config.is_strict)
        folder = self._config.main_file.absolute().parent
        watch = FolderWatch(folder, on_change=lambda: self._wake("watcher"))
        watcher = self._watcher(tree, on_unreadable=watch.restart)

        def settle() -> Compiled | None:
            self._note_source()
            snapshot = tree.snapshot()
            watch.follow(tree.folders)
            watch.start()
            return watcher.settle(snapshot)

        def look() -> float:
            wait = watcher.tick()
            watch.follow(tree.folders)
            return wait

        return Watched(settle, look, watch.stop)

    def _follow_ref(self) -> Watched:
        """Follow a ref: each commit is a set of files of its own."""
        tree = GitTree(
            self._config.main_file,
            self._config.git_ref,
            after=self._revision_in_force(),
            signers=self._config.git_signers,
            in_force=self._revision_in_force,
            is_shared=self._config.is_leader,
        )
        watcher = self._watcher(tree, on_unreadable=_nothing)

        def settle() -> Compiled | None:
            tree.advance()
            is_news = not (tree.trouble and self._config.is_leader)  # a clone that is behind rejects nothing
            compiled = watcher.settle(tree.snapshot()) if is_news else None
            self._note_source(tree.commit, tree.trouble)
            return compiled

        def look() -> float:
            known = tree.trouble
            while tree.advance():
                watcher.settle(tree.snapshot())
            if tree.trouble and tree.trouble != known:
                self._journal.report(RefUnread(ref=self._config.git_ref, detail=tree.trouble))
            self._note_source(tree.commit, tree.trouble)
            if tree.trouble and self._config.is_leader:
                return tree.poll_seconds
            return min(watcher.tick(), tree.poll_seconds)

        return Watched(settle, look, _nothing)

    def _watcher(self, tree: SourceTree, *, on_unreadable: Callable[[], None]) -> Watcher:
        return Watcher(
            store=self._store,
            clock=self._clock,
            journal=self._journal,
            tree=tree,
            new_id=new_run_id,
            applies=self._config.applies_by_itself,
            is_held=self._is_held,
            allows_removals=self._config.allows_removals,
            on_applied=self._on_applied,
            on_unreadable=on_unreadable,
            ask_shells=SyntaxChecker().check,
            beyond_host=partial(beyond_host, config=self._config, is_engine=True),
        )

    def _on_applied(self) -> None:
        self._wake("scheduler")
        self._wake(FILES)
        give_back_code()

    def _revision_in_force(self) -> str:
        current = self._store.current_generation()
        return "" if current is None else current.revision

    def _note_source(self, commit: str = "", trouble: str = "") -> None:
        """Note the source in the ledger, for `status`."""
        source = Source(self._config.git_ref, commit, not self._config.applies_by_itself, trouble)
        if source != self._source:
            with self._store.transaction():
                self._store.past.note(SOURCE, source_to_text(source))
            self._source = source


def _nothing() -> None:
    """Do nothing: a ref has no watched folder."""
