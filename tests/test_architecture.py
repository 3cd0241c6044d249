"""What a tool does not check: sizes, names that must stay equal, and that nothing is left unused."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from engine.cli.main import COMMANDS, group
from engine.ledger import Store, View
from jobfile import __version__
from jobfile.checks import FILE_CHECKS, JOB_CHECKS, PAYLOAD_CHECKS, SECTION_CHECKS

ROOT = Path(__file__).parents[1]
MODULES = sorted([*(ROOT / "jobfile").rglob("*.py"), *(ROOT / "engine").rglob("*.py")])
QUERIES = ROOT / "engine" / "store" / "sqlite" / "queries"
LONGEST_MODULE, LONGEST_FUNCTION = 500, 60


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_stay_small_and_say_what_they_are_for(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert text.count("\n") <= LONGEST_MODULE
    assert ast.get_docstring(tree), "a module says what it is for"
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < LONGEST_FUNCTION, node.name
    for node in tree.body:
        is_public = isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
        assert not is_public or ast.get_docstring(node), f"{getattr(node, 'name', '')} says what it is for"


def test_every_query_is_used_and_says_what_it_does() -> None:
    code = "".join(path.read_text() for path in QUERIES.parent.glob("*.py"))
    for path in QUERIES.glob("*.sql"):
        assert path.read_text().startswith("-- "), path.name
        assert f'"{path.stem}"' in code, f"{path.name} is used by nothing"


def test_the_stores_fulfil_their_ports() -> None:
    for port, module, name in ((Store, "store", "SqliteStore"), (View, "view", "SqliteView")):
        made = getattr(importlib.import_module(f"engine.store.sqlite.{module}"), name)
        wanted = {name for name in vars(port) if not name.startswith("_")}
        assert wanted <= set(vars(made))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_loads_and_has_help(name: str) -> None:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    assert command.help
    assert all(getattr(option, "help", "") for option in command.params if isinstance(option, click.Option))


def test_every_check_says_which_codes_it_gives() -> None:
    for check in (*JOB_CHECKS, *PAYLOAD_CHECKS, *FILE_CHECKS, *SECTION_CHECKS):
        assert re.match(r"JF\d{3}", check.__doc__ or ""), check.__name__


def test_the_import_contracts_hold() -> None:
    lint_imports = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([lint_imports, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_version_is_said_in_one_place() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
    assert __version__ not in (ROOT / "pyproject.toml").read_text().split("[dependency-groups]")[0]


def test_nothing_in_the_project_speaks_of_machines_it_was_made_on() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in tracked.stdout.split():
        path = ROOT / name
        if path.suffix in (".py", ".md", ".yaml", ".toml", ".sql", ".json", "") and path.is_file():
            text = path.read_text(errors="replace")
            assert not re.search(r"(?<![\w.])/(?:work|farm)/|\.\./shared", text), name
