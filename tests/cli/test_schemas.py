"""Every JSON that a command prints has a schema, and fits it."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import get_args

import click
import jsonschema
import pytest

from engine.cli.main import COMMANDS, group
from engine.core.events import Event
from tests.cli.conftest import JOBS, Jobfile
from tests.cli.test_files import SCHEMAS, fits
from tests.known import known_files

CASES = """\
version: 1
tests:
  it succeeds:
    job: good
    expect: {state: succeeded}
  it fails:
    job: good
    expect: {state: failed}
"""
SIMULATED = ("simulate", "--from", "2026-03-01", "--days", "1", "--json")

PRINTED = {
    "init": (("init", "new", "--json"),),
    "fmt": (("fmt", "--json"), ("fmt", "--diff", "--json"), ("fmt", "--json", "wrong/jobs.yaml")),
    "diagnostic": (("check", "--json"), ("check", "-f", "wrong/jobs.yaml", "--json")),
    "show": (("show", "good", "--json"), ("show", "RUN", "--json")),
    "next": (("next", "--json"), ("next", "good", "--json"), ("next", "10m", "--json")),
    "explain-schedule": (("explain-schedule", "30 2 * * *", "--timezone", "Europe/Oslo", "--json"),),
    "simulate": (SIMULATED,),
    "test": (("test", "--json"),),
    "run": (("run", "bad", "--json"), ("retry", "RUN", "--json"), ("run", "good", "--detach", "--json")),
    "retry-failed": (("retry", "--failed", "--dry-run", "--json"), ("retry", "--failed", "--yes", "--json")),
    "dry-run": (("run", "good", "--dry", "--json"),),
    "wait": (("wait", "RUN", "--json"),),
    "plan": (("plan", "--json"), ("plan", "--to", "wrong/jobs.yaml", "--json")),
    "apply": (("apply", "--yes", "--json"),),
    "generations": (("generations", "--json"),),
    "status": (("status", "--json"),),
    "doctor": (("doctor", "--json"),),
    "list": (("list", "--json"), ("list", "--json", "--in", "failed")),
    "did": (("did", "good", "--json"), ("did", "bad", "--json"), ("did", "slow", "--json")),
    "why": (("why", "good", "--json"), ("why", "bad", "--json")),
    "report": (("report", "--json"), ("report", "good", "--since", "2d", "--compare", "--format", "json")),
    "runs": (("runs", "--json"), ("runs", "RUN", "--json")),
    "logs": (("logs", "bad", "--json"),),
    "outputs": (("outputs", "bad", "--json"),),
    "artifacts": (("artifacts", "bad", "--json"),),
    "pause": (("pause", "good", "--json"),),
    "backfill": (("backfill", "--json"), ("backfill", "good", "--stop", "--json")),
    "backfill-begin": (
        ("backfill", "good", "--from", "2h", "--dry-run", "--json"),
        ("backfill", "good", "--from", "2h", "--yes", "--json"),
    ),
    "pause-many": (("pause", "--all", "--yes", "--json"), ("resume", "--all", "--yes", "--json")),
    "cancel-many": (("cancel", "--all", "--dry-run", "--json"), ("cancel", "--all", "--yes", "--json")),
    "resume": (("resume", "good", "--json"),),
    "token": (("token", "add", "deploy", "--json"), ("token", "revoke", "deploy", "--json")),
    "token-list": (("token", "list", "--json"),),
    "audit": (("audit", "--json"), ("audit", "verify", "--json")),
    "clock": (("clock", "--json"),),
    "clock-accept": (("clock", "accept", "--json"),),
    "notify-preview": (("notify", "preview", "bad", "failed", "--json"),),
    "explain": (("explain", "--json"), ("explain", "JF110", "--json"), ("explain", "keys", "job", "--json")),
}
ELSEWHERE = {
    "job": "the form of job files",
    "cases": "the form of case files",
    "error": "any command that fails: test_conventions.py",
    "event": "lines of `up --json`: test_each_line_of_the_engine_fits_its_schema",
    "notify-test": "needs a channel: test_notify.py",
    "migrate": "needs a server: test_store.py",
    "hosts": "needs a ledger in a server: tests/hosts/test_commands.py",
    "hosts-drain": "as above",
    "submitted": "what a server answers to jobfile.client: tests/web/test_api.py",
    "ui": "needs a server: tests/web/test_server.py",
    "plan-base": "what a server answers to `plan`: test_plan_at_server.py",
    "plan-facts": "as above",
    "plan-standing": "as above",
    "simulate-compare": "needs a revision: test_simulate.py",
}
NAMED_IN_OTHERS = {
    "migrate": "needs a place to move to: test_store.py",
    "hosts": "needs a ledger in a server: tests/hosts/test_commands.py",
    "ui": "prints an address",
    "rollback": "prints what `apply` prints",
    "cancel": "prints a run",
    "up": "prints events",
    "attempt": "prints events",
}


@pytest.fixture
def run_id(jobfile: Jobfile, tmp_path: Path) -> str:
    """A ledger with a generation and a run that failed; beside it files that are wrong, and cases."""
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / "jobs.yaml").write_text("version: 1\njobs: {a: {run: echo, retires: 2}}\n")
    (tmp_path / "good.test.yaml").write_text(CASES)
    assert jobfile("apply", "--yes").code == 0
    (tmp_path / "jobs.yaml").write_text(JOBS.replace("hello,", "hi,"))
    jobfile("run", "bad")
    return str(jobfile("runs", "--json").json["runs"][0]["id"])


AN_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d\S*")
OF_THE_USER = {
    "params",
    "value",
    "default",
    "output",
    "env",
    "script",
    "text",
    "lines",
    "last_lines",
    "job_text",
}
"""Keys whose values are texts of users, which may be empty or look like times."""


def texts_in(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """The texts in JSON data that are not a user's own, each with the keys that lead to it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in OF_THE_USER:
                yield from texts_in(inner, (*path, key))
    elif isinstance(value, list):
        for inner in value:
            yield from texts_in(inner, path)
    elif isinstance(value, str):
        yield path, value


