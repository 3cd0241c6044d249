"""Files start jobs: a real engine, a real disk, and the kernel's real reports."""

import json
import os
import random
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core.lifecycle import Run
from tests.acceptance.engines import (
    ask,
    check_nothing_open,
    doctor,
    end,
    engine,
    events,
    go_on,
    halt,
    kill,
    lines_of,
    pause,
    put,
    runs,
    say,
    start,
    start_ready,
    until,
)
from tests.web_servers import reply, serving

FILES = 1000
HOSTILE = [
    *("-rf", "two\nlines", "a'b", 'a"b', " a b ", "$(touch PWNED)", "`touch PWNED`", "\\x00", "caf\udce9"),
    *(
        "\udcff\udcfe",
        "é日本😀",
        "*",
        "%s%n",
        "a;b|c&d",
        "#",
        "~",
        "{{ 1 }}",
        "x" * 255,
        "\x01\x1b[31m",
        "END",
    ),
]


def job(command: str, trigger: str = "path: in, settle: 1s", more: str = "") -> str:
    return (
        f"version: 1\njobs:\n  load:\n    triggers: [{{file: {{{trigger}}}}}]\n"
        f"    concurrency: {{limit: none}}\n    run: |\n      {command}\n{more}"
    )


def inbox(folder: Path, content: str) -> Path:
    (folder / "in").mkdir()
    put(folder, content)
    return folder / "in"


def succeeded(folder: Path, count: int, *, patience: float = 60) -> tuple[Run, ...]:
    """Wait until so many runs have succeeded, and no others are there."""

    def found() -> tuple[Run, ...]:
        all_ = runs(folder)
        assert len(all_) <= count, [(run.state, run.reason, run.trigger_values) for run in all_]
        return all_ if len(all_) == count and all(run.state.value == "succeeded" for run in all_) else ()

    return until(found, f"{count} runs", patience=patience)


def words(folder: Path, *arguments: str) -> str:
    """What a command prints, on one line: a long path may be broken at any place with a space."""
    return " ".join(say(folder, *arguments).stdout.split())


def watched(folder: Path) -> None:
    """Wait until the engine has looked into its folders for the first time."""
    until(lambda: ask(folder, "status")["folders"], "a watch")


def test_a_thousand_files_are_handled_once_each_while_the_engine_is_killed_twice(tmp_path: Path) -> None:
    folder = inbox(tmp_path, job("echo {{ trigger.name }} >> done", more="    timeout: 1m\n"))
    chance = random.Random(19)
    names = [f"f{number}" for number in range(FILES)]
    for name in names[:300]:
        (folder / name).write_text("x")
    current = start(tmp_path)
    for name in names[300:600]:
        (folder / name).write_text("x")
    until(lambda: len(lines_of(tmp_path / "done")) > chance.randrange(20, 100), "work")
    kill(current)
    for name in names[600:800]:
        (tmp_path / "new").write_text("x")
        (tmp_path / "new").rename(folder / name)
    current = start(tmp_path)
    handled = len(lines_of(tmp_path / "done"))
    until(lambda: len(lines_of(tmp_path / "done")) > handled + chance.randrange(20, 100), "more work")
    kill(current)
    for name in names[800:]:
        (folder / name).write_text("x")
    with engine(tmp_path):
        until(lambda: len(runs(tmp_path)) == FILES, "a run for each", patience=120)
        until(lambda: all(run.state.is_final for run in runs(tmp_path)), "their ends", patience=120)
        pause(1.5)
    found = runs(tmp_path)
    assert sorted(str(run.trigger_values["name"]) for run in found) == sorted(names)
    executed = lines_of(tmp_path / "done")
    assert len(executed) == len(set(executed)), "a file was processed twice"
    # A command that was killed in its course is lost, and never executed again by itself.
    assert {run.state.value for run in found} <= {"succeeded", "lost"}
    assert set(executed) >= {run.trigger_values["name"] for run in found if run.state.value == "succeeded"}
    check_nothing_open(tmp_path)
    doctor(tmp_path)


