"""No text that somebody else chose steers a terminal, or passes for a line that jobfile printed."""

import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from engine.cli.main import COMMANDS, Commands, group
from tests.cli.conftest import Jobfile

FORGED = "12:00:00  tick  succeeded"
HOSTILE = f"x\x1b]0;PWN\x07\x1b[2J\x1b[31;8m\u202e\u2066\x9b31m\x00\r\n{FORGED}\u2028{FORGED}\x85{FORGED}\x7f"
"""Titles, clearing, hiding, other ways of writing, line ends of every kind."""
IN_ARGUMENTS = HOSTILE.replace("\x00", "")
OWN_COLOURS = re.compile(r"\x1b\[(0|1|2|4|3[1-7]|9[0-7]|22|39)?m")
ANY_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
STEERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
AT_ONCE = {"up": ("--for", "1s"), "run": ("--detach",)}
"""What makes a command end that would go on."""


def assert_harmless(printed: str) -> None:
    """Nothing of it steers a terminal, and no line was written by somebody else."""
    found = STEERS.search(OWN_COLOURS.sub("", printed.replace("\r\n", "\n")))
    assert not found, f"{found and found.group()!r} in {printed!r}"
    assert "\r" not in printed.replace("\r\n", "\n")
    assert not [line for line in printed.splitlines() if line.startswith(FORGED)], printed


def hostile_calls(name: str) -> Iterator[tuple[str, ...]]:
    """A command with a hostile word in each place that takes one."""
    command = Commands().get_command(click.Context(group), name)
    assert command is not None
    first = (name, *AT_ONCE.get(name, ()))
    yield (*first, "--" + IN_ARGUMENTS)
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    needed = ["good" for one in arguments if one.required]
    if arguments:
        yield (*first, *([IN_ARGUMENTS] * len(arguments)))
    for option in command.params:
        if isinstance(option, click.Option) and not option.is_flag:
            values = [IN_ARGUMENTS]
            if option.name == "params":
                values += [f"{IN_ARGUMENTS}=1", f"name={IN_ARGUMENTS}", f"count={IN_ARGUMENTS}"]
            yield from ((*first, option.opts[-1], value, *needed) for value in values)


SERVERS = ("mcp", "serve")
"""They answer programs until they are stopped; tests of their own send them hostile texts."""


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in SERVERS])
def test_no_argument_reaches_the_terminal_raw(jobfile: Jobfile, name: str) -> None:
    for arguments in hostile_calls(name):
        said = jobfile(*arguments)
        assert said.code != 70, arguments
        assert_harmless(said.out)
        assert_harmless(said.err)


def test_no_command_of_another_name_reaches_the_terminal_raw(jobfile: Jobfile) -> None:
    assert_harmless(jobfile(IN_ARGUMENTS).err)
    assert_harmless(jobfile("--" + IN_ARGUMENTS).err)


JOBS = """\
version: 1
jobs:
  good:
    params: {name: {type: string, default: world}, count: {type: integer, default: 1}}
    run: 'echo "hello, {{ params.name }} {{ params.count }}"'
  program: {params: {p: {type: string}}, command: ["{{ params.p }}"]}
  folder: {params: {p: {type: string}}, working_dir: "{{ params.p }}", run: pwd}
  says: {params: {p: {type: string}}, run: 'printf "%s\\\\n" {{ params.p }} >&2; exit 3'}
"""
WRONG = "version: 1\njobs:\n  good: {run: [1], retry: -1, zzz: 1}\n  other: {shedule: '0 4 * * *', run: x}\n"
FORMATS = ("text", "json", "jsonl", "short", "github", "gitlab", "sarif")
ANSWERS = (
    "did",
    "why",
    "runs",
    "report",
    "status",
    "logs",
    "show",
    "next",
    "plan",
    "generations",
    "doctor",
    "list",
)


