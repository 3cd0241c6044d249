"""What a tool does not check: sizes, names that must stay equal, and that nothing is left unused."""

import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path

import click
import grimp
import pytest

from engine.answers.did import Answer
from engine.cli import exit_codes
from engine.cli.main import COMMANDS, group
from engine.core.errors import JobfileError
from engine.core.reasons import IncidentKind, Reason
from engine.ledger import (
    event_ports,
    past_ports,
    ports,
    soundness_ports,
    step_ports,
    store_ports,
    submit_ports,
)
from engine.ledger.relational.artifacts import LedgerArtifacts
from engine.ledger.relational.incidents import LedgerIncidents
from engine.ledger.relational.outbox import LedgerOutbox
from engine.ledger.relational.past import LedgerPast
from engine.ledger.relational.pauses import LedgerPauses
from engine.ledger.relational.soundness import LedgerSoundness
from engine.ledger.relational.steps import LedgerSteps
from engine.ledger.relational.view import LedgerView
from engine.ledger.sqlite.store import SqliteStore
from engine.ledger.statements import HEADER, SHARED
from jobfile import __version__
from jobfile.checks import FILE_CHECKS, JOB_CHECKS, PAYLOAD_CHECKS, SECTION_CHECKS
from tests.known import ROOT, known_files
from tests.together import together

CLI = [path for path in known_files("engine/cli", "*.py") if path.name not in ("output.py", "exit_codes.py")]
MODULES = [*known_files("engine", "*.py"), *known_files("jobfile", "*.py")]
STATEMENTS = [path for path in known_files("engine/ledger", "*.sql") if path.parent.name == "sql"]
LONGEST_MODULE, LONGEST_FUNCTION, LONGEST_COMMAND, LARGEST_PORT = 500, 60, 40, 15


@cache
def tree_of(path: Path) -> ast.Module:
    """Several tests look at the same modules."""
    return ast.parse(path.read_text())


@together("path", MODULES)
def test_modules_and_functions_stay_small_and_say_what_they_are_for(path: Path) -> None:
    text, tree = path.read_text(), tree_of(path)
    assert text.count("\n") <= LONGEST_MODULE
    assert ast.get_docstring(tree), "a module says what it is for"
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < LONGEST_FUNCTION, node.name
    for node in tree.body:
        is_public = isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
        assert not is_public or ast.get_docstring(node), f"{getattr(node, 'name', '')} says what it is for"


OF_HOSTS = ("leader", "host", "scheduler", "delivery", "piece")


def test_every_statement_is_used_and_says_what_it_does() -> None:
    code = "".join(path.read_text() for path in known_files("engine/ledger", "*.py"))
    known: dict[Path, set[str]] = defaultdict(set)
    for path in STATEMENTS:
        about, *statements = path.read_text().split(HEADER)
        assert about.startswith("-- "), path
        for one in statements:
            name, _, text = one.partition("\n")
            full = f"{path.stem}.{name}"
            assert re.match(r"-- .*\w", text), f"{full} says what it does"
            assert text.rstrip().endswith(";"), full
            assert f'"{full}"' in code, f"{full} is used by nothing"
            assert full not in known[path.parent], f"{full} is there twice"
            known[path.parent].add(full)
    shared, *all_of_them = (known.pop(SHARED), *known.values())
    # Several hosts cannot share a file: these statements are of a server alone.
    databases = [{one for one in own if one.partition(".")[0] not in OF_HOSTS} for own in all_of_them]
    assert shared
    for own in databases:
        assert not own & shared, "one of them would never be used"
        assert own == databases[0], "each database has its own form of what the others do"


@together("path", [path for path in STATEMENTS if path.parent == SHARED])
def test_a_shared_statement_is_one_that_every_database_understands(path: Path) -> None:
    """Of SQLite's own, only the names of indexes are left, which other databases leave out."""
    text = re.sub(r"'[^'\n]*'|^\s*-- .*\n", "", path.read_text(), flags=re.MULTILINE)
    assert not re.search(r"\bpragma\b|\bjson_(?!each\()|\bis not (?!null)|\btotal\(", text)
    assert not re.search(r"\b(max|min)\((?:[^()]|\([^()]*\))*,", text), "of several values: SQLite's own"


