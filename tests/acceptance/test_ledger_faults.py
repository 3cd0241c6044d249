"""What is on the disk is torn, old or taken away, and what a job needs is not there: never a false success.

The real command and real engines. The numbers are those of the fault table.
"""

import contextlib
import os
import shutil
import struct
import subprocess
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.core.lifecycle import AttemptState, RunState
from engine.supervisor.evidence import RESULT_AT
from tests.acceptance.engines import (
    JOBFILE,
    ask,
    attempts_of,
    check_every_instant,
    children_of,
    end,
    engine,
    events,
    evidence_of,
    final,
    is_gone,
    kill,
    ledger,
    lines_of,
    pause,
    put,
    rows,
    runs,
    say,
    start,
    start_ready,
    submit,
    supervisor,
    until,
)

TICKS = """\
version: 1
jobs:
  tick:
    schedule: {every: 1s}
    timeout: 1m
    run: echo $JOBFILE_RUN_ID >> executed
"""


def executed(folder: Path) -> list[str]:
    return lines_of(folder / "executed")


@pytest.fixture(scope="module")
def restored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger that has forgotten what was made after it was copied."""
    folder = tmp_path_factory.mktemp("restored")
    put(folder, TICKS)
    with engine(folder):
        until(lambda: len(executed(folder)) >= 2, "runs before the copy")
    shutil.copy(ledger(folder), folder / "copy.db")
    with engine(folder):
        until(lambda: len(executed(folder)) >= 6, "runs after the copy")
    for path in ledger(folder).parent.glob("ledger.db*"):
        path.unlink()
    shutil.copy(folder / "copy.db", ledger(folder))
    return folder


@pytest.mark.parametrize("is_marked", [True, False])
def test_f56_an_older_copy_of_the_ledger_runs_nothing_before_a_user_accepts_it(
    tmp_path: Path, restored: Path, is_marked: bool
) -> None:
    shutil.copytree(restored, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("wake", "control"))
    os.mkfifo(ledger(tmp_path).with_name("wake"), 0o600)
    before = executed(tmp_path)
    known = len(runs(tmp_path))
    held = start(tmp_path)
    until(lambda: events(tmp_path, "LedgerHeld"), "it is held")
    (told,) = events(tmp_path, "LedgerHeld")
    assert "tick" in told["detail"]
    assert "would run again" in told["detail"]
    status = say(tmp_path, "status")
    assert status.returncode == 1
    assert "RESTORED FROM AN OLDER COPY, starts are suspended: tick: " in status.stdout
    assert [hold["kind"] for hold in ask(tmp_path, "status")["holds"]] == ["restored_hold"]
    pause(2.5)  # that nothing happens takes time to see
    assert executed(tmp_path) == before
    assert len(runs(tmp_path)) == known
    assert end(held) == 0
    accepted = datetime.now(UTC)
    with engine(tmp_path, "--accept-rewind", *(["--mark-missed"] if is_marked else [])):
        until(lambda: len(executed(tmp_path)) > len(before) + 1, "it goes on")
        assert say(tmp_path, "status").returncode == 0
    new = [run for run in runs(tmp_path) if run.attempt and run.id not in before]
    if is_marked:
        assert all(run.scheduled_for >= accepted.replace(microsecond=0) for run in new)
        assert rows(tmp_path, "select state from gap where reason = 'restored'") == [("missed",)]
    assert rows(tmp_path, "select count(*) from audit where action = 'accept_rewind'") == [(1,)]
    check_every_instant(tmp_path)


def test_f57_a_second_engine_is_refused_with_a_reason_and_disturbs_nothing(tmp_path: Path) -> None:
    put(tmp_path, TICKS)
    with engine(tmp_path) as first:
        second = say(tmp_path, "up")
        assert second.returncode not in (0, 70)
        assert f"another engine (process {first.pid}) is running" in second.stderr
        assert "--state" in second.stderr
        before = len(executed(tmp_path))
        until(lambda: len(executed(tmp_path)) > before, "the first goes on")
        assert ask(tmp_path, "status")["engine"]["pid"] == first.pid
    assert len(executed(tmp_path)) == len(set(executed(tmp_path)))


def _shortened(block: bytes) -> bytes:
    return block[:20]


def _with_another_checksum(block: bytes) -> bytes:
    return block[:4] + struct.pack("!I", zlib.crc32(b"another")) + block[8:]


def _with_another_end(block: bytes) -> bytes:
    """An exit code that was changed on the disk: the checksum is that of the true one."""
    return block.replace(b'"exit_code": 3', b'"exit_code": 0').replace(b'"exit_code":3', b'"exit_code":0')


def _empty(_block: bytes) -> bytes:
    """Of this one nothing at all is left: not even that it was begun, but for the name."""
    return b""


def _never_written(block: bytes) -> bytes:
    return b"\0" * len(block)


DAMAGES = (_shortened, _with_another_checksum, _with_another_end, _empty, _never_written)


def test_f58_a_run_with_a_damaged_result_is_lost_and_has_no_exit_code(tmp_path: Path) -> None:
    put(
        tmp_path, "version: 1\njobs:\n  a: {timeout: 1m, concurrency: {limit: none}, run: cat gate; exit 3}\n"
    )
    os.mkfifo(tmp_path / "gate")
    first = start_ready(tmp_path)
    ids = [submit(tmp_path, "a") for _ in (None, *DAMAGES)]
    bosses = [supervisor(tmp_path, run_id) for run_id in ids]
    until(lambda: all(map(children_of, bosses)), "all of them run")
    kill(first)
    until(lambda: all(_has_ended(tmp_path / "gate", boss) for boss in bosses), "the results are written")
    for damage, run_id in zip(DAMAGES, ids[1:], strict=True):
        path = evidence_of(tmp_path, run_id)
        content = path.read_bytes()
        damaged = content[:RESULT_AT] + damage(content[RESULT_AT:])
        assert damaged != content
        path.write_bytes(b"" if damage is _empty else damaged)
    with engine(tmp_path):
        intact, *damaged = (final(tmp_path, run_id) for run_id in ids)
    assert (intact.state, intact.exit_code) == (RunState.FAILED, 3)
    assert [(run.state, run.exit_code) for run in damaged] == [(RunState.LOST, None)] * len(DAMAGES)


def _has_ended(gate: Path, boss: int) -> bool:
    """Whoever comes to the gate after it was opened finds it shut: it is opened until all are through."""
    with contextlib.suppress(OSError):
        os.close(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
    return is_gone(boss)


def test_f60_what_cannot_be_started_is_reported_and_its_schedule_continues(tmp_path: Path) -> None:
    every = "schedule: {every: 1s}, timeout: 1m"
    (tmp_path / "plain").write_text("no program\n")
    put(
        tmp_path,
        "version: 1\njobs:\n"
        f"  missing: {{{every}, command: [no-such-program-anywhere]}}\n"
        f"  plain: {{{every}, command: ['{tmp_path}/plain']}}\n"
        f"  nowhere: {{{every}, working_dir: 'not-here', command: ['true']}}\n"
        f"  template: {{{every}, params: {{n: {{type: integer, default: 0}}}}, "
        "command: [echo, '{{ 7 // params.n }}']}\n"
        f"  good: {{{every}, command: ['true']}}\n",
    )
    words = {
        "missing": ("start_error", "not found"),
        "plain": ("start_error", "not executable"),
        "nowhere": ("working_dir_missing", "is not a folder"),
        "template": ("template_error", "division by zero"),
    }
    with engine(tmp_path):
        for name in (*words, "good"):
            until(lambda: [one for one in runs(tmp_path, name) if one.state.is_final][1:], f"two of {name}")  # noqa: B023  asked for at once
    for name, (reason, detail) in words.items():
        ended = [run for run in runs(tmp_path, name) if run.attempt]
        assert {(run.state, run.reason, run.exit_code) for run in ended} == {(RunState.FAILED, reason, None)}
        assert all(detail in run.detail for run in ended), ended[0].detail
        (attempt,) = attempts_of(tmp_path, ended[0].id)
        assert attempt.state is AttemptState.NOT_STARTED
        at = f"{ended[-1].scheduled_for:%Y-%m-%dT%H:%M:%SZ}"
        story, answer = say(tmp_path, "why", name, at).stdout, say(tmp_path, "did", name, "--at", at)
        assert "not_started, " in story
        assert "did not run, it could not be started: " in story
        assert answer.returncode == 3
    assert {run.state for run in runs(tmp_path, "good") if run.attempt} == {RunState.SUCCEEDED}
    check_every_instant(tmp_path)


def test_f61_what_retention_took_away_is_not_made_again_by_engines_that_are_killed(tmp_path: Path) -> None:
    put(tmp_path, TICKS)
    with engine(tmp_path):
        until(lambda: len(executed(tmp_path)) >= 5, "runs")
    for _ in range(2):
        before = events(tmp_path, "RunsPruned")
        process = start_ready(tmp_path, JOBFILE_KEEP_RUNS=2)
        until(lambda: len(events(tmp_path, "RunsPruned")) > len(before), "old ones are taken away")  # noqa: B023  asked for at once
        had = len(executed(tmp_path))
        until(lambda: len(executed(tmp_path)) > had + 3, "new ones")  # noqa: B023  asked for at once
        kill(process)
    with engine(tmp_path):
        had = len(executed(tmp_path))
        until(lambda: len(executed(tmp_path)) > had, "it goes on")
    assert len(executed(tmp_path)) == len(set(executed(tmp_path)))
    assert len(runs(tmp_path)) < len(executed(tmp_path))
    times = rows(tmp_path, "select job, schedule_key, scheduled_for from run")
    assert len(times) == len(set(times))
    report = ask(tmp_path, "report")
    assert report["adds_up"]
    assert report["succeeded"] >= len(executed(tmp_path)) - 1


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
def test_a_state_folder_on_a_network_share_is_refused_and_one_on_a_disk_is_not(
    tmp_path: Path, kind: str
) -> None:
    """The list of mounts says so: proc(5); in a mount namespace another file stands in its place."""
    folder = tmp_path / "share"
    folder.mkdir()
    put(folder, "version: 1\njobs: {a: {run: 'true'}}\n")
    (tmp_path / "mounts").write_text(f"/dev/vda / ext4 rw 0 0\nserver:/x {folder} {kind} rw 0 0\n")
    script = f'mount --bind {tmp_path}/mounts /proc/$$/mounts && exec "$@"'

    def up(*options: str) -> subprocess.CompletedProcess[str]:
        command = ["unshare", "--mount", "sh", "-c", script, "sh", JOBFILE, "up", "--for", "1s", *options]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)

    refused = up()
    assert refused.returncode == 1
    assert f"is on a network file system ({kind}), where a ledger is not safe" in refused.stderr
    assert up("--state", str(tmp_path / "disk")).returncode == 0
