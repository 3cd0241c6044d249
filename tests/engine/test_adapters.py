"""Locks, hints, the note beside the ledger, the journal, and what is told."""

import json
import os
import re
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest

from engine.core.errors import EngineRunningError, JobfileError
from engine.core.events import (
    AttemptStarted,
    BackfillEnded,
    ConfigAccepted,
    ConfigRejected,
    DoneByOthers,
    EngineStopped,
    EngineWasAway,
    Event,
    FellDueUnseen,
    GenerationApplied,
    LoopFailed,
    NotRunTold,
    NotShown,
    RunSettled,
    RunWaits,
)
from engine.core.lifecycle import RunState
from engine.core.reasons import Reason
from engine.core.vocabulary import seconds_text
from engine.execution.run_folders import make_runs_dir
from engine.host.high_water_mark import find_rewind, note_high_water
from engine.host.lock import EngineLock, file_system, is_engine_running, make_private_file, make_state_dir
from engine.host.wake import MANY_WAKES, PAUSE_SECONDS, WakePipe, poke
from engine.journal.ecs import action_of, event_to_ecs
from engine.journal.file import LogFile
from engine.journal.lines import event_json, event_text
from engine.journal.shown import Form, Shown, lost_line
from engine.journal.stream import EventStream
from engine.testing import FakeClock
from tests.builders import HOUR, NOON, a_run
from tests.known import ROOT


def test_one_engine_holds_the_lock_and_the_second_names_it(tmp_path: Path) -> None:
    assert not is_engine_running(tmp_path)
    lock = EngineLock.take(tmp_path)
    assert is_engine_running(tmp_path)
    with pytest.raises(EngineRunningError, match=str(os.getpid())):
        EngineLock.take(tmp_path)
    lock.release()
    assert not is_engine_running(tmp_path)
    EngineLock.take(tmp_path).release()


def test_asking_whether_an_engine_runs_keeps_none_from_starting(tmp_path: Path) -> None:
    EngineLock.take(tmp_path).release()
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            is_engine_running(tmp_path)

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for thread in asking:
        thread.start()
    try:
        for _ in range(30):
            EngineLock.take(tmp_path).release()
    finally:
        is_over.set()
        for thread in asking:
            thread.join()


def test_the_state_folder_is_closed_to_others_and_to_git(tmp_path: Path) -> None:
    state = tmp_path / "a" / "state"
    make_state_dir(state)
    make_state_dir(state)
    make_private_file(state / "ledger.db")
    assert state.stat().st_mode & 0o777 == 0o700
    assert (state / "ledger.db").stat().st_mode & 0o777 == 0o600
    assert (state / ".gitignore").read_text().endswith("*\n")


def test_a_state_folder_that_is_a_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(JobfileError, match="--state"):
        make_state_dir(tmp_path / "state")


def test_every_line_through_the_wake_pipe_arrives(tmp_path: Path) -> None:
    poke(tmp_path)  # nobody is there: nothing happens
    heard: list[str] = []
    pipe = WakePipe(tmp_path, heard.append)
    for number in range(200):
        poke(tmp_path, f"run-{number}")
        if number % 70 == 0:
            pipe.wait(10)
    pipe.wait(10)
    assert heard == [f"run-{number}" for number in range(200)]
    pipe.close()


def test_a_line_that_comes_in_two_parts_is_one(tmp_path: Path) -> None:
    heard: list[str] = []
    pipe = WakePipe(tmp_path, heard.append)
    writer = os.open(pipe.path, os.O_WRONLY)
    for part, so_far in ((b"run-", []), (b"1\nrun-2", ["run-1"]), (b"\n", ["run-1", "run-2"])):
        os.write(writer, part)
        pipe.wait(10)
        assert heard == so_far
    os.close(writer)
    pipe.close()


def test_a_line_that_another_process_has_read_is_only_a_lost_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    pipe = WakePipe(tmp_path, heard.append)
    monkeypatch.setattr(pipe, "_poll", SimpleNamespace(poll=lambda _milliseconds: [(0, 0)]))
    pipe.wait(10)
    poke(tmp_path, "run-1")
    pipe.wait(10)
    assert heard == ["run-1"]
    pipe.close()


def test_a_wait_at_the_wake_pipe_ends_from_another_thread_without_a_line(
    tmp_path: Path,
) -> None:
    heard: list[str] = []
    pipe = WakePipe(tmp_path, heard.append)
    waiting = threading.Thread(target=pipe.wait, args=(60,))
    waiting.start()
    pipe.wake()
    waiting.join(10)
    assert not waiting.is_alive()
    pipe.wait(0)
    for _ in range(70_000):  # more than a pipe holds: what is full wakes, too
        pipe.wake()
    pipe.wait(60)
    assert heard == []
    pipe.close()
    pipe.wake()  # when it is closed it is nobody else's


