"""Small files that are expensive to check, by name; some are functions of a size.

`python -m tests.language.hostile` reads names. It checks each file in a process of its own with at most
1 GiB of memory, and prints the cost as JSON.
"""

import gc
import json
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from jobfile.pipeline import File, compile_files
from jobfile.render.text import render_text, to_json
from tests.soak import IS_SOAK

MEBIBYTE = 1024 * 1024
MOST_SECONDS = 60
"""After which a process that looks at a file is ended."""
PART = 1 if IS_SOAK else 3
"""Of what gives tens of thousands of findings, `make test` has the third part."""
Maker = Callable[[int], str | list[File]]


def jobs(line: Callable[[int], str], *, head: str = "") -> Maker:
    """A file of many jobs."""
    return lambda n: f"version: 1\n{head}jobs:\n" + "".join(f"  j{at}: {{{line(at)}}}\n" for at in range(n))


def job(body: Callable[[int], str]) -> Maker:
    """A file of one job."""
    return lambda n: f"version: 1\njobs:\n  a:\n    {body(n)}\n"


def script(text: str) -> Maker:
    """A job whose script repeats a text many times, and ends with a template."""
    return job(lambda n: "run: '" + text * n + " {{ run.id }}'")


def listed(word: Callable[[int], str]) -> Callable[[int], str]:
    return lambda n: ", ".join(word(at) for at in range(n))


def laughs(n: int) -> str:
    rows = "".join(f"x{at}: &x{at} [" + ", ".join([f"*x{at - 1}"] * 9) + "]\n" for at in range(1, n))
    return "x-a: 1\nx0: &x0 [" + ", ".join(["a"] * 9) + "]\n" + rows


def several(pattern: Callable[[int], str], name: Callable[[int], str]) -> Maker:
    def made(n: int) -> list[File]:
        main = "version: 1\ninclude: [" + ", ".join(f'"{pattern(at)}"' for at in range(n)) + "]\n"
        others = [(name(at), b"version: 1\njobs: {j%d: {run: x}}\n" % at) for at in range(min(n, 1999))]
        return [("jobs.yaml", main.encode()), *others]

    return made