def ports_of_the_ledger() -> list[type]:
    return [
        one
        for module in (ports, soundness_ports, past_ports, step_ports, store_ports, submit_ports)
        for one in vars(module).values()
        if isinstance(one, type) and one.__module__ == module.__name__
    ]


def own_methods(port: type) -> dict[str, str | None]:
    return {name: one.__doc__ for name, one in vars(port).items() if not name.startswith("_")}


def methods_of(port: type) -> set[str]:
    return {name for base in port.__mro__ if base in ports_of_the_ledger() for name in own_methods(base)}


@together("port", ports_of_the_ledger())
def test_a_port_of_the_ledger_is_small_and_says_once_what_each_method_does(port: type) -> None:
    own = own_methods(port)
    assert len(own) <= LARGEST_PORT
    assert all(own.values()), "each method says what it does"
    for base in port.__mro__[1:]:
        assert base not in ports_of_the_ledger() or not own.keys() & own_methods(base).keys(), "said twice"


@pytest.mark.parametrize(
    ("port", "made"),
    [
        (store_ports.Store, SqliteStore),
        (submit_ports.Submitting, SqliteStore),
        (store_ports.Pauses, LedgerPauses),
        (store_ports.Incidents, LedgerIncidents),
        (event_ports.Outbox, LedgerOutbox),
        (past_ports.Past, LedgerPast),
        (past_ports.Artifacts, LedgerArtifacts),
        (step_ports.Steps, LedgerSteps),
        (ports.View, LedgerView),
        (soundness_ports.Soundness, LedgerSoundness),
    ],
    ids=lambda one: one.__name__,
)
def test_the_stores_fulfil_their_ports_and_leave_the_words_to_them(port: type, made: type) -> None:
    assert methods_of(port) <= set(dir(made))
    for name in methods_of(port):
        assert getattr(made, name).__doc__ is None, f"{name}: its port says what it does"


def test_a_caller_takes_the_port_that_it_needs_and_no_whole_store() -> None:
    for folder in ("engine/loops", "engine/transactions", "engine/journal", "engine/answers"):
        for path in known_files(folder, "*.py"):
            assert not re.search(r"import .*\bStore\b", path.read_text()), path


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_loads_and_has_help(name: str) -> None:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    assert command.help
    assert all(getattr(option, "help", "") for option in command.params if isinstance(option, click.Option))


def exit_codes_in(tree: ast.Module) -> list[str]:
    """Numbers that a module of the command line ends a process with, and does not take from `exit_codes`."""
    numbers = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant | ast.UnaryOp)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(ast.literal_eval(node.value), int)
    }
    given: list[ast.expr | None] = []
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.FunctionDef)
            and isinstance(node.returns, ast.Name)
            and node.returns.id == "int"
        ):
            given += [one.value for one in ast.walk(node) if isinstance(one, ast.Return)]
        elif isinstance(node, ast.Assign) and [ast.unparse(one) for one in node.targets] == ["exit_code"]:
            given.append(node.value)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("sys.exit", "SystemExit"):
            given += node.args
    found = []
    while given:
        one = given.pop()
        if isinstance(one, ast.IfExp):
            given += [one.body, one.orelse]
        elif isinstance(one, ast.BoolOp):
            given += one.values
        elif isinstance(one, ast.Constant) or (isinstance(one, ast.Name) and one.id in numbers):
            found.append(f"line {one.lineno}: {ast.unparse(one)}")
    return found