def test_each_way_of_arrival_starts_one_run(tmp_path: Path) -> None:
    folder = inbox(tmp_path, job("cat {{ trigger.path }} >> done"))
    (folder / "before").write_text("before\n")
    with engine(tmp_path):
        succeeded(tmp_path, 1)
        (tmp_path / "new").write_text("moved\n")
        (tmp_path / "new").rename(folder / "moved")
        succeeded(tmp_path, 2)
        with (folder / "slow").open("w") as file:
            for part in ("sl", "ow\n"):
                file.write(part)
                file.flush()
                pause(1.8)  # longer than the settle time
        succeeded(tmp_path, 3)
        (tmp_path / "new").write_text("replaced\n")
        (tmp_path / "new").rename(folder / "moved")
        succeeded(tmp_path, 4)
        os.utime(folder / "moved", (1, 1))
        succeeded(tmp_path, 5)
        os.link(folder / "slow", folder / "linked")
        succeeded(tmp_path, 6)
        (folder / "symbolic").symlink_to(folder / "slow")
        (folder / "moved").unlink()
        pause(2.0)
        succeeded(tmp_path, 6)
    assert (tmp_path / "done").read_text() == "before\nmoved\nslow\nreplaced\nreplaced\nslow\n"


def test_where_only_moved_files_count_a_written_one_starts_nothing(tmp_path: Path) -> None:
    folder = inbox(tmp_path, job("true", "path: in, settle: 1s, events: [moved]"))
    with engine(tmp_path):
        watched(tmp_path)
        (folder / "written").write_text("x")
        (folder / "written2").write_text("x")
        (folder / "written2").rename(folder / "moved")
        (run,) = succeeded(tmp_path, 1)
        assert run.trigger_values["name"] == "moved"
        pause(1.5)
    with engine(tmp_path):
        pause(2.5)
        succeeded(tmp_path, 1)


CHANNELS = """\
version: 1
jobs:
  shell:
    triggers: &files [{file: {path: in, settle: 1s}}]
    concurrency: {limit: none}
    outputs: &outputs {name: {type: string}}
    run: |
      PYTHON back.py {{ trigger.path }} "{{ trigger.path }}" '{{ trigger.path }}' <<END
      {{ trigger.path }}
      END
  argv:
    triggers: *files
    concurrency: {limit: none}
    outputs: *outputs
    env: {FILE: "{{ trigger.path }}", NAME: "{{ trigger.name }}", FOLDER: "{{ trigger.dir }}"}
    command:
      [PYTHON, back.py, "{{ trigger.path }}", "{{ trigger.dir }}/{{ trigger.name }}", "{{ trigger.path }}"]
  function:
    triggers: *files
    concurrency: {limit: none}
    outputs: *outputs
    env: {FILE: "{{ trigger.path }}"}
    python: back:call
  request:
    triggers: *files
    concurrency: {limit: none}
    http:
      url: "http://localhost:PORT/"
      allow_private: [localhost]
      method: POST
      body: "{{ trigger.path }}"
"""
BACK = """\
import json, os, sys


def check(path):
    assert open(path, "rb").read() == os.fsencode(os.path.basename(path)), path
    with open(os.environ["JOBFILE_OUTPUT"], "w") as file:
        file.write(json.dumps({"name": os.fsencode(path).hex()}) + "\\n")


def call():
    check(os.environ["FILE"])


if __name__ == "__main__":
    assert sys.argv[1] == sys.argv[2] == sys.argv[3]
    if "FILE" in os.environ:
        assert os.environ["FILE"] == sys.argv[1] == os.environ["FOLDER"] + "/" + os.environ["NAME"]
    else:
        assert sys.stdin.buffer.read() == os.fsencode(sys.argv[1]) + b"\\n"
    check(sys.argv[1])
"""


def test_a_path_reaches_the_job_byte_for_byte_through_every_channel(tmp_path: Path) -> None:
    with serving(reply(b"ok")) as server:
        text = CHANNELS.replace("PYTHON", sys.executable).replace("PORT", str(server.port))
        folder = inbox(tmp_path, text)
        (tmp_path / "back.py").write_text(BACK)
        for name in HOSTILE:
            (folder / name).write_bytes(os.fsencode(name))
        with engine(tmp_path):
            found = succeeded(tmp_path, 4 * len(HOSTILE))
        paths = sorted(os.fsencode(folder / name) for name in HOSTILE)
        assert sorted(got.body for got in server.got) == paths
        for name in ("shell", "argv", "function"):
            told = [
                one for run in found if run.job == name for one in ask(tmp_path, "outputs", run.id)["outputs"]
            ]
            assert sorted(bytes.fromhex(one["value"]) for one in told) == paths
    assert not (tmp_path / "PWNED").exists()
    for name in ("did", "why"):
        assert ask(tmp_path, name, "shell")["format"] == 1


