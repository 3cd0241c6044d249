"""A value never becomes code: real shells, hostile values, every place."""

import os
import random
import subprocess
import time
import zlib
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobfile.shell.script import compile_script
from tests.language.shell_generators import (
    BASH_CONTEXTS,
    CONTEXTS,
    HOSTILE,
    RISKY,
    V,
    nested,
    offsets,
    risky,
)
from tests.together import together

SHELLS = (("dash", "sh"), ("bash", "bash"), ("bash --posix", "sh"))
WARNINGS = {"JF426", "JF427"}
MARK = "\x1e"
IS_FULL = bool(os.environ.get("JOBFILE_SHELL_FULL"))
"""Every script with every value takes minutes; the ordinary run has each sixteenth and fewer scripts."""
SHARE = 1 if IS_FULL else 16
EVIL = ("a[$(touch PWNED)]", "$(touch PWNED)", "; touch PWNED", "-va[$(touch PWNED)]", "x\ntouch PWNED")
"""Values that run something in some place where code, a name or arithmetic is read."""


def sample(key: str) -> list[str]:
    """Some of the hostile values, the same for the same script."""
    values = HOSTILE[zlib.crc32(key.encode()) % SHARE :: SHARE]
    return list(dict.fromkeys((*values, *EVIL)))


def compiled(script: str, kind: str = "string", dialect: Literal["sh", "bash"] = "sh") -> str | None:
    slots = offsets(script)
    made, _ = compile_script(script, slots=slots, kinds=[kind] * len(slots), dialect=dialect)
    return None if made is None else made.text


def codes(script: str, kind: str = "string", dialect: Literal["sh", "bash"] = "sh") -> set[str]:
    slots = offsets(script)
    _, problems = compile_script(script, slots=slots, kinds=[kind] * len(slots), dialect=dialect)
    return {problem.code for problem in problems}


def run_all(shell: str, script: str, values: list[str], folder: Path) -> list[str]:
    """What a script prints for each value: one shell process sources it for all of them."""
    (folder / "script").write_text(script)
    names = " ".join(f"JF_{n}" for n in range(1, max(len(offsets(script)), script.count("{JF_")) + 1))
    driver = (
        f"i=0; while [ $i -lt {len(values)} ]; do "
        f'( for n in X {names}; do eval "export $n=\\$V$i"; done; . ./script ) 2>/dev/null </dev/null; '
        f"printf '{MARK}'; i=$((i+1)); done"
    )
    done = subprocess.run(
        [*shell.split(), "-c", driver],
        cwd=folder,
        capture_output=True,
        timeout=100,
        env={"PATH": "/usr/bin:/bin", **{f"V{index}": value for index, value in enumerate(values)}},
        check=False,
    )
    return done.stdout.decode().split(MARK)[:-1]


READ_BY = [
    *((script, *shell) for shell in SHELLS for script in CONTEXTS),
    *((script, *shell) for shell in SHELLS if shell[1] == "bash" for script in BASH_CONTEXTS),
]


@pytest.mark.parametrize(("script", "shell", "dialect"), READ_BY)
def test_every_value_comes_out_byte_for_byte(
    script: str, shell: str, dialect: Literal["sh", "bash"], tmp_path: Path
) -> None:
    made = compiled(script, dialect=dialect)
    assert made is not None, codes(script, dialect=dialect)
    assert not [code for code in codes(script, dialect=dialect) if code != "JF427"]
    assert V not in made.replace(f"# {V}", "")
    values = sample(script + shell)
    assert run_all(shell, made, values, tmp_path) == values
    assert not (tmp_path / "PWNED").exists()


