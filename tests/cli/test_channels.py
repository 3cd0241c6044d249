"""A value passes unchanged through every channel that a job has: params, Python arguments, outputs, scripts,
argv, variables and file names."""

import json
import random
import sys
from pathlib import Path

from tests.cli.conftest import Jobfile

JOBS = """\
version: 1
jobs:
  pass:
    params: {one: {type: string}}
    steps:
      call:
        outputs: {same: {type: array, items: {type: string}}, one: {type: string}}
        python: channels:same
      each:
        for_each: steps.call.outputs.same
        max_parallel: 4
        env: {VALUE: "{{ item }}"}
        outputs: {env: {type: string}, argv: {type: string}, name: {type: string}}
        command: [PYTHON, back.py, --, "{{ item }}"]
      script:
        for_each: steps.each.outputs.argv
        outputs: {word: {type: string}, quoted: {type: string}, here: {type: string}}
        run: |
          PYTHON script.py {{ item }} "{{ item }}" '{{ item }}' <<END
          {{ item }}
          END
"""
CHANNELS = """\
import json


def same(one):
    with open("values.json") as file:
        return {"same": json.load(file), "one": one}
"""
BACK = """\
import json, os, sys
value = sys.argv[2]
name = value.replace("/", "")[:80]
found = value
if name.strip("."):
    os.makedirs(folder := os.path.join(os.environ["TMPDIR"], "names"), exist_ok=True)
    folder = os.path.join(folder, str(os.getpid()))
    os.mkdir(folder)
    open(os.path.join(folder, name), "x").close()
    found = value if os.listdir(folder) == [name] else "changed"
with open(os.environ["JOBFILE_OUTPUT"], "a") as file:
    file.write(json.dumps({"env": os.environ["VALUE"], "argv": value, "name": found}) + "\\n")
"""
SCRIPT = """\
import json, os, sys
here = sys.stdin.buffer.read().decode()
with open(os.environ["JOBFILE_OUTPUT"], "a") as file:
    found = {"word": sys.argv[1], "quoted": sys.argv[2], "here": here.removesuffix("\\n")}
    file.write(json.dumps(found) + "\\n")
assert sys.argv[1] == sys.argv[2] == sys.argv[3]
"""
NASTY = (
    *(
        "",
        " ",
        "-rf",
        "--",
        "'",
        '"',
        "\\",
        "$HOME",
        "`touch PWNED`",
        "$(touch PWNED)",
        "a[$(touch PWNED)]",
        "*",
        "~",
    ),
    *(
        "a\nb",
        "\n",
        "a\rb",
        "\t",
        "END",
        "%s%n",
        "{{ params.values }}",
        "null",
        "0755",
        "no",
        "é",
        "日本",
        "😀",
    ),
    *("\x01\x1b[31m", "\u202e", "; touch PWNED", "| touch PWNED", "a" * 3_000, "key=value", "#", "!x"),
)
ALPHABET = "ab $'\"\\`(){}[]<>|&;*?~#!%-=\n\t\r/.:,é😀\x02"


def test_a_value_comes_back_unchanged_from_every_channel(jobfile: Jobfile) -> None:
    chance = random.Random(18)
    values = [*NASTY, *("".join(chance.choices(ALPHABET, k=chance.randrange(1, 40))) for _ in range(30))]
    Path("jobs.yaml").write_text(JOBS.replace("PYTHON", sys.executable))
    for name, text in (("channels.py", CHANNELS), ("back.py", BACK), ("script.py", SCRIPT)):
        Path(name).write_text(text)
    Path("values.json").write_text(json.dumps(values))
    one = "-a,\n'\"`$(touch PWNED)` é😀 "
    said = jobfile("run", "pass", "-p", f"one={one}")
    assert said.code == 0, said.err
    by_name: dict[str, dict[int, str]] = {}
    for found in jobfile("outputs", "pass", "--json").json["outputs"]:
        if found["item"]:
            by_name.setdefault(found["name"], {})[found["item"]] = found["value"]
        elif found["name"] == "one":
            assert found["value"] == one
    assert by_name.keys() == {"env", "argv", "name", "word", "quoted", "here"}
    for name, items in by_name.items():
        assert [items[number] for number in range(1, len(values) + 1)] == values, name
    assert not Path("PWNED").exists()
