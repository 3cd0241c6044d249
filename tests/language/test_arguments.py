"""Lists of arguments: what an interpreter would read as code is refused in every form, and nothing else."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from jobfile.expressions.expression import Kind, Scope, Type
from jobfile.expressions.template import render_items
from jobfile.pipeline import check_files
from jobfile.shell.arguments import argument_problems
from jobfile.shell.payload import compiled_script
from tests.together import together

STRING = Type(Kind.STRING)
SCOPE = Scope(
    {
        "params.x": STRING,
        "params.l": Type(Kind.LIST, Kind.STRING),
        "params.n": Type(Kind.INTEGER),
        "params.ns": Type(Kind.LIST, Kind.INTEGER),
        "params.e": Type(Kind.STRING, is_trusted=True),
        "vars.c": Type(Kind.STRING, is_trusted=True),
        "vars.l": Type(Kind.LIST, Kind.STRING, is_trusted=True),
    }
)
X, L = "{{ params.x }}", "{{ params.l }}"


def found(items: list[str]) -> list[tuple[int, str]]:
    return [(index, problem.code) for index, problem in argument_problems(items, SCOPE)]


WRAPPERS = [
    "",
    *"""
env
env -i A=1
/usr/bin/env
nice -n 5
env -i nice -n 5
timeout -k 5 10
timeout --foreground 5
sudo
sudo -u app
doas
setsid -w
nohup
chroot /srv
flock -n f
busybox
stdbuf -oL
xargs -n 1
ionice -c 3
taskset 1
chrt 1
time -p
strace -f
unshare -r
nsenter -t 1 -m
setpriv
xvfb-run -a
systemd-run --pipe
runuser -u app --
find . -name x -exec
docker exec -it c
docker run --rm -v a:b image
docker compose exec -T db
podman exec c
kubectl exec pod --
kubectl -n a exec deploy/x -c main --
""".strip().splitlines(),
]
CODE = [
    ["sh", "-c", f"ls {X}"],
    ["bash", "-lc", f"ls {X}"],
    ["/bin/sh", "-ec", X],
    ["dash", "-e", "-c", f"'{X}'"],
    ["bash", "-o", "pipefail", "-c", f"ls {X}"],
    ["python3", "-c", f"print('{X}')"],
    ["perl", "-ne", f"print {X}"],
    ["node", "--eval", X],
    ["ruby", "-e", X],
    ["php", "-r", X],
]


@together("wrapper", WRAPPERS)
def test_code_for_an_interpreter_is_found_behind_any_wrapper(wrapper: str) -> None:
    for code in CODE:
        items = [*wrapper.split(), *code]
        assert (len(items) - 1, "JF421") in found(items)
        plain = [*wrapper.split(), *code[:-1], "fixed", "name", X]
        assert "JF421" not in {one for _, one in found(plain)}


REFUSED = [
    (["su", "-", "app", "-c", f"ls {X}"], 4),
    (["su", f"--command={X}", "app"], 1),
    (["ssh", "host", "ls", X], 3),
    (["ssh", X, "ls"], 1),
    (["ssh", "--", "host", f"ls {X}"], 3),
    (["ssh", f"-oProxyCommand={X}", "host"], 1),
    (["ssh", L], 1),
    (["ssh", "--", L], 2),
    (["flock", "f", "-c", X], 3),
    (["script", "-c", X], 2),
    (["watch", X], 1),
    (["env", "-S", X], 2),
    (["env", f"-S{X} a"], 1),
    (["xargs", "sh", "-c", f"ls {X}"], 3),
    (["find", X, "-exec", "sh", "-c", X, ";"], 5),
    (["sh", "-c", L], 2),
    (["sh", "{{ params.l }}"], 1),
    (["sh", L, "-c", "x"], 1),
    (["sh", "-c", "{{ vars.l }}", X], 3),
    (["sh", X, X], 1),
    (["bash", "-eu", X, f"a{X}"], 2),
    (["python3", X], 1),
    (["perl", "-w", X], 2),
    (["node", L], 1),
    (["awk", X, "f"], 1),
    (["sudo", "gawk", "-F", ",", f"/{X}/", "f"], 4),
    ([f"{X}sh", "-c", X], 2),
    ([X, "-c", X], 2),
    (["{{ vars.c }}", "-c", X], 2),
    (["sh", f"-{X}", X], 1),
    (["sh", "-c", "'{{ vars.c ~ params.x }}'"], 2),
    (["sh", "-c", 'eval "$1"', "sh", X], 2),
    (["docker", "exec", "c", "bash", "-o", "pipefail", "-lc", "[[ $2 -gt 1 ]]", "x", "1", X], 7),
    (["nice", "sh", "-c", 'x=$1; eval "$x"', "sh", X], 3),
    (["sh", "-c", 'for x in "$@"; do eval "$x"; done', "sh", L], 2),
    (["sh", "-c", 'eval "$2"', "sh", L], 2),
    (["find", ".", "-exec", "sh", "-c", 'eval "$1"', "sh", X, ";"], 5),
]


@together(("items", "index"), REFUSED)
def test_an_item_that_may_become_code_is_refused(items: list[str], index: int) -> None:
    assert (index, "JF421") in found(items)


WARNED = [
    (["psql", "-c", f"select {X}"], "JF427"),
    (["sudo", "-u", "postgres", "psql", f"--command={X}"], "JF427"),
    (["sqlite3", "f.db", X], "JF427"),
    (["sed", "-e", X], "JF427"),
    (["find", X, "-exec", "sh", "-c", "ls {}", ";"], "JF427"),
    ([X], "JF426"),
    (["sudo", X], "JF426"),
    ([L], "JF426"),
    (["env", "A=1", X, "b"], "JF426"),
    (["bash", X], "JF426"),
    (["sh", "--", X, X], "JF426"),
    (["python3", "--", X], "JF426"),
    (["{{ params.n }}"], "JF426"),
    (["env", f"{X}=1", "ls"], "JF417"),
    (["env", f"LD_PRELOAD={X}", "ls"], "JF439"),
]


@pytest.mark.parametrize(("items", "code"), WARNED)
def test_what_a_script_is_warned_of_a_list_is_too(items: list[str], code: str) -> None:
    assert {one for _, one in found(items)} == {code}
    script = " ".join(f'"{item}"' if "{{" in item else shlex.quote(item) for item in items)
    if L not in items:
        _, _, problems = compiled_script(script, SCOPE, dialect="sh")
        assert code in {one.code for one in problems}


ORDINARY = [
    ["ls", X],
    ["ls", L],
    ["sh", "-c", 'ls "$1"', "sh", X],
    ["sh", "-c", 'ls "$@"', "sh", L],
    ["sh", "-c", 'ls "$@"', X, X],
    ["sh", "-c", 'eval "$1"; ls "$2"', "sh", "true", X],
    ["sh", "-c", 'eval "$1"', "sh", "{{ vars.c }}"],
    ["sh", "deploy.sh", "-c", 'eval "$1"', X],
    ["docker", "exec", "c", "sh", "-c", 'exec x "$1"', "sh", X],
    ["sh", "deploy.sh", X, "-c", X],
    ["sh", "-eu", "./deploy.sh", X],
    ["sh", f"./{X}.sh"],
    ["python3", "app.py", "-c", X],
    ["python3", "-m", "app", X, L],
    ["ssh", f"app@{X}", "uptime"],
    ["ssh", "--", X, "uptime"],
    ["ssh", "-p", "{{ params.n }}", "host", "uptime"],
    ["sh", "-c", "ls {{ vars.c }} {{ params.e }} {{ params.n }}"],
    ["sh", "-c", "ls {{ params.ns | join(' ') }} {{ 'a' if params.x == 'b' else 'c' }}"],
    ["sh", "-c", "docker ps --format '{{ '{{.Names}}' }}'"],
    ["{{ vars.c }}", X],
    ["python3", "{{ vars.c }}"],
    ["rsync", "-a", f"{X}/", "host:x"],
    ["docker", "run", "-e", f"X={X}", "image", "app", X],
    ["psql", "-v", f"x={X}", "-f", "q.sql"],
    ["env", f"X={X}", "ls"],
    ["echo", "$(x) `y` [[", X, "-eq", "1"],
    ["test", X, "=", X],
    ["printf", "%s", X],
    ["awk", "-v", f"x={X}", "{print x}"],
    ["awk", "-f", "p.awk", X],
]
EVIL = (
    "$(touch PWNED)",
    "; touch PWNED",
    "a[$(touch PWNED)]",
    "`touch PWNED`",
    "' ; touch PWNED '",
    "-c",
    "--",
    "",
)


@pytest.mark.parametrize("items", ORDINARY)
def test_an_ordinary_list_is_accepted_and_runs_nothing_else(items: list[str], tmp_path: Path) -> None:
    assert found(items) == []
    if shutil.which(items[0]) is None or items[0] in ("ssh", "docker", "psql", "rsync", "ls"):
        return
    for value in EVIL[:2] if items[0] == "python3" else EVIL:
        params = {"x": value, "l": (value, value), "n": 1, "ns": (1, 2), "e": "a"}
        values = {"params": params, "vars": {"c": "true", "l": ()}}
        argv = [text for item in items for text in render_items(item, values)]
        subprocess.run(
            argv, cwd=tmp_path, capture_output=True, timeout=30, check=False, stdin=subprocess.DEVNULL
        )
        assert not (tmp_path / "PWNED").exists(), argv


FORMS = [
    "jobs:\n  j:\n    params: {x: {type: string, default: a}}\n    command: [sh, -c, 'ls {{ params.x }}']\n",
    "jobs:\n  j:\n    params: {x: {type: string, default: a}}\n    steps:\n"
    "      s: {command: [nice, bash, -lc, 'ls {{ params.x }}']}\n",
    "jobs:\n  j:\n    steps:\n      s: {run: x, outputs: {o: {type: string}}}\n"
    "      t: {command: [docker, exec, c, sh, -c, 'ls {{ steps.s.outputs.o }}']}\n",
    "channels: {c: {command: [sh, -c, 'say {{ event.title }}']}}\n"
    "jobs: {j: {run: x, notify: {failed: [c]}}}\n",
    "jobs:\n  j:\n    params: {x: {type: array, items: {type: string}, default: [a]}}\n"
    "    steps:\n      s: {for_each: params.x, command: [ssh, host, 'ls {{ item }}']}\n",
]


@pytest.mark.parametrize("form", FORMS)
def test_the_rule_holds_in_every_form_a_command_is_written(form: str) -> None:
    errors = [
        one
        for one in check_files([("jobs.yaml", f"version: 1\n{form}".encode())]).diagnostics
        if one.is_error
    ]
    assert [one.code for one in errors] == ["JF421"]
    (error,) = errors
    assert form.splitlines()[error.span.start.line - 2][error.span.start.column - 1 :].startswith("{{ ")
    assert error.help
    assert all("env:" not in way for way in error.help) or not form.startswith("channels")
