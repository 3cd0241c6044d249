"""The two ways to begin an attempt: the compiled one, and the one that stands in for it."""

import ctypes
import errno
import os
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.supervisor import evidence_guard, plain, spawn
from tests.acceptance.engines import children_of
from tests.engine.real import KEY
from tests.engine.supervisors import ROOT, SUPERVISOR
from tests.soak import IS_SOAK

SOURCE = SUPERVISOR / "plain.c"
ROUNDS = 300 if IS_SOAK else 40
LOOK = b"/bin/cat"
CONTENT = b"marker".ljust(4096, b"\0")
PR_GET_DUMPABLE = 3
only_compiled = pytest.mark.parametrize("way", ["vfork"], indirect=True)
"""Of the compiled part alone; what stands in for it is tested where it is: test_launcher.py, tests/faults."""
PAUSES = (0.0, 0.001, 0.005, 0.02)


@pytest.fixture(params=["vfork", "fork"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    assert plain.is_built()
    if request.param == "fork":
        monkeypatch.setattr(plain, "_library", None)
    return str(request.param)


@pytest.fixture
def nothing() -> Iterator[int]:
    handle = os.open(os.devnull, os.O_RDONLY)
    yield handle
    os.close(handle)


def call(nothing: int, *argv: bytes, **about: object) -> spawn.Call:
    values: dict = {"paths": [argv[0]], "argv": argv, "env": [], "folder": b"/", "stdin": nothing} | about
    ended = {name: b"".join(word + b"\0" for word in values[name]) for name in ("paths", "argv", "env")}
    return spawn.Call(**values | ended)


@dataclass(frozen=True)
class Bench:
    """What a supervisor holds when it begins: a place for evidence, acknowledgements, and what rouses it."""

    shelf: Path
    acks: int
    ack: int
    roused: int
    rouses: int

    def begin(self, what: spawn.Call, *, milliseconds: int = 0, **about: object) -> spawn.Begun:
        new, name, control = (os.fsencode(self.shelf / one) for one in ("new", "name", "control"))
        file = os.open(new, os.O_CREAT | os.O_RDWR)
        before = spawn.Before(
            file, new, name, control, os.fsencode(self.shelf), CONTENT, self.ack, b"+0 it\n"
        )
        try:
            return spawn.begin(what, before._replace(**about), self.roused, milliseconds)  # type: ignore[arg-type]
        finally:
            os.close(file)

    def said_by(self, what: spawn.Call) -> tuple[str, int]:
        """What it wrote, and its exit status."""
        begun = self.begin(what)
        os.close(begun.held)
        os.close(begun.handle)
        os.set_blocking(begun.output, True)
        with os.fdopen(begun.output, errors="surrogateescape") as file:
            text = file.read()
        return text, os.waitpid(begun.pid, 0)[1]


@pytest.fixture
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    handles = (*os.pipe(), *os.pipe())
    yield Bench(tmp_path_factory.mktemp("shelf"), *handles)
    for handle in handles:
        os.close(handle)


def line(text: str, name: str) -> str:
    return next(one.split(":\t")[1] for one in text.splitlines() if one.startswith(f"{name}:"))


def test_a_job_gets_what_it_is_given_and_nothing_else(nothing: int, bench: Bench, tmp_path: Path) -> None:
    script = b'echo "$0|$1|$A|$PWD"; env | wc -l; ls /proc/self/fd | tr "\\n" " "; readlink /proc/self/fd/0'
    about = call(
        nothing,
        b"/bin/sh",
        b"-c",
        script,
        b"\xff name",
        b"",
        env=[b"A=x=y\xfe"],
        folder=os.fsencode(tmp_path),
    )
    text, status = bench.said_by(about)
    first, count, handles = os.fsencode(text).splitlines()
    assert status == 0
    assert first == b"\xff name||x=y\xfe|" + os.fsencode(tmp_path)
    assert int(count) == 2, "A, and the PWD that the shell sets"
    *numbers, leads_to = handles.decode().split()
    assert leads_to == "/dev/null"
    ours = {number for number in numbers if int(number) > 3 and os.get_inheritable(int(number))}
    assert set(numbers) - ours == {"0", "1", "2", "3"}, "3 is the folder that ls reads"


def test_a_job_leads_a_group_of_its_own(nothing: int, bench: Bench) -> None:
    text, _ = bench.said_by(call(nothing, LOOK, b"/proc/self/stat"))
    pid, group = text.split()[0], text.split()[4]
    assert pid == group != str(os.getpgrp())


@pytest.mark.parametrize("late", [0.0, 0.001, 3600.0])
def test_what_is_begun_too_late_is_not_executed(nothing: int, bench: Bench, late: float) -> None:
    """A marker may take long to reach the disk; then nothing is acknowledged, and the caller removes it."""
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    with pytest.raises(spawn.NotBegunError) as failed:
        bench.begin(
            call(nothing, b"/bin/touch", b"/bin/touch", b"%b/it" % os.fsencode(bench.shelf)),
            start_by=int((now - late) * 1e6),
        )
    assert (failed.value.stage, failed.value.problem) == (spawn.AT_MARKER, errno.ETIME)
    assert sorted(one.name for one in bench.shelf.iterdir()) == ["name"]
    assert not select.select([bench.acks], [], [], 0)[0]


def test_what_is_begun_in_time_is_executed(nothing: int, bench: Bench) -> None:
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    begun = bench.begin(call(nothing, b"/bin/true"), start_by=int((now + 3600) * 1e6))
    for handle in (begun.held, begun.handle, begun.output):
        os.close(handle)
    assert os.waitpid(begun.pid, 0)[1] == 0
    assert select.select([bench.acks], [], [], 0)[0]


def test_a_job_dies_with_its_supervisor(tmp_path: Path, way: str) -> None:
    """Also when it is killed while the job is being made: here over and over, at some instant of it."""
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "from engine.supervisor import plain, spawn\n"
        f"{'' if way == 'vfork' else 'plain.leave_out()'}\n"
        "null = os.open('/dev/null', os.O_RDWR)\n"
        f"call = spawn.Call(b'/bin/sleep\\0', b'{tmp_path.name}\\0' b'600\\0', b'', b'/', null)\n"
        "print(flush=True)\n"
        "new = os.fsencode(sys.argv[2])\n"
        "while True:\n"
        "    file = os.open(new, os.O_CREAT | os.O_RDWR)\n"
        "    before = spawn.Before(file, new, new + b'.', b'/away', b'/', b'x', null, b'+')\n"
        "    for one in (file, *spawn.begin(call, before, null, 0)[1:4]): os.close(one)\n"
    )
    for pause in PAUSES:
        supervisor = subprocess.Popen(
            [sys.executable, "-c", code, str(ROOT), tmp_path / "marker"],
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert supervisor.stdout is not None
        supervisor.stdout.readline()
        time.sleep(pause)
        while pause == PAUSES[-1] and not running(tmp_path.name):
            time.sleep(0.01)
        supervisor.kill()
        supervisor.wait()
        supervisor.stdout.close()
        deadline = time.monotonic() + 20
        while left := running(tmp_path.name):
            assert time.monotonic() < deadline, left
            time.sleep(0.01)


def running(name: str) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if entry.read_bytes().startswith(name.encode() + b"\0"):
                found.append(entry.parent.name)
        except OSError:
            continue
    return found


def test_a_job_blocks_no_signal_and_inherits_no_handler(nothing: int, bench: Bench) -> None:
    before = signal.signal(signal.SIGUSR2, lambda _number, _frame: None)
    try:
        text, _ = bench.said_by(call(nothing, LOOK, b"/proc/self/status"))
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert (int(line(text, "SigBlk"), 16), int(line(text, "SigCgt"), 16)) == (0, 0)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set(), "nor does its supervisor, after it"


def test_a_job_has_the_umask_and_the_limit_of_a_core_that_are_ordered_and_its_supervisor_keeps_its_own(
    nothing: int, bench: Bench
) -> None:
    before = (os.umask(0o077), resource.getrlimit(resource.RLIMIT_CORE))
    try:
        for umask, core in ((0, (0, 0)), (0o027, (1024, 4096)), (0o777, (0, 4096))):
            about = call(nothing, b"/bin/sh", b"-c", b"umask; ulimit -Sc; ulimit -Hc", umask=umask, core=core)
            text, _ = bench.said_by(about)
            blocks = [int(one) for one in text.split()[1:]]
            assert (int(text.split()[0], 8), blocks) == (umask, [one // 512 for one in core])
        assert (os.umask(0o077), resource.getrlimit(resource.RLIMIT_CORE)) == (0o077, before[1])
    finally:
        os.umask(before[0])


@pytest.mark.parametrize("may_gain_rights", [False, True])
def test_a_job_gains_no_rights_unless_that_is_ordered(
    nothing: int, bench: Bench, *, may_gain_rights: bool
) -> None:
    script = b"grep NoNewPrivs /proc/self/status"
    text, _ = bench.said_by(call(nothing, b"/bin/sh", b"-c", script, may_gain_rights=may_gain_rights))
    assert text.split() == ["NoNewPrivs:", "0" if may_gain_rights else "1"]
    mine = Path("/proc/self/status").read_text()
    assert "NoNewPrivs:\t0" in mine, "its supervisor goes on as it was"


OF_GLIBC = 1 << 31 | 1 << 32
"""Signals 32 and 33: glibc keeps them for its threads, leaves them ignored in what posix_spawn(3) starts, and
changes them for nobody.
"""
CHANGEABLE = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})


@pytest.mark.parametrize("number", CHANGEABLE)
def test_a_job_ignores_no_signal_that_its_supervisor_ignores_or_blocks(
    nothing: int, bench: Bench, number: int
) -> None:
    before = signal.getsignal(number)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [number])
    # A child that nobody waits for could not be waited for here, either.
    signal.signal(number, before if number == signal.SIGCHLD else signal.SIG_IGN)
    try:
        text, _ = bench.said_by(call(nothing, LOOK, b"/proc/self/status"))
        assert number in signal.pthread_sigmask(signal.SIG_BLOCK, []), "its supervisor goes on as before"
    finally:
        signal.signal(number, signal.SIG_DFL if before is None else before)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    masks = [int(line(text, name), 16) for name in ("SigBlk", "SigIgn", "SigCgt")]
    assert [mask & ~OF_GLIBC for mask in masks] == [0, 0, 0]


def test_a_supervisor_that_is_signalled_meanwhile_goes_on_and_its_jobs_are_whole(
    nothing: int, bench: Bench
) -> None:
    """A handler that ran in the new process would run in the supervisor's memory."""
    heard: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda _number, _frame: heard.append(os.getpid()))
    signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
    try:
        ended = [bench.said_by(call(nothing, b"/bin/true"))[1] for _ in range(ROUNDS)]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert set(ended) == {0}
    assert heard, "it was signalled"
    assert set(heard) == {os.getpid()}


