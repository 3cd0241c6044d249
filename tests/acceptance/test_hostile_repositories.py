"""Repositories that name programs: git, as a person types it, runs each of them, and jobfile's runs none."""

import os
import resource
import shutil
import subprocess
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from engine.core.errors import RevisionError
from engine.planning.sides import default_base, worktree_side
from engine.sources.git import git_bytes
from engine.sources.git_revisions import changed_files, snapshot_at
from engine.sources.git_tree import GitTree
from tests.acceptance.test_git import commit, git, make_keys, signed, text


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys; and beside them a repository and its clone, of which each test has a copy."""
    folder = tmp_path_factory.mktemp("made")
    keys = make_keys(folder)
    upstream = folder / "upstream"
    upstream.mkdir()
    git(upstream, "init", "-q", "-b", "main")
    (upstream / ".gitattributes").write_text("* filter=evil diff=evil\n")
    signed(upstream, text(0), keys / "anna")
    git(folder, "clone", "-q", str(upstream), str(folder / "clone"))
    return keys


class Trap:
    """A repository with a remote, and a program that leaves a mark when anything runs it."""

    def __init__(self, folder: Path, keys: Path) -> None:
        self.keys = keys
        self.mark = folder / "MARK"
        self.upstream = folder / "upstream"
        self.at = folder / "clone"
        shutil.copytree(keys.parent, folder, dirs_exist_ok=True)
        git(self.at, "config", "remote.origin.url", str(self.upstream))
        self.first = git(self.at, "rev-parse", "HEAD")
        self.main = self.at / "jobs.yaml"
        self.program = folder / "program"
        self.program.write_text(f"#!/bin/sh\necho >> {self.mark}\nexit 1\n")
        self.program.chmod(0o755)

    def config(self, **settings: str) -> None:
        """Settings of the repository itself: `a__b` is a.b."""
        for name, value in settings.items():
            git(self.at, "config", name.replace("__", "."), value.replace("EVIL", str(self.program)))

    def plain(self, *arguments: str, folder: str = ".") -> bool:
        """Whether git, as a person types it, runs the program."""
        env = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_GLOBAL": "/dev/null"}
        command = ["git", "-C", str(self.at / folder), *arguments]
        subprocess.run(command, env=env, capture_output=True, check=False, timeout=30)
        was_run = self.mark.exists()
        self.mark.unlink(missing_ok=True)
        return was_run

    def change(self) -> None:
        """The file is other than in the index, so that git has to look into it."""
        self.main.write_text(text(9))


def fsmonitor(trap: Trap) -> bool:
    trap.config(core__fsmonitor="EVIL")
    return trap.plain("status")


def included(trap: Trap) -> bool:
    (trap.at / ".git" / "more").write_text(f"[core]\n\tfsmonitor = {trap.program}\n")
    trap.config(include__path="more")
    return trap.plain("status")


def filter_clean(trap: Trap) -> bool:
    trap.config(filter__evil__clean="EVIL")
    trap.change()
    return trap.plain("status")


def filter_process(trap: Trap) -> bool:
    trap.config(filter__evil__process="EVIL")
    trap.change()
    return trap.plain("diff", "HEAD")


def filter_smudge(trap: Trap) -> bool:
    trap.config(filter__evil__smudge="EVIL")
    return trap.plain("cat-file", "--filters", "HEAD:jobs.yaml")


def textconv(trap: Trap) -> bool:
    trap.config(diff__evil__textconv="EVIL")
    return trap.plain("show", "--textconv", "HEAD:jobs.yaml")


def diff_command(trap: Trap) -> bool:
    trap.config(diff__evil__command="EVIL")
    trap.change()
    return trap.plain("diff", "HEAD")


def diff_external(trap: Trap) -> bool:
    trap.config(diff__external="EVIL")
    trap.change()
    return trap.plain("diff", "HEAD")


def hooks(trap: Trap) -> bool:
    for name in ("post-index-change", "reference-transaction", "pre-auto-gc", "post-checkout"):
        hook = trap.at / ".git" / "hooks" / name
        hook.write_bytes(trap.program.read_bytes())
        hook.chmod(0o755)
    return trap.plain("update-ref", "refs/heads/other", "HEAD")


def hooks_elsewhere(trap: Trap) -> bool:
    (trap.at / "hooks").mkdir()
    (trap.at / "hooks" / "reference-transaction").symlink_to(trap.program)
    trap.config(core__hooksPath="hooks")
    return trap.plain("update-ref", "refs/heads/other", "HEAD")


def upload_pack(trap: Trap) -> bool:
    trap.config(remote__origin__uploadpack="EVIL")
    return trap.plain("fetch")


def transport_ext(trap: Trap) -> bool:
    trap.config(remote__origin__url="ext::EVIL", protocol__ext__allow="always")
    return trap.plain("fetch")


def transport_vcs(trap: Trap) -> bool:
    trap.config(remote__origin__vcs="ext", remote__origin__url="EVIL", protocol__ext__allow="always")
    return trap.plain("fetch")


def another_address(trap: Trap) -> bool:
    git(trap.at, "config", f"url.ext::{trap.program}.insteadOf", str(trap.upstream))
    trap.config(protocol__allow="always")
    return trap.plain("fetch")


def ssh_command(trap: Trap) -> bool:
    trap.config(core__sshCommand="EVIL", remote__origin__url="ssh://127.0.0.1:1/x")
    return trap.plain("fetch")


def git_proxy(trap: Trap) -> bool:
    trap.config(core__gitProxy="EVIL", remote__origin__url="git://127.0.0.1:1/x")
    return trap.plain("fetch")


def alternates(trap: Trap) -> bool:
    trap.config(core__alternateRefsCommand="EVIL")
    (trap.at / ".git" / "objects" / "info" / "alternates").write_text(f"{trap.upstream}/.git/objects\n")
    commit(trap.upstream, text(1))
    return trap.plain("fetch")


def signature(trap: Trap) -> bool:
    trap.config(gpg__ssh__program="EVIL", gpg__ssh__allowedSignersFile=str(trap.keys / "allowed"))
    return trap.plain("verify-commit", "HEAD")


def lazy_fetch(trap: Trap) -> bool:
    trap.config(
        core__repositoryformatversion="1",
        extensions__partialClone="origin",
        remote__origin__promisor="true",
        remote__origin__uploadpack="EVIL",
    )
    blob = git(trap.at, "rev-parse", "HEAD:jobs.yaml")
    for pack in (trap.at / ".git" / "objects" / "pack").iterdir():
        pack.unlink()
    (trap.at / ".git" / "objects" / blob[:2] / blob[2:]).unlink(missing_ok=True)
    return trap.plain("cat-file", "-p", "HEAD:jobs.yaml")


def submodule(trap: Trap) -> bool:
    allowed = ("-c", "protocol.file.allow=always")
    inner = trap.upstream.parent / "inner"
    git(trap.at, "clone", "-q", str(trap.upstream), str(inner))
    git(trap.at, *allowed, "submodule", "--quiet", "add", str(inner), "sub")
    git(trap.at, "commit", "-qm", "sub", "--no-gpg-sign")
    git(trap.at / "sub", "config", "remote.origin.uploadpack", str(trap.program))
    trap.config(fetch__recurseSubmodules="true", submodule__recurse="true")
    return trap.plain("fetch")


def embedded(trap: Trap) -> bool:
    """What a pull request of plain files can bring; the others take a hostile .git."""
    git(trap.at, "init", "-q", "--bare", "ops")
    inner = ["--git-dir", str(trap.at / "ops")]
    git(trap.at, *inner, "config", "core.bare", "false")
    git(trap.at, *inner, "config", "core.worktree", "..")
    git(trap.at, *inner, "config", "core.fsmonitor", str(trap.program))
    (trap.at / "ops" / "jobs.yaml").write_text(text(5))
    trap.main = trap.at / "ops" / "jobs.yaml"
    return trap.plain("status", folder="ops")


KINDS: list[Callable[[Trap], bool]] = [
    *(fsmonitor, included, filter_clean, filter_process, filter_smudge, textconv, diff_command),
    *(diff_external, hooks, hooks_elsewhere, upload_pack, transport_ext, transport_vcs, another_address),
    *(ssh_command, git_proxy, alternates, signature, lazy_fetch, submodule, embedded),
]


def state(folder: Path) -> dict[str, bytes]:
    """All that a repository keeps, and when each file was changed."""
    return {
        str(path): path.read_bytes() + str(path.stat().st_mtime_ns).encode()
        for path in folder.rglob("*")
        if path.is_file()
    }


def tried(ask: Callable[[], object]) -> None:
    with suppress(RevisionError):
        ask()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_repository_runs_nothing(kind: Callable[[Trap], bool], tmp_path: Path, keys: Path) -> None:
    trap = Trap(tmp_path, keys)
    assert kind(trap), "git runs it, so it is a trap"
    before = state(trap.at)
    files = [(str(trap.main), b"x")]
    tried(lambda: changed_files(files, since="origin/main...", here=trap.main.parent))
    tried(lambda: default_base(main_file=trap.main, in_force=None))
    worktree_side(trap.main)
    GitTree(trap.main, "main", after="", signers=keys / "allowed").advance()
    assert not trap.mark.exists()
    assert state(trap.at) == before
    tree = GitTree(trap.main, "origin/main", after="", signers=keys / "allowed")
    tree.advance()
    tree.snapshot()
    assert not trap.mark.exists()


def test_an_embedded_repository_is_not_taken_for_the_one_around_it(tmp_path: Path, keys: Path) -> None:
    trap = Trap(tmp_path, keys)
    assert embedded(trap)
    assert git_bytes(trap.main.parent, "rev-parse", "HEAD").decode().strip() == trap.first
    assert worktree_side(trap.main).revision == trap.first


@contextmanager
def serving() -> Iterator[str]:
    """A remote that asks for a password."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_repositorys_helper_is_not_asked_for_a_password_and_the_users_is(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = Trap(tmp_path, keys)
    own = tmp_path / "own"
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    git(tmp_path, "config", "--global", "credential.helper", f"!echo >> {own}; echo")
    with serving() as address:
        trap.config(remote__origin__url=address, credential__helper="!EVIL", core__askPass="EVIL")
        git(trap.at, "config", f"credential.{address}.helper", f"!{trap.program}")
        assert trap.plain("fetch")
        tree = GitTree(trap.main, "origin/main", after="")
        tree.advance()
    assert "could not read Username" in tree.trouble
    assert own.exists()
    assert not trap.mark.exists()


