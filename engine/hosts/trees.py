"""The files beside which a host executes a run: those of the commit that its job was applied from.

With a folder, all runs are executed beside what is there now, if it has that commit. With `--git`, each
commit gets a folder of its own, so that a run finds the scripts that its job was reviewed with.
"""

import shutil
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from engine.config import EngineConfig
from engine.core.errors import RevisionError
from engine.core.lifecycle import Run
from engine.ports import Clock
from engine.sources.git import fetch, git_bytes, top_of
from engine.sources.git_export import export_commit
from jobfile.model.namedtuple import NamedTuple

FOLDER: Final = "trees"
"""Where the folders of commits are, in the state folder."""
ASK_SECONDS: Final = 10.0
"""How long the host waits before it looks for a missing commit again."""
KEPT: Final = 3
"""How many folders of commits that no run needs are kept: they will probably be needed again."""


LACK_SECONDS: Final = 600.0
"""How long a host says that the files of a run are not here, after it was last given one with them."""


class _Missing(NamedTuple):
    """A commit that is not here."""

    asked_at: float
    why: str


class Trees:
    """Finds the files of runs; makes folders of commits and deletes them."""

    def __init__(self, config: EngineConfig, clock: Clock, revision_of: Callable[[int], str]) -> None:
        """`revision_of` returns the commit of a generation; '' if it was not applied from a commit."""
        self._config = config
        self._clock = clock
        self._revision_of = revision_of
        self._lock = threading.Lock()
        self._revisions: dict[int, str] = {}
        self._missing: dict[str, _Missing] = {}
        self._has: set[str] = set()

    @property
    def trouble(self) -> str:
        """Why the files of a run that this host was offered lately are not here; '' when all are."""
        with self._lock:
            now = self._clock.elapsed()
            self._missing = {
                name: one for name, one in self._missing.items() if now - one.asked_at < LACK_SECONDS
            }
            return max(self._missing.values()).why if self._missing else ""

    def config_for(self, run: Run) -> EngineConfig | None:
        """The settings with the main file beside which a run is executed; None if its files are not here."""
        revision = self._revision(run)
        if not revision:
            return self._config
        with self._lock:
            if revision not in self._has and not self._find(revision):
                return None
        if not self._config.git_ref:
            return self._config
        return replace(self._config, main_file=self._tree(revision) / self._inner())

    def sweep(self, needed: Iterable[Run]) -> None:
        """Delete the folders of commits that no run needs, except the newest."""
        revisions = {self._revision(run) for run in needed}
        with self._lock:
            trees = sorted(self._folder.glob("*"), key=lambda one: one.stat().st_mtime, reverse=True)
            for tree in [one for one in trees if one.name not in revisions][KEPT:]:
                self._has.discard(tree.name)
                shutil.rmtree(tree, ignore_errors=True)

    def _revision(self, run: Run) -> str:
        if run.generation is None:
            return ""
        if run.generation not in self._revisions:
            self._revisions[run.generation] = self._revision_of(run.generation)
        return self._revisions[run.generation]

    @property
    def _folder(self) -> Path:
        return self._config.state_dir / FOLDER

    @property
    def _base(self) -> Path:
        return self._config.main_file.absolute().parent

    def _tree(self, revision: str) -> Path:
        return self._folder / revision

    def _inner(self) -> Path:
        """The main file from the top of the repository."""
        main_file = self._base.resolve() / self._config.main_file.name
        return main_file.relative_to(top_of(self._base))

    def _find(self, revision: str) -> bool:
        now = self._clock.elapsed()
        known = self._missing.get(revision)
        if known is not None and now - known.asked_at < ASK_SECONDS:
            return False
        try:
            if self._config.git_ref:
                self._make(revision)
            elif self._is_in_repository():
                git_bytes(self._base, "merge-base", "--is-ancestor", revision, "HEAD")
        except (RevisionError, OSError) as error:
            why = f"the files of {revision[:12]} are not here: {error}"
            self._missing[revision] = _Missing(now, why)
            return False
        self._has.add(revision)
        self._missing.pop(revision, None)
        return True

    def _is_in_repository(self) -> bool:
        """Whether there is a repository; without one, it is unknown which commit the files are from."""
        try:
            top_of(self._base)
        except RevisionError:
            return False
        return True

    def _make(self, revision: str) -> None:
        tree = self._tree(revision)
        if tree.is_dir():
            return
        try:
            git_bytes(self._base, "cat-file", "-e", f"{revision}^{{commit}}")
        except RevisionError:
            self._fetch()
        export_commit(self._base, revision, tree)

    def _fetch(self) -> None:
        remote, slash, branch = self._config.git_ref.removeprefix("refs/remotes/").partition("/")
        if slash:
            fetch(self._base, remote, f"+refs/heads/{branch}:refs/remotes/{remote}/{branch}")