@pytest.mark.parametrize(("shell", "dialect"), SHELLS)
@pytest.mark.parametrize("seed", range(4))
def test_random_nested_scripts_keep_their_values(
    seed: int, shell: str, dialect: Literal["sh", "bash"], tmp_path: Path
) -> None:
    chance = random.Random(f"{seed} {shell}")
    for _ in range(400 if IS_FULL else 15):
        script, count = nested(chance, chance.choice((3, 4)), is_bash=dialect == "bash")
        made = compiled(script, dialect=dialect)
        assert made is not None, (codes(script, dialect=dialect), script)
        values = [value for value in chance.sample(HOSTILE, 6) if "\n" not in value and value]
        for value, printed in zip(values, run_all(shell, made, values, tmp_path), strict=True):
            assert printed.count(f"<{value}>") == count, script
    assert not (tmp_path / "PWNED").exists()


def test_fewer_than_one_in_a_hundred_valid_scripts_is_refused() -> None:
    chance = random.Random(2604)
    refused, count = 0, 1500 if IS_FULL else 500
    for _ in range(count):
        script, _ = nested(chance, 4, is_bash=True)
        refused += compiled(script, dialect="bash") is None
    print(f"{refused} of {count} random valid scripts refused")
    assert refused * 100 < count


@pytest.mark.parametrize(("shell", "dialect"), SHELLS)
@pytest.mark.parametrize("seed", range(3))
def test_a_script_that_may_run_its_value_is_refused_or_harmless(
    seed: int, shell: str, dialect: Literal["sh", "bash"], tmp_path: Path
) -> None:
    chance = random.Random(f"{seed} {shell}")
    accepted = 0
    scripts = [*RISKY[seed::3], *(risky(chance) for _ in range(3000 if IS_FULL else 100))]
    for script in scripts:
        made = compiled(script, dialect=dialect)
        if made is None:
            continue
        accepted += 1
        run_all(shell, made, list(EVIL), tmp_path)
        assert not (tmp_path / "PWNED").exists(), (script, made)
    assert 0 < accepted < len(scripts) / 2