def is_regular(found: object) -> None:
    """Assert that an answer has a format, null for what is absent, and one form of times."""
    assert isinstance(found, dict)
    assert "format" in found
    for path, text in texts_in(found):
        assert text, f"{'.'.join(path)} is empty, and not null"
        if AN_INSTANT.fullmatch(text):
            at = datetime.fromisoformat(text)
            assert at.utcoffset() is not None, (path, text)
            assert at.isoformat() == text, (path, text)


@pytest.mark.parametrize("schema", PRINTED)
def test_what_a_command_prints_fits_its_schema(jobfile: Jobfile, run_id: str, schema: str) -> None:
    for arguments in PRINTED[schema]:
        said = jobfile(*(run_id if one == "RUN" else one for one in arguments))
        fits(said.json, schema)
        is_regular(said.json)


def test_each_command_that_prints_json_and_each_schema_is_tried() -> None:
    tried = {arguments[0] for listed in PRINTED.values() for arguments in listed}
    for name in COMMANDS:
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if any("--json" in option.opts for option in command.params):
            assert name in tried or name in NAMED_IN_OTHERS, name
    schemas = {path.name.removesuffix(".schema.json") for path in known_files(SCHEMAS, "*.schema.json")}
    assert schemas == PRINTED.keys() | ELSEWHERE.keys()


def test_each_finding_on_a_line_of_its_own_fits_the_schema(jobfile: Jobfile, run_id: str) -> None:
    schema = json.loads((SCHEMAS / "diagnostic.schema.json").read_text())
    one = {**schema["definitions"]["diagnostic"], "definitions": schema["definitions"]}
    lines = jobfile("check", "-f", "wrong/jobs.yaml", "--format", "jsonl").out.splitlines()
    assert lines
    for line in lines:
        jsonschema.validate(json.loads(line), one)


def test_each_line_of_the_engine_fits_its_schema(jobfile: Jobfile) -> None:
    lines = [json.loads(line) for line in jobfile("up", "--for", "1s", "--json").out.splitlines()]
    for line in lines:
        fits(line, "event")
    assert {"EngineStarted", "GenerationApplied"} <= {line["event"] for line in lines}
    schema = json.loads((SCHEMAS / "event.schema.json").read_text())
    assert schema["properties"]["event"]["enum"] == [one.__name__ for one in get_args(Event)]


def test_a_cancelled_run_fits_the_schema_of_a_run(jobfile: Jobfile) -> None:
    started = jobfile("run", "slow", "--detach", "--json").json
    fits(started, "run")
    fits(jobfile("cancel", started["id"], "--json").json, "run")


def test_what_a_rollback_prints_fits_the_schema_of_apply(jobfile: Jobfile, run_id: str) -> None:
    assert jobfile("apply", "--yes").code == 0
    fits(jobfile("rollback", "--yes", "--json").json, "apply")
