"""`up --git`: real repositories, remotes and signatures; each commit a generation, whole or not at all."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.sources.git_tree import MAX_COMMITS, GitTree
from tests.acceptance.engines import JOBFILE, ask, is_there, say, until
from tests.acceptance.warm import Jobfile

ROOT = Path(__file__).parents[2]


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@example.com", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def text(minute: int) -> str:
    return f'version: 1\njobs:\n  hello:\n    schedule: "{minute} 4 * * *"\n    command: ["true"]\n'


def commit(folder: Path, content: str, *arguments: str, name: str = "jobs.yaml") -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", f"to {content[-40:]}", *arguments)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / ".gitignore").write_text(".jobfile\n")
    commit(folder, text(0))
    return folder


@contextmanager
def following(folder: Path, *options: str) -> Iterator[None]:
    with Jobfile(
        [JOBFILE, "up", "--json", *options], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)


def generations(folder: Path) -> list[dict[str, object]]:
    said = say(folder, "generations", "--json")
    return [] if said.returncode else list(reversed(json.loads(said.stdout)["generations"]))


def commits(folder: Path) -> list[object]:
    return [one["commit"] for one in generations(folder)]


def poke(folder: Path) -> None:
    """What every command that changes the ledger does: the engine looks at once."""
    say(folder, "run", "hello", "--detach")


def test_each_commit_of_a_ref_is_a_generation_and_the_work_tree_is_never_read(repository: Path) -> None:
    first = git(repository, "rev-parse", "HEAD")
    (repository / "jobs.yaml").write_text("half a fi")
    with following(repository, "--git", "main"):
        until(lambda: commits(repository) == [first], "the first commit")
        made = [commit(repository, text(minute)) for minute in (1, 2, 3)]
        (repository / "jobs.yaml").write_text("again half a fi")
        poke(repository)
        until(lambda: commits(repository) == [first, *made], "three more")
        broken = commit(repository, "version: 1\njobs: {hello: {command: 7}}\n")
        poke(repository)
        until(lambda: ask(repository, "status")["rejected"], "the broken commit is told")
        assert commits(repository) == [first, *made]
        mended = commit(repository, text(4))
        poke(repository)
        until(lambda: commits(repository) == [first, *made, mended], "the commit after it")
        assert broken not in commits(repository)
        until(lambda: not ask(repository, "status")["rejected"], "well again")


def test_what_was_committed_meanwhile_is_applied_one_by_one_at_the_next_start(repository: Path) -> None:
    first = git(repository, "rev-parse", "HEAD")
    with following(repository, "--git", "main"):
        until(lambda: commits(repository) == [first], "the first commit")
    made = [commit(repository, text(minute)) for minute in (1, 2)]
    with following(repository, "--git", "main"):
        until(lambda: commits(repository) == [first, *made], "both")


def test_a_branch_of_a_remote_is_fetched(repository: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(repository), str(clone))
    first = git(repository, "rev-parse", "HEAD")
    with following(clone, "--git", "origin/main"):
        until(lambda: commits(clone) == [first], "the first commit")
        second = commit(repository, text(1))
        poke(clone)
        until(lambda: commits(clone) == [first, second], "the fetched one")
        assert (clone / "jobs.yaml").read_text() == text(0)
        repository.rename(tmp_path / "away")
        poke(clone)
        until(lambda: "RefUnread" in (clone / ".jobfile" / "engine.log").read_text(), "told")
        assert ask(clone, "status")["engine"]["running"]
        (tmp_path / "away").rename(repository)
        third = commit(repository, text(2))
        poke(clone)
        until(lambda: commits(clone) == [first, second, third], "the remote is back")


def all_of(tree: GitTree) -> list[tuple[str, str]]:
    found = []
    while tree.advance():
        snapshot = tree.snapshot()
        found.append((snapshot.revision, snapshot.problem))
    return found


def test_a_rewritten_branch_is_taken_at_its_end(repository: Path) -> None:
    second = commit(repository, text(1))
    tree = GitTree(repository / "jobs.yaml", "main", after=second)
    git(repository, "reset", "-q", "--hard", "HEAD~1")
    other = [commit(repository, text(minute)) for minute in (7, 8)]
    assert all_of(tree) == [(other[-1], "")]


def test_of_very_many_commits_only_the_last_is_taken(repository: Path) -> None:
    first = git(repository, "rev-parse", "HEAD")
    script = "".join(
        f"commit refs/heads/main\ncommitter A <a@example.com> {1_800_000_000 + n} +0000\ndata 1\nx\n"
        f"{f'from {first}' if n == 0 else ''}\n"
        for n in range(MAX_COMMITS + 1)
    )
    subprocess.run(["git", "-C", repository, "fast-import", "--quiet"], input=script, text=True, check=True)
    tip = git(repository, "rev-parse", "main")
    assert all_of(GitTree(repository / "jobs.yaml", "main", after=first)) == [(tip, "")]


def test_a_commit_of_which_something_is_missing_is_not_applied(repository: Path) -> None:
    first = git(repository, "rev-parse", "HEAD")
    commit(repository, "lost", name="other/file")
    blob = git(repository, "rev-parse", "HEAD:other/file")
    (repository / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    ((revision, problem),) = all_of(GitTree(repository / "jobs.yaml", "main", after=first))
    assert revision == git(repository, "rev-parse", "HEAD")
    assert "missing" in problem


def test_the_files_of_a_folder_are_read_at_their_commit(repository: Path) -> None:
    first = git(repository, "rev-parse", "HEAD")
    commit(
        repository,
        "version: 1\ninclude: [more/*.yaml]\n" + text(0).removeprefix("version: 1\n"),
        name="deploy/jobs.yaml",
    )
    last = commit(repository, "version: 1\njobs: {more: {command: [x]}}\n", name="deploy/more/one.yaml")
    (repository / "deploy" / "more" / "one.yaml").unlink()
    tree = GitTree(repository / "deploy" / "jobs.yaml", "main", after=first)
    assert len(all_of(tree)) == 2
    assert [Path(name).name for name, _ in tree.snapshot().files] == ["jobs.yaml", "one.yaml"]
    assert tree.snapshot().revision == last


@pytest.mark.parametrize("ref", ["no-such", "--upload-pack=touch x", "", "main^{tree}", "a b"])
def test_a_ref_that_does_not_exist_is_reported(repository: Path, ref: str) -> None:
    tree = GitTree(repository / "jobs.yaml", ref, after="")
    assert not tree.advance()
    assert "git says" in tree.snapshot().problem or "is not a revision" in tree.snapshot().problem


# Signatures


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return make_keys(tmp_path)


def make_keys(parent: Path) -> Path:
    folder = parent / "keys"
    folder.mkdir(mode=0o700)
    for name in ("anna", "mallory"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name], check=True
        )
    (folder / "allowed").write_text(f"anna@example.com {(folder / 'anna.pub').read_text()}")
    return folder


def signed(repository: Path, content: str, key: Path) -> str:
    git(repository, "config", "gpg.format", "ssh")
    git(repository, "config", "user.signingkey", str(key))
    return commit(repository, content, "-S")


def test_only_what_an_allowed_key_signed_is_applied(repository: Path, keys: Path) -> None:
    first = git(repository, "rev-parse", "HEAD")
    good = signed(repository, text(1), keys / "anna")
    foreign = signed(repository, text(2), keys / "mallory")
    unsigned = commit(repository, text(3), "--no-gpg-sign")
    last = signed(repository, text(4), keys / "anna")
    git(repository, "config", "gpg.ssh.allowedSignersFile", str(keys / "mallory.pub"))
    tree = GitTree(repository / "jobs.yaml", "main", after=first, signers=keys / "allowed")
    found = dict(all_of(tree))
    assert list(found) == [good, foreign, unsigned, last]
    assert [found[good], found[last]] == ["", ""]
    assert all("not signed by a key in" in found[one] for one in (foreign, unsigned))


def test_an_engine_leaves_an_unsigned_commit_alone(repository: Path, keys: Path) -> None:
    good = signed(repository, text(1), keys / "anna")
    with following(repository, "--git", "main", "--git-signers", str(keys / "allowed")):
        until(lambda: commits(repository) == [good], "the signed one")
        commit(repository, text(2), "--no-gpg-sign")
        poke(repository)
        until(lambda: ask(repository, "status")["rejected"], "the unsigned one is told")
        assert "not signed" in ask(repository, "status")["rejected"]["diagnostics"][0]
        assert commits(repository) == [good]
        aside = signed(repository, text(3), keys / "anna")
        git(
            repository,
            "update-ref",
            "refs/heads/main",
            git(repository, "commit-tree", "-S", f"{aside}^{{tree}}"),
        )
        poke(repository)
        until(
            lambda: "does not follow" in str(ask(repository, "status")["rejected"]),
            "one from elsewhere is told",
        )
        assert commits(repository) == [good]
        assert "does not follow" in say(repository, "status").stdout


def test_signers_without_a_ref_or_a_file_are_a_mistake(repository: Path) -> None:
    assert say(repository, "up", "--git-signers", "x").returncode == 64
    assert say(repository, "up", "--git", "main", "--git-signers", "no-such").returncode == 64


def test_the_engine_and_a_person_agree_about_a_commit(repository: Path) -> None:
    assert say(repository, "apply", "--git", "main", "--yes").returncode == 0
    with following(repository, "--git", "main", "--apply", "manual"):
        until(lambda: is_there(repository), "running")
        second = commit(repository, text(1))
        plan = json.loads(say(repository, "plan", "--to", "main", "--json").stdout)
        assert (plan["to"]["rev"], plan["summary"]["change"]) == (second, 1)
        assert os.path.exists(repository / ".jobfile" / "ledger.db")
        assert len(generations(repository)) == 1


def test_status_speaks_of_the_commits_and_never_of_the_work_tree(repository: Path) -> None:
    first = git(repository, "rev-parse", "HEAD")
    with following(repository, "--git", "main"):
        until(lambda: commits(repository) == [first], "the first commit")
        (repository / "jobs.yaml").write_text("garbage: [")
        status = ask(repository, "status")
        assert (status["git"]["ref"], status["git"]["commit"], status["is_well"]) == ("main", first, True)
        said = say(repository, "status").stdout
        assert f"follows main, at {first[:12]}" in said
        assert "jobs.yaml" not in said
        bad = commit(repository, "version: 1\njobs: {a: {ran: x}}\n")
        poke(repository)
        until(lambda: ask(repository, "status")["rejected"], "a refusal")
        said = say(repository, "status")
        assert said.returncode == 1
        assert f"follows main, at {bad[:12]}: REJECTED since" in said.stdout
        good = commit(repository, text(0))
        poke(repository)
        until(lambda: ask(repository, "status")["git"]["commit"] == good, "the revert")
        assert say(repository, "status").returncode == 0
    assert "does not exist" not in say(repository, "status").stdout
    (repository / "jobs.yaml").unlink()
    assert "jobs.yaml does not exist" in say(repository, "status").stdout


def test_status_says_what_waits_for_apply(repository: Path) -> None:
    with following(repository, "--git", "main", "--apply", "manual"):
        until(lambda: is_there(repository), "an engine")
        until(lambda: ask(repository, "status")["git"], "its first look")
        assert ask(repository, "status")["git"]["waits_for_apply"]
        assert "it waits for  jobfile apply --git main" in say(repository, "status").stdout
        assert say(repository, "apply", "--git", "main", "--yes").returncode == 0
        assert not ask(repository, "status")["git"]["waits_for_apply"]