REFUSED = [
    ("echo `ls {{v}}`", "JF411"),
    ('echo "`ls {{v}}`"', "JF411"),
    ("echo ${x:-{{v}}}", "JF412"),
    ('echo "${x#{{v}}}"', "JF412"),
    ("echo ${a[{{v}}]}", "JF412"),
    ("echo $'{{v}}'", "JF413"),
    ("echo $(( {{v}} + 1 ))", "JF414"),
    ('echo "$(( {{v}} ))"', "JF414"),
    ("(( x = {{v}} ))", "JF414"),
    ("for ((i=0;i<{{v}};i++)); do :; done", "JF414"),
    ("cat <<END\n$(( {{v}} ))\nEND", "JF414"),
    ("cat <<'END'\n{{v}}\nEND", "JF415"),
    ("cat <<\\END\n{{v}}\nEND", "JF415"),
    ("echo ${{v}}", "JF417"),
    ("echo \\{{v}}", "JF418"),
    ('echo "\\{{v}}"', "JF418"),
    ("cat <<{{v}}\nx\nEND", "JF419"),
    ("echo '{{v}}", "JF409"),
    ('echo "{{v}}', "JF409"),
    ("echo $( {{v}}", "JF409"),
    ("cat <<END\n{{v}}\n", "JF409"),
    ("echo $[ {{v}} ]", "JF410"),
    ("eval {{v}}", "JF421"),
    ("ssh host {{v}}", "JF421"),
    ("trap {{v}} EXIT", "JF421"),
    ("watch {{v}}", "JF421"),
    ("parallel {{v}} ::: 1", "JF421"),
    ("su user -c {{v}}", "JF421"),
    (". {{v}}", "JF421"),
    ("source {{v}}", "JF421"),
    ('sh -c "echo {{v}}"', "JF421"),
    ("bash -lc {{v}}", "JF421"),
    ("python3 -c {{v}}", "JF421"),
    ("perl -e {{v}}", "JF421"),
    ("node -e {{v}}", "JF421"),
    ('nohup sh -c "{{v}}"', "JF421"),
    ('exec sh -c "{{v}}"', "JF421"),
    ('env A=1 bash -c "{{v}}"', "JF421"),
    ('timeout 5 sh -c "{{v}}"', "JF421"),
    ('command sh -c "{{v}}"', "JF421"),
    ('find . -exec sh -c "{{v}}" \\;', "JF421"),
    ('xargs -I{} sh -c "{{v}}"', "JF421"),
    ('$S -c "{{v}}"', "JF421"),
    ("/usr/bin/env python3.11 -c {{v}}", "JF421"),
    ("[[ {{v}} -eq 1 ]]", "JF421"),
    ("[[ -v {{v}} ]]", "JF421"),
    ("[ -v {{v}} ]", "JF421"),
    ("test -v {{v}}", "JF421"),
    ("printf -v {{v}} x", "JF421"),
    ("declare {{v}}=1", "JF421"),
    ("local {{v}}", "JF421"),
    ("export {{v}}", "JF421"),
    ("read {{v}}", "JF421"),
    ("unset {{v}}", "JF421"),
    ("let {{v}}", "JF421"),
    ("arr[{{v}}]=1", "JF421"),
    ("sh >&2 -c {{v}}", "JF421"),
    (">log declare {{v}}", "JF421"),
    ("sh -c -e {{v}}", "JF421"),
    ("sh -c -o pipefail {{v}}", "JF421"),
    ("sh -c $X {{v}}", "JF421"),
    ("sh -cx {{v}}", "JF421"),
    ('python3 -c"{{v}}"', "JF421"),
    ("node --eval={{v}}", "JF421"),
    ("php -r {{v}}", "JF421"),
    ("s\\\nh -c {{v}}", "JF421"),
    ("/bin/s? -c {{v}}", "JF421"),
    ("sudo -u x ssh host {{v}}", "JF421"),
    ("timeout --foreground 5 ssh host {{v}}", "JF421"),
    ("env A=1 eval {{v}}", "JF421"),
    ("command eval {{v}}", "JF421"),
    ("command . {{v}}", "JF421"),
    ("time -p eval {{v}}", "JF421"),
    ("find . -execdir ssh host {{v}} \\;", "JF421"),
    ("flock f -c {{v}}", "JF421"),
    ("env -S {{v}}", "JF421"),
    ("bash <<END\n{{v}}\nEND", "JF421"),
    ("bash <<< {{v}}", "JF421"),
    ("ssh -p 22 host <<END\nls {{v}}\nEND", "JF421"),
    ("ssh host bash -s <<END\nls {{v}}\nEND", "JF421"),
    ("cat <<END | sh\n{{v}}\nEND", "JF421"),
    ("echo {{v}} | tee x | bash -s", "JF421"),
    ("{ echo {{v}}; } | sh", "JF421"),
    ("a=([{{v}}]=1)", "JF421"),
    ("echo >&{{v}}", "JF421"),
    ("echo 2>&x{{v}}", "JF421"),
    ('exec {a["{{v}}"]}>/dev/null', "JF421"),
    ("RANDOM={{v}}", "JF421"),
    ("for OPTIND in {{v}}; do :; done", "JF421"),
    ("PS4={{v}}; set -x", "JF439"),
    ("BASH_ENV={{v}} bash x", "JF439"),
    ("env ENV={{v}} sh -i", "JF439"),
    ("declare -i n; n={{v}}", "JF421"),
    ("f() { local -n n; n={{v}}; }", "JF421"),
    ("PATH={{v}}:$PATH", "JF439"),
    ("export PATH={{v}}:$PATH", "JF439"),
    ("export LD_PRELOAD='{{v}}'", "JF439"),
    ('LD_PRELOAD="/lib/{{v}}" ls', "JF439"),
    ("sudo GIT_SSH_COMMAND={{v}} git pull", "JF439"),
    ("f() { local IFS={{v}}; }", "JF439"),
    ("for PATH in {{v}}; do ls; done", "JF439"),
    ("docker run --env=PYTHONPATH={{v}} x", "JF439"),
    ("docker run -eNODE_OPTIONS={{v}} x", "JF439"),
    ('a["{{v}}"]+=1', "JF421"),
    ("declare -a a=({{v}})", "JF421"),
    ("printf {{v}} x", "JF421"),
    ("[ {{v}} {{v}} ]", "JF421"),
    ('eval "$(cat {{v}})"', "JF421"),
    ("alias x={{v}}", "JF421"),
    ("declare -a a={{v}}", "JF421"),
    ("readonly -a a={{v}}", "JF421"),
    ("declare -ri n={{v}}", "JF421"),
    ("typeset -n r={{v}}", "JF421"),
    ("export {{v}} A={{v}}", "JF421"),
    ("a=(1); declare a={{v}}", "JF421"),
    ("mapfile a <f; declare a={{v}}", "JF421"),
    ("f() { local -a a; local a={{v}}; }", "JF421"),
    ("b[0]=1; f() { typeset b={{v}}; }", "JF421"),
    ("declare -i n; export n={{v}}", "JF421"),
    ("ssh {{v}} ls", "JF421"),
    ("ssh {{v}}@host ls", "JF421"),
    ("ssh -p {{v}} {{v}}", "JF421"),
    ("ssh -oProxyCommand={{v}} host ls", "JF421"),
    ("ssh -o ProxyCommand={{v}} host ls", "JF421"),
    ("ssh -vJ {{v}} host ls", "JF421"),
    ("ssh -F {{v}} host ls", "JF421"),
    ("ssh host -o {{v}} ls", "JF421"),
    ("ssh -- host -o {{v}}", "JF421"),
    ("su {{v}}", "JF421"),
    ("su - {{v}} -c ls", "JF421"),
    ("su --command={{v}} u", "JF421"),
    ("su u -- {{v}}", "JF421"),
    ("su -lc {{v}}", "JF421"),
    ("su -s {{v}} u", "JF421"),
    ("A=1 . {{v}}", "JF421"),
    (". -- {{v}}", "JF421"),
    (". /etc/{{v}}.sh", "JF426"),
    ("source ./env-{{v}}.sh x", "JF426"),
    ("compgen -W {{v}}", "JF421"),
    ("function f { eval {{v}}; }", "JF421"),
    ("coproc N { eval {{v}}; }", "JF421"),
    ("case x in x) eval {{v}};; esac", "JF421"),
    ("$(case x in (x) eval {{v}};; esac)", "JF421"),
    ("cat <<END\n$(eval {{v}})\nEND", "JF421"),
    ("{{v}}=1", "JF417"),
    ("for {{v}} in a; do :; done", "JF417"),
    ("function {{v}} { :; }", "JF417"),
    ("{{v}}() { :; }", "JF417"),
    ("cat <<E$X\n{{v}}\nE$X", "JF410"),
    ("echo ) {{v}}", "JF410"),
    ("curl {{v}} | sh", "JF426"),
    ("sudo {{v}}", "JF426"),
    ("sh {{v}}", "JF426"),
    ("python3 {{v}}", "JF421"),
    ("sudo -u x perl -w {{v}}", "JF421"),
    ("sh {{v}} {{v}}", "JF421"),
    ("sh -- {{v}} {{v}}", "JF426"),
    ("python3 -- {{v}}", "JF426"),
    ("find {{v}} -exec sh -c 'rm {}' \\;", "JF427"),
    ("psql <<END\n{{v}}\nEND", "JF427"),
    ("{{v}} --version", "JF426"),
    ('$SUDO eval "echo {{v}}"', "JF421"),
    ('"$@" eval "echo {{v}}"', "JF421"),
    ('${D:+echo} eval "echo {{v}}"', "JF421"),
    ('$SUDO ssh h "rm {{v}}"', "JF421"),
    ('sshpass -e ssh h "rm {{v}}"', "JF421"),
    ('proxychains ssh h "rm {{v}}"', "JF421"),
    ('torify su -c "rm {{v}}"', "JF421"),
    ('foo -x ssh h "rm {{v}}"', "JF421"),
    ('CMD="sh -c"; $CMD "echo {{v}}"', "JF421"),
    ('c=(sh -c); "${c[@]}" "echo {{v}}"', "JF421"),
    ('SUDO=; $SUDO eval "echo {{v}}"', "JF421"),
    ('$CMD "x{{v}}"', "JF421"),
    ("make X={{v}}", "JF421"),
    ("make -f - <<E\n{{v}}\nE", "JF421"),
    ("awk -f - <<E\n{{v}}\nE", "JF421"),
    ("echo {{v}} | make -f-", "JF421"),
    ("tar -I {{v}} -cf x y", "JF421"),
    ("tar --use-compress-program={{v}} -cf x y", "JF421"),
    ('npm exec -c "x {{v}}"', "JF421"),
    ("npx -c {{v}}", "JF421"),
    ('tmux new-session "x {{v}}"', "JF421"),
    ('jobs -x eval "x {{v}}"', "JF421"),
    ("m4 <<E\n{{v}}\nE", "JF421"),
    ("echo {{v}} | tclsh", "JF421"),
    ("sftp h <<E\nls {{v}}\nE", "JF421"),
    ('Rscript -e "x {{v}}"', "JF421"),
    ("julia -e {{v}}", "JF421"),
    ("deno eval {{v}}", "JF421"),
    ("pwsh -Command {{v}}", "JF421"),
    ("gdb -ex {{v}} p", "JF421"),
    ("git rebase -x {{v}} main", "JF421"),
    ('rsync -e "ssh -p {{v}}" a b', "JF421"),
    ("rsync --rsh={{v}} a b", "JF421"),
    ('gcloud compute ssh h --command="x {{v}}"', "JF421"),
    ('gcloud compute ssh h --command "x {{v}}"', "JF421"),
    ("A=1 \\\n . {{v}}", "JF421"),
    ("psql -c {{v}}", "JF427"),
    ("sqlite3 x.db {{v}}", "JF427"),
    ("sed {{v}} file", "JF427"),
    ("jq {{v}} file", "JF427"),
]