@together("path", CLI)
def test_commands_parse_ask_and_print(path: Path) -> None:
    """What they are about is in packages that a page, an API or an agent asks in the same way."""
    tree = tree_of(path)
    assert not exit_codes_in(tree), "exit codes have their names and meanings in engine/cli/exit_codes.py"
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert not (node.module or "").startswith("engine.cli.commands"), "no command imports another"
        if isinstance(node, ast.FunctionDef):
            is_shape = node.name.endswith(("as_json", "to_json"))
            assert not is_shape, f"{node.name}: the JSON of an answer is made beside the answer"
        if isinstance(node, ast.FunctionDef) and node.name == "command" and path.parent.name == "commands":
            body = node.body[1:] if ast.get_docstring(node) else node.body
            assert node.end_lineno - body[0].lineno < LONGEST_COMMAND


def test_every_exit_code_has_a_name_and_a_meaning() -> None:
    source = ROOT / "engine" / "cli" / "exit_codes.py"
    named = [node for node in ast.parse(source.read_text()).body if isinstance(node, ast.AnnAssign)]
    texts = re.findall(r'^([A-Z_]+): Final = \d+\n"""[A-Z].*\.', source.read_text(), re.MULTILINE)
    assert texts == [ast.unparse(node.target) for node in named]
    for answer in Answer:
        name = {"SUCCEEDED": "GOOD"}.get(answer.name, answer.name)
        assert getattr(exit_codes, name) == answer.value
    codes = {value for name, value in vars(exit_codes).items() if name in texts}
    errors = [JobfileError]
    for module in MODULES:
        if "(JobfileError)" in module.read_text():
            importlib.import_module(".".join(module.relative_to(ROOT).with_suffix("").parts))
    for error in errors:
        errors += error.__subclasses__()
        assert error.exit_code in codes, error


def test_every_check_says_which_codes_it_gives() -> None:
    for check in (*JOB_CHECKS, *PAYLOAD_CHECKS, *FILE_CHECKS, *SECTION_CHECKS):
        assert re.match(r"JF\d{3}", check.__doc__ or ""), check.__name__