def said_harmlessly(jobfile: Jobfile, *arguments: str) -> None:
    """A command that says what it says, and no more."""
    said = jobfile(*arguments)
    assert said.code != 70, said.err
    assert_harmless(said.out)
    assert_harmless(said.err)


@pytest.mark.parametrize("job", ["program", "folder", "says"])
def test_no_value_of_a_param_reaches_the_terminal_raw(jobfile: Jobfile, job: str) -> None:
    Path("jobs.yaml").write_text(JOBS)
    said_harmlessly(jobfile, "run", job, "-p", f"p={IN_ARGUMENTS}", "--dry-run")
    told = jobfile("run", job, "-p", f"p={IN_ARGUMENTS}")
    assert_harmless(told.err if job != "says" else "")  # what a job writes goes into a pipe as it is
    for answer in ("did", "why", "runs", "report", "status", "doctor"):
        said_harmlessly(jobfile, answer, *([job] if answer in ("did", "why", "runs") else []))
    said_harmlessly(jobfile, "runs", job, "--json")


@pytest.mark.parametrize("name", [f"{IN_ARGUMENTS}.yaml", "branch-\u202e.yaml"])
@pytest.mark.parametrize("text", [JOBS, WRONG, f"version: 1\n# {HOSTILE}\njobs: {{}}\n", "a: [\n"])
def test_no_name_or_text_of_a_file_reaches_the_terminal_raw(jobfile: Jobfile, name: str, text: str) -> None:
    Path(name).write_text(text)
    for form in FORMATS:
        said_harmlessly(jobfile, "check", name, "--format", form)
    for arguments in (
        ("fmt", "--diff", name),
        ("fmt", "--check", name),
        ("check", "--fix", name),
        ("fmt", name),
    ):
        said_harmlessly(jobfile, *arguments)
    for command in ("plan", "show", "next", "run", "status", "simulate", "apply", "list"):
        needed = ("good",) if command in ("show", "next", "run") else ()
        said_harmlessly(jobfile, command, "-f", name, *needed)


def test_no_reason_reaches_the_terminal_raw(jobfile: Jobfile) -> None:
    assert jobfile("apply", "--yes").code == 0
    said_harmlessly(jobfile, "pause", "good", "--why", IN_ARGUMENTS)
    for answer in ANSWERS:
        said_harmlessly(
            jobfile, answer, *(["good"] if answer in ("did", "why", "runs", "show", "next") else [])
        )
    said_harmlessly(jobfile, "resume", "good", "--why", IN_ARGUMENTS)


def test_on_a_terminal_only_our_own_colours_are_left(tmp_path: Path) -> None:
    """The same on a real one, where nothing is stripped because nobody would see it."""
    (tmp_path / "jobs.yaml").write_text(JOBS)
    (tmp_path / "wrong.yaml").write_text(WRONG)
    printed = ""
    for arguments in (
        ("run", "program", "-p", f"p={IN_ARGUMENTS}"),
        ("why", "program"),
        ("check", "wrong.yaml"),
        ("show", IN_ARGUMENTS),
    ):
        printed += on_a_terminal(tmp_path, *arguments)
    written = on_a_terminal(tmp_path, "run", "says", "-p", f"p={IN_ARGUMENTS}")
    written += on_a_terminal(tmp_path, "logs", "says")
    assert not STEERS.search(ANY_COLOUR.sub("", written.replace("\r\n", "\n"))), "a job may write in colours"
    assert "not found" in printed
    assert OWN_COLOURS.search(printed)
    assert_harmless(printed)


def on_a_terminal(folder: Path, *arguments: str) -> str:
    """What a command writes to a terminal of its own."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "engine.cli.main", *arguments]
    process = subprocess.Popen(
        command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    printed = b""
    while select.select([ours], [], [], 30)[0]:
        try:
            printed += os.read(ours, 65_536)
        except OSError:  # EIO: nobody has the other end any more
            break
    process.wait(timeout=30)
    os.close(ours)
    return printed.decode()