@together(("script", "code"), REFUSED)
@together("dialect", ["sh", "bash"])
def test_where_a_value_would_be_read_again_it_is_refused(
    script: str, code: str, dialect: Literal["sh", "bash"]
) -> None:
    assert code in codes(script, dialect=dialect)
    assert (compiled(script, dialect=dialect) is None) == (code not in WARNINGS)


@together("program", ["sed", "awk", "gawk", "jq"])
@together(
    ("options", "is_program"),
    [
        ("", True),
        ("-n", True),
        ("-n -r", True),
        ("-f prog", False),
        ("-n --file prog", False),
        ("--from-file prog", False),
        ("-e .", False),
        ("--expression .", False),
    ],
)
def test_the_first_operand_is_a_program_unless_an_option_brings_one(
    program: str, options: str, is_program: bool
) -> None:
    code = "JF421" if "awk" in program else "JF427"  # a program in awk runs commands
    assert (code in codes(f"{program} {options} {{{{v}}}} file")) is is_program


@pytest.mark.parametrize("wrapper", ["", "sudo ", "env A=b ", "nice -n 5 "])
@pytest.mark.parametrize("program", ["psql", "mysql", "mariadb", "sqlite3"])
def test_a_message_names_the_program_that_reads_its_input(wrapper: str, program: str) -> None:
    for script in (f"{wrapper}{program} <<END\n{{{{v}}}}\nEND", f"echo {{{{v}}}} | {wrapper}{program}"):
        _, (problem,) = compile_script(script, slots=offsets(script), kinds=["string"], dialect="sh")
        assert problem.code == "JF427"
        assert f"`{program}`" in problem.message