def test_the_callers_variables_and_a_git_in_the_repository_count_for_nothing(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = Trap(tmp_path, keys)
    other = tmp_path / "other"
    git(tmp_path, "init", "-q", str(other))
    for name in ("GIT_EXTERNAL_DIFF", "GIT_SSH_COMMAND", "GIT_PROXY_COMMAND", "GIT_ASKPASS", "GIT_PAGER"):
        monkeypatch.setenv(name, str(trap.program))
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / "index"))
    (trap.at / "bin").mkdir()
    (trap.at / "bin" / "git").symlink_to(trap.program)
    monkeypatch.setenv("PATH", f"{trap.at}/bin:bin:.::{os.environ['PATH']}")
    monkeypatch.chdir(trap.at)
    assert git_bytes(trap.at, "rev-parse", "HEAD").decode().strip() == trap.first
    assert not trap.mark.exists()


# What is asked for


@pytest.mark.parametrize(
    "revision", ["-x", "--output=x", "", "a b", "HEAD:jobs.yaml", ":/x", "a\nb", "x" * 999]
)
def test_a_text_that_cannot_be_a_revision_is_not_passed_to_git(
    tmp_path: Path, keys: Path, revision: str
) -> None:
    trap = Trap(tmp_path, keys)
    with pytest.raises(RevisionError, match="is not a revision"):
        snapshot_at(trap.main, revision)


