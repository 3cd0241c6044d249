"""What all commands have in common: one name for one thing in options, arguments and values.

The tests walk click's own objects, so a new command cannot differ by accident.
"""

import re
from collections.abc import Iterator

import click
import pytest

from engine.cli.main import COMMANDS, group

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