BOMBS: dict[str, tuple[str | list[File], str]] = {
    "brackets": ("a: " + "[" * 100_000, "JF017"),
    "braces": ("a: " + "{" * 100_000, "JF017"),
    "braces with keys": ("a: " + "{a: " * 100_000, "JF017"),
    "a mebibyte of dashes": ("- " * (MEBIBYTE // 2), "JF017"),
    "questions": ("? " * (MEBIBYTE // 2), "JF017"),
    "deep flow in a deep block": (
        "".join(" " * at + "a:\n" for at in range(31)) + " " * 31 + "[" * 9_999,
        "JF017",
    ),
    "an anchor in itself": ("a: &a [*a]\n", "JF012"),
    "a billion laughs": (laughs(10), "JF012"),
    "anchors": ("&a " * 300_000, "JF001"),
    "escapes": ('a: "' + "\\x00" * 250_000 + '"', "JF015"),
    "very many digits": ("version: 1\njobs: {a: {run: x, priority: " + "9" * 200_000 + "}}", "JF103"),
    "an exponent": ("version: 1\njobs: {a: {run: x, priority: 1e999999999999}}", "JF103"),
    "a long line": ("a" * MEBIBYTE, "JF019"),
    "a byte too many": ("#" * MEBIBYTE + "#", "JF017"),
    "a mebibyte of openings": ("a: '" + "{{" * (MEBIBYTE // 2 - 9) + "'", "JF017"),
    "openings in a script": ("version: 1\njobs: {a: {run: '" + "{{" * 120_000 + "'}}", "JF401"),
    "statements": ("version: 1\njobs: {a: {run: '" + "{%" * 120_000 + "{{'}}", "JF401"),
    "half a pair of comments": ("version: 1\njobs: {a: {run: '" + "{#" * 120_000 + "{{'}}", "JF401"),
    "minus signs": ("version: 1\njobs: {a: {run: x, if: '" + "-" * 16_000 + "1'}}", "JF401"),
    "nots": ("version: 1\njobs: {a: {run: x, if: '" + "not " * 4_000 + "true'}}", "JF401"),
    "joins": ('version: 1\njobs: {a: {run: "{{ ' + "~".join(["'a'"] * 500) + ' }}"}}', "JF401"),
    "very many keys": ("version: 1\n" + "".join(f"k{at}: 1\n" for at in range(24_990 // PART)), "JF101"),
    "names that are not allowed": (jobs(lambda at: "run: x")(12_000 // PART).replace("  j", "  J"), "JF105"),
    "defaults for many": (
        jobs(lambda at: "run: x", head=f"defaults: {{env: {{{listed(lambda at: f'V{at}: x')(8_000)}}}}}\n")(
            8_000
        ),
        "JF017",
    ),
    "a matrix in each of many": (
        jobs(lambda at: f"run: x, matrix: {{{listed(lambda at: f'm{at}: [1, 2]')(8)}}}")(1_200),
        "JF017",
    ),
    "axes": (
        job(lambda n: f"run: x\n    matrix: {{{listed(lambda at: f'm{at}: [1, 2]')(n)}}}")(12_000),
        "JF505",
    ),
    "steps": (job(lambda n: f"steps: {{{listed(lambda at: f's{at}: {{run: x}}')(n)}}}")(10_000), "JF017"),
    "steps on lines": (
        job(lambda n: "steps:\n" + "".join(f"      s{at}: {{run: x}}\n" for at in range(n)))(8_000),
        "JF017",
    ),
    "steps that wait for nothing": (
        job(lambda n: f"steps: {{{listed(lambda at: f's{at}: {{needs: [], run: x}}')(n)}}}")(6_000),
        "JF017",
    ),
    "params": (
        job(lambda n: f"run: x\n    params: {{{listed(lambda at: f'p{at}: {{type: string}}')(n)}}}")(12_000),
        "JF017",
    ),
    "outputs of a step": (
        job(
            lambda n: (
                f"steps: {{s: {{run: x, outputs: {{{listed(lambda at: f'p{at}: {{type: string}}')(n)}}}}}}}"
            )
        )(12_000),
        "JF017",
    ),
    "entries of a schedule": (
        job(lambda n: f"run: x\n    schedule: [{listed(lambda at: f'{{every: {at + 1}s}}')(n)}]")(16_000),
        "JF017",
    ),
    "schedules": (
        jobs(lambda at: f"run: x, schedule: [{', '.join(['0 4 * * *'] * 900)}]")(50),
        "JF017",
    ),
    "patterns with values": (
        jobs(lambda at: f"run: x, params: {{p: {{type: string, pattern: 'a{{2000}}|{at}', default: a}}}}")(
            6_000
        ),
        "JF017",
    ),
    "long values for a pattern": (
        job(
            lambda n: (
                "run: x\n    params: {p: {type: string, pattern: '(?:.?){1000}'}}\n    schedule:\n"
                + f"    - {{cron: 0 4 * * *, with: {{p: {'a' * 1000}}}}}\n" * n
            )
        )(900),
        "JF017",
    ),
    "plain secrets": (
        job(
            lambda n: (
                "run: x\n    env: "
                + f"{{{listed(lambda at: f'K{at}: ghp_0123456789abcdefABCDEF0123456789{at:06}')(n)}}}"
            )
        )(9_000),
        "JF605",
    ),
    "a long list of allowed values": (
        job(lambda n: f"run: x\n    params: {{p: {{type: string, default: x, enum: [{listed(str)(n)}]}}}}")(
            40_000
        ),
        "JF501",
    ),
    "exit codes": (
        jobs(lambda at: f"run: x, retry: {{attempts: 3, when: [{', '.join(map(str, range(200)))}]}}")(
            200 // PART
        ),
        "JF103",
    ),
    "stars": (several(lambda at: "*a" * 40 + "b", lambda at: "a" * 120)(1), "JF020"),
    "folders": (several(lambda at: "**/a/" * 20 + "b.yaml", lambda at: "a/" * 60 + "x")(1), "JF020"),
    "a circle of many": (jobs(lambda at: f"run: x, triggers: [after: j{(at + 1) % 5_000}]")(5_000), "JF207"),
}
"""Files that are refused, each with the code of the finding."""

LONG = 250_000


def shell_words(text: str, *, shell: str = "sh", end: str = " {{ run.id }}") -> str:
    """A job with a script that contains a very long word, or many blanks."""
    return f"version: 1\njobs:\n  a: {{shell: {shell}, run: '{text}{end}'}}\n"


SLOW: dict[str, str] = {
    "variables before a bracket": shell_words("echo " + "$abcdef " * 30 + "(", end=""),
    "quoted variables before a bracket": shell_words("echo " + '"$abc $abc"' * 30 + " (", end=""),
    "names of days that are none": "version: 1\njobs: {a: {run: x, schedule: '"
    + "l" * 110
    + "! * * * * *'}}\n",
    "blanks in a comment": "version: 1 # jobfile: allow JF601 a" + " " * LONG + "x\njobs: {a: {run: x}}\n",
    "comments below each other": "version: 1\njobs: {a: {run: x}}\n" + "# jobfile: allow JF601 x\n" * 30_000,
    "blanks before a bracket": shell_words(" \t" * (LONG // 2) + "(", end=""),
    "a long name in arithmetic": shell_words("echo $((" + "a" * LONG + "))"),
    "letters of set": shell_words("set -" + "eu" * (LONG // 2) + "!"),
    "letters of sh": shell_words("sh -" + "c" * LONG + "! x"),
    "letters of declare": shell_words("declare -" + "a" * LONG + "! x=1;", shell="bash"),
    "letters of printf": shell_words("printf -" + "i" * LONG + "!"),
    "letters of a shell": f"version: 1\njobs: {{a: {{run: x, shell: [bash, '-{'e' * LONG}!', -c]}}}}\n",
    "a number with lines": f"version: 1\njobs: {{a: {{run: x, owner: {'0_' * (LONG // 2)}! }}}}\n",
    "a scheme": shell_words("echo " + "a." * (LONG // 2)),
    "options": shell_words("echo " + "--a" * (LONG // 3)),
    "options of mysql": shell_words("mysql" + " -p1:2" * (LONG // 6)),
    "users of curl": shell_words("curl" + " -u a:pw" * (LONG // 8)),
    "queries": shell_words('curl "x?' + "&token=1" * (LONG // 8) + '"'),
    "times in a log": shell_words("date; " * (LONG // 24) + "echo" + " $(date)" * (LONG // 32)),
    "expansions in arithmetic": shell_words("echo $((" + "$x+" * (LONG // 9) + "1))"),
    "calls of now": shell_words("psql -c 'select " + "<now()-1," * (LONG // 9) + "1'"),
    "dashes before a mistake": "version: 1\njobs:\n  " + "- \t" * (LONG // 3) + ": [\n",
}
"""Files with one long line, on which a careless search takes quadratic time."""


assert not SLOW.keys() & BOMBS.keys(), "a name stands for one file"


GROWING: dict[str, tuple[Maker, int]] = {
    "statements": (script("{%"), 2_000),
    "templates": (script("{{ x }}"), 200),
    "templates without anything": (script("{{ }}"), 200),
    "words": (script("a "), 4_000),
    "commands": (script(";a"), 500),
    "lines": (job(lambda n: "run: |\n" + "      echo a {{ run.id }}\n" * n), 150),
    "quotes": (script('"'), 4_000),
    "backslashes": (script("\\"), 4_000),
    "substitutions": (script("$("), 2_000),
    "subshells": (script("( "), 2_000),
    "expansions": (script("${a:-"), 2_000),
    "subscripts": (script("a["), 2_000),
    "assignments": (script("a="), 2_000),
    "here-documents": (script("<<E "), 1_000),
    "cases": (script("case a in "), 500),
    "arguments": (job(lambda n: "command: [" + ", ".join(["'{{ run.x }}'"] * n) + "]"), 150),
    "unknown keys": (lambda n: "version: 1\n" + "".join(f"key{at}: 1\n" for at in range(n)), 200),
    "bad names": (lambda n: "version: 1\njobs:\n" + "".join(f"  J{at}: {{}}\n" for at in range(n)), 100),
    "good jobs": (jobs(lambda at: "run: x"), 80),
    "jobs on one line": (
        lambda n: f"version: 1\njobs: {{{listed(lambda at: f'j{at}: {{run: é}}')(n)}}}",
        80,
    ),
    "jobs in one minute": (jobs(lambda at: "run: x, schedule: 0 4 * * *"), 80),
    "unknown jobs": (jobs(lambda at: f"run: x, triggers: [after: j{at}x]"), 50),
    "a ladder": (jobs(lambda at: f"run: x, triggers: [after: j{max(0, at - 1)}x, after: j0x]"), 30),
    "a chain": (jobs(lambda at: f"run: x, triggers: [after: j{at + 1}]"), 60),
    "unknown zones": (jobs(lambda at: f"run: x, timezone: Europe/Osl{at}"), 60),
    "params": (
        job(lambda n: f"run: x\n    params: {{{listed(lambda at: f'p{at}: {{type: string}}')(n)}}}"),
        20,
    ),
    "params of many": (jobs(lambda at: f"run: x, params: {{p: {{type: string, pattern: 'a{at}+'}}}}"), 30),
    "unknown params": (
        job(
            lambda n: (
                "run: '"
                + " ".join(f"{{{{ params.q{at} }}}}" for at in range(n))
                + f"'\n    params: {{{listed(lambda at: f'p{at}: {{type: string}}')(100)}}}"
            )
        ),
        40,
    ),
    "constants": (
        lambda n: jobs(
            lambda at: "run: '{{ vars.v1 }}'", head=f"vars: {{{listed(lambda at: f'v{at}: x')(n)}}}\n"
        )(n),
        60,
    ),
    "jobs with steps": (
        jobs(lambda at: f"steps: {{{listed(lambda step: f's{step}: {{run: x}}')(40)}}}"),
        2,
    ),
    "included files": (several(lambda at: f"jobs/{at}.yaml", lambda at: f"jobs/{at}.yaml"), 40),
    "includes of nothing": (several(lambda at: f"jobs/x{at}.yaml", lambda at: f"jobs/{at}.yaml"), 40),
    "dates": (
        job(
            lambda n: (
                f"run: x\n    schedule: {{at: [{listed(lambda at: f'2030-01-01T00:00:{at % 60:02}')(n)}]}}"
            )
        ),
        150,
    ),
}
"""Files whose cost must be proportional to their size, each with a first size, which the soak doubles."""


def files_of(made: str | list[File]) -> list[File]:
    return [("jobs.yaml", made.encode())] if isinstance(made, str) else made


REFERENCE_SECONDS = 0.012
"""What `reference` takes on the machine for which limits in seconds are written: two idle cores of 2026."""
QUICK_SECONDS = 0.1
"""What takes less is quick on every machine."""
_PARTS = re.compile(r"\w+|\W")


def reference() -> float:
    """The processor time in seconds of a fixed piece of work of the same kind: texts, maps, lists."""
    start = time.process_time()
    found: dict[tuple[str, int], list[int]] = {}
    for number, part in enumerate(
        _PARTS.finditer("jobs: {a: {run: echo $(date) | sort, env: {A: 1}}}\n" * 400)
    ):
        found.setdefault((part[0], number % 97), []).append(number)
    json.loads(json.dumps(sorted((*key, len(numbers)) for key, numbers in found.items())))
    return time.process_time() - start


def fair_cost(made: str | list[File]) -> tuple[float, list[str]]:
    """The cost in seconds of the machine of `REFERENCE_SECONDS`, however slow or busy this one is now."""
    seconds, codes = cost(made)
    if seconds < QUICK_SECONDS:
        return seconds, codes
    paces = [reference() for _ in range(4)]
    return seconds * REFERENCE_SECONDS * len(paces) / sum(paces), codes


def cost(made: str | list[File]) -> tuple[float, list[str]]:
    """The processor time in seconds for everything that is done with files, and the code of each finding."""
    files = files_of(made)
    start = time.process_time()
    looked = compile_files(files, ask_shells=lambda scripts: [None for _ in scripts])
    render_text(looked.diagnostics, sources=looked.sources)
    json.dumps(to_json(looked.diagnostics, sources=looked.sources, files=list(looked.sources)))
    return time.process_time() - start, [one.code for one in looked.diagnostics]


def look(name: str) -> None:
    """Check one file in this process, and print its cost."""
    resource.setrlimit(resource.RLIMIT_AS, (1024 * MEBIBYTE, 1024 * MEBIBYTE))
    seconds, codes = fair_cost(SLOW[name] if name in SLOW else BOMBS[name][0])
    # The peak of this process alone: ru_maxrss starts with the peak of its parent.
    about = Path("/proc/self/status").read_text().splitlines()
    (peak_line,) = [line for line in about if line.startswith("VmHWM:")]
    peak = int(peak_line.split()[1]) // 1024
    told = {"seconds": seconds, "codes": sorted(set(codes)), "findings": len(codes), "mebibytes": peak}
    print(json.dumps(told), flush=True)


def serve() -> None:
    """Fork for each name that is read: what every file needs is loaded once."""
    cost("version: 1\njobs: {a: {run: x}}\n")
    cost("version: 1\njobs: {a: {ru: x}}\n")
    reference()
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.alarm(MOST_SECONDS)
            look(line.rstrip("\n"))
            return
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code != 0:
            print(json.dumps({"code": code}), flush=True)


if __name__ == "__main__":
    serve()
