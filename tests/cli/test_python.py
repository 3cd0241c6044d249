"""Jobs that call a Python function: real interpreters, what it gets, what it gives, and each way to fail."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.actions.kind import Surroundings
from engine.actions.python import Python, interpreter_of
from engine.programs import CALL_FUNCTION
from jobfile.model.jobs import PythonAction
from tests.cli.conftest import Jobfile
from tests.soak import examples

FUNCTIONS = """\
import asyncio, os, signal, sys
from collections import UserDict
import helper

def report(account, names=(), dry=False):
    print("report", account, names, dry, os.getcwd() == sys.path[0], "JOBFILE_ARGUMENTS" in os.environ)
    return {"rows": account * 2, "names": list(names)}
def fails(account): return helper.boom(account)
def leaves(account): sys.exit(account)
def leaves_with_text(account): sys.exit("no account")
def is_killed(account): os.kill(os.getpid(), signal.SIGKILL)
def interrupted(account): raise KeyboardInterrupt
def gives_a_set(account): return {"rows": {1}}
def gives_a_number(account): return account
def gives_nan(account): return {"rows": float("nan")}
async def waits(account):
    await asyncio.sleep(0)
    return {"rows": account}
def gives_a_mapping(account): return UserDict(rows=account)
not_a_function = 7
"""
HELPER = 'def boom(account):\n    raise ValueError(f"no account {account}")\n'


@pytest.fixture
def functions(jobfile: Jobfile) -> Jobfile:
    Path("reports.py").write_text(FUNCTIONS)
    Path("helper.py").write_text(HELPER)
    Path("broken.py").write_text("import no_such_module\n")
    return jobfile


def job(function: str, more: str = "") -> None:
    Path("jobs.yaml").write_text(
        "version: 1\njobs:\n  call:\n    params:\n      account: {type: integer, default: 7}\n"
        f"{more}    python: {function}\n"
    )


def test_params_arrive_with_their_types_and_a_returned_dict_gives_the_outputs(functions: Jobfile) -> None:
    names = "      names: {type: array, items: {type: string}, default: [a, b c]}\n"
    outputs = "    outputs: {rows: {type: integer}, names: {type: array, items: {type: string}}}\n"
    job("reports:report", names + outputs)
    said = functions("run", "call")
    assert (said.code, said.out) == (0, "report 7 ['a', 'b c'] False True False\n")
    assert functions("outputs", "call").out == "names  a,b c\nrows   14\n"


@pytest.mark.parametrize("function", ["waits", "gives_a_mapping"])
def test_a_coroutine_is_awaited_and_any_mapping_counts(functions: Jobfile, function: str) -> None:
    job(f"reports:{function}", "    outputs: {rows: {type: integer}}\n")
    assert functions("run", "call").code == 0
    assert functions("outputs", "call").out == "rows  7\n"


@pytest.mark.parametrize(
    ("function", "how", "told"),
    [
        ("reports:fails", "exit code 1", "ValueError: no account 7"),
        ("reports:leaves", "exit code 7", ""),
        ("reports:leaves_with_text", "exit code 1", "no account"),
        ("reports:is_killed", "killed (SIGKILL)", ""),
        ("reports:interrupted", "exit code 1", "KeyboardInterrupt"),
        ("reports:gives_a_set", "exit code 78", "cannot be written as JSON"),
        ("reports:gives_nan", "exit code 78", "cannot be written as JSON"),
        ("reports:missing", "exit code 78", "has no `missing`; its functions: "),
        ("reports:not_a_function", "exit code 78", "is not a function but a value of type int"),
        ("no.such.module:run", "exit code 78", "there is no module `no`."),
        ("reports.nothing:run", "exit code 78", "there is no module `reports.nothing`."),
        ("broken:run", "exit code 1", "No module named 'no_such_module'"),
    ],
)
def test_each_way_to_fail_is_reported_plainly(functions: Jobfile, function: str, how: str, told: str) -> None:
    job(function)
    said = functions("run", "call")
    assert said.code == 1
    assert how in said.err
    assert told in said.out
    assert "call_function" not in said.out, "a traceback begins in the job's own module"


def test_a_traceback_begins_in_the_function(functions: Jobfile) -> None:
    job("reports:fails")
    lines = functions("run", "call").out.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].endswith('reports.py", line 8, in fails')


def test_the_search_path_is_reported_when_a_module_is_missing(functions: Jobfile, tmp_path: Path) -> None:
    job("no_such:run")
    assert f"looks in:\n  {tmp_path}\n" in functions("run", "call").out


def test_params_that_the_function_does_not_take_are_reported_before_it_is_called(functions: Jobfile) -> None:
    job("reports:report", "      nmaes: {type: string, default: x}\n")
    said = functions("run", "call")
    assert "report(account, names=(), dry=False)" in said.out
    assert "(account, nmaes)" in said.out
    assert "report 7" not in said.out


def test_a_value_that_is_no_mapping_is_ignored_with_a_note(functions: Jobfile) -> None:
    job("reports:gives_a_number")
    said = functions("run", "call")
    assert said.code == 0
    assert "returned a value of type int, which is ignored" in said.out


def test_the_interpreter_is_the_chosen_one_or_that_of_the_folder_or_ours(tmp_path: Path) -> None:
    assert interpreter_of(Surroundings(tmp_path, {})) == sys.executable
    own = tmp_path / ".venv" / "bin" / "python"
    venv.create(tmp_path / ".venv", with_pip=False, symlinks=True)
    assert interpreter_of(Surroundings(tmp_path, {})) == str(own)
    assert interpreter_of(Surroundings(tmp_path, {"JOBFILE_PYTHON": "/opt/python"})) == "/opt/python"


def test_an_interpreter_without_jobfile_is_enough(functions: Jobfile, tmp_path: Path) -> None:
    venv.create(tmp_path / ".venv", with_pip=False, symlinks=True)
    job("reports:report")
    assert functions("run", "call").code == 0


def test_a_chosen_interpreter_that_is_missing_is_reported(
    functions: Jobfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBFILE_PYTHON", "/no/such/python")
    job("reports:report")
    said = functions("run", "call")
    assert "JOBFILE_PYTHON is /no/such/python, which is not a program" in said.err


TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20)
VALUES = (
    TEXTS | st.integers(-(10**18), 10**18) | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
)


@settings(max_examples=examples(12))
@given(st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), VALUES | st.lists(VALUES), min_size=1))
def test_every_value_arrives_as_it_was(tmp_path_factory: pytest.TempPathFactory, values: dict) -> None:
    folder = tmp_path_factory.mktemp("echo")
    (folder / "echo.py").write_text("def back(**values): return {'values': values}\n")
    action = PythonAction(module="echo", function="back")
    prepared = Python().prepare(action, lambda: {"params": values}, Surroundings(folder, {}))
    assert prepared.argv[1:] == (CALL_FUNCTION, "echo:back")
    env = {**os.environ, **prepared.env, "JOBFILE_OUTPUT": str(folder / "out")}
    subprocess.run([sys.executable, "-S", *prepared.argv[1:]], cwd=folder, env=env, check=True)
    assert json.loads((folder / "out").read_text()) == {"values": values}
