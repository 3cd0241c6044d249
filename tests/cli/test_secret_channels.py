"""A secret that a job puts into everything that it gives never shows: not in a log, an answer or a file."""

import json
import random
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from engine.supervisor.masking import forms
from tests.cli.conftest import Jobfile, Said
from tests.web_servers import Got, serving

JOBS = """\
version: 1
jobs:
  leak:
    secrets: {OF_JOB: "env:OF_JOB"}
    env_file: {path: job.env, secret: true}
    artifacts: ["**"]
    steps:
      script:
        allow_failure: true
        secrets: {OF_STEP: "file:FOLDER/of_step"}
        outputs: {one: {type: string}, many: {type: array, items: {type: string}}}
        command: [PYTHON, FOLDER/leak.py, script]
      shell:
        allow_failure: true
        retry: {attempts: 2, delay: 1s}
        run: |
          printf '%s\\n' "$OF_JOB" "$OF_FILE"
          printf '%s\\n' "$OF_JOB" >&2
          "$OF_JOB"
      after:
        allow_failure: true
        needs: [script]
        for_each: steps.script.outputs.many
        env: {GOT: "{{ item }}{{ steps.script.outputs.one }}"}
        command: [PYTHON, FOLDER/leak.py, after]
      function:
        allow_failure: true
        python: leaking:leak
        outputs: {x: {type: string}}
      ask:
        allow_failure: true
        http:
          url: "http://localhost:PORT/"
          allow_private: [localhost]
          method: POST
          headers: {Authorization: "Basic {{ secrets.OF_JOB }}"}
          json: {token: "{{ secrets.OF_JOB }}"}
          contains: "x{{ secrets.OF_JOB }}"
        outputs: {echo: {type: integer}}
      ask_there:
        allow_failure: true
        http:
          url: "http://localhost:PORT/{{ secrets.OF_JOB }}?q={{ secrets.OF_JOB }}"
          allow_private: [localhost]
      refused:
        allow_failure: true
        http: {url: "{{ secrets.OF_JOB }}"}
      last: {needs: [after, function, ask, ask_there, shell, refused], command: ["false"]}
"""
LEAK = """\
import json, os, sys, time
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus

run, kind = os.environ["JOBFILE_RUN_DIR"], sys.argv[1]
for process in os.listdir("/proc"):
    if process.isdigit():
        try:
            with open(f"/proc/{process}/cmdline", "rb") as source, open("FOLDER/seen", "ab") as seen:
                seen.write(source.read() + b"\\n")
        except OSError:
            pass
if kind == "script":
    secrets = [os.environ[name] for name in ("OF_JOB", "OF_STEP", "OF_FILE")]
    with open("FOLDER/handed", "w") as file:  # a step after this one prints what it did not get itself
        json.dump(secrets, file)
else:
    with open("FOLDER/handed") as file:
        secrets = [*json.load(file), os.environ["GOT"]]


def ways(secret):
    raw = secret.encode("utf-8", "surrogateescape")
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield quote(raw, safe="")
    yield quote_plus(raw)
    yield raw.hex()
    for more in (b"", b"u", b"us", b"user:"):
        yield b64encode(more + raw + b"!").decode()
    yield urlsafe_b64encode(raw).decode()


def put(stream, data):
    while data:
        size = 1 + len(data) % 7
        os.write(stream, data[:size])
        data = data[size:]


for secret in secrets:
    for number, way in enumerate(ways(secret)):
        data = way.encode("utf-8", "surrogateescape")
        put(1, b"begin " + data + b" end\\n")
        put(2, data + data + b"\\n")
        name = f"{number}-{way.replace('/', '')[:60]}"
        if secret == way.replace("/", ""):
            os.makedirs(os.path.join(run, kind, "in " + name), exist_ok=True)
            open(os.path.join(run, kind, "in " + name, name), "w").close()
        print(f"{way!r}", flush=True)
with open(os.environ["JOBFILE_OUTPUT"], "a") as file:
    print(json.dumps({"one": secrets[0], "many": [*secrets, " ".join(secrets)], secrets[1]: 1}), file=file)
    print(json.dumps({"one": secrets[0]}, ensure_ascii=False), file=file)
    if kind == "after":
        print("no JSON", secrets[2], file=file)
raise SystemExit(0 if kind == "script" else f"it fails with {secrets[0]}")
"""
LEAKING = """\
import os


class Leak(Exception):
    pass


def leak():
    secret = os.environ["OF_JOB"]
    print(secret, flush=True)
    try:
        raise KeyError(secret)
    except KeyError as error:
        error.add_note(f"a note: {secret}")
        raise Leak(secret, {"key": secret}) from error
"""
QUESTIONS = (
    *(("logs", "leak"), ("logs", "leak", "--json"), ("logs", "leak", "after[1]")),
    *(("why", "leak"), ("why", "leak", "--json"), ("did", "leak"), ("did", "leak", "--json")),
    *(
        ("runs",),
        ("runs", "--json"),
        ("report",),
        ("report", "--json"),
        ("list", "--json"),
        ("audit", "--json"),
    ),
    *(
        ("outputs", "leak"),
        ("outputs", "leak", "--json"),
        ("artifacts", "leak"),
        ("artifacts", "leak", "--json"),
    ),
    *(("show", "leak"), ("run", "leak", "--dry-run"), ("run", "leak", "--dry-run", "--json")),
    *(("status", "--json"), ("doctor", "--json"), ("retry", "--failed", "--dry-run", "--json")),
)
ALPHABET = "abcXYZ019+/=%&<>\"'\\$;:,. é😀-_#{}[]"


