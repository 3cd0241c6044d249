"""What all commands have in common: one name for one thing in options, arguments and values.

The tests walk click's own objects, so a new command cannot differ by accident.
"""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from engine.answers.failure import ADVICE
from engine.cli import exit_codes
from engine.cli.commands import doctor
from engine.cli.main import COMMANDS, group
from engine.core.errors import ErrorCode
from tests.cli.conftest import JOBS, Jobfile
from tests.cli.test_files import SCHEMAS, fits
from tests.doctor.conftest import SOUND
from tests.known import known_files
from tests.together import together

NAMES_OF_ARGUMENTS = {
    "JOB",
    "RUN",
    "RUN...",
    "[RUN]",
    "RUN or JOB",
    "[NAME=VALUE or TIME]...",
    "[RUN or JOB]",
    "[JOB]",
    "[JOB]...",
    "[JOB or EXPR]",
    "RUN, JOB or PLAN",
    "CHANNEL or JOB EVENT",
    "[HOST]",
    "NUMBER",
    "[NUMBER]",
    "[PLAN]",
    "[TIME]...",
    "[STEP]",
    "[PATTERN]",
    "[NAME]",
    "EXPRESSION",
    "[GENERATION]",
    "[DIR]",
    "[FILE]...",
    "[FILE or DIR]...",
    "[CODE | keys KIND]",
    "[-- WORD...]",
}
"""What an argument is called that is not one of some fixed words."""

VALUES = {
    "--file": {"FILE"},
    "--state": {"DIR"},
    "--at": {"TIME"},
    "--since": {"TIME"},
    "--until": {"TIME"},
    "--now": {"TIME"},
    "--from": {"TIME", "SIDE"},
    "--to": {"SIDE", "DIR", "TIME", "URL"},
    "--on": {"DAY"},
    "--for": {"LENGTH"},
    "--timeout": {"LENGTH"},
    "--tag": {"TAG"},
    "--owner": {"OWNER"},
    "--in": {"STATE"},
    "--param": {"NAME=VALUE"},
    "--set": {"NAME=VALUE"},
    "--why": {"TEXT"},
    "--timezone": {"ZONE"},
}
"""The value of an option that several commands have, or that takes a time."""

SHORT = {"-f": "--file", "-F": "--follow", "-p": "--param", "-y": "--yes", "-k": "", "-h": "--help"}
"""The long name of each short one."""

NOT_THESE = re.compile(
    r"--(count|max|num|number-of|n|lines|top|assume-yes|no-input|force-yes|reason|because)"
)
"""Other words for --limit, --yes and --why."""

PRINTS_NO_ANSWER = {
    "schema": "its output is JSON",
    "lsp": "speaks to an editor",
    "mcp": "speaks to an agent",
    "completion": "prints a script",
    "comment": "passes a text on",
    "metrics": "prints the form of another tool",
    "serve": "answers over HTTP",
    "export": "prints the form of another tool",
}
HAS_NO_PLACE = {"init", "explain", "explain-schedule", "schema", "lsp", "completion", "comment"}
"""Commands that read neither a job file nor a ledger."""


def command_named(name: str) -> click.Command:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    return command


def options(*, of: str | None = None) -> Iterator[tuple[str, click.Option]]:
    for name in [of] if of else COMMANDS:
        yield from ((name, one) for one in command_named(name).params if isinstance(one, click.Option))


def long_names(name: str) -> set[str]:
    return {opt for _, option in options(of=name) for opt in option.opts}


def test_an_argument_that_names_a_job_a_run_or_a_file_is_called_alike() -> None:
    for name in COMMANDS:
        for one in command_named(name).params:
            if isinstance(one, click.Argument) and not isinstance(one.type, click.Choice):
                written = one.make_metavar(click.Context(command_named(name)))
                assert written in NAMES_OF_ARGUMENTS, f"{name} {written}"


def test_an_option_has_the_same_kind_of_value_in_every_command() -> None:
    for name, option in options():
        for opt in option.opts:
            if opt in VALUES:
                assert option.metavar in VALUES[opt], f"{name} {opt} {option.metavar}"
    times = {opt for _, option in options() if option.metavar in ("TIME", "DAY") for opt in option.opts}
    assert times <= VALUES.keys()