@pytest.mark.parametrize("program", ["mysql", "mariadb"])
@pytest.mark.parametrize("option", ["-e", "--execute"])
def test_a_statement_for_a_database_is_its_program(program: str, option: str) -> None:
    assert codes(f"{program} {option} {{{{v}}}}") == {"JF427"}
    assert codes(f"{program} -h {{{{v}}}}") == set()


@pytest.mark.parametrize("program", ["sh", "bash"])
def test_a_message_names_the_shell_that_reads_its_input(program: str) -> None:
    for script in (f"{program} <<END\n{{{{v}}}}\nEND", f"echo {{{{v}}}} | {program}"):
        _, (problem,) = compile_script(script, slots=offsets(script), kinds=["string"], dialect="sh")
        assert problem.code == "JF421"
        assert f"`{program}`" in problem.message


def test_an_integer_is_allowed_in_arithmetic_and_a_list_nowhere() -> None:
    assert compiled("echo $(( {{v}} + 1 ))", "integer") == "echo $(( ${JF_1} + 1 ))"
    assert codes("echo {{v}}", "list") == {"JF416"}
    assert compiled("[[ {{v}} -eq 1 ]]", "integer", "bash") is not None


@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize("value", [-5, 0, 8, -(2**62)])
def test_arithmetic_with_an_integer_is_right_for_each_value(value: int, shell: str, tmp_path: Path) -> None:
    for script, wanted in (
        ("x=3; echo $((x-{{v}}))", 3 - value),
        ("x=3; echo $((x+{{v}}*2))", 3 + value * 2),
        ("echo $((-{{v}})) ", -value),
        ('echo "$(( 1 - {{v}} ))"', 1 - value),
        ("echo $(( {{v}} ))", value),
    ):
        made = compiled(script, "integer", "bash" if shell == "bash" else "sh")
        assert made is not None
        assert run_all(shell, made, [str(value)], tmp_path) == [f"{wanted}\n"], made


