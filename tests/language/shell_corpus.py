"""Random scripts that get a hostile value in all ways, and the execution of those that are accepted."""

import random
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from jobfile.shell.script import compile_script
from tests.language.shell_cases import CARRIED, USES
from tests.language.shell_generators import BASH_CONTEXTS, CONTEXTS, RISKY, V, layouts, offsets, wrapped

Dialect = Literal["sh", "bash"]
PARAM = "JOBFILE_PARAM_P"
OUTSIDE = (PARAM, "X")
VALUES = (
    "$(touch PWNED)",
    "`touch PWNED`",
    "HOME[$(touch PWNED)]",
    "a[$(touch PWNED)]",
    "-va[$(touch PWNED)]",
    "; touch PWNED",
    "x\ntouch PWNED\n",
    "\nE\ntouch PWNED\n",
    "touch PWNED",
    "-c touch\tPWNED",
    "-c",
    "sh -c touch${IFS}PWNED",
    ". -exec touch PWNED ;",
    "'; touch PWNED; '",
    '"; touch PWNED; "',
    "x; } touch PWNED #",
    "x) touch PWNED #",
    "a[$(touch PWNED)]=1",
)
"""Each runs a command if it is read as code, as a name, as arithmetic or as several words."""
_CARRIERS = (
    "x=%v; %s",
    "x='%v'; %s",
    "y=%v; x=$y; %s",
    "x=$(printf %s %v); %s",
    'x="$(echo %v | tr Q Q)"; %s',
    "read -r x <<E\n%v\nE\n%s",
    "while read -r x; do %s\nbreak; done <<E\n%v\nE",
    "echo %v | while read -r x; do %s\ndone",
    "echo %v | { read -r x; %s\n}",
    "for x in %v; do %s\ndone",
    "set -- %v; for x do %s\ndone",
    "f() { x=$1; %s\n}; f %v",
    "f() { x=$2; %s\n}; f a %v",
    'g() { for x in "$@"; do %s\ndone; }; g a %v',
    "echo %v > ./y; x=$(cat y); %s",
    "echo %v > ./y; read -r x < y; %s",
    "export x=%v; %s",
)
_BASH_CARRIERS = (
    "read -r x <<< %v; %s",
    "mapfile -t x <<< %v; %s",
    "read -r x < <(echo %v); %s",
    "printf -v x %s %v; %s",
    "f() { local x=$1; %s\n}; f %v",
    "x=(a %v); x=${x[1]}; %s",
    "declare x; x+=%v; %s",
)


class Accepted(NamedTuple):
    """A script that the compiler has accepted, in the form that the shell gets."""

    source: str
    text: str


def scripts(chance: random.Random, *, is_bash: bool) -> Iterator[str]:
    """Random scripts, without end."""
    direct = [*CONTEXTS, *RISKY, *USES, *CARRIED, *(BASH_CONTEXTS if is_bash else ())]
    carriers = _CARRIERS + (_BASH_CARRIERS if is_bash else ())
    while True:
        script = chance.choice(direct)
        kind = chance.randrange(4)
        if kind == 0:
            script = script.replace(V, chance.choice((f'"${PARAM}"', f"${PARAM}", '"$X"', "$X")))
        elif kind == 1 and "<<" not in script and "x=" not in script and " x " not in script:
            is_name = re.match(r"echo \$\(\(|\(\(|let |echo \"\$\(\(", script) and "$(echo" not in script
            use = script.replace(V, chance.choice(('"$x"', "$x", "x" if is_name else "$x", "${x}")))
            value = chance.choice((V, f'"${PARAM}"'))
            carrier = chance.choice(carriers)
            script = carrier.replace("%v", value).replace("%s", use, carrier.count("%s"))
        if chance.random() < 0.3:
            script = wrapped(chance, script)
        if chance.random() < 0.5:
            script = chance.choice([*layouts(script)])
        yield script


def accept(script: str, dialect: Dialect) -> Accepted | None:
    """The script in the form that the shell gets, if the compiler accepts it."""
    slots = offsets(script)
    kinds = ["string"] * len(slots)
    made, _ = compile_script(script, slots=slots, kinds=kinds, dialect=dialect, outside=OUTSIDE)
    return None if made is None else Accepted(script, made.text)


def execute(shell: str, batch: Sequence[tuple[Accepted, str]], folder: Path) -> None:
    """Run each script with its value, all in one process; fails if a script ran its value."""
    if not _leaves_a_mark(shell, batch, folder):
        return
    culprits = [one for one in batch if _leaves_a_mark(shell, [one], folder)]
    raise AssertionError((shell, culprits))


def _leaves_a_mark(shell: str, batch: Sequence[tuple[Accepted, str]], folder: Path) -> bool:
    mark = folder / "PWNED"
    mark.unlink(missing_ok=True)
    values = {f"V{at}": value for at, (_, value) in enumerate(batch)}
    lines = []
    for at, (script, _) in enumerate(batch):
        (folder / f"s{at}").write_text(script.text)
        names = [*OUTSIDE, *(f"JF_{n}" for n in range(1, script.text.count("{JF_") + 1))]
        given = " ".join(f'{name}="$V{at}"' for name in names)
        lines.append(f"( export {given}; . ./s{at} ) >/dev/null 2>&1 </dev/null")
    subprocess.run(
        [*shell.split(), "-c", "ulimit -t 20\n" + "\n".join(lines) + "\nwait"],
        cwd=folder,
        capture_output=True,
        timeout=100,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), **values},
        check=False,
    )
    return mark.exists()
