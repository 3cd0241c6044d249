"""What an engine tells of others, and of the place it works in."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from engine.host.console import CLOSE_SECONDS, MAX_WAITING, Console
from tests.acceptance.engines import (
    JOBFILE,
    check_every_instant,
    end,
    engine,
    events,
    put,
    runs,
    say,
    start,
    until,
)
from tests.acceptance.warm import Jobfile

JOBS = 'version: 1\njobs:\n  a: {{schedule: {{every: 1h}}, command: [echo, "{word}"]}}\n'


def test_an_engine_reports_what_commands_do_to_it(tmp_path: Path) -> None:
    put(tmp_path, JOBS.format(word="one"))
    with engine(tmp_path):
        pass
    with Jobfile([JOBFILE, "up", "--apply", "manual"], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as up:
        until(lambda: say(tmp_path, "status", "--json").stdout.find('"running": true') > 0, "an engine")
        put(tmp_path, JOBS.format(word="two"))
        until(lambda: events(tmp_path, "ConfigChanged"), "a look at the files")
        for command in (
            ("apply", "--yes"),
            ("rollback", "--yes"),
            ("pause", "a", "--why", "noisy"),
            ("resume", "a"),
        ):
            assert say(tmp_path, *command).returncode == 0, command
        until(lambda: len(events(tmp_path, "DoneByOthers")) == 4, "all of it")
        up.send_signal(signal.SIGTERM)
        told = up.communicate(timeout=20)[0]
    for words in (
        "generation 2 applied by",
        "generation 3 applied by",
        "a paused by",
        "noisy",
        "a resumed by",
    ):
        assert words in told


def test_files_that_come_back_unchanged_are_reported_as_good_again(tmp_path: Path) -> None:
    put(tmp_path, JOBS.format(word="one"))
    with engine(tmp_path):
        (tmp_path / "jobs.yaml").rename(tmp_path / "away")
        until(lambda: events(tmp_path, "ConfigRejected"), "a look")
        (tmp_path / "away").rename(tmp_path / "jobs.yaml")
        until(lambda: events(tmp_path, "ConfigAccepted"), "another look")
    assert len(events(tmp_path, "GenerationApplied")) == 1


def test_after_a_link_is_switched_the_files_are_new_and_the_history_stays(tmp_path: Path) -> None:
    """As a deploy does: `current` is a link to the newest release."""
    for release in ("one", "two"):
        (tmp_path / release).mkdir()
        put(tmp_path / release, JOBS.format(word=release).replace("1h", "1s"))
    (tmp_path / "current").symlink_to("one")
    up = start(tmp_path, "-f", "current/jobs.yaml")
    until(lambda: events(tmp_path / "one", "AttemptStarted"), "a run")
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").rename(tmp_path / "current")
    until(lambda: len(events(tmp_path / "one", "GenerationApplied")) == 2, "the new files")
    before = len(runs(tmp_path / "one"))
    until(lambda: len(runs(tmp_path / "one")) > before, "runs after it")
    assert up.poll() is None
    assert end(up) == 0
    assert not (tmp_path / "two" / ".jobfile").exists()
    check_every_instant(tmp_path / "one")


@pytest.mark.parametrize("is_linked", [True, False])
def test_a_state_folder_behind_a_link_is_warned_of(tmp_path: Path, is_linked: bool) -> None:
    (tmp_path / "one").mkdir()
    put(tmp_path / "one", JOBS.format(word="one"))
    (tmp_path / "current").symlink_to("one")
    where = "current/jobs.yaml" if is_linked else "one/jobs.yaml"
    assert ("is behind the link" in say(tmp_path, "up", "--for", "1s", "-f", where).stderr) is is_linked
    outside = say(tmp_path, "up", "--for", "1s", "-f", where, "--state", str(tmp_path / "state"))
    assert "is behind the link" not in outside.stderr


@pytest.mark.parametrize("labels", ["", ", runs_on: gpu"])
def test_that_labels_have_no_effect_is_said_once_when_the_engine_starts(tmp_path: Path, labels: str) -> None:
    put(tmp_path, f"version: 1\njobs:\n  a: {{run: ls{labels}}}\n")
    said = say(tmp_path, "up", "--for", "1s", "-f", "jobs.yaml").stderr
    assert said.count("so every job runs on this host, whatever its labels") == bool(labels)


def test_what_a_reader_missed_while_it_stood_still_is_counted() -> None:
    read, write = os.pipe()
    console = Console(write, when_lost=lambda count: f"{count} lost\n")
    console.write("x" * 200_000)  # more than a pipe holds: the console's thread stands still
    until(lambda: not console._waiting, "the first text")
    for _ in range(MAX_WAITING + 7):
        console.write("line\n")
    content = b""
    while not content.endswith(b"lost\n"):
        content += os.read(read, 65_536)
    assert content == b"x" * 200_000 + b"line\n" * MAX_WAITING + b"7 lost\n"
    console.write("after\n")
    console.close()
    assert os.read(read, 99) == b"after\n"
    os.close(read)
    os.close(write)


def test_the_end_does_not_wait_for_a_reader_that_stands_still() -> None:
    read, write = os.pipe()
    console = Console(write)
    console.write("x" * 200_000)
    began = time.monotonic()
    console.close()
    assert time.monotonic() - began < 2 * CLOSE_SECONDS + 3
    console.write("too late")
    assert len(os.read(read, 300_000)) <= 200_000
    os.close(read)