def test_the_place_decides_the_spelling_and_comments_stay() -> None:
    script = "# {{v}}\necho {{v}} \"{{v}}\" '{{v}}'"
    made, problems = compile_script(script, slots=offsets(script), kinds=["string"] * 4, dialect="sh")
    assert problems == ()
    assert made is not None
    assert made.text == '# {{v}}\necho "${JF_1}" "${JF_2}" \'\'"${JF_3}"\'\''
    assert made.used == (1, 2, 3)


def test_a_problem_marks_the_template_and_ends_with_what_always_works() -> None:
    script = "echo ok\necho `ls {{v}}`"
    _, (problem,) = compile_script(script, slots=offsets(script), kinds=["string"], dialect="sh")
    assert script[problem.start : problem.end] == V
    assert 'env: {X: "{{ … }}"}' in problem.help[-1]


ADVICE = [
    ("echo `ls {{v}}`", "use $( … )", "y=$(printf '%s.' {{v}}); printf '%s' \"${y%.}\""),
    ("echo `ls {{v}}`", 'use  "$X"', "y=`printf '%s.' \"$X\"`; printf '%s' \"${y%.}\""),
    ("${y#{{v}}}", "assign first", 'y=a{{v}}; x={{v}}; y=${y%"$x"}; printf \'%s\' "${y#a}"{{v}}'),
    ("${y#{{v}}}", 'use  "$X"', 'y=a$X; y=${y%"$X"}; printf \'%s\' "${y#a}$X"'),
    ("echo $'{{v}}'", 'use " "', "printf '%s' \"{{v}}\""),
    ("cat <<'E'\n{{v}}\nE", "remove the quotes", "y=$(cat <<E\n{{v}}.\nE\n)\nprintf '%s' \"${y%.}\""),
    ("cat <<'E'\n{{v}}\nE", 'use  "$X"', "y=$(cat <<E\n$X.\nE\n)\nprintf '%s' \"${y%.}\""),
    ("echo ${{v}}", "remove the $", "printf '%s' {{v}}"),
    ("{{v}}=1", "case … in", "case {{v}} in a) a=1 ;; *) printf '%s' {{v}} ;; esac"),
    ("echo \\{{v}}", "remove the backslash", "printf '%s' {{v}}"),
    ("cat <<{{v}}\nE\n", "such as END", "cat <<END >/dev/null\nx\nEND\nprintf '%s' {{v}}"),
    ("echo $[ {{v}} ]", 'use  "$X"', "echo $[ 1 ] >/dev/null; printf '%s' \"$X\""),
    ("sh -c 'echo {{v}}'", "as an argument", "sh -c 'printf %s \"$1\"' sh {{v}}"),
    ("sh -c 'echo {{v}}'", "in single quotes", "sh -c 'printf %s \"$X\"'"),
    ("eval echo {{v}}", "remove `eval`", "printf '%s' {{v}}"),
    ("eval echo {{v}}", "in single quotes", "eval 'printf %s \"$X\"'"),
    ("trap 'echo {{v}}' EXIT", "assign first", "x={{v}}; trap 'printf %s \"$x\"' EXIT"),
    ("trap 'echo {{v}}' EXIT", "in single quotes", "trap 'printf %s \"$X\"' EXIT"),
    ("export {{v}}=1", "write the name", "export Y={{v}}; sh -c 'printf %s \"$Y\"'"),
    ("[[ {{v}} -eq 1 ]]", "use  [", "[ {{v}} -eq 1 ] 2>/dev/null || printf '%s' {{v}}"),
    ("printf -v {{v}} x", "printf '%s'", "printf '%s' {{v}}"),
    ("alias a={{v}}", "function", "a() { printf '%s' {{v}}; }; a"),
    ("sh <<E\n{{v}}\nE", "quote the delimiter", "sh <<'E'\nprintf %s \"$X\"\nE"),
    ("ssh host {{v}}", "standard input", "printf '%s.' {{v}} | sh -c 'x=$(cat); printf %s \"${x%.}\"'"),
]