def test_a_short_option_means_the_same_everywhere() -> None:
    for name, option in options():
        short = [opt for opt in option.opts if not opt.startswith("--")]
        for opt in short:
            assert SHORT[opt] in (*option.opts, ""), f"{name} {opt}"
        assert "-f" in short or "--file" not in option.opts, name


def test_limit_yes_and_why_have_the_same_name_everywhere() -> None:
    for name, option in options():
        for opt in option.opts:
            assert not NOT_THESE.fullmatch(opt), f"{name} {opt}"
        if re.search(r"\bwithout asking\b|\bdo not ask\b", option.help or ""):
            assert option.opts == ["--yes", "-y"], name
        if (option.help or "").startswith("Maximum number"):
            assert option.opts == ["--limit"], name


@together("name", COMMANDS)
def test_a_command_that_answers_has_json_and_one_that_reads_has_a_place(name: str) -> None:
    opts = long_names(name)
    assert ("--json" in opts) != (name in PRINTS_NO_ANSWER)
    assert ({"--file", "--state"} <= opts) != (name in HAS_NO_PLACE)


CHANGES = (
    *("token", "hosts", "run", "retry", "backfill", "apply", "rollback", "pause", "resume", "cancel"),
    "clock",
)
"""The commands that change something in the ledger for a user, at once."""


def test_a_command_that_changes_something_takes_a_reason() -> None:
    assert [name for name in COMMANDS if "--why" in long_names(name)] == [
        name for name in COMMANDS if name in CHANGES
    ]


def test_a_reason_is_recorded_in_the_audit_and_shown_where_the_act_is(
    jobfile: Jobfile, tmp_path: Path
) -> None:
    jobfile("apply", "--yes", "--why", "reason 1")
    jobfile("run", "bad", "--why", "reason 2")
    failed = jobfile("runs", "--json").json["runs"][0]["id"]
    found = jobfile("retry", "--failed", "--yes", "--why", "reason 3", "--json").json["runs"]
    retried = found[0]["retry"]["id"]
    jobfile("cancel", retried, "--why", "reason 4")
    jobfile("retry", failed[:8], "--detach", "--why", "reason 5")
    jobfile("pause", "good", "--why", "reason 6")
    jobfile("resume", "good", "--why", "reason 7")
    (tmp_path / "jobs.yaml").write_text(JOBS.replace("hello,", "hi,"))
    jobfile("apply", "--yes", "--why", "reason 8")
    jobfile("rollback", "--yes", "--why", "reason 9")
    told = "\n".join(one["detail"] for one in reversed(jobfile("audit", "--json").json["records"]))
    assert re.findall(r"reason \d", told) == [f"reason {number}" for number in range(1, 10)]
    notes = [one["note"] for one in jobfile("generations", "--json").json["generations"]]
    assert [re.findall(r"reason \d", note) for note in notes] == [["reason 9"], ["reason 8"], ["reason 1"]]
    first, second = jobfile("why", failed).out, jobfile("why", retried).out
    assert re.search(r"^requested .*: reason 2$", first, re.MULTILINE)
    assert re.search(r"^by hand .* retry by .*: reason 3; run ", first, re.MULTILINE)
    assert re.search(r"^requested .*: reason 3$", second, re.MULTILINE)
    assert re.search(r"^by hand .* cancel by .*: reason 4$", second, re.MULTILINE)


def test_a_change_that_was_already_made_is_no_error(jobfile: Jobfile) -> None:
    jobfile("apply", "--yes")
    run = jobfile("run", "slow", "--detach").out.strip()
    for command, said in {
        ("apply", "--yes"): "nothing to apply",
        ("pause", "good"): "good is paused already, by ",
        ("resume", "good"): "good was not paused",
        ("cancel", run): "was over already: cancelled",
        ("clock", "accept"): "the engine believes the clock already",
    }.items():
        assert jobfile(*command).code == 0
        again = jobfile(*command)
        assert again.code == 0, command
        assert said in again.out
    before = jobfile("audit", "--json").json
    jobfile("pause", "good")
    assert jobfile("pause", "good", "--json").json["was_paused"]
    assert len(jobfile("audit", "--json").json["records"]) == len(before["records"]) + 1


