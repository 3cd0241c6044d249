"""What `--help` says: the groups of commands, and what each command tells of its options and exit codes."""

import ast
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from engine.cli import commands, exit_codes
from engine.cli.help_pages import PAGES
from engine.cli.main import COMMANDS, GROUPS, group
from tests.cli.conftest import Jobfile
from tests.known import known_files
from tests.together import together

FOLDER = Path(commands.__file__).parent
DEFAULT = re.compile(r"\[default: \S[^\]]*\]|\bRepeatable\b|\b[Rr]equired\b")


def command_named(name: str) -> click.Command:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    return command


def options() -> Iterator[tuple[str, click.Option]]:
    for name in COMMANDS:
        for option in command_named(name).params:
            if isinstance(option, click.Option):
                yield f"{name} {option.opts[0]}", option


def test_every_command_is_in_exactly_one_group() -> None:
    written = {path.stem.replace("_", "-") for path in known_files(FOLDER, "*.py")} - {"--init--"}
    listed = Counter(name for group in GROUPS.values() for name in group)
    assert listed == Counter(written)
    assert COMMANDS.keys() == PAGES.keys() == written


def test_the_help_lists_each_group_with_its_commands_in_their_order(jobfile: Jobfile) -> None:
    said = jobfile("--help").out
    lines = iter(said.splitlines())
    for title, commands_of_it in GROUPS.items():
        assert f"{title}:" in lines
        for name, about in commands_of_it.items():
            line = next(lines)
            assert line.split() == [name, *about.split()]
    starts = {line.index(about) for line in said.splitlines() for about in COMMANDS.values() if about in line}
    assert len(starts) == 1, "the descriptions of all groups begin in one column"


@together(("name", "option"), [*options()])
def test_each_option_says_what_it_sets(name: str, option: click.Option) -> None:
    about = option.help or ""
    assert len(about.split()) >= 3, f"{name}: what does it set?"
    assert not about.startswith("As --"), f"{name}: say it again, a reader sees one option at a time"
    assert about[0].isupper(), name
    assert about.endswith("."), name
    if option.is_flag or option.flag_value not in (None, click.core.UNSET):  # type: ignore[attr-defined]  # click's own
        return
    assert option.metavar or isinstance(
        option.type, click.Choice | click.types.IntRange | click.types.IntParamType
    )
    has_default = option.default not in (None, "", (), click.core.UNSET)  # type: ignore[attr-defined]  # click's own
    assert not has_default or option.show_default or DEFAULT.search(about), f"{name}: its default is not told"


def calls_of(example: str) -> Iterator[list[str]]:
    """The calls of `jobfile` in a line for a shell."""
    for part in example.split(" | "):
        words = shlex.split(part.partition(" > ")[0])
        assert words[0] == "jobfile"
        yield words[1:]


@together("name", COMMANDS)
def test_each_example_is_a_call_of_the_command_that_parses(name: str) -> None:
    assert PAGES[name].examples
    for example in PAGES[name].examples:
        assert len(example) < 78, "it fits on a line"
        called = [words[0] for words in calls_of(example)]
        assert name in called
        for words in calls_of(example):
            context = click.Context(group, info_name="jobfile")
            command_named(words[0]).make_context(words[0], words[1:], parent=context)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_ends_with_examples_and_exit_codes(jobfile: Jobfile, name: str) -> None:
    said = jobfile(name, "--help").out
    page = PAGES[name]
    examples = said.partition("\nExamples:\n")[2].splitlines()
    assert examples[: len(page.examples)] == [f"  {one}" for one in page.examples]
    codes = re.findall(r"^  (\d+) +\S", said.partition("\nExit codes:\n")[2], flags=re.MULTILINE)
    assert codes == [str(int(one)) for one in sorted(page.exits)]
    assert exit_codes.GOOD in page.exits


@together("name", COMMANDS)
def test_the_exit_codes_that_a_command_names_are_reported(name: str) -> None:
    tree = ast.parse((FOLDER / f"{name.replace('-', '_')}.py").read_text())
    named = {
        getattr(exit_codes, one.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "engine.cli.exit_codes"
        for one in node.names
    }
    assert named <= PAGES[name].exits.keys()