def test_a_ledger_behind_its_note_is_found_out(tmp_path: Path) -> None:
    assert find_rewind(tmp_path, epoch=0, covered_until=None) is None
    note_high_water(tmp_path, epoch=3, covered_until=NOON)
    assert find_rewind(tmp_path, epoch=3, covered_until=NOON) is None
    assert find_rewind(tmp_path, epoch=4, covered_until=NOON + HOUR) is None
    for epoch, covered in ((2, NOON), (3, NOON - timedelta(seconds=1)), (3, None)):
        found = find_rewind(tmp_path, epoch=epoch, covered_until=covered)
        assert found is not None
        assert (found.epoch, found.covered_until) == (3, NOON)
        assert "older copy" in found.message
    (tmp_path / "high_water").write_text("torn")
    assert find_rewind(tmp_path, epoch=0, covered_until=None) is None


RUN = a_run(id="a1b2c3d4" * 4, attempt=2)
TOLD = [
    (ConfigAccepted(running=3), "          the files are valid again; generation 3 stays in force"),
    (NotShown(count=7), "          7 lines were not shown, because the reader was too slow; see engine.log"),
    (
        DoneByOthers(actor="anna", action="pause", object="nightly", detail="noisy"),
        "          nightly paused by anna: noisy",
    ),
    (
        DoneByOthers(actor="anna", action="cancel", object="0" * 32, detail="too slow"),
        "          run 00000000 cancelled by anna: too slow",
    ),
    (
        DoneByOthers(actor="anna", action="apply", object="generation 4", detail="2 jobs; + a"),
        "          generation 4 applied by anna: 2 jobs; + a",
    ),
    (
        DoneByOthers(actor="nobody at 10.0.0.1", action="call refused", object="signup", detail="not proven"),
        "          call refused: signup, nobody at 10.0.0.1: not proven",
    ),
    (
        GenerationApplied(number=2, added=("a",), changed=("b", "c"), removed=(), jobs=3),
        "          generation 2 applied: 3 jobs; + a  ~ b, c",
    ),
    (
        ConfigRejected(running=1, diagnostics=("jobs.yaml:4:5: error JF101: unknown key",)),
        "          job files rejected, generation 1 stays in force:\n"
        "  jobs.yaml:4:5: error JF101: unknown key",
    ),
    (AttemptStarted(run=RUN, number=1, late_seconds=75), "a1b2c3d4  hello  started, 1m15s late"),
    (
        RunSettled(run=a_run(id=RUN.id, state=RunState.FAILED, reason="exit(7)"), number=1, seconds=2.04),
        "a1b2c3d4  hello  failed after 2.0s: exit code 7",
    ),
    (
        NotRunTold(
            job="hello",
            first_at=NOON,
            last_at=NOON + HOUR,
            count=60,
            state=RunState.SKIPPED,
            reason="superseded",
        ),
        "          hello  60 runs skipped: a later one runs instead",
    ),
    (
        RunWaits(run=a_run(id=RUN.id, reason="overlap")),
        "a1b2c3d4  hello  waits: blocked by another run",
    ),
    (
        EngineWasAway(
            since=NOON, until=NOON + 2 * HOUR, jobs=2, occurrences=3, because=Reason.ENGINE_DOWN.value
        ),
        "          3 runs of 2 jobs fell due in the 2h since 2026-03-05 12:00:00Z: "
        "the engine was not running",
    ),
    (
        FellDueUnseen(job="hello", count=1, last_at=NOON),
        "          hello  1 run fell due while no engine was awake",
    ),
    (
        BackfillEnded(job="hello", id=7, because="finished"),
        "          hello  backfill 7 is over: each of its runs is over",
    ),
    (EngineStopped(running=2), "          engine stopped; 2 still running"),
    (LoopFailed(loop="worker", message="the ledger is busy"), "          worker: the ledger is busy"),
]


@pytest.mark.parametrize(
    ("event", "line"), TOLD, ids=[f"{index}-{type(event).__name__}" for index, (event, _) in enumerate(TOLD)]
)
def test_events_are_reported_in_one_line_and_as_json(event: Event, line: str) -> None:
    assert event_text(event) == line
    told = json.loads(json.dumps(event_json(event, at=NOON)))
    assert (told["event"], told["at"]) == (type(event).__name__, NOON.isoformat())


