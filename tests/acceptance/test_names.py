"""Names and words that are not UTF-8: what comes from the system is bytes, and every command takes it so.

Each command is asked twice, in a folder with an ordinary name and in one with an odd one: both say the same.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest

from engine.cli.main import COMMANDS
from tests.acceptance.engines import JOBFILE, engine, generation, until
from tests.acceptance.warm import Jobfile
from tests.soak import IS_SOAK

ODD = b"non\xe9utf8"
JOBS = """\
version: 1
jobs:
  hello:
    description: Ship it 🚀 at 05:00, naïvely
    schedule: {every: 1h}
    run: echo "hello from $(pwd)"
  bad: {schedule: {every: 2h}, run: exit 3}
"""
CASES = """\
version: 1
tests:
  it runs:
    job: bad
    given: {at: 2026-03-06T02:00, attempts: [exit 3]}
    expect: {state: failed}
"""
Words = Sequence[str | bytes]

ASKED: dict[str, list[Words]] = {
    "init": [["init"], ["init", "new"]],
    "check": [["check"], ["check", "--json"], ["check", "--format", "sarif"], ["check", "jobs.yaml"]],
    "fmt": [["fmt", "--check"], ["fmt"]],
    "show": [["show", "hello"], ["show", "hello", "--json"]],
    "next": [["next"], ["next", "hello"], ["next", "--json"]],
    "explain-schedule": [["explain-schedule", "0 4 * * *"]],
    "simulate": [["simulate"], ["simulate", "--json"]],
    "test": [["test"], ["test", "--json"]],
    "up": [["up", "--for", "1s", "--json"]],
    "run": [["run", "hello"], ["run", "bad"], ["run", "--dry-run", "hello"], ["run", "hello", "--json"]],
    "plan": [["plan"], ["plan", "--json"], ["plan", "--out", "new.plan"]],
    "comment": [["comment"]],
    "apply": [["apply", "--yes"]],
    "rollback": [["rollback", "1", "--yes"], ["rollback", "1"]],
    "generations": [["generations"], ["generations", "--json"]],
    "status": [["status"], ["status", "--json"]],
    "metrics": [["metrics"]],
    "doctor": [["doctor"], ["doctor", "--json"]],
    "list": [["list"], ["list", "--json"]],
    "did": [["did", "hello"], ["did", "bad", "--json"]],
    "why": [["why", "hello", "2026-01-01T00:00Z"], ["why", "bad", "2026-01-01T00:00Z", "--json"]],
    "report": [["report"], ["report", "--json"]],
    "runs": [["runs"], ["runs", "--json"]],
    "logs": [["logs", "hello"]],
    "outputs": [["outputs", "hello"], ["outputs", "hello", "--json"]],
    "artifacts": [["artifacts", "hello"], ["artifacts", "hello", "--json"]],
    "notify": [["notify", "preview", "hello", "failed"], ["notify", "preview", "hello", "late", "--json"]],
    "wait": [["wait", "hello"]],
    "cancel": [["cancel", "hello"]],
    "retry": [["retry", "bad"]],
    "backfill": [["backfill"], ["backfill", "hello", "--json"]],
    "pause": [["pause", "hello", "--why", b"caf\xe9"], ["pause", "bad", "--json", "--why", b"\xff\xfe"]],
    "resume": [["resume", "hello"], ["resume", "bad", "--json"]],
    "token": [["token", "list"], ["token", "add", "deploy"], ["token", "list", "--json"]],
    "ui": [["ui"], ["ui", "--json"]],
    "audit": [["audit", "verify"], ["audit"], ["audit", "--json"], ["audit", "verify", "--json"]],
    "clock": [["clock"], ["clock", "--json"]],
    "migrate": [["migrate", "--to", "mysql://there"]],
    "hosts": [["hosts"], ["hosts", "--json"]],
    "export": [["export", "kubernetes"], ["export", "kubernetes", "--attempt", "hello"]],
    "attempt": [["attempt", "hello", "1"], ["attempt", "0" * 32, "1", "--json"]],
    "schema": [["schema"]],
    "completion": [["completion", "bash"], ["completion", "zsh", "--", "did", ""]],
    "explain": [["explain", "JF101"], ["explain", "keys"]],
}
WITHOUT_A_FOLDER = {"lsp", "mcp", "serve"}
RESTARTED = ("up", "run", "show", "plan", "status", "doctor")
"""Asked under a locale that is not UTF-8, too. There every command executes itself again in UTF-8 mode: these
show that its words, its folder and what it prints come through. `JOBFILE_SOAK=1` asks all."""
PRINTS_LINES = {"up", "run"}
LOCALES = {
    "C": {"LC_ALL": "C"},
    "UTF-8": {"LC_ALL": "C.UTF-8"},
    "latin-1": {"LC_ALL": "en_US.ISO-8859-1"},
}


@pytest.fixture(scope="module")
def locales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a locale whose characters are ISO-8859-1."""
    folder = tmp_path_factory.mktemp("locales")
    name = folder / "en_US.ISO-8859-1"
    done = subprocess.run(
        ["localedef", "-i", "en_US", "-f", "ISO-8859-1", name], capture_output=True, text=True, check=False
    )
    assert name.is_dir(), done.stderr
    return folder


