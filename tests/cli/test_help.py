"""What `--help` says: the groups of commands."""

from collections import Counter
from pathlib import Path

from engine.cli import commands
from engine.cli.main import COMMANDS, GROUPS
from tests.known import known_files

from tests.cli.conftest import Jobfile

FOLDER = Path(commands.__file__).parent


def test_every_command_is_in_exactly_one_group() -> None:
    written = {path.stem.replace("_", "-") for path in known_files(FOLDER, "*.py")} - {"--init--"}
    listed = Counter(name for group in GROUPS.values() for name in group)
    assert listed == Counter(written)
    assert COMMANDS.keys() == written


def test_the_help_lists_each_group_with_its_commands_in_their_order(jobfile: Jobfile) -> None:
    said = jobfile("--help").out
    lines = iter(said.splitlines())
    for title, group in GROUPS.items():
        assert f"{title}:" in lines
        for name, about in group.items():
            line = next(lines)
            assert line.split() == [name, *about.split()]
    starts = {line.index(about) for line in said.splitlines() for about in COMMANDS.values() if about in line}
    assert len(starts) == 1, "the descriptions of all groups begin in one column"
