"""The artifacts of an attempt: which files are kept, and what happens to all others."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.answers.artifacts import RunArtifacts, artifacts_to_text
from engine.core.artifacts import KeptArtifact, newest_of
from engine.core.lifecycle import Artifact, AttemptKey, Ended, RunState
from engine.execution.artifact_files import CopyGoneError, read_copy
from engine.ports import LaunchOrder
from engine.supervisor.artifacts import MAX_BYTES, MAX_FILES, MAX_NOTES
from engine.supervisor.copier import Copied, copy_apart
from engine.supervisor.evidence import ARTIFACTS, beside
from engine.supervisor.masking import Masker
from tests.acceptance.engines import until
from tests.builders import NOON, a_run
from tests.engine.real import KEY, WAYS, Real, real_world

HOUR = 3600


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Real]:
    yield from real_world(tmp_path, monkeypatch, way=WAYS[0])


def run_dir(real: Real) -> Path:
    folder = real.folder / "runs" / "job" / "private"
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    return folder


def end_of(real: Real, body: str, *patterns: str, **fields: object) -> tuple[LaunchOrder, Ended]:
    body = f"cd {run_dir(real)}\n{body}"
    order = real.launch("job", body, artifacts=patterns, **fields)
    ended = real.end_of(order)
    assert isinstance(ended, Ended)
    return order, ended


def told(ended: Ended) -> dict[str, str]:
    """The rows: what is kept as `kept`, everything else with its note."""
    return {one.name: one.note or ("kept" if one.copy else "?") for one in ended.artifacts}


def content(order: LaunchOrder, artifact: Artifact) -> bytes:
    return b"".join(read_copy(order.run_dir, artifact))


@pytest.mark.parametrize("ending", ["exit 0", "exit 3", "kill -9 $$"])
def test_files_are_kept_whatever_the_outcome(real: Real, ending: str) -> None:
    body = f"mkdir -p a/b; echo one > a/b/x.log; echo no > a/x.txt; {ending}"
    order, ended = end_of(real, body, "**/*.log")
    (found,) = ended.artifacts
    assert (found.name, found.size, found.note) == ("a/b/x.log", 4, "")
    assert found.sha256 == sha256(b"one\n").hexdigest()
    assert content(order, found) == b"one\n"


def test_files_of_a_run_that_is_ended_by_its_timeout_are_kept(real: Real) -> None:
    _, ended = end_of(real, "echo x > half; sleep 60", "half", timeout_seconds=0.5)
    assert ended.timed_out
    assert told(ended) == {"half": "kept"}


def test_only_files_that_changed_since_the_start_are_kept(real: Real) -> None:
    folder = run_dir(real)
    for name in ("old", "older-content"):
        (folder / name).write_text(name)
        os.utime(folder / name, (HOUR, HOUR))
    # Its times of content are old, as after `cp -p`: the time of its last change in the folder counts.
    (folder / "before").write_text("x")
    until(lambda: _is_a_tick_ago(folder / "before"))
    _, ended = end_of(real, "touch -d '2001-01-01' copied; echo more >> older-content", "*")
    assert told(ended) == {"copied": "kept", "older-content": "kept"}


def _is_a_tick_ago(path: Path) -> bool:
    other = path.with_name("now")
    other.touch()
    try:
        return other.stat().st_ctime_ns - path.stat().st_ctime_ns > 50_000_000
    finally:
        other.unlink()


def test_patterns_follow_the_rules_of_a_shell(real: Real) -> None:
    body = "mkdir -p a/b .h; touch x.log .x.log a/y.log a/b/z.log .h/w.log a/b/.q.log"
    _, ended = end_of(real, body, "**/*.log")
    assert sorted(told(ended)) == ["a/b/z.log", "a/y.log", "x.log"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*", ["x.log"]),
        ("?.log", ["x.log"]),
        ("[wx].log", ["x.log"]),
        ("[!x].log", []),
        ("./x.log", ["x.log"]),
        (".x.log", [".x.log"]),
        (".*", [".x.log"]),
        ("a/**", ["a/b/z.log", "a/y.log"]),
        ("a/*", ["a/y.log"]),
        ("**/b/*", ["a/b/z.log"]),
        ("**", ["a/b/z.log", "a/y.log", "x.log"]),
        ("a/**/**/z.log", ["a/b/z.log"]),
        ("X.LOG", []),
        ("absent/*", []),
    ],
)
def test_each_kind_of_pattern(real: Real, pattern: str, found: list[str]) -> None:
    _, ended = end_of(real, "mkdir -p a/b; touch x.log .x.log a/y.log a/b/z.log", pattern)
    assert sorted(told(ended)) == found


def test_files_of_the_working_folder_have_absolute_names(real: Real) -> None:
    (real.folder / "out").mkdir()
    base = real.folder
    body = f"echo a > {base}/out/a.csv; echo b > {base}/b.csv"
    order, ended = end_of(real, body, f"{base}/out/*.csv", "/etc/*", f"{base}-other/*")
    outside = f"not inside the working folder {base}/"
    assert told(ended) == {"/etc/*": outside, f"{base}-other/*": outside, f"{base}/out/a.csv": "kept"}
    assert content(order, ended.artifacts[-1]) == b"a\n"


def test_nothing_but_files_is_opened_and_links_are_not_followed(real: Real) -> None:
    (real.folder / "secret").write_text("secret")
    body = f"""
        ln -s {real.folder}/secret link; ln -s {real.folder} up; ln -s nowhere broken
        mkfifo pipe; mkdir folder; touch folder/x
        python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
    """
    _, ended = end_of(real, body, "*", "up/secret", "folder")
    link = "a link, and links are not followed"
    assert told(ended) == {
        "broken": link,
        "link": link,
        "up": link,
        "pipe": "a named pipe",
        "socket": "a socket",
        "folder": "a folder; to keep its files, write folder/**",
    }


def test_devices_are_not_opened(real: Real) -> None:
    _, ended = end_of(real, "mknod null c 1 3; mknod disk b 7 0", "*")
    assert told(ended) == {"disk": "a device", "null": "a device"}


def test_a_file_that_is_too_large_is_told_and_others_are_kept(real: Real) -> None:
    _, ended = end_of(real, f"truncate -s {MAX_BYTES + 1} huge; echo x > small", "*")
    found = told(ended)
    assert found["huge"].startswith("too large: 1,073,741,825 bytes, and ")
    assert found["small"] == "kept"


def test_holes_stay_holes(real: Real) -> None:
    order, ended = end_of(real, "truncate -s 50M sparse", "sparse")
    assert told(ended) == {"sparse": "kept"}
    copy = Path(beside(str(order.run_dir), ARTIFACTS)) / "1"
    assert copy.stat().st_size == 50 * 2**20
    assert copy.stat().st_blocks * 512 < 2**20


def test_the_disk_space_that_starts_need_stays_free(real: Real) -> None:
    _, ended = end_of(real, "echo x > a; touch empty", "*", min_free_bytes=2**60)
    assert told(ended) == {"a": "too large: 2 bytes, and 0 are left", "empty": "kept"}


def test_what_exceeds_the_limits_is_counted(real: Real) -> None:
    body = f"seq {MAX_FILES + 5} | xargs touch; mkdir l; seq {MAX_NOTES + 7} | xargs -I@ ln -s x l/@"
    _, ended = end_of(real, body, "*", "l/*")
    found = told(ended)
    assert sum(note == "kept" for note in found.values()) == MAX_FILES
    assert sum("links" in note for note in found.values()) == MAX_NOTES
    assert found[""].startswith("12 more are not kept: the limits are 1,000 files")


def test_names_may_have_any_bytes(real: Real) -> None:
    names = r"""b"caf\xe9", b"new\nline", "\ufffd".encode(), b"\x1b[1m" """
    code = f'import os; [open(os.fsdecode(name), "w") for name in ({names})]'
    _, ended = end_of(real, f"python3 -c '{code}'", "*")
    assert sorted(told(ended)) == sorted(["caf\\xe9", "new\nline", "\\ufffd", "\x1b[1m"])


def test_secrets_in_names_are_masked_and_contents_are_as_they_were(real: Real) -> None:
    order, ended = end_of(
        real,
        "mkdir hunter2hunter2; echo hunter2hunter2 > hunter2hunter2/x",
        "**",
        secrets={"S": "hunter2hunter2"},
    )
    (found,) = ended.artifacts
    assert found.name == "***/x"
    assert content(order, found) == b"hunter2hunter2\n"


def test_a_folder_too_deep_is_told(real: Real) -> None:
    path = "/".join("d" * 40)
    _, ended = end_of(real, f"mkdir -p {path}; touch {path}/x d/x", "**/x")
    assert sorted(told(ended).values()) == ["deeper than 32 folders", "kept"]


def test_a_job_that_puts_something_in_the_place_of_the_copies_changes_nothing(real: Real) -> None:
    store = beside(str(real.folder / "runs" / "job" / "1"), ARTIFACTS)
    _, ended = end_of(real, f"ln -s {real.folder} {store}; echo x > a", "a")
    assert told(ended) == {"a": "kept"}
    assert not Path(store).is_symlink()


def test_nothing_is_left_where_nothing_was_found(real: Real) -> None:
    order, ended = end_of(real, "true", "*.log")
    assert ended.artifacts == ()
    assert not Path(beside(str(order.run_dir), ARTIFACTS)).exists()


@pytest.mark.parametrize("damage", ["list", "gone", "pipe"])
def test_a_list_that_is_not_the_supervisors_is_not_believed(real: Real, damage: str) -> None:
    order, _ = end_of(real, "echo x > a", "a")
    listed = Path(beside(str(order.run_dir), ARTIFACTS)) / "list"
    if damage == "list":
        listed.write_bytes(listed.read_bytes().replace(b'"a"', b'"b"'))
    else:
        listed.unlink()
    if damage == "pipe":
        os.mkfifo(listed)
    ended = real.evidence(order)
    assert isinstance(ended, Ended)
    assert told(ended) == {"": "the list of its artifacts is gone or damaged"}


def test_a_copy_that_was_changed_is_not_given_back(real: Real) -> None:
    order, ended = end_of(real, "echo x > a; echo y > b", "*")
    store = Path(beside(str(order.run_dir), ARTIFACTS))
    first, second = ended.artifacts
    (store / "1").write_text("z\n")
    with pytest.raises(CopyGoneError, match="was changed"):
        content(order, first)
    (store / "2").unlink()
    with pytest.raises(CopyGoneError, match="is gone"):
        content(order, second)
    (store / "2").symlink_to("/etc/passwd")
    with pytest.raises(CopyGoneError, match="cannot be read"):
        content(order, second)


def test_files_that_grow_while_they_are_read_end_the_copy(real: Real) -> None:
    """A process of another session goes on writing: it is ended with the run, so nothing grows after that."""
    order, ended = end_of(real, "setsid sh -c 'while :; do echo more >> grows; done' & sleep 0.2", "grows")
    (found,) = ended.artifacts
    assert found.size == len(content(order, found))


class Stuck:
    """A filter that never comes back, as a read of a disk that does not answer."""

    def feed(self, _: bytes) -> bytes:
        signal.pause()
        return b""

    def rest(self) -> bytes:
        return b""


def test_copying_that_hangs_is_ended(tmp_path: Path) -> None:
    (tmp_path / "run" / "tmp").mkdir(parents=True)
    (tmp_path / "run" / "a").touch()
    order = {
        "run_dir": f"{tmp_path}/run.1",
        "scratch_dir": f"{tmp_path}/run/tmp",
        "working_dir": str(tmp_path),
        "artifacts": ("a",),
        "min_free_bytes": 0,
        "key": KEY,
        "confinement": None,
    }
    copied = copy_apart(order, Stuck(), since_ns=0, must_stop=lambda: True)
    assert copied == Copied(trouble="killed")
    plain = copy_apart(order, Masker(()), since_ns=0, must_stop=lambda: False)
    assert plain == Copied(has_list=True)
    order["run_dir"] = f"{tmp_path}/gone/run.1"
    failed = copy_apart(order, Masker(()), since_ns=0, must_stop=lambda: False)
    assert failed == Copied(trouble="No such file or directory")


NAMES = st.sampled_from(["a", "b", "c"])


@given(st.lists(st.tuples(NAMES, st.integers(1, 3)), unique=True))
def test_the_newest_of_each_name_is_that_of_the_last_end(found: list[tuple[str, int]]) -> None:
    rows = [
        KeptArtifact(attempt=AttemptKey("r", number), artifact=Artifact(name=name, copy=1))
        for name, number in found
    ]
    newest = newest_of(rows)
    assert {one.artifact.name for one in newest} == {name for name, _ in found}
    assert len({one.artifact.name for one in newest}) == len(newest)
    last = {name: number for name, number in found}
    assert {one.artifact.name: one.attempt.number for one in newest} == last
    dropped = KeptArtifact(
        attempt=AttemptKey("r", 1), artifact=Artifact(name="a", copy=1), dropped_at=NOON + timedelta(1)
    )
    assert not dropped.has_copy


def test_of_a_lost_run_the_folder_is_named() -> None:
    lost = replace(a_run(), state=RunState.LOST)
    said = artifacts_to_text(RunArtifacts(run=lost, artifacts=(), is_declared=True), width=None)
    assert (
        f"no files were copied; what it left may be in runs/{lost.id[:2]}/{lost.id} of the state folder"
        in said
    )
    found = replace(lost, resolved=RunState.SUCCEEDED)
    assert "left no artifacts" in artifacts_to_text(
        RunArtifacts(run=found, artifacts=(), is_declared=True), width=None
    )