@pytest.mark.parametrize("command", ["apply", "rollback", "retry --failed"])
def test_json_never_asks_and_so_needs_yes(jobfile: Jobfile, tmp_path: Path, command: str) -> None:
    jobfile("apply", "--yes")
    (tmp_path / "jobs.yaml").write_text(JOBS.replace("hello,", "hi,"))
    jobfile("apply", "--yes")
    (tmp_path / "jobs.yaml").write_text(JOBS)
    said = jobfile(*command.split(), "--json")
    assert said.code == 64
    assert "--json does not ask: add --yes" in said.err


CASES = "version: 1\ntests: {it succeeds: {job: good, expect: {state: succeeded}}}\n"

DOCS = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()

ASKED: dict[str, tuple[str, ...]] = {
    "fmt": (),
    "check": (),
    "test": (),
    "show": ("JOB or RUN",),
    "next": ("JOB",),
    "simulate": (),
    "plan": ("JOB",),
    "apply": ("--yes",),
    "generations": (),
    "run": ("JOB",),
    "wait": ("RUN",),
    "cancel": ("RUN",),
    "pause": ("JOB",),
    "resume": ("JOB",),
    "status": (),
    "hosts": (),
    "metrics": (),
    "list": (),
    "did": ("JOB or RUN",),
    "why": ("JOB or RUN",),
    "logs": ("JOB or RUN",),
    "outputs": ("JOB or RUN",),
    "artifacts": ("JOB or RUN",),
    "runs": ("JOB or RUN",),
    "report": ("JOB",),
    "audit": (),
    "doctor": (),
    "retry": ("RUN",),
    "backfill": ("JOB", "--from", "2h", "--dry-run"),
    "rollback": (),
    "clock": (),
}
"""What each command that needs a job file or a ledger is asked about."""

NAMES = {"unknown job": ("JOB", "nope"), "unknown run": ("RUN", "ffffffff")}


