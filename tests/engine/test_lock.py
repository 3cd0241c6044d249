"""The engine's lock and key, when something that is no engine holds or changes them."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.core.errors import EngineRunningError, JobfileError, SupersededError
from engine.execution.attendance import abandoned
from engine.host.high_water_mark import HIGH_WATER, find_rewind
from engine.host.keys import KEY, find_key, make_key, read_key
from engine.host.lock import (
    TROUBLE_BYTES,
    EngineLock,
    engine_trouble,
    is_engine_running,
    lock_holder,
)
from engine.host.locked import LOCK
from engine.host.ownership import LOCKS
from tests.engine.real import Holder

TAKES = (
    "import sys; from pathlib import Path; from engine.host.lock import EngineLock\n"
    "lock = EngineLock.take(Path(sys.argv[1])); print(flush=True); sys.stdin.read(); lock.release()"
)


@contextmanager
def other_engine(state: Path) -> Iterator["subprocess.Popen[bytes]"]:
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", TAKES, state], stdin=pipe, stdout=pipe)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def place(state: Path, number: int) -> Path:
    return state / (f"{LOCK}.{number}" if number else LOCK)


def test_a_lock_held_by_a_process_that_is_no_engine_keeps_no_engine_out(tmp_path: Path) -> None:
    with other_engine(tmp_path) as engine:
        assert is_engine_running(tmp_path)
        engine.send_signal(signal.SIGKILL)
        engine.wait()
        with Holder(tmp_path / LOCK):
            assert lock_holder(tmp_path) is None
            lock = EngineLock.take(tmp_path)
            lock.note(ledger="the disk is full")
            assert (is_engine_running(tmp_path), engine_trouble(tmp_path)) == (True, "the disk is full")
            with pytest.raises(EngineRunningError, match=f"process {os.getpid()}"):
                EngineLock.take(tmp_path)
        with pytest.raises(EngineRunningError):  # the first place is free again, and the lock is not
            EngineLock.take(tmp_path)
        assert is_engine_running(tmp_path)
        lock.look_after(tmp_path)
        lock.release()
    assert not is_engine_running(tmp_path)
    EngineLock.take(tmp_path).release()


def scribble(path: Path) -> None:
    path.write_bytes(b"%d\nan engine\n\n\n%d 0 x\n%s\n" % (os.getpid(), os.getpid(), b"0" * 32))


def noise(path: Path) -> None:
    path.write_bytes(os.urandom(5000))


def alter(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"an engine", b"an angine"))


@pytest.mark.parametrize("change", [Path.touch, scribble, alter, noise])
def test_a_process_that_locks_and_writes_like_an_engine_is_not_believed(
    tmp_path: Path, change: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.host.lock.UNNAMED_TRIES", 2)
    EngineLock.take(tmp_path).release()
    change(tmp_path / LOCK)
    with Holder(tmp_path / LOCK):
        assert lock_holder(tmp_path) is None
        EngineLock.take(tmp_path).release()


def test_the_text_of_one_process_is_not_believed_of_another_that_holds_the_lock(tmp_path: Path) -> None:
    """A command that goes on has given it up, and somebody puts its words back."""
    lock = EngineLock.take(tmp_path)
    words = (tmp_path / LOCK).read_bytes()
    lock.release()
    (tmp_path / LOCK).write_bytes(words)
    with Holder(tmp_path / LOCK):
        assert lock_holder(tmp_path) is None


def test_an_engine_puts_right_what_another_process_changed_of_its_lock_and_its_key(tmp_path: Path) -> None:
    lock = EngineLock.take(tmp_path)
    key = find_key(tmp_path)
    for change in (b"", b"x" * TROUBLE_BYTES, b"1\n"):
        (tmp_path / LOCK).write_bytes(change)
        lock.look_after(tmp_path)
        assert is_engine_running(tmp_path)
    path = tmp_path / KEY
    for spoil in (
        path.unlink,
        lambda: path.write_bytes(b"y" * 32),
        lambda: path.chmod(0o644),
        lambda: (path.unlink(), path.symlink_to("/etc/passwd")),
    ):
        spoil()
        lock.look_after(tmp_path)
        assert find_key(tmp_path) == key == lock.key
    lock.release()


def test_of_two_that_take_the_lock_at_once_in_two_places_one_gives_way(tmp_path: Path) -> None:
    """One stood still between its lock and its words, for so long that it was taken for nobody."""
    first = os.open(tmp_path / LOCK, os.O_CREAT | os.O_RDWR)
    fcntl.flock(first, fcntl.LOCK_EX)
    with other_engine(tmp_path) as engine:
        late = EngineLock(first, tmp_path / LOCK, "an engine", make_key(tmp_path))
        late.note()
        other = late._other(tmp_path)
        assert other is not None
        assert other.pid == engine.pid
        with pytest.raises(SupersededError, match=f"process {engine.pid}"):
            late.look_after(tmp_path)
        late.release()


def test_of_many_that_start_at_once_beside_a_held_lock_at_most_one_runs(tmp_path: Path) -> None:
    EngineLock.take(tmp_path).release()
    pipe = subprocess.PIPE
    with Holder(tmp_path / LOCK):
        (tmp_path / LOCK).write_bytes(b"")
        started = [
            subprocess.Popen([sys.executable, "-c", TAKES, tmp_path], stdin=pipe, stdout=pipe, stderr=pipe)
            for _ in range(4)
        ]
        said = [process.stdout.readline() for process in started if process.stdout is not None]
        assert said.count(b"\n") <= 1
        for process in started:
            process.communicate(b"")


def test_where_every_place_is_held_the_processes_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("UNNAMED_TRIES", "LOCK_TRIES"):
        monkeypatch.setattr(f"engine.host.lock.{name}", 1)
    with ExitStack() as stack:
        holders = []
        for number in range(LOCKS):
            place(tmp_path, number).touch()
            holders.append(stack.enter_context(Holder(place(tmp_path, number))))
        with pytest.raises(JobfileError, match=str(holders[-1].pid)):
            EngineLock.take(tmp_path)


def test_the_lock_of_an_engine_of_a_version_without_a_key_is_believed(tmp_path: Path) -> None:
    (tmp_path / LOCK).touch()
    with Holder(tmp_path / LOCK) as held:
        (tmp_path / LOCK).write_bytes(b"%d\nan engine\n\n\n" % held.pid)
        holder = lock_holder(tmp_path)
        assert holder is not None
        assert holder.pid == held.pid


# The key


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    assert find_key(tmp_path) is None
    assert read_key(tmp_path) != read_key(tmp_path), "where there is none, nothing is believed"
    key = make_key(tmp_path)
    assert (len(key), make_key(tmp_path), read_key(tmp_path)) == (32, key, key)
    assert (tmp_path / KEY).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEY]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: (path.write_bytes(b"z" * 32), path.chmod(0o640)),
        lambda path: (path.write_bytes(b"short"), path.chmod(0o600)),
        lambda path: path.symlink_to("/dev/zero"),
        os.mkfifo,
        Path.mkdir,
    ],
    ids=["open", "short", "link", "pipe", "folder"],
)
def test_a_key_that_others_may_have_read_or_made_is_refused(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    spoil(tmp_path / KEY)
    with pytest.raises(JobfileError, match=r"cannot be trusted: .* Delete it"):
        EngineLock.take(tmp_path)
    assert read_key(tmp_path) != read_key(tmp_path)
    assert lock_holder(tmp_path) is None


# What else is read from the state folder

DEEP = b"[" * 100_000
GARBAGE = (
    *(b"", b"\0" * 4096, b"\xff" * 100, DEEP, b"null", b"[]", b"{}", b'"x"', b"1e999", b"NaN"),
    *(b'{"epoch": %s, "covered_until": null}' % value for value in (b"1e999", b"NaN", b"[]", b"-1", b"null")),
    b'{"epoch": %d, "covered_until": null}' % 2**70,
    b'{"epoch": 1' + b"0" * 5_000 + b', "covered_until": null}',
    *(b'{"epoch": 9, "covered_until": %s}' % value for value in (b"5", b'"now"', b'"\\ud800"', DEEP)),
)


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_a_high_water_mark_that_cannot_be_read_is_ignored(tmp_path: Path, garbage: bytes) -> None:
    (tmp_path / HIGH_WATER).write_bytes(garbage)
    assert find_rewind(tmp_path, epoch=0, covered_until=datetime(2026, 1, 1, tzinfo=UTC)) is None


def test_a_high_water_mark_without_a_zone_counts(tmp_path: Path) -> None:
    (tmp_path / HIGH_WATER).write_bytes(b'{"epoch": 3, "covered_until": "2026-01-01"}')
    assert find_rewind(tmp_path, epoch=1, covered_until=datetime(2026, 1, 1, tzinfo=UTC)) is not None


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_a_lock_file_that_nobody_wrote_names_nobody(
    tmp_path: Path, garbage: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.host.lock.UNNAMED_TRIES", 1)
    (tmp_path / LOCK).write_bytes(garbage)
    with (tmp_path / LOCK).open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert lock_holder(tmp_path) is None


def test_files_with_names_that_no_run_has_are_no_requests(tmp_path: Path) -> None:
    (tmp_path / "asked").mkdir()
    for name in (b"\xff\xfe", "ü".encode(), b"run"):
        (tmp_path / "asked" / os.fsdecode(name)).touch()
    assert list(abandoned(tmp_path)) == ["run"]