def test_the_import_contracts_hold() -> None:
    lint_imports = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([lint_imports, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_packages_are_entered_by_the_modules_that_they_export() -> None:
    """`__all__` of a package lists the modules that others may import, and lists none in vain."""
    graph = grimp.build_graph("jobfile", "engine", cache_dir=None)
    used: dict[str, set[str]] = {}
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            parts = imported.split(".")
            for number in range(2, len(parts)):
                package = ".".join(parts[:number])
                if not f"{importer}.".startswith(f"{package}."):
                    used.setdefault(package, set()).add(parts[number])
    for package in sorted(used):
        exported = set(importlib.import_module(package).__all__)
        modules = {one.rsplit(".", 1)[1] for one in graph.find_children(package)}
        assert exported & modules == used[package] & modules, package


def test_the_tree_in_the_architecture_is_the_tree() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    (tree,) = re.findall(r"^## The tree\n\n```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    for name, listed in re.findall(r"^(\w+)/ .*\n((?:^  .*\n)+)", tree, re.MULTILINE):
        told = re.findall(r"^  (\S+)", listed, re.MULTILINE)
        top = ROOT / name
        packages = {
            f"{one.parent.name}/" for one in known_files(name, "*/__init__.py") if one.parent.parent == top
        }
        modules = {one.name for one in known_files(name, "*.py") if one.parent == top} - {"__init__.py"}
        assert sorted(told) == sorted(packages | modules), name
    for path in re.findall(r"`((?:\w+/)+\w+\.py|(?:\w+/)+)`", text):
        assert any((ROOT / above / path).exists() for above in (".", "engine", "jobfile")), path


WORDS = {*Reason, *IncidentKind}
MEANT_OTHERWISE = {"timeout", "paused", "stopped", "unreadable"}
"""Reasons that are also the names of keys, of ends and of stand-ins."""


@together("path", known_files("engine", "*.py"))
def test_a_reason_is_written_as_a_member_of_its_enum(path: Path) -> None:
    """Where one is given, compared or matched: a typo would be a new reason in the ledger."""
    for node in ast.walk(tree_of(path)):
        match node:
            case ast.keyword(arg="reason" | "because" | "kind", value=ast.Constant(value=str(word))):
                found = [word]
            case ast.Compare(left=ast.Name(id="reason") | ast.Attribute(attr="reason" | "kind" | "because")):
                found = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
            case ast.MatchValue(value=ast.Constant(value=str(word))):
                found = [word]
            case _:
                continue
        assert not (set(found) & WORDS) - MEANT_OTHERWISE, f"line {node.lineno}"


def test_the_version_is_said_in_one_place() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
    assert __version__ not in (ROOT / "pyproject.toml").read_text().split("[dependency-groups]")[0]


def comes_from_the_project(name: str, module: dict[str, str]) -> bool:
    """Whether an expression is made from the place of a file of the project."""
    words = set(re.findall(r"\w+", name))
    return bool(words & {"__file__", "ROOT"}) or any(
        comes_from_the_project(module[word], {key: text for key, text in module.items() if key != word})
        for word in words & module.keys()
    )


@together("path", known_files("tests", "*.py"))
def test_tests_list_the_projects_files_through_git(path: Path) -> None:
    """A demo, an editor and an engine leave files in the project's folders, and none of them is a test's."""
    tree = ast.parse(path.read_text())
    constants = {
        target.id: ast.unparse(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ("glob", "rglob", "iterdir", "walk"):
            assert not comes_from_the_project(ast.unparse(node.value), constants), f"line {node.lineno}"


def test_what_git_ignores_is_no_file_of_the_project() -> None:
    left = ROOT / "samples" / "shop" / ".demo" / f"left-{os.getpid()}.yaml"
    is_new = not left.parent.exists()
    left.parent.mkdir(exist_ok=True)
    left.touch()
    try:
        command = "from tests.known import known_files; print(*known_files('samples', '*.yaml'))"
        done = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True)
        listed = done.stdout.split()
    finally:
        left.unlink()
        if is_new:
            left.parent.rmdir()
    assert str(ROOT / "samples" / "shop" / "jobs.yaml") in listed
    assert str(left) not in listed


def test_nothing_in_the_project_speaks_of_machines_it_was_made_on() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in tracked.stdout.split():
        path = ROOT / name
        if path.suffix in (".py", ".md", ".yaml", ".toml", ".sql", ".json", "") and path.is_file():
            text = path.read_text(errors="replace")
            assert not re.search(r"(?<![\w.])/(?:work|farm)/|\.\./shared", text), name


def test_ci_runs_the_commands_of_the_readme_in_their_order_in_a_clean_clone(tmp_path: Path) -> None:
    """`make` is played here: what each verb leaves behind is what the next one meets."""
    copy, tools = tmp_path / "copy", tmp_path / "tools"
    tools.mkdir()
    (copy / ".ci").mkdir(parents=True)
    for name in (".ci/run", "README.md", ".gitignore"):
        shutil.copy(ROOT / name, copy / name)
    for command in ("git init -q", "git add -A", "git -c user.name=a -c user.email=a@b commit -qm x"):
        subprocess.run(command.split(), cwd=copy, check=True)
    (copy / "not-committed").touch()
    make = tools / "make"

    def ci(script: str) -> subprocess.CompletedProcess[str]:
        make.write_text(f'#!/bin/sh\necho "made $1 in $(pwd)"\n{script}\n')
        make.chmod(0o755)
        env = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}
        return subprocess.run([copy / ".ci" / "run"], env=env, capture_output=True, text=True, check=False)

    done = ci("touch .coverage")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"^made (\w+) in ", done.stdout, re.MULTILINE) == ["demo", "test"]
    assert f"in {copy}\n" not in done.stdout, "a clone is clean, a work tree is not"
    assert "?? not-committed" in done.stdout
    assert ci("exit 3").returncode != 0
    done = ci("touch left")
    assert (done.returncode, re.findall(r"^made (\w+)", done.stdout, re.MULTILINE)) == (1, ["demo"])
    assert "?? left" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "tools"]