def documented_codes() -> dict[str, dict[str, str]]:
    """The table of exit codes in docs/commands.md: by situation, the code of each command."""
    part = DOCS.partition("## Exit codes")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([a-z]+)` \|(.*)\|$", part, re.MULTILINE)
    found: dict[str, dict[str, str]] = {one: {} for one in ("no file", "no ledger", *NAMES)}
    for name, cells in rows:
        for situation, cell in zip(found, cells.split("|"), strict=True):
            found[situation][name] = cell.strip()
    return found


@pytest.mark.parametrize("situation", documented_codes())
def test_each_command_has_the_documented_exit_code_in_each_situation(
    jobfile: Jobfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, situation: str
) -> None:
    (tmp_path / "good.test.yaml").write_text(CASES)
    monkeypatch.setattr(doctor, "read_machine", lambda: SOUND)
    if situation == "no file":
        (tmp_path / "jobs.yaml").unlink()
    elif situation != "no ledger":
        jobfile("apply", "--yes")
    kind, name = NAMES.get(situation, ("", ""))
    found = {}
    for number, (command, arguments) in enumerate(ASKED.items()):
        if kind and not any(kind in one for one in arguments):
            found[command] = ""
            continue
        if situation in ("no file", "no ledger"):
            monkeypatch.setenv("JOBFILE_STATE", str(tmp_path / "states" / str(number)))
        given = [re.sub(r"JOB or RUN|JOB|RUN", name or "good", one) for one in arguments]
        as_json = ["--json"] if command not in PRINTS_NO_ANSWER else []
        if command == "run" and situation == "no ledger":
            given = ["good", "--dry-run"]
        said = jobfile(command, *given, *as_json)
        found[command] = str(said.code)
        if said.code >= 64 and as_json:
            fits(said.json, "error")
            assert ErrorCode(said.json["error"]["code"]).exit_code == said.code
    assert found == documented_codes()[situation]


def test_an_unknown_job_is_answered_with_the_near_ones_or_with_all(jobfile: Jobfile) -> None:
    jobfile("apply", "--yes")
    for command, arguments in ASKED.items():
        if any("JOB" in one for one in arguments) and command != "plan":
            assert "did you mean good?" in jobfile(command, "goood").err, command
            assert "known: bad, flaky, good, slow" in jobfile(command, "xyzzy").err, command


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in PRINTS_NO_ANSWER])
def test_a_wrong_command_line_is_an_error_in_json_too(jobfile: Jobfile, name: str) -> None:
    said = jobfile(name, "--json", "--nonsense")
    assert said.code == 64
    assert said.json == {
        "format": 1,
        "error": {
            "code": "usage",
            "message": "No such option '--nonsense'.",
            "help": f"see the help:  jobfile {name} --help",
        },
    }
    fits(said.json, "error")
    assert "No such option" in said.err


def test_the_help_of_an_error_is_what_its_message_says_to_do(jobfile: Jobfile) -> None:
    def help_of(*words: str) -> str:
        found = jobfile(*words, "--json").json["error"]
        return str(found["help"])

    assert help_of("report") == "start the engine with  jobfile up"
    jobfile("apply", "--yes")
    assert help_of("did", "goood") == "did you mean good?"
    assert help_of("did", "xyzzy") == "list the jobs:  jobfile list"
    assert help_of("wait", "ffffffff") == "see  jobfile runs"
    assert help_of("rollback", "77", "--yes") == "name an earlier one:  jobfile generations"
    assert help_of("retry", "--failed") == "add --yes, or --dry-run to see the runs"
    assert help_of("why", "good", "tea").startswith("write ")
    assert help_of("did", "good", "--on", "today", "--at", "now") == "see the help:  jobfile did --help"


FACTS = {"a", "at", "expected", "it", "its", "jobs", "nothing", "one", "or", "running"} | {
    *("the", "then", "there", "these", "this", "today", "until", "whose")
}
"""The first words of parts of messages that state a fact."""


def test_a_part_of_a_message_is_advice_or_a_known_kind_of_fact() -> None:
    """So that the help in JSON is right for a new message too."""
    found = set()
    for path in known_files("engine", "*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                texts = [one.value for one in ast.walk(node.exc.args[0]) if isinstance(one, ast.Constant)]
                found |= {
                    word for text in texts if isinstance(text, str) for word in re.findall(r"; (\w+)", text)
                }
    assert found - ADVICE - FACTS == set()


def test_an_error_is_json_only_if_json_was_asked_for(jobfile: Jobfile, tmp_path: Path) -> None:
    assert jobfile("did", "nope").out == ""
    assert jobfile("nonsense", "--json").json["error"]["code"] == "usage"
    assert jobfile("plan", "--format", "json", "nope").json["error"]["code"] == "nothing_recorded"
    assert jobfile("check", "--format=json", "-f", "nowhere").json["error"]["code"] == "unreadable_file"
    (tmp_path / "jobs.yaml").write_text("jobs: {a: {rum: echo}}")
    for command in ("next", "show a", "run a", "simulate", "list"):
        said = jobfile(*command.split(), "--json")
        assert said.code == 1
        assert said.json["error"]["code"] == "invalid_files", command
        assert said.json["error"]["message"].startswith("the job files have ")
        assert "error[" in said.err
    assert "rum" in jobfile("next").out


def test_the_codes_of_errors_are_those_of_the_documents_and_of_the_schema() -> None:
    told = re.findall(r"^\| `([a-z_]+)` \| (\d+) \|", DOCS.partition("## Errors as JSON")[2], re.MULTILINE)
    assert told == [(one.value, str(one.exit_code)) for one in ErrorCode]
    schema = json.loads((SCHEMAS / "error.schema.json").read_text())
    assert schema["properties"]["error"]["properties"]["code"]["enum"] == list(ErrorCode)
    for one in ErrorCode:
        assert one.exit_code in {value for name, value in vars(exit_codes).items() if name.isupper()}


def test_a_change_that_is_refused_or_needless_is_an_answer_in_json_too(
    jobfile: Jobfile, tmp_path: Path
) -> None:
    jobfile("apply", "--yes")
    (tmp_path / "jobs.yaml").write_text(JOBS.replace('"0 4 * * *"', '"* 4 * * *"'))
    for asked in ((), ("--json",)):
        said = jobfile("apply", "--yes", "--fail-on", "risk", *asked)
        assert said.code == 3
        assert re.search(r"error: the plan has \d risks?, so nothing was applied", said.err)
    fits(said.json, "error")
    assert said.json["error"]["code"] == "risks"
    jobfile("apply", "--yes")
    (tmp_path / "jobs.yaml").write_text(JOBS)
    jobfile("apply", "--yes")
    said = jobfile("rollback", "1", "--yes", "--json")
    fits(said.json, "apply")
    assert said.json == {"format": 1, "applied": False, "generation": 3}
