"""What all commands have in common: one name for one thing in options, arguments and values.

The tests walk click's own objects, so a new command cannot differ by accident.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from engine.cli.main import COMMANDS, group
from tests.cli.conftest import JOBS, Jobfile

NAMES_OF_ARGUMENTS = {
    "JOB",
    "RUN",
    "RUN...",
    "RUN or JOB",
    "[RUN or JOB]",
    "[JOB]",
    "[JOB]...",
    "[JOB or EXPR]",
    "RUN, JOB or PLAN",
    "[PLAN]",
    "[TIME]...",
    "[STEP]",
    "EXPRESSION",
    "[GENERATION]",
    "[DIR]",
    "[FILE]...",
    "[FILE or DIR]...",
    "[CODE | keys KIND]",
    "[-- WORD...]",
}
"""What an argument is called that is not one of some fixed words."""

VALUES = {
    "--file": {"FILE"},
    "--state": {"DIR"},
    "--at": {"TIME"},
    "--since": {"TIME"},
    "--until": {"TIME"},
    "--now": {"TIME"},
    "--from": {"TIME", "SIDE"},
    "--to": {"SIDE"},
    "--on": {"DAY"},
    "--for": {"LENGTH"},
    "--timeout": {"LENGTH"},
    "--tag": {"TAG"},
    "--owner": {"OWNER"},
    "--in": {"STATE"},
    "--param": {"NAME=VALUE"},
    "--set": {"NAME=VALUE"},
    "--why": {"TEXT"},
    "--timezone": {"ZONE"},
}
"""The value of an option that several commands have, or that takes a time."""

SHORT = {"-f": "--file", "-F": "--follow", "-p": "--param", "-y": "--yes", "-k": "", "-h": "--help"}
"""The long name of each short one."""

NOT_THESE = re.compile(
    r"--(count|max|num|number-of|n|lines|top|assume-yes|no-input|force-yes|reason|because)"
)
"""Other words for --limit, --yes and --why."""

PRINTS_NO_ANSWER = {
    "fmt": "changes files",
    "schema": "its output is JSON",
    "lsp": "speaks to an editor",
    "completion": "prints a script",
    "comment": "passes a text on",
}
HAS_NO_PLACE = {"init", "explain", "explain-schedule", "schema", "lsp", "completion", "comment"}
"""Commands that read neither a job file nor a ledger."""


def command_named(name: str) -> click.Command:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    return command


def options(*, of: str | None = None) -> Iterator[tuple[str, click.Option]]:
    for name in [of] if of else COMMANDS:
        yield from ((name, one) for one in command_named(name).params if isinstance(one, click.Option))


def long_names(name: str) -> set[str]:
    return {opt for _, option in options(of=name) for opt in option.opts}


def test_an_argument_that_names_a_job_a_run_or_a_file_is_called_alike() -> None:
    for name in COMMANDS:
        for one in command_named(name).params:
            if isinstance(one, click.Argument) and not isinstance(one.type, click.Choice):
                written = one.make_metavar(click.Context(command_named(name)))
                assert written in NAMES_OF_ARGUMENTS, f"{name} {written}"


def test_an_option_has_the_same_kind_of_value_in_every_command() -> None:
    for name, option in options():
        for opt in option.opts:
            if opt in VALUES:
                assert option.metavar in VALUES[opt], f"{name} {opt} {option.metavar}"
    times = {opt for _, option in options() if option.metavar in ("TIME", "DAY") for opt in option.opts}
    assert times <= VALUES.keys()


def test_a_short_option_means_the_same_everywhere() -> None:
    for name, option in options():
        short = [opt for opt in option.opts if not opt.startswith("--")]
        for opt in short:
            assert SHORT[opt] in (*option.opts, ""), f"{name} {opt}"
        assert "-f" in short or "--file" not in option.opts, name


def test_there_is_one_word_for_how_many_for_not_asking_and_for_a_reason() -> None:
    for name, option in options():
        for opt in option.opts:
            assert not NOT_THESE.fullmatch(opt), f"{name} {opt}"
        if re.search(r"\bwithout asking\b|\bdo not ask\b", option.help or ""):
            assert option.opts == ["--yes", "-y"], name
        if (option.help or "").startswith("Maximum number"):
            assert option.opts == ["--limit"], name


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_answers_has_json_and_one_that_reads_has_a_place(name: str) -> None:
    opts = long_names(name)
    assert ("--json" in opts) != (name in PRINTS_NO_ANSWER)
    assert ({"--file", "--state"} <= opts) != (name in HAS_NO_PLACE)


CHANGES = ("run", "retry", "apply", "rollback", "pause", "resume", "cancel", "clock")
"""The commands that change something in the ledger for a user, at once."""


def test_a_command_that_changes_something_takes_a_reason() -> None:
    assert [name for name in COMMANDS if "--why" in long_names(name)] == [
        name for name in COMMANDS if name in CHANGES
    ]


def test_a_reason_is_recorded_in_the_audit_and_shown_where_the_act_is(
    jobfile: Jobfile, tmp_path: Path
) -> None:
    jobfile("apply", "--yes", "--why", "reason 1")
    jobfile("run", "bad", "--why", "reason 2")
    failed = jobfile("runs", "--json").json[0]["id"]
    found = jobfile("retry", "--failed", "--yes", "--why", "reason 3", "--json").json["runs"]
    retried = found[0]["retry"]["id"]
    jobfile("cancel", retried, "--why", "reason 4")
    jobfile("retry", failed[:8], "--detach", "--why", "reason 5")
    jobfile("pause", "good", "--why", "reason 6")
    jobfile("resume", "good", "--why", "reason 7")
    (tmp_path / "jobs.yaml").write_text(JOBS.replace("hello,", "hi,"))
    jobfile("apply", "--yes", "--why", "reason 8")
    jobfile("rollback", "--yes", "--why", "reason 9")
    told = "\n".join(one["detail"] for one in reversed(jobfile("audit", "--json").json["records"]))
    assert re.findall(r"reason \d", told) == [f"reason {number}" for number in range(1, 10)]
    notes = [one["note"] for one in jobfile("generations", "--json").json["generations"]]
    assert [re.findall(r"reason \d", note) for note in notes] == [["reason 9"], ["reason 8"], ["reason 1"]]
    first, second = jobfile("why", failed).out, jobfile("why", retried).out
    assert re.search(r"^requested .*: reason 2$", first, re.MULTILINE)
    assert re.search(r"^by hand .* retry by .*: reason 3; run ", first, re.MULTILINE)
    assert re.search(r"^requested .*: reason 3$", second, re.MULTILINE)
    assert re.search(r"^by hand .* cancel by .*: reason 4$", second, re.MULTILINE)


def test_what_is_so_already_is_no_error(jobfile: Jobfile) -> None:
    jobfile("apply", "--yes")
    run = jobfile("run", "slow", "--detach").out.strip()
    for command, said in {
        ("apply", "--yes"): "nothing to apply",
        ("pause", "good"): "good is paused already, by ",
        ("resume", "good"): "good was not paused",
        ("cancel", run): "over already, cancelled",
        ("clock", "accept"): "nothing to accept",
    }.items():
        assert jobfile(*command).code == 0
        again = jobfile(*command)
        assert again.code == 0, command
        assert said in again.out
    before = jobfile("audit", "--json").json
    jobfile("pause", "good")
    assert jobfile("pause", "good", "--json").json["was_paused"]
    assert len(jobfile("audit", "--json").json["records"]) == len(before["records"]) + 1


@pytest.mark.parametrize("command", ["apply", "rollback", "retry --failed"])
def test_json_never_asks_and_so_needs_yes(jobfile: Jobfile, tmp_path: Path, command: str) -> None:
    jobfile("apply", "--yes")
    (tmp_path / "jobs.yaml").write_text(JOBS.replace("hello,", "hi,"))
    jobfile("apply", "--yes")
    (tmp_path / "jobs.yaml").write_text(JOBS)
    said = jobfile(*command.split(), "--json")
    assert said.code == 64
    assert "--json does not ask: add --yes" in said.err