@pytest.mark.parametrize("event", [event for event, _ in TOLD], ids=[str(n) for n in range(len(TOLD))])
def test_a_collector_gets_the_line_the_fields_and_what_it_is_about(event: Event) -> None:
    found = json.loads(json.dumps(event_to_ecs(event, at=NOON)))
    plain = json.loads(json.dumps(event_json(event, at=NOON)))
    assert found["jobfile"] == {name: value for name, value in plain.items() if name not in ("at", "event")}
    assert found["@timestamp"] == NOON.isoformat()
    assert found["message"] == " ".join(event_text(event).split())
    assert found["log.level"] in ("info", "warn", "error")
    assert re.fullmatch("[a-z]+(-[a-z]+)*", found["event.action"])
    run = plain.get("run")
    if isinstance(run, dict):
        assert found["labels"] == {"job": run["job"], "run_id": run["id"]}
        assert found["trace.id"] == run["id"]


def test_the_end_of_a_run_has_its_outcome_and_its_length() -> None:
    def ecs(state: RunState) -> dict[str, object]:
        return event_to_ecs(RunSettled(run=a_run(state=state), number=1, seconds=1.5), at=NOON)

    good, bad, neither = ecs(RunState.SUCCEEDED), ecs(RunState.FAILED), ecs(RunState.CANCELLED)
    assert [one["event.outcome"] for one in (good, bad, neither)] == ["success", "failure", "unknown"]
    assert [one["log.level"] for one in (good, bad, neither)] == ["info", "warn", "info"]
    assert good["event.duration"] == 1_500_000_000


def test_the_fields_for_collectors_are_documented_and_no_two_events_share_an_action() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text().partition("## Logs")[2]
    documented = set(
        re.findall(r"`([a-z@_.]+)`", "".join(re.findall(r"^\| (`.*?`) \| ", page, re.MULTILINE)))
    )
    events = [event_to_ecs(event, at=NOON) for event, _ in TOLD]
    used = {name for one in events for name in one} - {"jobfile", "labels"}
    assert used <= documented
    kinds = get_args(Event)
    assert len({action_of(one.__name__) for one in kinds}) == len(kinds)


def test_every_event_is_documented_with_its_fields() -> None:
    page = (ROOT / "docs" / "events.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| .*\S.* \| (.*) \|$", page, re.MULTILINE)
    documented = {name: re.findall(r"`(\w+)`", fields) for name, fields in rows}
    assert len(documented) == len(rows)
    assert documented == {one.__name__: list(one.__dataclass_fields__) for one in get_args(Event)}


@pytest.mark.parametrize("form", get_args(Form))
def test_a_console_says_itself_how_many_lines_it_lost(form: Form) -> None:
    shown: list[str] = []
    Shown(shown.append, form=form).take([NotShown(count=7)], NOON)
    assert lost_line(7, NOON, form=form) == shown[0]


def test_foreign_text_cannot_steer_the_terminal(tmp_path: Path) -> None:
    shown: list[str] = []
    journal = EventStream(LogFile(tmp_path / "log"), Shown(shown.append), clock=FakeClock(NOON))
    journal.report(LoopFailed(loop="worker", message="\x1b[2Jgone\u202e"))
    assert "\x1b" not in "".join(shown)
    assert "\u202e" not in "".join(shown)
    assert json.loads((tmp_path / "log").read_text())["message"] == "\x1b[2Jgone\u202e"


def test_a_journal_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    journal = EventStream(LogFile(tmp_path / "no" / "log"), clock=FakeClock(NOON))
    journal.report(EngineStopped(running=0))


class Broken:
    """A sink with a bug."""

    name = "broken"

    def take(self, events: Sequence[Event], now: datetime) -> None:
        raise RuntimeError("oops")


