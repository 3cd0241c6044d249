"""Keys of other tools: each message says what to write here, and what it says is valid.

foreign_words.tsv: kind of map, its content, a part of the help, what the reader then writes. Without the last
column, this is the settings in backticks of the help; `-` is nothing.
"""

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobfile.diagnostics.diagnostic import Diagnostic, Severity
from jobfile.diagnostics.suggest import fold
from jobfile.fixing.edits import apply_fixes
from jobfile.pipeline import check_files
from jobfile.schema.foreign_advice import Word
from jobfile.schema.foreign_words import ROWS, advice_for, words
from jobfile.schema.validator import schema_text
from tests.together import together

LINES = [line.split("\t") for line in (Path(__file__).parent / "foreign_words.tsv").read_text().splitlines()]
SCHEMA = json.loads(schema_text())
KEYS = {kind: set(one.get("properties", ())) for kind, one in SCHEMA["definitions"].items()}
KEYS["file"] = set(SCHEMA["properties"])
UNUSED = {"JF602", "JF603", "JF604"}
ACTIONS = {"run", "command", "steps", "http", "python"}
BESIDE: dict[str, Any] = {
    "queues": {"db": {"slots": 1}},
    "channels": {"oncall": {"command": ["./page"]}},
    "jobs": {"other": {"command": ["ls"]}, "third": {"command": ["ls"]}},
}
PLACEHOLDERS = {"CHANNEL": "oncall", "JOB": "other", "STEP": "first"}


def settings(text: str) -> dict[str, Any]:
    return yaml.safe_load("{" + text + "}") or {}


def placed(kind: str, own: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """A job with these settings at the place of a kind, and with others in the job itself."""
    if kind == "job":
        return own if ACTIONS & own.keys() else {**own, "command": ["ls"]}
    if kind == "step":
        step = own if ACTIONS & own.keys() else {**own, "command": ["ls"]}
        params = (
            {"params": {"list": {"type": "array", "items": {"type": "string"}}}} if "for_each" in own else {}
        )
        return {"steps": {"first": {"command": ["ls"]}, "s": step}, **params, **above}
    if kind == "param":
        return {"params": {"p": own}, "command": ["echo", "{{ params.p }}"]}
    return {kind: own, "command": ["ls"]}


def checked(kind: str, own: dict[str, Any], *, is_followed: bool = False) -> tuple[Diagnostic, ...]:
    if kind in ("file", "defaults"):
        tree = {"version": 1, **BESIDE, **(own if kind == "file" else {kind: own})}
        return found(tree)
    of_job = KEYS["job"] - KEYS["step"] if is_followed and kind == "step" else set()
    above = {key: value for key, value in own.items() if key in of_job}
    job = placed(kind, {key: value for key, value in own.items() if key not in of_job}, above)
    return found({"version": 1, **BESIDE, "jobs": {**BESIDE["jobs"], "j": job}})


def found(tree: dict[str, Any]) -> tuple[Diagnostic, ...]:
    text = json.dumps(tree)
    given = check_files([("jobs.yaml", text.encode())])
    return tuple(
        one for one in given.diagnostics if one.severity is not Severity.INFO and one.code not in UNUSED
    )


def followed(said: str, then: str) -> dict[str, Any]:
    """What a reader writes who does what the help says."""
    for word, own in PLACEHOLDERS.items():
        said, then = (re.sub(rf"\b{word}\b", own, text) for text in (said, then))
    if then:
        return {} if then == "-" else settings(then)
    made: dict[str, Any] = {}
    for part in re.findall(r"`([a-z_]+: [^`]*)`", said):
        made |= {key: value for key, value in yaml.safe_load(part).items() if key not in made}
    return made


@together("line", LINES)
def test_the_help_for_a_key_of_another_tool_leads_to_a_valid_file(line: list[str]) -> None:
    kind, given, part, *rest = line
    then = rest[0] if rest else ""
    messages = [one for one in checked(kind, settings(given)) if one.code in ("JF101", "JF115")]
    assert len(messages) == 1, "one message for one change"
    said = " ".join((*messages[0].help, *messages[0].notes))
    assert part in said
    written = followed(part, then)
    assert written or then == "-"
    assert all(key in said for key in written.keys() - settings(given).keys()), "the message names the key"
    assert checked(kind, written, is_followed=True) == ()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("suspend: false", "enabled: true"),
        ("backoffLimit: 3", "retry: {attempts: 4}"),
        ("executionTimeout: 60 # a minute", "timeout: 1m # a minute"),
        ("concurrencyPolicy: Replace", "concurrency: {on_overlap: cancel_running}"),
        ("strategy: {matrix: {os: [a, b]}}", "matrix: {os: [a, b]}"),
        ("cwd: /srv", "working_dir: /srv"),
        ("retryPolicy:\n      limit: 3", ""),
        ("image: alpine", "container: {image: alpine}"),
        ("timeoutSec: 60\n    timeout: 5m", ""),
    ],
)
def test_a_setting_that_the_help_gives_is_also_a_fix(given: str, expected: str) -> None:
    head = "version: 1\njobs:\n  a:\n    "
    looked = check_files([("jobs.yaml", f"{head}{given}\n    command: [ls]\n".encode())])
    errors = [one for one in looked.diagnostics if one.is_error]
    fixed, _, _ = apply_fixes(looked.sources["jobs.yaml"], errors, unsafe=True)
    assert fixed == f"{head}{expected or given}\n    command: [ls]\n"
    assert bool(errors[0].fixes) == bool(expected)