def random_secrets(seed: int) -> list[str]:
    chance = random.Random(seed)
    sizes = (chance.randrange(8, 40), chance.randrange(8, 40), chance.randrange(60, 200))
    made = ["Zq" + "".join(chance.choices(ALPHABET, k=size)) + "7!" for size in sizes]
    return made if seed % 2 else ["".join(chance.choices("abcdefXYZ0123456789", k=24)) for _ in sizes]


@pytest.mark.parametrize("seed", range(4))
def test_a_secret_shows_nowhere(
    jobfile: Jobfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    of_job, of_step, of_file = random_secrets(seed)
    monkeypatch.setenv("OF_JOB", of_job)
    put(tmp_path / "of_step", of_step)
    quoted = of_file.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    put(tmp_path / "job.env", f'OF_FILE="{quoted}"\n')

    def answer(got: Got) -> Iterator[bytes]:
        body = b"\n".join([got.line.encode("latin-1"), *got.headers.values(), got.body])
        lines = ("HTTP/1.1 500 No", f"Content-Length: {len(body)}", "Location: /", "", "")
        yield "\r\n".join(lines).encode()
        yield from (body[at : at + 3] for at in range(0, len(body), 3))

    with serving(answer) as server:
        values = {"PYTHON": sys.executable, "FOLDER": str(tmp_path), "PORT": str(server.port)}
        for name, text in (("jobs.yaml", JOBS), ("leak.py", LEAK), ("leaking.py", LEAKING)):
            for word, value in values.items():
                text = text.replace(word, value)
            Path(name).write_text(text)
        said = [jobfile("run", "leak")]
    assert said[0].code == 1, said[0]
    said += [jobfile(*words) for words in QUESTIONS]
    assert json.loads((tmp_path / "handed").read_text()) == [of_job, of_step, of_file]
    assert_it_was_printed(jobfile, said)
    own = jobfile("runs", "--json").json["runs"][0]["id"]
    texts = {
        " ".join(words): one.out + one.err for words, one in zip((("run",), *QUESTIONS), said, strict=True)
    }
    shown = {name: text.encode("utf-8", "surrogateescape") for name, text in texts.items()}
    shown |= dict(stored_in(Path(".jobfile"), but=Path(f".jobfile/runs/{own[:2]}/{own}")))
    shown["the arguments of all processes"] = (tmp_path / "seen").read_bytes()
    for secret in (of_job, of_step, of_file):
        for form in forms(secret):
            assert [name for name, content in shown.items() if form in content] == [], form


def put(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)


def stored_in(folder: Path, *, but: Path) -> Iterable[tuple[str, bytes]]:
    """Names and contents of all files, but those in the folder where the job itself has written."""
    for path in folder.rglob("*"):
        if not path.is_relative_to(but):
            content = path.read_bytes() if path.is_file() else b""
            yield str(path), content + str(path).encode("utf-8", "surrogateescape")


def assert_it_was_printed(jobfile: Jobfile, said: list[Said]) -> None:
    """What the job gave away is there, masked: a test in which nothing was printed would prove nothing."""
    log = jobfile("logs", "leak").out
    assert "begin *** end" in log
    assert "Leak: " in log
    assert "HTTP 500" in log
    by_name = {one["name"]: one["value"] for one in jobfile("outputs", "leak", "--json").json["outputs"]}
    assert by_name["one"] == "***"
    assert by_name["many"][:3] == ["***"] * 3
    (run,) = jobfile("why", "leak", "--json").json["run_list"]
    reasons = {one["step"]: one["reason"] for one in run["steps"] if one["item"] is None}
    assert reasons["ask"] == "http(500)"
    assert reasons["refused"] == "template_error"
    assert any("***" in one["name"] for one in jobfile("artifacts", "leak", "--json").json["artifacts"])