def test_a_sink_with_a_bug_is_left_out_and_the_others_say_so() -> None:
    first: list[str] = []
    last: list[str] = []
    stream = EventStream(Shown(first.append), Broken(), Shown(last.append), clock=FakeClock(NOON))
    for number in range(3):
        stream.report(EngineStopped(running=number), EngineStopped(running=number))
    assert first == last
    assert len("".join(first).splitlines()) == 7
    assert sum("sink broken: RuntimeError: oops (a bug in jobfile)" in one for one in first) == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0154, "15ms"), (2.14, "2.1s"), (42.4, "42s"), (245, "4m5s"), (7800, "2h10m"), (3599.7, "1h")],
)
def test_lengths_of_time_read_well(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


def test_the_folders_of_runs_are_spread_where_the_file_system_can_do_that(tmp_path: Path) -> None:
    """By lsattr(1)'s flag T on ext4; elsewhere, as on a tmpfs, there is only the folder."""
    memory = Path("/dev/shm") / f"jobfile-test-{os.getpid()}"
    for runs in (tmp_path / "runs", memory):
        try:
            make_runs_dir(runs)
            make_runs_dir(runs)
            assert runs.stat().st_mode & 0o777 == 0o700
            shown = subprocess.run(["lsattr", "-d", runs], capture_output=True, text=True)
            flags = shown.stdout.split()[0] if shown.returncode == 0 else ""
            assert ("T" in flags) == (file_system(runs) == "ext4")
        finally:
            runs.rmdir()


def test_a_folder_of_runs_that_cannot_be_made_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    make_runs_dir(tmp_path / "runs")
    make_runs_dir(tmp_path / "away" / "runs")


def test_threads_share_what_they_take_memory_from_and_what_is_freed_is_given_back() -> None:
    code = (
        "import ctypes, sys, threading\n"
        "from engine.host.memory_release import ARENAS, give_back_freed, share_arenas\n"
        "libc = ctypes.CDLL(None)\n"
        "libc.fopen.restype, libc.malloc_info.argtypes = ctypes.c_void_p, (ctypes.c_int, ctypes.c_void_p)\n"
        "libc.fclose.argtypes = (ctypes.c_void_p,)\n"
        "def arenas():\n"
        "    file = libc.fopen(sys.argv[1].encode(), b'w')\n"
        "    libc.malloc_info(0, file); libc.fclose(file)\n"
        "    return open(sys.argv[1]).read().count('<heap nr=')\n"
        "def use(count):\n"
        "    barrier = threading.Barrier(count)\n"
        "    take = lambda: (bytearray(2000), barrier.wait())\n"
        "    threads = [threading.Thread(target=take) for _ in range(count)]\n"
        "    [one.start() for one in threads]; [one.join() for one in threads]\n"
        "def held():\n"
        "    about = open('/proc/self/status').read()\n"
        "    return int(about.split('VmRSS:')[1].split()[0])\n"
        "if sys.argv[2] == 'shared': share_arenas()\n"
        "use(6); print(arenas() > ARENAS)\n"
        "taken = [bytearray(2000) for _ in range(20_000)]; last = taken.pop(); del taken\n"
        "before = held(); give_back_freed(); print(before - held() > 20_000)\n"
    )

    def says(how: str) -> str:
        with tempfile.NamedTemporaryFile() as file:
            words = [sys.executable, "-c", code, file.name, how]
            done = subprocess.run(words, capture_output=True, text=True)
        assert done.stderr == ""
        return done.stdout

    assert says("each its own") == "True\nTrue\n"
    assert says("shared") == "False\nTrue\n"


def test_the_code_that_checks_files_is_given_back_and_works_on() -> None:
    code = (
        "import jsonschema_rs; from engine.host.memory_release import VALIDATOR, give_back_code\n"
        "validator = jsonschema_rs.Draft7Validator({'type': 'object'})\n"
        "def held():\n"
        "    found, is_meant = 0, False\n"
        "    for line in open('/proc/self/smaps'):\n"
        "        words = line.split()\n"
        "        if not words[0].endswith(':'): is_meant = words[1] == 'r-xp' and VALIDATOR in line\n"
        "        elif words[0] == 'Rss:' and is_meant: found += int(words[1])\n"
        "    return found\n"
        "for _ in range(2):\n"
        "    assert validator.is_valid({}) and not validator.is_valid([])\n"
        "    before, given = held(), give_back_code()\n"
        "    print(before > 100, given > 1_000_000, held())\n"
        "print(give_back_code('no such library'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["True True 0", "True True 0", "0"]


def test_a_flood_of_the_pipe_is_read_at_a_pace(tmp_path: Path) -> None:
    lines: list[str] = []
    pipe = WakePipe(tmp_path, lines.append)
    began = time.monotonic()
    for _ in range(MANY_WAKES + 20):
        poke(tmp_path)
        pipe.wait(1)
    assert time.monotonic() - began >= 20 * PAUSE_SECONDS
    assert lines == ["ledger"] * (MANY_WAKES + 20), "and nothing is lost"
    pipe.close()


def test_wakes_for_which_there_was_work_are_no_flood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paused: list[float] = []
    monkeypatch.setattr(select, "select", lambda *waits: paused.append(waits[-1]))
    pipe = WakePipe(tmp_path, lambda _: None)
    for _ in range(MANY_WAKES + 20):
        poke(tmp_path)
        pipe.wait(1)
        pipe.was_right()
    assert paused == []
    pipe.close()


def test_a_file_in_place_of_the_pipe_is_reported_and_never_written(tmp_path: Path) -> None:
    (tmp_path / "wake").write_text("mine")
    poke(tmp_path)
    with pytest.raises(JobfileError, match="is not a named pipe"):
        WakePipe(tmp_path, lambda _: None)
    assert (tmp_path / "wake").read_text() == "mine"
