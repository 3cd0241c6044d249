"""The job files in the commits of a ref, commit by commit. Nothing is checked out."""

import os
from collections.abc import Callable
from pathlib import Path

from engine.core.errors import RevisionError
from engine.ports import Snapshot
from engine.sources.git import fetch, git_bytes
from engine.sources.git_revisions import commit_of, snapshot_at

FETCH_SECONDS = 60.0
"""The time between two fetches from a remote repository, in seconds."""
LOOK_SECONDS = 5.0
"""The time between two looks at a ref of the local repository, in seconds."""
MAX_COMMITS = 100
"""Maximum number of new commits applied one by one; with more, only the last is applied."""


class GitTree:
    """Follows a ref: `main` of the local repository, or `origin/main` of a remote, which is fetched."""

    def __init__(
        self,
        main_file: Path,
        ref: str,
        *,
        after: str,
        signers: Path | None = None,
        in_force: Callable[[], str] = str,
        is_shared: bool = False,
    ) -> None:
        """Start after the commit `after`, if the ref contains it; `signers` is a file of keys.

        `is_shared`: other hosts have clones of their own, and this one may be behind theirs. So only
        descendants of the commit `in_force` are accepted, and an older one is not news.

        With signers, only descendants of the commit `in_force` are accepted. A signature proves who wrote a
        commit, not that it is the newest: a user who may push could bring back an old one, or an unmerged
        one.
        """
        self.main_file = main_file
        self.folders = frozenset[Path]()
        self._folder = main_file.absolute().parent
        self._ref = ref
        self._signers = signers
        self._in_force = in_force
        self._is_shared = is_shared
        self._commit = after
        self._remote, self._branch = self._remote_and_branch()
        self._taken: Snapshot | None = None
        self.trouble = ""
        self.poll_seconds = FETCH_SECONDS if self._remote else LOOK_SECONDS

    @property
    def commit(self) -> str:
        """The name of the current commit."""
        return self._commit

    def advance(self) -> bool:
        """Go to the next commit; False if there is none, or if it cannot be read: then `trouble` says why."""
        try:
            self._fetch()
            commits = self._to_come()
        except RevisionError as error:
            self.trouble = str(error)
            if self._taken is None and not self._commit:
                self._taken = Snapshot(files=(), problem=str(error))
            return False
        self.trouble = ""
        if not commits:
            return False
        self._commit = commits[0]
        self._taken = self._take(self._commit)
        return True

    def snapshot(self) -> Snapshot:
        """The files at the current commit."""
        if self._taken is None:
            self._taken = (
                self._take(self._commit) if self._commit else Snapshot(files=(), problem="no commit yet")
            )
        return self._taken

    def _remote_and_branch(self) -> tuple[str, str]:
        """The remote and its branch of a ref such as origin/main; two empty texts for a local ref."""
        try:
            remotes = os.fsdecode(git_bytes(self._folder, "remote")).split()
        except RevisionError:
            return "", ""
        named = self._ref.removeprefix("refs/remotes/")
        found = max((one for one in remotes if named.startswith(f"{one}/")), key=len, default="")
        return found, named.removeprefix(f"{found}/") if found else ""

    def _fetch(self) -> None:
        """Fetch from the remote, completely: an interrupted fetch leaves the ref where it was."""
        if self._remote:
            spec = f"+refs/heads/{self._branch}:refs/remotes/{self._remote}/{self._branch}"
            fetch(self._folder, self._remote, spec)

    def _to_come(self) -> list[str]:
        """The commits after the current one, oldest first; only the newest if history was rewritten."""
        tip = commit_of(self._folder, self._ref)
        if tip == self._commit or (self._is_shared and self._is_behind(tip)):
            return []
        if not self._commit or not self._is_ancestor(self._commit, tip):
            return [tip]
        listed = git_bytes(
            self._folder, "rev-list", "--first-parent", "--reverse", f"{self._commit}..{tip}"
        ).decode()
        commits = listed.split()
        return commits if len(commits) <= MAX_COMMITS else [tip]

    def _is_behind(self, tip: str) -> bool:
        """Whether a clone has yet to get the commit in force. Raises RevisionError if that is unknown."""
        base = self._in_force()
        if not base:
            return False
        try:
            git_bytes(self._folder, "cat-file", "-e", f"{base}^{{commit}}")
        except RevisionError as error:
            raise RevisionError(
                f"the commit {base[:12]}, which is in force, is not in this clone, so nothing is applied "
                "from it; fetch it, or apply another one:  jobfile apply --git REV"
            ) from error
        return self._is_ancestor(tip, base)

    def _is_ancestor(self, one: str, other: str) -> bool:
        try:
            git_bytes(self._folder, "merge-base", "--is-ancestor", one, other)
        except RevisionError:
            return False
        return True

    def _take(self, commit: str) -> Snapshot:
        """The files of a commit, or why it is refused: it must be complete, and
        signed if that is required.
        """
        try:
            git_bytes(self._folder, "rev-list", "--objects", "--quiet", "--no-walk", commit)
            self._verify(commit)
            return snapshot_at(self.main_file, commit)
        except RevisionError as error:
            return Snapshot(files=(), problem=f"commit {commit[:12]}: {error}", revision=commit)

    def _verify(self, commit: str) -> None:
        if self._signers is not None:
            self._verify_signature(commit, self._signers)
        if self._signers is None and not self._is_shared:
            return
        base = self._in_force()
        if base and not self._is_ancestor(base, commit):
            raise RevisionError(
                f"it does not follow {base[:12]}, which is in force, so it is not applied: with signers, or "
                "several hosts, an older commit or another branch is refused. If it is intended:  "
                "jobfile apply --git REV"
            )

    def _verify_signature(self, commit: str, signers: Path) -> None:
        try:
            keys = f"gpg.ssh.allowedSignersFile={signers}"
            git_bytes(self._folder, "-c", keys, "verify-commit", commit)
        except RevisionError as error:
            raise RevisionError(f"it is not signed by a key in {signers}, so it is not applied") from error
