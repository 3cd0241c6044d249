"""What only bash reads: each construct is found in every position but in no quotes; a real sh agrees."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobfile.fixing.edits import apply_fixes
from jobfile.pipeline import check_files
from jobfile.shell.bashisms import BASHISMS, find_bashisms
from jobfile.shell.lexer import read_script
from tests.soak import examples
from tests.together import together

SH = shutil.which("dash") or "sh"

TABLE: tuple[tuple[str, str], ...] = (
    ("&>", "/none/such &> f"),
    ("&>", "/none/such &>> f"),
    ("&>", "{ /none/such; } &>f"),
    (">&", "ls / >& f"),
    ("|&", "ls |& cat"),
    ("<<<", "cat <<< hi"),
    ("<( )", "cat <(echo a)"),
    ("<( )", "echo a > >(cat)"),
    (";&", "case a in a) echo 1;& b) echo 2;; esac"),
    (";;&", "case a in a) echo 1;;& a) echo 2;; esac"),
    ("for ((", "for ((i=0;i<2;i++)); do echo $i; done"),
    ("array", "a=(1 2)"),
    ("function", "function f { echo hi; }; f"),
    ("select", "select x in a b; do break; done </dev/null"),
    ("coproc", "coproc cat"),
    ("((", "(( 1 + 1 ))"),
    ("((", "x=1; (( x++ )); echo $x"),
    ("[[", "[[ a == a ]]"),
    ("[[", "if [[ -d / ]]; then echo yes; fi"),
    ("{fd}>", "exec {fd}>f"),
    ("10>", "echo hi 10>f"),
    ("{a,b}", "echo {1..3}"),
    ("{a,b}", "echo {c..a}"),
    ("{a,b}", "echo x{a,b}y"),
    ("{a,b}", 'echo {"$PATH",b}'),
    ("{a,b}", "for x in {1..3}; do echo $x; done"),
    ("[^", "case b in [^a]) echo other;; esac"),
    ("$'", "echo $'a\\tb'"),
    ('$"', 'echo $"hello"'),
    ("$[", "echo $[1+1]"),
    ("$(<", 'echo "$(< /etc/passwd)"'),
    ("$(<", "x=$(</etc/passwd); echo $x"),
    ("${!x}", "x=HOME; echo ${!x}"),
    ("${!x}", "echo ${!HO@}"),
    ("${x[0]}", "x=abc; echo ${x[0]}"),
    ("${x[0]}", "x=abc; echo ${#x[@]}"),
    ("${x/a/b}", "x=aba; echo ${x/b/c}"),
    ("${x/a/b}", 'x=aba; echo "${x//a/c}"'),
    ("${x^^}", "x=abc; echo ${x^^}"),
    ("${x^^}", "x=abc; echo ${x^}"),
    ("${x^^}", "x=ABC; echo ${x,,}"),
    ("${x^^}", "x=abc; echo ${x~~}"),
    ("${x@Q}", "x=abc; echo ${x@Q}"),
    ("${x:1}", "x=abc; echo ${x:1:2}"),
    ("${x:1}", "x=abc; echo ${x: -1}"),
    ("arithmetic", "echo $((2**3))"),
    ("arithmetic", "x=1; echo $((x++))"),
    ("arithmetic", "x=1; echo $((++x))"),
    ("arithmetic", "echo $((16#ff))"),
    ("arithmetic", "echo $((1,2))"),
    ("command", "shopt -s nullglob"),
    ("command", "dirs"),
    ("command", "compgen -c"),
    ("command", "enable"),
    ("source", "source /dev/null"),
    ("let", "let x=1+1"),
    ("declare", "declare -i x=1"),
    ("typeset", "typeset x=1"),
    ("pushd", "pushd /"),
    ("builtin", "builtin echo a"),
    ("mapfile", "mapfile x </dev/null"),
    ("readarray", "readarray x </dev/null"),
    ("a[0]=", "a[0]=1"),
    ("x+=", "x=1; x+=2; echo $x"),
    ("echo -e", "echo -e 'a\\tb'"),
    ("echo -e", "echo -ne 'a\\tb'"),
    ("printf", "printf '%(%Y)T\\n' -1"),
    ("printf", "printf '%q\\n' 'a b'"),
    ("printf", "printf -v x a; echo $x"),
    ("pipefail", "set -o pipefail"),
    ("pipefail", "set -euo pipefail"),
    ("set", "set -o errtrace"),
    ("set", "set -B"),
    ("read", "echo a b | { read -a x; echo $x; }"),
    ("read", "echo a | { read -t 5 x; echo $x; }"),
    ("read", "echo a | { read -rn 1 x; echo $x; }"),
    ("read", "echo a: | { read -d : x; echo $x; }"),
    ("read x", "echo a | { read; echo $REPLY; }"),
    ("local", "f() { local -a x; }; f"),
    ("local", "f() { local -r x=1; }; f"),
    ("option", "export -n X"),
    ("option", "unset -n x"),
    ("option", "exec -a name true"),
    ("option", "type -t ls"),
    ("option", "hash -d ls || hash ls; hash -d ls"),
    ("trap", "trap 'echo e' ERR; echo x"),
    ("trap", "trap 'echo e' SIGTERM; echo x"),
    ("trap", "trap - SIGINT; echo x"),
    ("kill", "kill -SIGCONT $$; echo x"),
    ("kill", "kill -s SIGCONT $$; echo x"),
    ("==", "[ a == a ]"),
    ("==", "test a == a"),
    ("-v", "[ -v HOME ]"),
    ("test", "[ -o errexit ]"),
    ("test", "[ -a / ]"),
    ("exit", "exit -1"),
    ("variable", "echo $RANDOM"),
    ("variable", "echo ${SECONDS}"),
    ("variable", "echo $BASH_VERSION"),
    ("variable", "echo ${BASH_SOURCE[0]}"),
    ("variable", "echo $UID"),
    ("variable", "echo $EUID"),
    ("variable", "echo $OSTYPE"),
    ("variable", "true | true; echo ${PIPESTATUS[0]}"),
    ("variable", "echo $EPOCHSECONDS"),
    ("variable", "echo $LINENO"),
    ("arithmetic variable", "echo $((RANDOM * 32768 + RANDOM + 1))"),
)
"""The name of a construct, and a script with it that works in bash."""
FINE: tuple[str, ...] = (
    "echo hi >&2",
    "echo hi >f 2>&1",
    "exec 3>f; echo hi >&3; exec 3>&-",
    "echo hi >| f",
    "[ a = a ] && [ / -ef / ] && [ ! / -nt / ]",
    "f() { local x=1; echo $x; }; f",
    "echo a | { read -r x; echo $x; }",
    "echo -n a",
    "printf '%s %d%%\\n' a 1",
    "set -eu -o noglob",
    "trap 'echo e' EXIT",
    "kill -s CONT $$; kill -CONT $$",
    "x=abab; echo ${#x} ${x%b} ${x%%b*} ${x#a} ${x##*a} ${y:-1} ${y-1} ${z:=2} ${z:+3}",
    "echo $((1 + 2 * 3)) $((0x1f)) $((1 > 0 ? 2 : 3))",
    "x=1; echo $((x += 1)) $((x - -1))",
    "case b in [!a]) echo other;; esac",
    "x={a,b}; echo $x",
    "command -v ls",
    "sleep 0 & wait $!",
    "echo a {} '{a,b}' \"{1..3}\"",
    "echo '[[' 'a &> b' \"source\" \\&\\> f",
    "(cd / && pwd)",
    "echo $(cat < /etc/passwd) `cat /etc/passwd`",
    "cat <<-END\n\ta {1..3} [[ &> f\n\tEND",
)
"""Scripts that sh and bash take alike."""


def constructs(script: str) -> set[str]:
    return {part.what for part in find_bashisms(read_script(script, []))}


def outcome(shell: str, script: str, folder: Path) -> tuple[int, str]:
    options = ["-euo", "pipefail"] if shell == "bash" else ["-eu"]
    done = subprocess.run(
        [shell, *options, "-c", script],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=folder,
        timeout=20,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": "/root"},
    )
    return done.returncode, done.stdout


def test_each_construct_has_a_row_here() -> None:
    assert {what for what, _ in TABLE} == BASHISMS.keys()


@together(("what", "script"), TABLE)
def test_each_construct_is_found(what: str, script: str) -> None:
    assert what in constructs(script)


@pytest.mark.parametrize("script", FINE)
def test_nothing_is_found_in_what_sh_takes(script: str, tmp_path: Path) -> None:
    assert constructs(script) == set()
    assert outcome(SH, script, tmp_path)[0] == 0
    assert outcome(SH, script, tmp_path) == outcome("bash", script, tmp_path)


@pytest.mark.parametrize(("what", "script"), TABLE)
def test_a_real_sh_treats_it_differently(what: str, script: str, tmp_path: Path) -> None:
    assert outcome(SH, script, tmp_path) != outcome("bash", script, tmp_path)
    read = subprocess.run([SH, "-n"], input=script, capture_output=True, text=True, check=False)
    assert (read.returncode != 0) == BASHISMS[what].is_refused


def test_a_real_sh_loses_the_result_before_both_go_to_a_file(tmp_path: Path) -> None:
    for sign in ("&>", "&>>"):
        assert outcome(SH, f"/none/such {sign} f", tmp_path)[0] == 0
        assert outcome("bash", f"/none/such {sign} f", tmp_path)[0] == 127


POSITIONS = (
    "{}",
    "echo a; {}",
    "if true; then {}\nfi",
    "if true\nthen\n\t{}\nelse\n\techo b\nfi",
    "while false; do {}\ndone",
    "x=$( {}\n)",
    'echo "$( {}\n)"',
    "( {}\n)",
    "{{ {}\n}}",
    "fun() {{\n\t{}\n}}\nfun",
    "true && {}",
    "true ||\n  {}",
    "echo a \\\n  b\n{}",
    "# a comment\n\n\t {}  # another",
    "cat <<END\ntext\nEND\n{}",
    "case a in\n  a)\n    {}\n    ;;\nesac",
    "for one in a b\ndo\n{}\ndone",
)
QUOTED = (
    "# {}",
    "echo a # {}",
    "cat <<'END'\n{}\nEND",
    "cat <<\\END\n{}\nEND",
    "python3 - <<'END'\n{}\nEND\necho a",
)


@settings(max_examples=examples(200), deadline=None)
@given(st.sampled_from(TABLE), st.lists(st.sampled_from(POSITIONS), min_size=1, max_size=3))
def test_a_construct_is_found_wherever_a_command_may_be(row: tuple[str, str], around: list[str]) -> None:
    what, script = row
    for position in around:
        script = position.format(script)
    assert what in constructs(script)


@settings(max_examples=examples(100), deadline=None)
@given(st.sampled_from(TABLE), st.sampled_from(QUOTED), st.lists(st.sampled_from(POSITIONS), max_size=2))
def test_nothing_is_found_in_comments_and_quotes(
    row: tuple[str, str], quoted: str, around: list[str]
) -> None:
    script = quoted.format(row[1].replace("\n", " "))
    for position in around:
        script = position.format(f"{script}\n")
    assert constructs(script) == set()


@together("script", [one for _, one in TABLE if "'" not in one])
def test_nothing_is_found_in_an_argument_in_single_quotes(script: str) -> None:
    assert constructs(f"awk '{script}' f; ssh host '{script}'") == set()


@together(("what", "script"), TABLE)
def test_a_script_for_bash_is_left_alone(what: str, script: str) -> None:
    assert not codes_of(script, shell="bash") & {"JF428", "JF429"}
    assert not codes_of(script, shell="[bash, -eu]") & {"JF428", "JF429"}
    assert not codes_of(script, shell="[zsh, -eu]") & {"JF428", "JF429"}
    told = {"JF428" if BASHISMS[what].loses else "JF429"} - (
        {"JF429"} if BASHISMS[what].is_refused else set()
    )
    for shell in ("sh", "[sh, -eu]", "[/bin/dash, -e]"):
        assert codes_of(script, shell=shell) & {"JF428", "JF429"} >= told


def codes_of(script: str, *, shell: str) -> set[str]:
    indented = script.replace("\n", "\n      ")
    text = f"version: 1\njobs:\n  a:\n    shell: {shell}\n    run: |\n      {indented}\n"
    return {one.code for one in check_files([("jobs.yaml", text.encode())]).diagnostics}


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("[sh, -c, 'backup &>> log']", "JF428"),
        ("[/bin/sh, -ec, 'backup &>> log']", "JF428"),
        ("[sh, -e, -c, '[[ -f x ]] && backup']", "JF429"),
        ("[bash, -c, 'backup &>> log']", ""),
        ("[sh, -c, 'backup \"$1\"', sh, '&>> log']", ""),
        ("[echo, -c, 'backup &>> log']", ""),
        ("[sh, backup.sh, '&>']", ""),
    ],
)
def test_a_script_in_a_command_list_is_read_too(command: str, code: str) -> None:
    text = f"version: 1\njobs: {{a: {{command: {command}}}}}\n"
    found = {one.code for one in check_files([("jobs.yaml", text.encode())]).diagnostics}
    assert found & {"JF428", "JF429"} == ({code} if code else set())


@pytest.mark.parametrize(
    ("run", "fixed"),
    [
        ("run: x &> log", "run: x > log 2>&1"),
        ("run: x &>>log", "run: x >> log 2>&1"),
        ("run: 'x &>> \"$TMPDIR/a b\"; y'", "run: 'x >> \"$TMPDIR/a b\" 2>&1; y'"),
        ("run: |\n      x &> log\n      y &>> log", "run: |\n      x > log 2>&1\n      y >> log 2>&1"),
        ("run: x >& log", "run: x > log 2>&1"),
    ],
)
def test_the_fix_writes_both_to_the_file_as_sh_has_it(run: str, fixed: str) -> None:
    text = f"version: 1\njobs:\n  a:\n    {run}\n"
    looked = check_files([("jobs.yaml", text.encode())])
    told = [one for one in looked.diagnostics if one.code in ("JF428", "JF429")]
    made = apply_fixes(looked.sources["jobs.yaml"], told, unsafe=False)[0]
    assert made == f"version: 1\njobs:\n  a:\n    {fixed}\n"


@pytest.mark.parametrize(
    ("job", "fixed"),
    [
        ("  a:\n    run: source x", "  a:\n    shell: bash\n    run: source x"),
        ("  a:\n    shell: sh\n    run: source x", "  a:\n    shell: bash\n    run: source x"),
        ("  a: {run: source x}", "  a: {shell: bash, run: source x}"),
    ],
)
def test_the_other_fix_is_bash(job: str, fixed: str) -> None:
    text = f"version: 1\njobs:\n{job}\n"
    looked = check_files([("jobs.yaml", text.encode())])
    told = [one for one in looked.diagnostics if one.code == "JF429"]
    assert apply_fixes(looked.sources["jobs.yaml"], told, unsafe=False)[0] == text, "not without being asked"
    assert apply_fixes(looked.sources["jobs.yaml"], told, unsafe=True)[0] == f"version: 1\njobs:\n{fixed}\n"


@together(("what", "script"), [row for row in TABLE if "\\" not in row[1]])
def test_a_construct_is_found_in_backticks(what: str, script: str) -> None:
    assert what in constructs(f"x=`\n{script}\n`")
    assert what in constructs(f'echo "a `{script}\n`"; echo b')
    assert constructs(f"echo '`{script}`'".replace(script, script.replace("'", ""))) == set()