def said(
    folder: bytes, words: Words, locales: Path, locale: str = "UTF-8", **environ: str
) -> tuple[int, bytes, bytes]:
    env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LOCPATH": str(locales)}
    # Under a locale that is not UTF-8 the command executes its own start again.
    begin = subprocess.Popen if locale == "latin-1" else Jobfile
    with begin(
        [JOBFILE, *words],
        cwd=folder,
        env={**env, **LOCALES[locale], **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        out, err = process.communicate(timeout=60)
    done = subprocess.CompletedProcess(words, process.returncode, out, err)
    assert b"a bug in jobfile" not in done.stdout + done.stderr, done.stdout + done.stderr
    assert b"Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def folder_with_jobs(place: Path, name: bytes, text: str = JOBS) -> bytes:
    folder = os.path.join(os.fsencode(place), name)
    os.mkdir(folder)
    for file, content in ((b"jobs.yaml", text), (b"jobs.test.yaml", CASES)):
        with open(os.path.join(folder, file), "w", encoding="utf-8") as opened:
            opened.write(content)
    return folder


def test_every_command_has_a_case_here() -> None:
    assert ASKED.keys() | WITHOUT_A_FOLDER == COMMANDS.keys()


@pytest.fixture(scope="module")
def lived(locales: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Two folders in which an engine ran, and two jobs: one with a name that is not UTF-8; per locale."""

    @cache
    def under(locale: str) -> Path:
        place = tmp_path_factory.mktemp("lived")
        for name in (b"plain", ODD):
            folder = folder_with_jobs(place, name)
            assert said(folder, ["up", "--for", "1s"], locales, locale)[0] == 0
            assert said(folder, ["run", "bad"], locales, locale)[0] == 1
            assert said(folder, ["run", "hello"], locales, locale)[0] == 0
        assert sorted(os.listdir(os.fsencode(place))) == [ODD, b"plain"], "no other folder was made"
        return place

    return under


@pytest.mark.parametrize(
    ("locale", "command"),
    [
        *(("UTF-8", command) for command in ASKED),
        *(("latin-1", command) for command in (ASKED if IS_SOAK else RESTARTED)),
    ],
)
def test_a_command_does_in_a_folder_of_any_name_what_it_does_in_another(
    tmp_path: Path, locales: Path, command: str, locale: str, lived: Callable[[str], Path]
) -> None:
    shutil.copytree(lived(locale), tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("wake"))
    for state in tmp_path.glob("*/.jobfile"):
        os.mkfifo(state / "wake", 0o600)
    is_every_way = locale == "UTF-8"
    for words in ASKED[command] if is_every_way else ASKED[command][:1]:
        code, out, err = said(os.path.join(os.fsencode(tmp_path), ODD), words, locales, locale)
        if is_every_way and words is ASKED[command][0]:
            plain = said(os.path.join(os.fsencode(tmp_path), b"plain"), words, locales, locale)
            assert code == plain[0], (words, out, err, plain)
        assert code != 70, (words, out, err)
        if "--json" in words and command not in PRINTS_LINES:
            json.loads(out)


@pytest.mark.parametrize("words", [["run", "hello"], ["show", "hello"], ["simulate"], ["status"], ["doctor"]])
def test_the_plainest_locale_makes_no_difference(tmp_path: Path, locales: Path, words: Words) -> None:
    folder = folder_with_jobs(tmp_path, ODD)
    assert said(folder, words, locales, "C")[0] == said(folder, words, locales, "UTF-8")[0]


def test_a_state_folder_may_have_any_name(tmp_path: Path, locales: Path) -> None:
    folder, state = folder_with_jobs(tmp_path, b"plain"), os.path.join(os.fsencode(tmp_path), b"st\xe4te")
    for words in (["up", "--for", "1s"], ["run", "hello"], ["did", "hello"], ["status"], ["doctor"]):
        code, out, err = said(folder, [words[0], "--state", state, *words[1:]], locales)
        assert code in (0, 1, 3, 4), (words, out, err)
    assert os.path.exists(os.path.join(state, b"ledger.db"))
    assert not os.path.exists(os.path.join(folder, b".jobfile"))


def test_a_job_file_may_have_any_name(tmp_path: Path, locales: Path) -> None:
    folder = folder_with_jobs(tmp_path, b"plain")
    name = b"gr\xf6\xdfe.yaml"
    os.rename(os.path.join(folder, b"jobs.yaml"), os.path.join(folder, name))
    asked: list[Words] = [["up", "--for", "1s"], ["check"], ["run", "hello"], ["show", "hello"], ["plan"]]
    asked += [["status"], ["generations"], ["runs"], ["fmt"], ["check", "--json"]]
    for words in asked:
        code, out, err = said(folder, [words[0], "-f", name, *words[1:]], locales)
        assert code in (0, 1, 2, 3, 4), (words, out, err)
    assert b"gr\\xf6\\xdfe.yaml" in said(folder, ["generations", "-f", name, "--json"], locales)[1].replace(
        b"\\\\", b"\\"
    )


def test_a_reason_may_be_any_bytes_and_is_kept_readable(tmp_path: Path, locales: Path) -> None:
    folder = folder_with_jobs(tmp_path, b"plain")
    assert said(folder, ["up", "--for", "1s"], locales)[0] == 0
    code, out, err = said(folder, ["pause", "hello", "--why", b"caf\xe9 \xc3\xa9"], locales)
    assert code == 0, (out, err)
    assert "caf\\xe9 é".encode() in said(folder, ["status"], locales)[1]
    assert b"JF" not in said(folder, ["doctor"], locales)[1]


@pytest.mark.parametrize("name", [b"Gr\xf6\xdfe.yaml", b"\xff.yaml"])
def test_an_included_file_with_such_a_name_is_refused_in_words_and_the_engine_continues(
    tmp_path: Path, locales: Path, name: bytes
) -> None:
    """Whether it was there at the start or comes later: the set is refused, `status` says so, and when the
    file has another name the set is taken.
    """
    folder = folder_with_jobs(tmp_path, b"plain", f'include: ["jobs/*.yaml"]\n{JOBS}')
    inner = os.path.join(folder, b"jobs")
    os.mkdir(inner)
    shown = name.decode("ascii", "backslashreplace").encode()

    def put(file: bytes, job: str) -> None:
        with open(os.path.join(inner, file), "w") as opened:
            opened.write(f"version: 1\njobs:\n  {job}: {{run: echo}}\n")

    put(b"first.yaml", "first")
    with engine(tmp_path / "plain"):
        assert generation(tmp_path / "plain") == 1
        put(name, "odd")
        for words in (["check"], ["run", "--dry-run", "hello"], ["show", "hello"], ["next"], ["plan"]):
            code, _, err = said(folder, words, locales)
            assert code not in (0, 70), words
            assert b"its name is not UTF-8" in err, (words, err)
            assert shown in err, (words, err)
        until(lambda: b"its name is not UTF-8" in said(folder, ["status"], locales)[1], "the refusal")
        assert generation(tmp_path / "plain") == 1
        os.rename(os.path.join(inner, name), os.path.join(inner, b"good.yaml"))
        until(lambda: generation(tmp_path / "plain") == 2, "the set with a good name")


@pytest.mark.parametrize(
    ("command", "encoding"),
    [
        *((command, "latin-1") for command in ("show", "simulate", "check", "explain-schedule", "next")),
        *(("show", encoding) for encoding in ("cp1252", "utf-8")),
    ],
)
def test_what_a_terminal_cannot_show_is_printed_as_an_escape(
    tmp_path: Path, locales: Path, command: str, encoding: str
) -> None:
    folder = folder_with_jobs(tmp_path, b"plain")
    for words in ASKED[command]:
        code, out, err = said(folder, words, locales, PYTHONIOENCODING=encoding)
        assert code == 0, (words, err)
        shown = out.decode(encoding)
        if words == ["show", "hello"]:
            assert ("🚀" if encoding == "utf-8" else "\\U0001f680") in shown
            assert "naïvely" in shown


def test_engine_and_supervisors_mean_one_folder_under_a_locale_that_is_not_utf_8(
    tmp_path: Path, locales: Path
) -> None:
    for name in (b"x\xfcy", "xüy".encode()):
        folder = folder_with_jobs(tmp_path, name)
        code, out, err = said(folder, ["run", "hello"], locales, "latin-1")
        assert (code, out) == (0, b"hello from " + folder + b"\n"), err
        assert said(folder, ["did", "hello"], locales, "UTF-8")[0] == 0
    assert sorted(os.listdir(os.fsencode(tmp_path))) == sorted([b"x\xfcy", "xüy".encode()])
    text = said(folder, ["show", "hello"], locales, "latin-1")[1].decode("latin-1")
    assert "naïvely" in text
    assert "\\U0001f680" in text


def test_a_word_of_the_environment_arrives_in_its_bytes_under_every_locale(
    tmp_path: Path, locales: Path
) -> None:
    text = (
        'version: 1\njobs: {a: {pass_env: [ODD], env: {EVEN: ü🚀}, run: \'printf %s:%s "$ODD" "$EVEN"\'}}\n'
    )
    folder = folder_with_jobs(tmp_path, b"plain", text)
    for locale in LOCALES:
        done = said(folder, ["run", "a"], locales, locale, ODD="caf\udce9")
        assert done[:2] == (0, b"caf\xe9:" + "ü🚀".encode()), done


ODD_WORDS: list[Words] = [
    *(
        [command, b"caf\xe9"]
        for command in ("show", "next", "run", "did", "logs", "cancel", "retry", "resume")
    ),
    *([command, b"caf\xe9"] for command in ("pause", "explain", "explain-schedule", "check", "fmt", "apply")),
    *([command, b"caf\xe9"] for command in ("rollback", "test", b"caf\xe9")),
    ["why", b"caf\xe9", "2026-01-01T00:00Z"],
    ["why", "hello", b"caf\xe9"],
    ["did", "hello", "--on", b"caf\xe9"],
    ["did", "hello", "-p", b"caf\xe9=1"],
    ["run", "hello", "-p", b"caf\xe9=1"],
    ["run", "hello", "--at", b"caf\xe9"],
    ["run", "hello", "--dry-run", "--output", b"caf\xe9=1"],
    ["plan", "--from", b"caf\xe9"],
    ["plan", "--out", b"caf\xe9.plan"],
    ["simulate", "--from", b"caf\xe9"],
    ["simulate", "--seed", b"caf\xe9"],
    ["up", "--for", b"caf\xe9"],
    ["up", "--git", b"caf\xe9", "--for", "1s"],
    ["runs", "--job", b"caf\xe9"],
    ["report", "--since", b"caf\xe9"],
    ["check", "--changed-since", b"caf\xe9"],
    ["check", "--allow", b"caf\xe9"],
    ["status", "-f", b"caf\xe9.yaml"],
    ["clock", b"caf\xe9"],
    ["audit", b"caf\xe9"],
    ["audit", "verify", "--head", b"caf\xe9"],
    ["schema", b"caf\xe9"],
    ["comment", b"caf\xe9"],
]


def test_a_word_of_any_bytes_is_never_a_bug(tmp_path: Path, locales: Path) -> None:
    folder = folder_with_jobs(tmp_path, b"plain")
    assert said(folder, ["up", "--for", "1s"], locales)[0] == 0
    asked = [(words, "UTF-8") for words in ODD_WORDS]
    asked += [(words, "latin-1") for words in (ODD_WORDS if IS_SOAK else ODD_WORDS[::9])]
    for words, locale in asked:
        code, out, err = said(folder, words, locales, locale)
        assert out + err, words
        assert code or words[:2] in (["plan", "--out"], ["runs", "--job"], ["up", "--git"]), (words, err)
