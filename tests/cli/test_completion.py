"""What is offered while a command line is typed: as values, and in the real shells."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cli.commands.completion import SHELLS
from engine.cli.completion.candidates import FILES, FOLDERS, OPTIONS_FILE, Candidate, KnownParam, complete
from engine.cli.completion.known_names import jobs_in, params_in, values_in
from engine.cli.main import COMMANDS, group
from engine.core.reasons import Reason
from engine.host.clock import SystemClock
from engine.host.lock import make_private_file
from engine.ledger.opening import open_ledger
from engine.ports import Stop
from jobfile.syntax.document import PARSER, read_quickly
from tests.cli.conftest import Jobfile
from tests.known import known_files
from tests.together import together

ROOT = Path(__file__).parents[2]


def described(name: str) -> dict[str, Any]:
    """The arguments and options of a command, as `options.json` has them."""
    command = group.get_command(click.Context(group), name)
    assert command is not None
    found: dict[str, Any] = {"arguments": [], "options": []}
    for one in command.params:
        value = (
            list(one.type.choices) if isinstance(one.type, click.Choice) else one.metavar or one.name.upper()
        )
        if isinstance(one, click.Argument):
            found["arguments"].append({"value": value, "repeatable": one.nargs == -1})
        elif isinstance(one, click.Option):
            is_flag = one.is_flag or one.flag_value not in (None, click.core.UNSET)
            found["options"].append(
                {
                    "names": sorted([*one.opts, *one.secondary_opts], key=len),
                    "value": None if is_flag else value,
                    "repeatable": one.multiple,
                    "about": re.split(r"\. | \[", f"{one.help} ")[0].rstrip(".") + ".",
                }
            )
    return found


def test_the_table_of_options_is_that_of_the_commands(request: pytest.FixtureRequest) -> None:
    """`pytest --update` writes it."""
    found = "{\n" + ",\n".join(f'"{name}": {json.dumps(described(name))}' for name in COMMANDS) + "\n}\n"
    if request.config.getoption("--update"):
        OPTIONS_FILE.write_text(found)
    assert OPTIONS_FILE.read_text() == found


class Somewhere:
    """A place with known names."""

    def jobs(self) -> Iterable[Candidate]:
        return [Candidate("nightly", "Dump the orders"), Candidate("weekly")]

    def runs(self, command: str, prefix: str) -> Iterable[Candidate]:
        return [Candidate("3f2a9c01", f"newest of {command}"), Candidate("3f77d01b")]

    def params(self, job: str) -> Iterable[KnownParam]:
        region = KnownParam("region", "where", ("eu", "us", "a b", "$(touch x)"))
        return [region, KnownParam("full", "boolean", ("true", "false"))] if job == "nightly" else []

    def tags(self) -> Iterable[str]:
        return ["sql", "night"]

    def owners(self) -> Iterable[str]:
        return ["ops", "data team"]


def offered(line: str) -> list[str]:
    return [one.value for one in complete(line.split(" "), lambda where: Somewhere())]


@together(
    ("line", "expected"),
    [
        ("expl", ["explain", "explain-schedule"]),
        ("nosuch ", []),
        ("--", ["--help", "--version", "--server"]),
        ("--server ", []),
        ("--server https://x di", ["did"]),
        ("--server=https://x did we", ["weekly"]),
        ("--server did did we", ["weekly"]),
        ("did ", ["nightly", "weekly"]),
        ("did we", ["weekly"]),
        ("did 3f", ["3f2a9c01", "3f77d01b"]),
        ("did nightly ", ["now", "today", "yesterday", "1h", "24h", "7d"]),
        ("did -f jobs.yaml --at now n", ["nightly"]),
        ("did --at=now n", ["nightly"]),
        ("did -- n", ["nightly"]),
        ("did --a", ["--at"]),
        ("did --at now --a", []),
        ("did --on ", ["today", "yesterday"]),
        ("did --on=y", ["--on=yesterday"]),
        ("did -f ", [FILES]),
        ("did --state ", [FOLDERS]),
        ("run nightly -p ", ["region=", "full="]),
        ("run nightly -p re", ["region="]),
        ("run nightly --param region=", ["region=eu", "region=us"]),
        ("run nightly -p region=us -p full=", ["full=true", "full=false"]),
        ("run nightly --param=full=t", ["--param=full=true"]),
        ("run weekly -p ", []),
        ("run -p ", []),
        ("wait 3f2a9c01 3f7", ["3f77d01b"]),
        ("cancel ", ["3f2a9c01", "3f77d01b"]),
        ("why nightly t", ["today"]),
        ("runs --in fa", ["failed"]),
        ("runs --in failed,lo", ["failed,lost"]),
        ("up --apply ", ["auto", "manual"]),
        ("up --for ", ["30s", "5m", "1h", "1d"]),
        ("plan --from ", ["engine", "worktree"]),
        ("explain JF101", ["JF101"]),
        ("explain k", ["keys"]),
        ("explain keys q", ["quiet", "queue"]),
        ("explain-schedule x --timezone Europe/Os", ["Europe/Oslo"]),
        ("completion f", ["fish"]),
        ("check a", [FILES]),
        ("init ", [FOLDERS]),
        ("audit v", ["verify"]),
        ("doctor x", []),
        ("did --nosuch x n", ["now"]),
    ],
)
def test_what_is_offered(line: str, expected: list[str]) -> None:
    assert offered(line) == expected


def test_every_command_and_option_is_offered_with_its_meaning() -> None:
    assert complete([], lambda where: Somewhere()) == [Candidate(*one) for one in COMMANDS.items()]
    for name in COMMANDS:
        found = complete([name, "-"], lambda where: Somewhere())
        command = group.get_command(click.Context(group), name)
        assert command is not None
        options = [one for one in command.params if isinstance(one, click.Option)]
        assert len(found) == len(options) + 1
        assert all(one.about for one in found)


WORDS = st.text(st.sampled_from("-=, abc3f\u00e9$('\"\n"), max_size=12) | st.sampled_from(
    ["did", "run", "-p", "--", "nightly", "--at", "-f", "explain", "keys", "--in", "region="]
)


@given(st.lists(WORDS, max_size=5))
def test_no_line_is_an_error_and_what_is_offered_is_text_for_any_shell(words: list[str]) -> None:
    for one in complete(words, lambda where: Somewhere()):
        if one.value not in (FILES, FOLDERS):
            assert one.value.startswith(words[-1] if words else "")
            assert re.fullmatch(r"[\w.,:/@%+=-]+", one.value, re.ASCII)


# Names in files


def job_names(text: str) -> set[str] | None:
    """The names that the parser finds; None for a file that only the careful reader can read."""
    tree = read_quickly(text, PARSER)
    jobs = tree.get("jobs") if tree else None
    return set(jobs) if isinstance(jobs, dict) else None


FILES_WITH_JOBS = [
    path
    for folder in ("tests/language/cases/ok", "samples")
    for path in known_files(ROOT / folder, "*.yaml")
    if job_names(path.read_text()) is not None
]


def test_the_search_by_lines_finds_the_jobs_and_params_that_the_parser_finds() -> None:
    assert len(FILES_WITH_JOBS) > 50
    for path in FILES_WITH_JOBS:
        text = path.read_text()
        assert set(jobs_in(text)) == job_names(text), path
        tree = read_quickly(text, PARSER)
        assert tree is not None
        for name, block in jobs_in(text).items():
            params = tree["jobs"][name].get("params", {}) if isinstance(tree["jobs"][name], dict) else {}
            assert [one.name for one in params_in(block)] == list(params), (path, name)


@pytest.mark.parametrize(
    ("text", "jobs", "params"),
    [
        ("jobs:\n  a:\n    run: [\n  b:\n    params: {x: {type: string}}\n", ["a", "b"], ["x"]),
        ("version: 1\n\tjobs\njobs:   # all\n\n  # one\n  'a':\n     run: 'x\n", ["a"], []),
        ("jobs: {a: {run: x}, b: {params: {x: {enum: [a, b]}}}, c: {", ["a", "b"], ["x"]),
        ("jobs: {\n  a: {run: 'x, y: z'},\n  b: {params: {x: {}}}\n}\nx-c: {d: e}\n", ["a", "b"], ["x"]),
        ("jobs:\n- a\n", [], []),
        ("jobs: a\n", [], []),
        ("", [], []),
    ],
)
def test_a_broken_file_has_the_names_that_can_be_seen(text: str, jobs: list[str], params: list[str]) -> None:
    assert list(jobs_in(text)) == jobs
    assert [one.name for one in params_in(jobs_in(text).get("b", [""]))] == params


@given(st.text(st.sampled_from("jobs: {}[],\n\t'\"-a#&*params"), max_size=80))
def test_no_text_is_an_error(text: str) -> None:
    for begin in ("", "jobs:", "jobs: {", "jobs:\n  a:\n    params:"):
        for block in jobs_in(begin + text).values():
            list(params_in(block))
        list(values_in(begin + text, "tags"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("    tags: [a, 'b']\n    tags: c # d\n", ["a", "b", "c"]),
        ("    tags:\n      - a\n      - b\n    run: - c\n", ["a", "b"]),
        ("jobs: {a: {tags: [x, y], run: z}}\n", ["x", "y"]),
        ("    mytags: [a]\n    run: echo tags: b\n", []),
    ],
)
def test_values_of_a_key_are_found_in_each_form(text: str, words: list[str]) -> None:
    assert list(values_in(text, "tags")) == words


def test_names_come_from_the_files_and_else_from_the_ledger(jobfile: Jobfile, tmp_path: Path) -> None:
    def names(*words: str) -> list[str]:
        said = jobfile("completion", "zsh", "--", *words)
        assert (said.code, said.err) == (0, "")
        return said.out.splitlines()

    assert names("did", "g") == ["good"]
    assert names("logs", "") == ["good", "bad", "flaky", "slow"]
    assert names("retry", "") == ["good", "bad", "flaky", "slow"]
    jobfile("apply", "--yes")
    jobfile("run", "bad")
    run = str(jobfile("runs", "--json").json["runs"][0]["id"])
    assert names("retry", "") == [f"{run[:8]}\tbad, failed", "good", "bad", "flaky", "slow"]
    assert names("logs", run[:12]) == [f"{run}\tbad, failed"]
    assert names("cancel", "") == []
    assert names("run", "good", "-p", "c") == ["count=\tinteger"]
    (tmp_path / "jobs.yaml").write_text("version: 1\ninclude: [more/*.yaml, /etc/*, ../*]\njobs: {")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.yaml").write_text("jobs:\n  there:\n    description: 'In\tanother file'\n")
    assert names("did", "") == ["there\tIn another file"]
    (tmp_path / "jobs.yaml").write_bytes(b"\xff\xfe\x00")
    assert names("did", "") == ["bad", "flaky", "good", "slow"]
    assert names("run", "good", "-p", "c") == ["count=\tinteger"]
    assert names("did", "-f", "nosuch.yaml", "--state", "nosuch", "") == []


def test_runs_are_found_in_any_state_of_the_ledger_and_leave_no_trace(
    jobfile: Jobfile, tmp_path: Path
) -> None:
    def names(*words: str) -> list[str]:
        return jobfile("completion", "bash", "--", *words).out.splitlines()

    jobfile("apply", "--yes")
    waiting = jobfile("run", "slow", "--detach").out.strip()[:8]
    state = tmp_path / ".jobfile"
    before = sorted(state.iterdir())
    assert names("cancel", "") == [waiting]
    assert names("cancel", waiting[:5]) == [waiting]
    assert waiting not in names("retry", "")
    assert sorted(state.iterdir()) == before
    store = open_ledger(f"sqlite://{state}/ledger.db")
    with store.transaction():
        store.request_stop(
            store.open_runs()[0].id, Stop.CANCEL, reason=Reason.BY_HAND, detail="", now=SystemClock().now()
        )
    assert (state / "ledger.db-wal").stat().st_size
    assert names("cancel", "") == []
    assert names("retry", "")[0] == waiting
    store.close()
    (state / "ledger.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    assert names("cancel", "") == []
    (state / "ledger.db").unlink()
    assert names("cancel", "") == []


def test_completing_runs_loads_little(tmp_path: Path) -> None:
    """Whoever presses Tab waits for it."""
    asked = (
        "import sys; from engine.cli.main import run; run(['completion', 'bash', '--', 'cancel', '']);"
        "slow = {'jobfile.model.jobs', 'engine.ledger.sqlite.view', 'engine.ledger.rows', 'yaml'};"
        "print(sorted(slow & set(sys.modules)))"
    )
    (tmp_path / ".jobfile").mkdir(0o700)
    make_private_file(tmp_path / ".jobfile" / "ledger.db")
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


# Real shells

LINES = ("jobfile di", "jobfile did nigh", "jobfile run nightly -p region=e", "jobfile run nightly -p r")
SAID = {
    "bash": """
        source "$2/bash"
        for COMP_LINE in LINES
        do
          COMP_POINT=${#COMP_LINE}
          read -ra COMP_WORDS <<< "${COMP_LINE//=/ = }"
          COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
          _jobfile_completion jobfile 2> "$2/errors"
          echo "${COMPREPLY[@]}"
        done
    """,
    "zsh": """
        compdef() { }
        compadd() { echo "${values[@]}" }
        source "$2/zsh"
        for line in LINES
        do
          words=("${(@s: :)line}"); CURRENT=${#words}; PREFIX=${words[-1]}
          _jobfile
        done
    """,
    "fish": """
        source "$argv[2]/fish"
        for line in LINES
          complete -C "$line" | string split -f 1 \\t
        end
    """,
}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_real_shell_completes(jobfile: Jobfile, tmp_path: Path, shell: str) -> None:
    assert shutil.which(shell), f"install {shell}: see CONTRIBUTING.md"
    (tmp_path / "jobs.yaml").write_text(
        "version: 1\njobs:\n  nightly:\n    params: {region: {enum: [eu, us]}}\n    run: echo\n"
    )
    program = tmp_path / "bin" / "jobfile"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m engine.cli.main "$@"\n')
    program.chmod(0o755)
    (tmp_path / shell).write_text(jobfile("completion", shell).out)
    clean = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    environ = {"PATH": f"{program.parent}:/usr/bin:/bin", "HOME": str(tmp_path), "TERM": "dumb"}
    done = subprocess.run(
        [
            shell,
            *clean,
            "-c",
            SAID[shell].replace("LINES", " ".join(f'"{one}"' for one in LINES)),
            *(["x"] if shell != "fish" else []),
            "x",
            str(tmp_path),
        ],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    first = "eu" if shell == "bash" else "region=eu"
    assert (done.stdout.splitlines(), done.stderr) == (["did", "nightly", first, "region="], "")