@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize(("bad", "way", "good"), ADVICE)
def test_what_a_refusal_advises_works(bad: str, way: str, good: str, shell: str, tmp_path: Path) -> None:
    slots = offsets(bad)
    made, (problem, *_) = compile_script(bad, slots=slots, kinds=["string"] * len(slots), dialect="sh")
    assert made is None
    assert way in "\n".join(problem.help)
    text = compiled(good)
    assert text is not None
    values = [value for value in sample(good) if len(value) < 10_000]  # bash seeks a long tail for minutes
    assert run_all(shell, text, values, tmp_path) == values
    assert not (tmp_path / "PWNED").exists()


@together("bad", [script for script, code in REFUSED if code not in {*WARNINGS, "JF409"}])
def test_every_refusal_marks_its_template_and_says_what_to_do(bad: str) -> None:
    slots = offsets(bad)
    _, problems = compile_script(bad, slots=slots, kinds=["string"] * len(slots), dialect="bash")
    for problem in problems:
        assert (problem.start, problem.end) in slots
        assert problem.label
        assert problem.help or problem.code in WARNINGS


ORDINARY = """
sh -c 'ls -- "$1"' sh {{v}}
echo "$V#"{{v}} $${{v}} $?{{v}}
rsync -e ssh {{v}} host:x
timeout 300 rsync -e ssh {{v}} host:x
python train.py -c {{v}}
python -m pip install -c {{v}} x
bash deploy.sh -c {{v}} -e {{v}}
cp . {{v}}
sudo find . -name {{v}}
docker run -e X={{v}} python:3 app
docker exec c sh -c 'echo "$1"' sh {{v}}
awk -v x={{v}} '{print x}' f
export A=$(ls {{v}})
local x="$(ls {{v}})"
[ {{v}} -eq 1 ]
command -v {{v}}
printf "{{v}}\\n"
while read x; do echo {{v}}; done <<< x
for x in sh -c {{v}}; do :; done
ls a[{{v}}]* {{v}}/*.txt
sudo -u {{v}} ls
jq --arg x {{v}} .a f
sed -n 1p {{v}}
psql -v x={{v}} -f q.sql
ssh-keygen -f {{v}}
trap 'rm -f x' EXIT; echo {{v}}
eval "$(ssh-agent)"; echo {{v}}
read x; exec >log 2>&1; echo {{v}}
find {{v}} -exec sh -c 'rm "$1"' sh {} \\;
xargs -n 1 rm < {{v}}
(cd {{v}} && ls) || mkdir -p {{v}}
echo `date` {{v}} "${x:-"a b"}"
printf '%s' {{v}} | ssh host 'x=$(cat); echo "$x"'
ssh -p {{v}} -i {{v}} backup@{{v}} 'pg_dump shop' > f
ssh -- {{v}} uptime
ssh -tt -l {{v}} host uptime
su -g {{v}} - app-{{v}} -c 'pg_dump shop'
su -c 'pg_dump shop' -- {{v}}
python3 ./{{v}}.py {{v}}
sh ./{{v}} {{v}}
. ./lib.sh {{v}}
export A={{v}} B="{{v}}-admin" C='{{v}}' && export D=1
readonly A={{v}}
f() { local v={{v}} w; }
declare -rx V={{v}}
""".strip().splitlines()