@pytest.mark.parametrize("way", ["fork"], indirect=True)
def test_a_signal_that_comes_to_a_process_before_its_program_is_not_swallowed(
    nothing: int, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only here can something be done in that instant; in the compiled way it is the same steps."""
    monkeypatch.setattr(spawn.os, "chdir", lambda _folder: os.kill(os.getpid(), signal.SIGUSR2))
    before = signal.signal(signal.SIGUSR2, lambda _number, _frame: None)
    try:
        _, status = bench.said_by(call(nothing, b"/bin/true"))
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGUSR2


def test_what_cannot_be_executed_is_shown_with_its_stage_and_leaves_nothing(
    nothing: int, bench: Bench, tmp_path: Path
) -> None:
    plain = tmp_path / "plain"
    plain.write_text("echo never")
    folder, here = os.fsencode(tmp_path), os.fsencode(plain)
    cases = [
        (call(nothing, b"/bin/true", folder=folder + b"/away"), spawn.AT_FOLDER, errno.ENOENT),
        (call(nothing, b"/bin/true", folder=here), spawn.AT_FOLDER, errno.ENOTDIR),
        (
            call(nothing, b"no-such", paths=[folder + b"/a", folder + b"/b"]),
            spawn.AT_PROGRAM,
            errno.ENOENT,
        ),
        (call(nothing, b"no-such", paths=[]), spawn.AT_PROGRAM, errno.ENOENT),
        (call(nothing, b"plain", paths=[here, folder + b"/b"]), spawn.AT_PROGRAM, errno.EACCES),
        (call(nothing, b"/bin/true", b"x" * 200_000), spawn.AT_PROGRAM, errno.E2BIG),
    ]
    before = set(children_of(os.getpid()))  # of other tests in this process
    for what, stage, problem in cases:
        with pytest.raises(spawn.NotBegunError) as failed:
            bench.said_by(what)
        assert (failed.value.stage, failed.value.problem) == (stage, problem)
        assert set(children_of(os.getpid())) <= before


def test_evidence_that_does_not_last_is_reported_before_anything_else(nothing: int, bench: Bench) -> None:
    cases = [
        ({"file": bench.rouses}, errno.ESPIPE),
        ({"new": b"/away/new"}, errno.ENOENT),
        ({"name": b"/away/name"}, errno.ENOENT),
        ({"shelf": b"/away"}, errno.ENOENT),
    ]
    for about, problem in cases:
        with pytest.raises(spawn.NotBegunError) as failed:
            bench.begin(call(nothing, b"/bin/true"), **about)
        assert (failed.value.stage, failed.value.problem) == (spawn.AT_MARKER, problem)
    os.set_blocking(bench.acks, False)
    with pytest.raises(BlockingIOError):
        os.read(bench.acks, 1)


def test_evidence_is_whole_and_in_its_place_before_anything_is_executed(nothing: int, bench: Bench) -> None:
    place = os.fsencode(bench.shelf)
    text, _ = bench.said_by(
        call(nothing, b"/bin/sh", b"-c", b"ls; head -c 6 name; wc -c < name", folder=place)
    )
    assert text.split() == ["name", "marker4096"]


def test_a_request_that_is_there_already_ends_the_first_wait(nothing: int, bench: Bench) -> None:
    (bench.shelf / "control").write_text("cancel\n")
    begun = bench.begin(call(nothing, b"/bin/sleep", b"60"), milliseconds=60_000)
    assert (begun.has_output, begun.has_ended, begun.is_roused) == (0, 0, 0)
    end(begun)


def test_the_order_is_acknowledged_and_the_first_wait_ends_with_what_came_first(
    nothing: int, bench: Bench
) -> None:
    talks = call(nothing, b"/bin/sh", b"-c", b"echo hello; sleep 60")
    ends = call(nothing, b"/bin/true")
    sleeps = call(nothing, b"/bin/sleep", b"60")
    found = [bench.begin(what, milliseconds=60_000) for what in (talks, ends)]
    found.append(bench.begin(sleeps, milliseconds=1))
    os.write(bench.rouses, b"x")
    found.append(bench.begin(sleeps, milliseconds=60_000))
    flags = [(bool(one.has_output), bool(one.has_ended), bool(one.is_roused)) for one in found]
    assert flags == [(True, False, False), (False, True, False), (False,) * 3, (False, False, True)]
    assert os.read(bench.acks, 1000) == b"+0 it\n" * 4
    assert [end(one) for one in found] == [b"hello\n", b"", b"", b""]


def end(begun: spawn.Begun) -> bytes:
    """Kill it; what it wrote. Reading that does not block, and ends when its writers do.

    One that is just being executed still has what others have, for an instant.
    """
    assert not os.get_blocking(begun.output)
    signal.pidfd_send_signal(begun.handle, signal.SIGKILL)
    assert os.waitpid(begun.pid, 0)[0] == begun.pid
    os.close(begun.held)
    assert select.select([begun.output], [], [], 20)[0]
    text = os.read(begun.output, 100)
    os.close(begun.output)
    os.close(begun.handle)
    return text


def test_an_acknowledgement_that_nobody_reads_does_no_harm(nothing: int, bench: Bench) -> None:
    read, write = os.pipe()
    os.close(read)
    begun = bench.begin(call(nothing, b"/bin/true"), acks=write, milliseconds=60_000)
    os.close(write)
    assert begun.has_ended
    end(begun)


def test_the_first_place_that_can_be_executed_is_taken(nothing: int, bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "true").write_text("no program")
    places = [os.fsencode(tmp_path / "away"), os.fsencode(tmp_path / "true"), b"/bin/echo", b"/bin/false"]
    assert bench.said_by(call(nothing, b"echo", b"hello", paths=places)) == ("hello\n", 0)


def test_where_no_process_can_be_made_that_is_reported(way: str) -> None:
    """The limit counts a user's processes, and does not hold root back: so somebody else asks."""
    code = (
        "import os, resource, sys, tempfile; sys.path.insert(0, sys.argv[1])\n"
        "from engine.supervisor import plain, spawn\n"
        f"{'' if way == 'vfork' else 'plain.leave_out()'}\n"
        "if os.getuid() == 0: os.setgid(64123); os.setuid(64123)\n"
        "resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))\n"
        "null = os.open('/dev/null', os.O_RDWR)\n"
        "call = spawn.Call(b'/bin/true\\0', b'true\\0', b'', b'/', null)\n"
        "file, new = tempfile.mkstemp(); new = new.encode()\n"
        "before = spawn.Before(file, new, new, b'/away', b'/', b'x', null, b'+')\n"
        "try: spawn.begin(call, before, null, 0)\n"
        "except spawn.NotBegunError as problem: print(problem.stage, problem.problem)\n"
        "os.unlink(new)\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(ROOT)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout.split(), done.stderr) == ([str(spawn.AT_PROCESS), str(errno.EAGAIN)], "")


def test_a_job_of_a_spared_engine_is_not_spared_and_its_supervisor_stays_closed(
    nothing: int, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A supervisor that could be looked into would show secrets: what a job opens is closed again."""
    monkeypatch.setattr(spawn, "_is_spared", True)
    prctl, was = ctypes.CDLL(None).prctl, Path("/proc/self/oom_score_adj").read_text()
    Path("/proc/self/oom_score_adj").write_text("7")
    prctl(spawn._PR_SET_DUMPABLE, 0, 0, 0, 0)
    try:
        text, _ = bench.said_by(call(nothing, LOOK, b"/proc/self/oom_score_adj"))
        assert prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0
    finally:
        prctl(spawn._PR_SET_DUMPABLE, 1, 0, 0, 0)
        Path("/proc/self/oom_score_adj").write_text(was)
    assert text == "0\n"


@only_compiled
def test_plain_refuses_an_unusual_case_without_side_effects(tmp_path: Path) -> None:
    run, scratch, new, name = (os.fsencode(tmp_path / one) for one in ("run", "run/tmp", "new", "name"))

    def take(**other: bytes) -> int:
        return int(plain.take(**{"run": run, "scratch": scratch, "new": new, "name": name} | other))

    assert take(run=b"/away/run") == -1
    assert take(new=b"/away/new") == -1
    assert take(name=os.fsencode(tmp_path / "new" / "below")) == -1, (
        "whatever cannot be told apart from there"
    )
    Path(os.fsdecode(name)).touch()
    assert take() == -1, "it is executed"
    Path(os.fsdecode(name)).unlink()
    file = take()
    assert file >= 0
    assert os.fstat(file).st_ino == os.stat(new).st_ino
    assert os.path.isdir(scratch)
    assert take() == -1, "somebody holds it"
    os.unlink(new)
    other = take()
    assert other >= 0, "that was another file"
    os.close(file)
    os.close(other)


@only_compiled
def test_evidence_that_is_not_as_it_was_is_not_whole(tmp_path: Path) -> None:
    place, folder = tmp_path / "name", tmp_path / "folder"
    file = os.open(place, os.O_CREAT | os.O_RDWR, 0o600)
    os.write(file, CONTENT)

    def is_whole() -> bool:
        return bool(plain.is_whole(file, os.fsencode(place), b"marker", os.fsencode(folder)))

    assert is_whole()
    folder.mkdir(mode=0o700)
    assert is_whole()
    folder.chmod(0o500)
    assert not is_whole()
    folder.chmod(0o700)
    os.pwrite(file, b"M", 0)
    assert not is_whole()
    os.pwrite(file, b"m", 0)
    assert is_whole()
    place.chmod(0)
    assert not is_whole()
    place.chmod(0o600)
    folder.rename(tmp_path / "folder-aside")
    folder.symlink_to("folder-aside")
    assert not is_whole()
    folder.unlink()
    place.rename(tmp_path / "aside")
    assert not is_whole()
    place.symlink_to("aside")
    assert not is_whole()
    place.unlink()
    place.write_bytes(CONTENT)
    assert not is_whole()
    os.close(file)


@only_compiled
def test_the_end_of_a_process_is_taken_in_with_what_is_left_of_it(nothing: int, bench: Bench) -> None:
    """Run by somebody who has no other child, and is given those that lost their parents."""
    code = (
        "import ctypes, os, sys; sys.path.insert(0, sys.argv[1])\n"
        "from engine.supervisor import plain, spawn\n"
        "ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)\n"
        "null = os.open('/dev/null', os.O_RDWR)\n"
        "for text in sys.argv[3:]:\n"
        "    new = os.fsencode(sys.argv[2]); file = os.open(new, os.O_CREAT | os.O_RDWR)\n"
        "    words = os.fsencode(f'sh\\0-c\\0{text}\\0')\n"
        "    call = spawn.Call(b'/bin/sh\\0', words, b'PATH=/bin\\0', b'/', null)\n"
        "    before = spawn.Before(file, new, new + b'.', b'/away', b'/', b'x', null, b'+')\n"
        "    begun = spawn.begin(call, before, null, 60000)\n"
        "    os.waitid(os.P_PID, begun.pid, os.WEXITED | os.WNOWAIT)\n"
        "    ended = plain.reap(begun.pid, begun.held, begun.output)\n"
        "    assert ended.max_rss_kb > 100 and 0 < ended.cpu_microseconds < 10_000_000\n"
        "    print(os.waitstatus_to_exitcode(ended.status), ended.is_quiet, ended.is_alone)\n"
        "    if not ended.is_alone: os.killpg(begun.pid, 9)\n"
    )
    marker = bench.shelf / "marker"
    texts = ("exit 3", "echo hello", "kill -9 $$", "exec > /dev/null 2>&1; sleep 60 &", "sleep 60 &")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, ROOT, marker, *texts],
        capture_output=True,
        text=True,
        check=True,
    )
    said = [tuple(map(int, one.split())) for one in done.stdout.splitlines()]
    assert said == [(3, 1, 1), (0, 0, 1), (-9, 1, 1), (0, 1, 0), (0, 0, 0)]


@only_compiled
def test_a_supervisor_that_is_signalled_while_it_waits_for_an_end_waits_on(
    nothing: int, bench: Bench
) -> None:
    """Where it is traced, a process has ended some time before it can be waited for."""
    begun = bench.begin(call(nothing, b"/bin/sh", b"-c", b"sleep 0.3; exit 3"))
    heard: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _frame: heard.append(number))
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    try:
        ended = plain.reap(begun.pid, begun.held, begun.output)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert heard, "it was signalled"
    assert (os.waitstatus_to_exitcode(ended.status), ended.is_quiet) == (3, 1)
    with pytest.raises(ChildProcessError):
        plain.reap(begun.pid, begun.held, begun.output)
    os.close(begun.output)
    os.close(begun.handle)


def test_what_another_supervisor_put_in_place_is_not_taken_away(tmp_path: Path) -> None:
    """One stood still when it had taken its evidence; that was swept away, and another took its place."""
    names = (os.fsencode(f"{tmp_path}/ab/run.1"), os.fsencode(f"{tmp_path}/ab/run/tmp"), KEY)
    os.mkdir(tmp_path / "ab")
    first, second = evidence_guard.HeldEvidence(*names), evidence_guard.HeldEvidence(*names)
    assert first.take({})
    before = first.before({"at": 1}, 0, b"")
    os.unlink(before.new)
    assert second.take({})
    os.rename(before.new, before.name)
    first.unmark()
    assert os.path.exists(before.name)
    second.unmark()
    assert not os.path.exists(before.name)
    first.close()
    second.close()


def test_the_compiled_part_gives_no_warning(tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    assert compiler is not None
    strict = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-shared", "-fPIC")
    subprocess.run([compiler, *strict, "-o", tmp_path / "plain.so", SOURCE], check=True)


def test_both_ways_take_the_steps_of_the_readme_in_order() -> None:
    rows = re.findall(r"^\| (\d+) \|", (SUPERVISOR / "README.md").read_text(), re.MULTILINE)
    assert [int(row) for row in rows] == list(range(1, len(rows) + 1))
    for name, inside in (("spawn.py", "def _become"), ("plain.c", "static int become")):
        text = (SUPERVISOR / name).read_text()
        steps = [(int(found[1]), found.start()) for found in re.finditer(r"\bstep (\d+)\b", text)]
        assert sorted(number for number, _ in steps) == list(range(1, len(rows) + 1)), name
        begin = text.index(inside)
        end = text.index("\n}" if name.endswith(".c") else "\n\n\n", begin)
        child = [number for number, at in steps if begin < at < end]
        parent = [number for number, at in steps if not begin < at < end]
        assert child == sorted(child) == list(range(5, 13)), name
        assert parent == sorted(parent), name