def test_a_link_in_a_commit_is_no_job_file(tmp_path: Path, keys: Path) -> None:
    trap = Trap(tmp_path, keys)
    (trap.at / "more.yaml").symlink_to("/etc/passwd")
    trap.main.write_text("version: 1\ninclude: ['more.yaml']\njobs: {}\n")
    git(trap.at, "add", "-A")
    git(trap.at, "commit", "-qm", "x", "--no-gpg-sign")
    found = snapshot_at(trap.main, "HEAD")
    assert [Path(name).name for name in found.outside] == ["more.yaml"]
    trap.main.unlink()
    trap.main.symlink_to("/proc/self/environ")
    git(trap.at, "commit", "-qam", "x", "--no-gpg-sign")
    with pytest.raises(RevisionError, match=r"is a link at .*; a job file must be a regular file"):
        snapshot_at(trap.main, "HEAD")


def test_a_repository_of_another_user_is_shown_with_what_to_do(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = Trap(tmp_path, keys)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    for path in (trap.at, trap.at / ".git"):
        os.chown(path, 12345, 12345)
    with pytest.raises(RevisionError, match=r"of another user.* safe\.directory"):
        snapshot_at(trap.main, "HEAD")


def test_a_partial_clone_is_reported_and_nothing_is_fetched(tmp_path: Path, keys: Path) -> None:
    trap = Trap(tmp_path, keys)
    git(trap.upstream, "config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "partial"
    git(tmp_path, "clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{trap.upstream}", str(clone))
    with pytest.raises(RevisionError, match=r"missing|partial clone"):
        snapshot_at(clone / "jobs.yaml", "HEAD")


def test_line_ends_that_git_converted_are_no_change(tmp_path: Path, keys: Path) -> None:
    trap = Trap(tmp_path, keys)
    data = trap.main.read_bytes()
    for content, is_changed in ((data, False), (data.replace(b"\n", b"\r\n"), False), (data + b"#", True)):
        changed = changed_files([(str(trap.main), content)], since="HEAD", here=trap.at)
        assert bool(changed) is is_changed


# What is large


def test_a_large_file_in_a_commit_costs_no_memory(tmp_path: Path) -> None:
    size = 16_000_000
    folder = tmp_path / "large"
    git(tmp_path, "init", "-q", "-b", "main", str(folder))
    for name, text_of in (("jobs.yaml", None), ("main.yaml", "version: 1\ninclude: [jobs.yaml]\njobs: {}\n")):
        (folder / name).write_text(text_of or "")
        if text_of is None:
            os.truncate(folder / name, size)
    git(folder, "-c", "core.compression=1", "add", "-A")
    git(folder, "commit", "-qm", "large")
    tracemalloc.start()
    try:
        for name in ("jobs.yaml", "main.yaml"):
            with pytest.raises(RevisionError, match=r"jobs\.yaml has 16,000,000 bytes"):
                snapshot_at(folder / name, "HEAD")
        assert tracemalloc.get_traced_memory()[1] < size / 4
    finally:
        tracemalloc.stop()


def test_a_tree_that_stands_for_a_million_files_is_not_listed_to_its_end(tmp_path: Path) -> None:
    folder = tmp_path / "trees"
    git(tmp_path, "init", "-q", "-b", "main", str(folder))
    main = commit(folder, "version: 1\ninclude: ['**/*.yml']\njobs: {}\n")
    blob = git(folder, "rev-parse", f"{main}:jobs.yaml")

    def tree(entries: str) -> str:
        command = ["git", "-C", str(folder), "mktree"]
        return subprocess.run(
            command, input=entries, capture_output=True, text=True, check=True
        ).stdout.strip()

    inner = tree("".join(f"100644 blob {blob}\t{'n' * 200}{n:02}\n" for n in range(32)))
    for _ in range(5):
        inner = tree("".join(f"040000 tree {inner}\t{n:02}\n" for n in range(32)))
    top = tree(f"100644 blob {blob}\tjobs.yaml\n040000 tree {inner}\tx\n")
    bomb = git(folder, "commit-tree", top, "-m", "x")
    with pytest.raises(RevisionError, match="printed more than"):
        snapshot_at(folder / "jobs.yaml", bomb)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 1024 * 1024


# With signers


def test_with_signers_only_what_follows_what_is_in_force_is_applied(tmp_path: Path, keys: Path) -> None:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    first = signed(folder, text(0), keys / "anna")
    second = signed(folder, text(1), keys / "anna")
    git(folder, "checkout", "-q", "-b", "unmerged", first)
    aside = signed(folder, text(2), keys / "anna")
    later = signed(folder, text(3), keys / "anna")
    in_force = [second]
    tree = GitTree(
        folder / "jobs.yaml", "main", after=second, signers=keys / "allowed", in_force=lambda: in_force[0]
    )

    def taken(tip: str) -> str:
        git(folder, "update-ref", "refs/heads/main", tip)
        assert tree.advance()
        found = tree.snapshot()
        assert found.revision == tip
        return found.problem

    for tip in (first, aside, later, first):
        assert f"does not follow {second[:12]}, which is in force" in taken(tip)
    assert taken(second) == ""
    in_force[0] = aside  # by hand
    assert taken(later) == ""


# With several hosts


def test_a_clone_that_is_behind_applies_nothing_that_is_older_than_what_is_in_force(
    tmp_path: Path, keys: Path
) -> None:
    """Each host that may lead has a clone of its own: the next leader's may be behind, or a stranger's."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    first, second, third = (signed(folder, text(number), keys / "anna") for number in range(3))
    git(folder, "checkout", "-q", "-b", "unmerged", first)
    aside = signed(folder, text(3), keys / "anna")
    in_force = [second]
    tree = GitTree(folder / "jobs.yaml", "main", after=second, in_force=lambda: in_force[0], is_shared=True)

    def follow(tip: str) -> bool:
        git(folder, "update-ref", "refs/heads/main", tip)
        return tree.advance()

    assert not follow(first)
    assert tree.trouble == ""
    assert follow(aside)
    assert f"does not follow {second[:12]}, which is in force" in tree.snapshot().problem
    assert follow(third)
    assert tree.snapshot().problem == ""
    in_force[0] = third
    assert not follow(second)
    in_force[0] = "1" * 40
    assert not follow(aside)
    assert f"the commit {'1' * 12}, which is in force, is not in this clone" in tree.trouble
    in_force[0] = ""
    assert follow(aside), "nothing is in force yet"
    assert tree.snapshot().problem == ""
