"""Variables whose values a loader, shell or interpreter evaluates: the table, and programs that obey."""

import os
import subprocess
from pathlib import Path

import pytest

from jobfile.pipeline import check_files
from jobfile.shell.evaluated import evaluated_by
from tests.together import together

NAMES = """
LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT DYLD_INSERT_LIBRARIES GCONV_PATH TERMINFO PATH IFS ENV BASH_ENV
SHELLOPTS BASHOPTS BASH_FUNC_ls%% PS0 PS1 PS2 PS3 PS4 PROMPT PROMPT_COMMAND CDPATH HOME SHELL PAGER
EDITOR VISUAL LESSOPEN LESSCLOSE PYTHONPATH PYTHONSTARTUP PYTHONHOME PYTHONWARNINGS PYTHONBREAKPOINT
PERL5LIB PERL5OPT PERL5DB PERLLIB RUBYOPT RUBYLIB NODE_OPTIONS NODE_PATH JAVA_TOOL_OPTIONS _JAVA_OPTIONS
JDK_JAVA_OPTIONS CLASSPATH LUA_INIT LUA_INIT_5_4 R_PROFILE GIT_SSH GIT_SSH_COMMAND GIT_PROXY_COMMAND
GIT_EXTERNAL_DIFF GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_CONFIG_VALUE_0 GIT_CONFIG_PARAMETERS GIT_PAGER
GIT_EDITOR GIT_SEQUENCE_EDITOR GIT_ASKPASS GIT_EXEC_PATH GIT_DIR SSH_ASKPASS MAKEFLAGS GNUMAKEFLAGS
TAR_OPTIONS RSYNC_RSH VIMINIT OPENSSL_CONF GOFLAGS RUSTC_WRAPPER npm_config_script_shell
""".split()  # noqa: SIM905  words
ORDINARY = """
NAME TZ LANG LC_ALL USER X PATHS MY_PATH STAGE PYTHON PYTHON_VERSION GIT_BRANCH GIT_COMMIT
GIT_AUTHOR_NAME JAVA_VERSION PERL RUBY_VERSION NODE_ENV NODE_VERSION LESSON ENVIRONMENT ALERT_PAGER
HOMEPAGE TAR MAKE PSQL PGHOST PGPASSWORD AWS_REGION HTTP_PROXY MYSQL_PWD LDAP_URL BASH_VERSION_WANTED
PROMPTLY RESTIC_REPOSITORY KUBECONFIG
""".split()  # noqa: SIM905  words


@together("name", NAMES)
def test_a_name_that_something_evaluates_is_known_with_its_reason(name: str) -> None:
    assert evaluated_by(name).endswith((" it", "commands"))


@together("name", ORDINARY)
def test_an_ordinary_name_is_free(name: str) -> None:
    assert evaluated_by(name) == ""


EXECUTED = [
    ("BASH_ENV", "$(touch PWNED)", ["bash", "-c", ":"]),
    ("ENV", "$(touch PWNED)", ["sh", "-i", "-c", ":"]),
    ("PATH", "bin", ["/bin/sh", "-c", "tool"]),
    ("PYTHONPATH", "lib", ["python3", "-c", "import tool"]),
    ("PERL5OPT", "-Mtool -Ilib", ["perl", "-e", "1"]),
    ("GIT_SSH_COMMAND", "touch PWNED #", ["git", "ls-remote", "ssh://host/x"]),
    ("GIT_EXTERNAL_DIFF", "touch PWNED #", ["git", "diff", "--no-index", "--ext-diff", "a", "b"]),
    ("TAR_OPTIONS", "--to-command=touch${IFS}PWNED", ["tar", "-xf", "t.tar"]),
]
"""A variable, a value of a stranger, and an ordinary command that obeys it."""


@pytest.mark.parametrize(("name", "value", "command"), EXECUTED)
def test_what_the_table_says_happens(name: str, value: str, command: list[str], tmp_path: Path) -> None:
    for folder in ("bin", "lib"):
        (tmp_path / folder).mkdir()
    tool = tmp_path / "bin" / "tool"
    tool.write_text("#!/bin/sh\n/usr/bin/touch PWNED\n")
    tool.chmod(0o755)
    (tmp_path / "lib" / "tool.py").write_text("open('PWNED', 'w')\n")
    (tmp_path / "lib" / "tool.pm").write_text("package tool; open(F, '>', 'PWNED'); 1;\n")
    (tmp_path / "a").write_text("a\n")
    (tmp_path / "b").write_text("b\n")
    subprocess.run(["tar", "-cf", "t.tar", "a"], cwd=tmp_path, check=True)
    env = {"PATH": os.environ["PATH"], name: value}
    subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, timeout=30, check=False)
    assert (tmp_path / "PWNED").exists()
    assert evaluated_by(name)


PLACES = [
    "env: {{{name}: '{value}'}}\n    run: x",
    "env: {{{name}: '/opt/{value}'}}\n    command: [x]",
    "run: export {name}={value}",
    'run: {name}="/a/{value}" ls',
    "run: sudo {name}={value} ls",
    "command: [env, '{name}=/a/{value}', ls]",
    "command: [docker, run, '--env={name}={value}', x]",
    "steps: {{s: {{env: {{{name}: '{value}'}}, run: x}}}}",
    "steps: {{s: {{command: [sudo, '{name}={value}', x]}}}}",
]


def codes(place: str, name: str, value: str) -> set[str]:
    text = (
        "version: 1\nvars: {c: a}\njobs:\n  j:\n    params:\n      x: {type: string, default: a}\n"
        "      n: {type: integer, default: 1}\n      e: {type: string, enum: [a, b], default: a}\n"
        "    triggers: [{after: up}]\n"
        f"    {place.format(name=name, value=value)}\n"
        "  up:\n    outputs: {o: {type: string}}\n    run: x\n"
    )
    found = check_files([("jobs.yaml", text.encode())]).diagnostics
    assert not [one for one in found if one.is_error and one.code != "JF439"], found
    return {one.code for one in found if one.is_error}


@together("place", PLACES)
@together("name", ["LD_PRELOAD", "PATH", "GIT_SSH_COMMAND"])
def test_such_a_name_takes_no_value_of_a_stranger_in_any_form(place: str, name: str) -> None:
    for value in ("{{ params.x }}", '{{ trigger.outputs.o if run.trigger == "after" else "" }}'):
        assert codes(place, name, value) == {"JF439"}, value
    for value in ("{{ vars.c }}", "{{ params.n }}", "{{ params.e }}", "{{ run.id }}", "literal"):
        assert codes(place, name, value) == set(), value
    assert codes(place, "NAME", "{{ params.x }}") == set()