def test_an_alias_is_replaced_and_its_anchor_stays() -> None:
    text = "version: 1\njobs: {a: {run: ls, enabled: &on false}, b: {run: ls, paused: *on}}\n"
    looked = check_files([("jobs.yaml", text.encode())])
    fixed, _, _ = apply_fixes(looked.sources["jobs.yaml"], looked.diagnostics, unsafe=True)
    assert fixed == text.replace("paused: *on", "enabled: true")


MET = {
    "job": "captureStderr env_file executionTimeout killTimeout saveLimit streamPrefix failsWhen "
    "onFailure onPermanentFailure onSuccess statsd utc onMissed startingDeadlineSeconds "
    "clusterPolicy histRetentionDays dotenv logDir skipIfSuccessful restartWaitSec preconditions "
    "handlerOn runs-on permissions services uses needs activeDeadlineSeconds backoffLimit "
    "restartPolicy resources envFrom successfulJobsHistoryLimit suspend failedJobsHistoryLimit "
    "ttlSecondsAfterFinished terminationGracePeriodSeconds cwd workdir working-directory "
    "on_failure on_error inputs parameters max_attempts retry_delay max_instances run_as comment",
    "step": "continueOn continue_on repeatPolicy dir stdout preconditions signalOnStop mailOnError "
    "executor call parallel depends depends_on dependsOn after uses name id working-directory "
    "with user env_file resources services cwd workdir on_failure on_error inputs parameters "
    "max_attempts retry_delay run_as comment",
}
"""Keys that were met in files of yacron, dagu, GitHub and Kubernetes, and in the hands of their users."""


@pytest.mark.parametrize("kind", MET)
def test_every_key_that_was_met_is_known(kind: str) -> None:
    assert [word for word in MET[kind].split() if (kind, fold(word)) not in words()] == []


def test_no_two_rows_have_the_same_word() -> None:
    owners = Counter(
        place
        for row in ROWS
        for place in {(k, fold(w)) for k in row.kinds.split() for w in row.words.split()}
    )
    assert [place for place, count in owners.items() if count > 1] == []


def test_every_row_has_an_example() -> None:
    shown = {(kind, key) for kind, given, *_ in LINES for key in settings(given)}
    rows = [
        row
        for row in ROWS
        if not any((kind, word) in shown for kind in row.kinds.split() for word in row.words.split())
    ]
    assert [row.words for row in rows] == []


@cache
def values() -> list[Any]:
    own = [value for _, given, *_ in LINES for value in settings(given).values()]
    return [
        *own,
        None,
        "",
        [],
        {},
        -1,
        10**30,
        1e300,
        "x" * 500,
        "`",
        "1e9999999",
        [None],
        {"retry": None},
        {"limit": []},
    ]


def test_every_word_gets_advice_for_any_value_and_no_long_value_is_shown() -> None:
    for (kind, word), _ in words().items():
        for value in values():
            said = advice_for(kind, Word(word, value, {word: value}, "j"))
            assert said is not None
            assert said.help or said.notes
            assert all(len(text) < 180 for text in (*said.help, *said.notes))


@pytest.mark.parametrize("secret", ["hunter2 is mine", "postgres://u:p@h/db", "$(cat /etc/passwd)"])
def test_a_value_that_may_be_a_secret_is_not_shown(secret: str) -> None:
    for kind, word in words():
        said = advice_for(kind, Word(word, secret, {word: secret}, "j"))
        assert said is not None
        assert secret not in " ".join((*said.help, *said.notes))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("{secret: 'env:TOKEN'}", "secrets: {TOKEN: env:TOKEN}"),
        ("{secret: 'file:/run/secrets/t'}", "secrets: {TOKEN: file:/run/secrets/t}"),
        ("{secret: hunter2}", "secrets: {TOKEN: env:TOKEN}"),
        ("{valueFrom: {secretKeyRef: {name: a, key: pw}}}", "secrets: {TOKEN: file:/run/secrets/pw}"),
        ("{}", "secrets: {TOKEN: env:TOKEN}"),
    ],
)
@pytest.mark.parametrize("kind", ["job", "defaults", "step"])
def test_a_map_under_env_leads_to_secrets(kind: str, given: str, expected: str) -> None:
    (said,) = checked(kind, {"env": {"TOKEN": yaml.safe_load(given)}})
    assert said.code == "JF103"
    assert f"`{expected}`" in " ".join(said.help)
    assert checked(kind, settings(expected)) == ()