@together("script", ORDINARY)
def test_an_ordinary_script_is_accepted_without_a_word(script: str) -> None:
    script = script.replace("\\\\", "\\")
    assert codes(script) == codes(script, dialect="bash") == set()


SIGNS = st.sampled_from(
    [
        *"'\"`$(){}[]<>|&;#\\ \n\tax=-",
        V,
        "<<END\n",
        "END\n",
        "$((",
        "case x in ",
        "esac",
        "${",
        "[[ ",
        " ]]",
        "((",
        "))",
        "a=(",
        "function ",
        "coproc ",
        "for ",
        "time ",
    ]
)


@given(st.lists(SIGNS, max_size=25).map("".join), st.sampled_from(["string", "integer", "list", "any"]))
def test_no_script_makes_it_raise(script: str, kind: str) -> None:
    made = compiled(script, kind)
    assert made is None or "JF_" in made or V not in script or "#" in script


@given(st.text(max_size=40), st.lists(st.integers(0, 40), max_size=4))
def test_no_text_and_no_places_make_it_raise(script: str, cuts: list[int]) -> None:
    places = sorted({min(cut, len(script)) for cut in cuts})
    slots = [(a, b) for a, b in zip(places[::2], places[1::2], strict=False) if a < b]
    for dialect in ("sh", "bash"):
        compile_script(script, slots=slots, kinds=["string"] * len(slots), dialect=dialect)


REPEATED = [
    "((",
    "$((",
    "$(",
    '"$(',
    "${x:-",
    "{ ",
    "( ",
    "if x; then ",
    "case x in x) ",
    "[[ a && ",
    "a[",
    "x=$(",
]
REPEATED += [
    "env ",
    "env -u ",
    "sh -c ",
    "find -exec ",
    "a|",
    "cat <<A\n",
    "'",
    "\\\n",
    "function f ",
    "coproc x ",
]


@pytest.mark.parametrize("part", REPEATED)
def test_depth_and_length_have_limits(part: str) -> None:
    for script in (part * 3000 + V, "{ " + part * 3000 + f"echo {V}; }} | sh"):
        began = time.process_time()
        compiled(script, dialect="bash")
        assert time.process_time() - began < 5