def test_the_answers_name_the_file_and_what_starts_the_job(tmp_path: Path) -> None:
    folder = inbox(tmp_path, job("true"))
    with engine(tmp_path):
        (folder / "two\nlines").write_text("12345")
        succeeded(tmp_path, 1)
        path = f"{folder}/two\\nlines"
        assert f"yes, it ran and succeeded (for the file {path}, found at 2" in words(tmp_path, "did", "load")
        story = words(tmp_path, "why", "load")
        assert f"file {path}, 5 bytes" in story
        (run,) = ask(tmp_path, "runs")["runs"]
        assert run["trigger"] == "file"
        assert run["trigger_values"]["name"] == "two\nlines"
        assert f"1 folder watched: {folder}/ for load" in words(tmp_path, "status")
        assert "on a file in in/" in words(tmp_path, "list")
        assert say(tmp_path, "next", "load").stdout.startswith("no schedule: on a file in in/")
        assert ask(tmp_path, "next")["starts"] == {"load": ["on a file in in/"]}
        assert ask(tmp_path, "list")["jobs"][0]["starts"] == ["on a file in in/"]


def test_a_folder_that_is_missing_is_a_problem_of_the_engine_until_it_is_there(tmp_path: Path) -> None:
    put(tmp_path, job("true"))
    with engine(tmp_path):
        until(lambda: events(tmp_path, "FolderUnreadable"), "it is reported")
        trouble = f"{tmp_path}/in does not exist"
        status = ask(tmp_path, "status")
        assert not status["is_well"]
        assert [(one["trouble"], one["jobs"]) for one in status["folders"]] == [(trouble, ["load"])]
        assert f"NOTHING STARTS load: {trouble}" in words(tmp_path, "status")
        assert f"folder {trouble}" in words(tmp_path, "why", "load")
        (found,) = (one for one in ask(tmp_path, "doctor")["checks"] if one["code"] == "engine.folder")
        assert trouble in found["found"]
        (tmp_path / "in").mkdir()
        (tmp_path / "in/a").write_text("x")
        succeeded(tmp_path, 1)
        assert ask(tmp_path, "status")["is_well"]
        shutil.rmtree(tmp_path / "in")
        until(lambda: len(events(tmp_path, "FolderUnreadable")) == 2, "it is reported again")
        (tmp_path / "in").mkdir()
        (tmp_path / "in/b").write_text("x")
        succeeded(tmp_path, 2)
        assert len(events(tmp_path, "FolderReadable")) == 2


def test_the_state_folder_is_refused_as_a_watched_folder(tmp_path: Path) -> None:
    put(tmp_path, job("true", "path: .jobfile/runs"))
    process = start(tmp_path)
    (rejected,) = until(lambda: events(tmp_path, "ConfigRejected"), "it is refused")
    (line,) = rejected["diagnostics"]
    assert "cannot run here: its `file` trigger watches" in line
    assert f"in the state folder {tmp_path}/.jobfile" in line
    said = say(tmp_path, "apply")
    assert said.returncode != 0
    assert "watch a folder of your own" in said.stderr
    end(process)


def test_a_full_queue_of_the_kernel_loses_no_file(tmp_path: Path) -> None:
    """While the engine stands still, the kernel keeps only so many reports and drops all others."""
    room = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    folder = inbox(tmp_path, job("true", "path: in, settle: 1s, match: '*.csv'"))
    with engine(tmp_path) as process:
        watched(tmp_path)
        halt(process.pid)
        for index in range(room // 3 + 1000):  # each is at least three reports
            (folder / f"{index}.tmp").write_text("x")
        (folder / "a.csv").write_text("x")
        go_on(process.pid)
        succeeded(tmp_path, 1, patience=30)


@pytest.fixture
def many_known(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A folder with ten thousand files that an engine has handled, and the engine."""
    folder = inbox(tmp_path, job("true", "path: in, settle: 1s, match: '*.csv', events: [moved]"))
    for index in range(10_000):
        (folder / f"{index}.tmp").touch()
    process = start_ready(tmp_path)
    watched(tmp_path)
    yield folder, process.pid
    end(process)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_an_engine_that_waits_for_files_needs_no_measurable_time(many_known: tuple[Path, int]) -> None:
    _, pid = many_known
    pause(3.0)
    before, began = cpu_seconds(pid), time.monotonic()
    pause(5.0)
    share = (cpu_seconds(pid) - before) / (time.monotonic() - began)
    assert share < 0.02


def test_a_path_with_any_bytes_is_json_for_programs(tmp_path: Path) -> None:
    folder = inbox(tmp_path, job("true"))
    (folder / "caf\udce9").write_text("x")
    with engine(tmp_path):
        succeeded(tmp_path, 1)
        (run,) = json.loads(say(tmp_path, "runs", "--json").stdout)["runs"]
    assert os.fsencode(run["trigger_values"]["name"]) == b"caf\xe9"
