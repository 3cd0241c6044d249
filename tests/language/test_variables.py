"""Variables that a script reads: each of them is given by the file, the shell or the script, or reported."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.actions.prepare import prepare
from engine.config import EngineConfig
from engine.ports import LaunchOrder
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.fixing.edits import apply_fixes
from jobfile.model.environment import ABOUT_THE_RUN, FENCE, GIVEN, PASSED_ON, SET_FOR_EACH_RUN
from jobfile.pipeline import check_files
from tests.builders import NOON, a_job, a_run
from tests.together import together


def found(keys: str, script: str, *codes: str) -> list[Diagnostic]:
    indented = script.replace("\n", "\n      ")
    text = f"version: 1\njobs:\n  a:\n    {keys or 'owner: x'}\n    run: |\n      {indented}\n"
    looked = check_files([("jobs.yaml", text.encode())])
    return [one for one in looked.diagnostics if one.code in (codes or ("JF430",))]


def unknown(script: str, keys: str = "") -> list[str]:
    return [one.message.split("`")[1].lstrip("$") for one in found(keys, script)]


@together(
    "script",
    [
        "echo $X",
        "echo ${X}",
        'echo "a $X b"',
        "echo ${X%.gz}",
        "echo ${#X}",
        "echo ${X:?is not set}",
        "cat <<END\n$X\nEND",
        "echo $((X + 1))",
        'y=$(echo "$X")',
        "f() {\n  echo $X\n}",
        "if [ $X = a ]; then echo; fi",
        "true > $X",
        "for y in $X; do echo $y; done",
        "case $X in a) echo;; esac",
        "echo $Y; Y=1; echo $X",
        'if [ -n "$X" ]; then echo; fi',
    ],
)
@together("shell", ["sh", "bash", "[sh, -eu]", "[bash, -e, -u]"])
def test_a_variable_that_nothing_sets_is_reported_once(script: str, shell: str) -> None:
    assert unknown(f"{script}\necho $HOME $X", f"shell: {shell}") == ["X"]


@pytest.mark.parametrize(
    "script",
    [
        "echo $(( $(date +%s) - X ))",
        "echo $(( X * $(wc -l < f) + $(expr $(ls | wc -l) + 1) ))",
        "echo $(( $((X)) + $(nproc) ))",
    ],
)
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_words_of_a_command_in_arithmetic_are_no_variables(script: str, shell: str) -> None:
    assert unknown(script, f"shell: {shell}") == ["X"]


@together(
    "script",
    [
        "X=1; echo $X",
        'coproc X { cat; }; echo a >&"${X[1]}"; wait "$X_PID"',
        "echo $X; X=1",
        "for X in a b; do echo $X; done",
        "echo a | while read -r X Y; do echo $X $Y; done",
        "while getopts ab: X; do echo $X $OPTARG $OPTIND; done",
        "export X=1; echo $X",
        "f() { local X; X=1; echo $X; }",
        "readonly X=1; echo $X",
        "echo ${X:-a} $X",
        "echo ${X-a}",
        "echo ${X:+a}",
        ": ${X:=1}; echo $X",
        "echo $((X = 1)); echo $X",
        ". ./env; echo $X",
        'eval "$(cat env)"; echo $X',
        "export $(cat env); echo $X",
        "echo '$X' \\$X \"\\$X\"",
        "# $X",
        "cat <<'END'\n$X\nEND",
        "awk '{print $X}' f",
        "IFS=: read -r X < f; echo $X",
        "echo $1 $# $@ $* $? $$ $0 $- $PWD $PPID $IFS",
        'set +u\nif [ -z "$X" ]; then echo $X; fi',
    ],
)
def test_a_variable_that_the_script_sets_or_does_without_is_not_reported(script: str) -> None:
    assert unknown(script) == []
    assert unknown(script, "shell: bash") == []


@pytest.mark.parametrize(
    "script",
    [
        "declare -A X; echo ${X[a]}",
        "X=(a b); echo ${X[0]} ${!X[@]}",
        "X[0]=1; echo ${X[0]}",
        "mapfile -t X < f; echo ${X[@]}",
        "printf -v X a; echo $X",
        "(( X = 1 )); echo $X",
        "for ((X=0; X<3; X++)); do echo $X; done",
        "let X=1; echo $X",
        "exec {X}>f; echo >&$X",
        "read -ra X <<< a; echo ${X[0]}",
        "if [[ -v X ]]; then echo $X; fi",
        "echo $HOSTNAME $RANDOM $SECONDS $UID $BASH_VERSION $SHELL $SHLVL $BASH_COMPAT ${PIPESTATUS[0]}",
    ],
)
def test_what_bash_sets_is_not_reported_under_bash(script: str) -> None:
    assert unknown(script, "shell: bash") == []


@pytest.mark.parametrize(
    "keys",
    ["env: {X: a}", "secrets: {X: env:X}", "pass_env: [X]", "pass_env: [Y, X]"],
)
def test_what_the_file_sets_is_not_reported(keys: str) -> None:
    assert unknown("echo $X", keys) == []


def test_a_param_is_given_in_capital_letters_only() -> None:
    keys = "params: {day: {type: string, default: a}}"
    assert unknown("echo $JOBFILE_PARAM_DAY {{ params.day }}", keys) == []
    (one,) = found(keys, "echo $day {{ params.day }}")
    assert one.help == ("the param is  $JOBFILE_PARAM_DAY  or  {{ params.day }}",)
    (one,) = found(keys, "echo $JOBFILE_PARAM_DYA {{ params.day }}")
    assert one.help == ("did you mean `JOBFILE_PARAM_DAY`?",)
    assert not one.fixes


@pytest.mark.parametrize(
    ("keys", "then"),
    [
        ("owner: x", "pass_env: [X]\n"),
        ("pass_env: [A]", "pass_env: [A, X]\n"),
        ("pass_env:\n      - A", "pass_env:\n      - A\n      - X\n"),
    ],
)
def test_the_fix_adds_the_variable_to_pass_env(keys: str, then: str) -> None:
    text = f"version: 1\njobs:\n  a:\n    {keys}\n    run: echo $X\n"
    looked = check_files([("jobs.yaml", text.encode())])
    told = [one for one in looked.diagnostics if one.code == "JF430"]
    fixed, made, _ = apply_fixes(looked.sources["jobs.yaml"], told, unsafe=True)
    assert made
    assert then in fixed
    assert not [
        one for one in check_files([("jobs.yaml", fixed.encode())]).diagnostics if one.code == "JF430"
    ]


def test_what_is_listed_here_is_what_a_process_has() -> None:
    config = EngineConfig(
        main_file=Path("jobs.yaml"), state_dir=Path(".jobfile"), environ=dict.fromkeys(PASSED_ON, "x")
    )
    order = prepare(a_run(), a_job(), config, now=NOON, last_success=None)
    assert isinstance(order, LaunchOrder)
    assert order.env.keys() <= {*PASSED_ON, *GIVEN, *SET_FOR_EACH_RUN, *ABOUT_THE_RUN}
    assert order.env.keys() >= {*PASSED_ON, *GIVEN, *SET_FOR_EACH_RUN}


def test_each_variable_of_a_run_is_known_to_a_script() -> None:
    assert not unknown("; ".join(f'echo "${name}"' for name in ABOUT_THE_RUN))
    assert FENCE in ABOUT_THE_RUN


@together(
    ("name", "value", "code"),
    [
        ("PATH", "/opt/x:$PATH", "JF432"),
        ("PATH", "${PATH}:/opt/x", "JF432"),
        ("PATH", "$HOME/bin:/usr/bin", "JF432"),
        ("PATH", "/opt/x:/usr/bin", ""),
        ("A", "$HOME/x", "JF431"),
        ("A", "${HOME}", "JF431"),
        ("A", "${HOME:-/root}/x", "JF431"),
        ("A", "$home/x", "JF431"),
        ("A", "a:$b", "JF431"),
        ("A", "-Dx=$DIR", "JF431"),
        ("A", "$(date +%F)", "JF431"),
        ("A", "`hostname`", "JF431"),
        ("A", "$1.50", ""),
        ("A", "US$", ""),
        ("A", "a$$b", ""),
        ("A", "\\$HOME", ""),
        ("A", "x$yz", ""),
        ("A", "{{ run.id }}", ""),
        ("A", "^a$", ""),
        ("PASSWORD", "pa$WORD", ""),
        ("API_TOKEN", "$OTHER", "JF431"),
        ("PS4", "+ $LINENO: ", ""),
        ("BASH_ENV", "$HOME/env", ""),
    ],
)
def test_a_value_of_env_is_not_expanded(name: str, value: str, code: str) -> None:
    told = found(f"env: {{{name}: '{value}'}}", "echo", "JF431", "JF432")
    assert [one.code for one in told] == ([code] if code else [])


def test_a_value_that_the_script_expands_itself_is_not_reported() -> None:
    assert not found("env: {A: '$HOME/x'}", 'eval "echo $A"', "JF431")
    assert found("working_dir: $HOME/x", "echo", "JF431")


@pytest.mark.parametrize("name", [*SET_FOR_EACH_RUN, *ABOUT_THE_RUN, "JOBFILE_PARAM_X", "JF_1"])
def test_what_jobfile_sets_cannot_be_passed_on(name: str) -> None:
    code = "JF434" if name in SET_FOR_EACH_RUN else "JF214"
    assert found(f"pass_env: [A, {name}]", "echo $A", code)
    assert not found(f"pass_env: [A{name}]", "echo", "JF434", "JF214")


NAMES = st.from_regex(r"[A-Z][A-Z_]{2,8}", fullmatch=True).filter(
    lambda name: not name.startswith(("JOBFILE", "JF_", "BASH", "COMP", "HIST")) and unknown(f"echo ${name}")
)


@given(NAMES, st.sampled_from(["sh", "bash"]))
def test_a_name_is_known_as_soon_as_something_gives_it(name: str, shell: str) -> None:
    use = f'echo "${name}" ${{{name}}}'
    assert unknown(use, f"shell: {shell}") == [name]
    for given_by in (f"{name}=1", f"read -r {name}", f"export {name}=1", f": ${{{name}:=1}}"):
        assert unknown(f"{given_by}\n{use}", f"shell: {shell}") == []
    assert unknown(use, f"shell: {shell}\n    pass_env: [{name}]") == []
    assert unknown(f"echo '${name}' # ${name}", f"shell: {shell}") == []
