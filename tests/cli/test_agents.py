"""The tools of `jobfile mcp` without the protocol: arguments, errors, limits; reading changes nothing."""

import hashlib
import json
import re
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.cli.agents.acting import ACTIONS
from engine.cli.agents.attending import Attendant
from engine.cli.agents.registry import refusal, tools_of
from engine.cli.commands.mcp import chosen_token
from engine.cli.place import Place
from engine.integrations.mcp_results import MAX_BYTES, TooLargeError, answer_schema, bounded
from engine.integrations.mcp_tools import ArgumentError, Call, Kind, Tool, ToolError
from tests.acceptance.test_readme import ROOT, matches
from tests.cli.conftest import Jobfile
from tests.cli.test_files import SCHEMAS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=8,
)
VALUES = [
    "good",
    "bad",
    "today",
    "last month",
    "engine",
    "worktree",
    "../x",
    "--help",
    "7d",
    "p50",
    "2h",
    "é\x1b",
]


TOOLS = tools_of(
    Place(main_file=Path("jobs.yaml"), state_dir=Path(".jobfile")),
    Attendant(Place(main_file=Path("jobs.yaml"), state_dir=Path(".jobfile"))),
    allowed=(),
)
"""Tools that are not called."""


@pytest.fixture
def tools(jobfile: Jobfile, tmp_path: Path) -> Iterator[dict[str, Tool]]:
    """All tools, in a folder with a ledger and two runs."""
    assert jobfile("apply", "--yes").code == 0
    jobfile("run", "good")
    jobfile("run", "bad")
    place = Place(main_file=tmp_path / "jobs.yaml", state_dir=tmp_path / ".jobfile")
    attendant = Attendant(place)
    yield {tool.name: tool for tool in tools_of(place, attendant, allowed=ACTIONS)}
    attendant.end()


def called(tool: Tool, **given: Any) -> Any:
    call = Call(given=tool.read(given), client="test", gone=threading.Event())
    return bounded(tool.answer(call), narrow=tool.narrow)


def contents(folder: Path) -> str:
    with sqlite3.connect(folder / ".jobfile/ledger.db") as connection:
        return hashlib.sha256("\n".join(connection.iterdump()).encode()).hexdigest()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_reading_tool_changes_a_record_whatever_it_is_asked(
    tools: dict[str, Tool], tmp_path: Path, data: st.DataObject
) -> None:
    """Each call has an answer in its schema, or an error in words."""
    before, files = contents(tmp_path), sorted(tmp_path.rglob("*.yaml"))
    tool = data.draw(st.sampled_from([one for one in tools.values() if one.effect.is_read_only]))
    given: dict[str, Any] = {}
    for one in tool.arguments:
        if one.is_required or data.draw(st.booleans()):
            text = st.sampled_from(one.choices or VALUES)
            given[one.name] = data.draw(
                {
                    Kind.TEXT: text,
                    Kind.COUNT: st.integers(one.least, min(one.most, one.least + 3)),
                    Kind.FLAG: st.booleans(),
                    Kind.TEXTS: st.lists(text, max_size=2),
                    Kind.VALUES: st.dictionaries(text, text | st.integers(), max_size=2),
                }[one.kind]
            )
    error = ""
    try:
        jsonschema.validate(called(tool, **given), tool.output_schema)
    except (ArgumentError, ToolError) as refused:
        error = str(refused)
    assert "a bug in jobfile" not in error
    assert contents(tmp_path) == before
    assert sorted(tmp_path.rglob("*.yaml")) == files


@settings(max_examples=60, deadline=None)
@given(given=st.dictionaries(st.sampled_from(["job", "limit", "states", "not_ok", "x"]), JSON, max_size=4))
def test_arguments_are_taken_or_refused_as_their_schema_says(given: dict[str, Any]) -> None:
    (tool,) = [one for one in TOOLS if one.name == "runs"]
    without_null = {name: value for name, value in given.items() if value is not None or name == "x"}
    is_good = jsonschema.Draft202012Validator(tool.input_schema()).is_valid(without_null)
    is_taken = True
    try:
        tool.read(given)
    except ArgumentError as error:
        is_taken = "not text" in str(error)
    assert is_taken is is_good


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(JSON, min_size=1, max_size=10), size=st.integers(0, 20))
def test_an_answer_keeps_its_limit_or_is_refused(rows: list[Any], size: int) -> None:
    answer = {"format": 1, "rows": rows * size * 50, "text": "x" * size * 10_000}
    try:
        found = bounded(answer, narrow="`limit`")
    except TooLargeError:
        assert len(json.dumps(rows[0])) > MAX_BYTES // 4
        return
    assert len(json.dumps(found, separators=(",", ":"))) <= MAX_BYTES
    assert ("left_out" in found) is (found != answer)
    whole = answer["rows"]
    assert isinstance(whole, list)
    assert len(found["rows"]) <= len(whole)


def test_an_answer_that_was_cut_says_how_much_and_fits_its_schema() -> None:
    rows = [{"n": number, "text": "x" * 100} for number in range(1_000)]
    found = bounded({"format": 1, "runs": rows}, narrow="`limit`")
    kept = len(found["runs"])
    assert found["left_out"] == f"{1_000 - kept:,} more in `runs`; narrow with `limit`"
    assert 400 < kept < 600
    with pytest.raises(TooLargeError):
        bounded({"format": 1, **{f"key{number}": "x" * 100 for number in range(1_000)}}, narrow="`limit`")


def test_each_schema_of_an_answer_has_an_object_at_its_root_and_says_what_was_cut() -> None:
    for path in SCHEMAS.glob("*.schema.json"):
        schema = answer_schema(path.read_text())
        jsonschema.Draft7Validator.check_schema(schema)
        assert schema["type"] == "object"
        assert "left_out" in json.dumps(schema)


def test_while_the_files_have_errors_an_agent_gets_them(tools: dict[str, Tool], tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text("version: 1\njobs: {a: {run: echo, retires: 2}}\n")
    with pytest.raises(ToolError, match="the job files have 1 error") as found:
        called(tools["run"], job="a")
    assert "[JF101]: unknown key `retires`" in str(found.value)
    assert called(tools["check"])["valid"] is False
    assert "the answer is from generation 1" in called(tools["next"])["notes"][0]
    assert called(tools["plan"])["valid"] is False


def test_a_file_outside_of_the_folder_is_refused_wherever_the_server_was_started(
    tools: dict[str, Tool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path.parent / "secret.yaml"
    secret.write_text("version: 1\njobs: {hidden: {run: echo}}\n")
    (tmp_path / "link.yaml").symlink_to(secret)
    monkeypatch.chdir(tmp_path.parent)
    for name in ("secret.yaml", "../secret.yaml", str(secret), "link.yaml"):
        for tool, argument in (("check", "file"), ("plan", "to"), ("plan", "from")):
            with pytest.raises(ToolError) as found:
                called(tools[tool], **{argument: name})
            assert "hidden" not in str(found.value)


def shown_in(shown: Any, found: Any) -> bool:
    """Whether an answer has what the page shows of it; `…` stands for anything."""
    match shown:
        case dict():
            return all(name in found and shown_in(one, found[name]) for name, one in shown.items())
        case list():
            return len(shown) == len(found) and all(map(shown_in, shown, found))
        case str():
            return matches(shown, found)
    return bool(shown == found)


def test_the_conversation_of_the_page_goes_as_it_says(jobfile: Jobfile, tmp_path: Path) -> None:
    page = (ROOT / "docs/mcp.md").read_text()
    (job_file,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (conversation,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    (tmp_path / "jobs.yaml").write_text(job_file)
    jobfile("apply", "--yes")
    attendant = Attendant(Place.named(None, None))
    tools = tools_of(Place.named(None, None), attendant, allowed=("run", "retry"))
    known = {tool.name: tool for tool in tools}
    for step in conversation.strip().split("\n\n"):
        asked, _, answer = step.partition("\n")
        name, _, arguments = asked.partition(" ")
        try:
            found = called(known[name], **json.loads(arguments)) if name in known else refusal(name, known)
        except ToolError as error:
            found = str(error)
        if isinstance(found, str):
            assert answer == f"error: {found}"
        else:
            assert shown_in(json.loads(answer), found), (step, found)
    attendant.end()


@pytest.mark.parametrize("action", ACTIONS)
def test_the_page_names_each_tool(action: str) -> None:
    page = (ROOT / "docs/mcp.md").read_text()
    assert f"`{action}`" in page
    assert all(f"`{tool.name}`" in page for tool in TOOLS)


def test_the_token_is_the_given_one_or_a_new_one() -> None:
    assert chosen_token("t" * 24) == "t" * 24
    assert len({chosen_token("") for _ in range(5)}) == 5
    assert len(chosen_token("")) >= 40
    with pytest.raises(click.UsageError, match="fewer than 24 characters"):
        chosen_token("t" * 23)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--allow", "cancle"], "'cancle' is not an action; did you mean cancel?"),
        (["--allow", "apply"], "'apply' is not an action; give one of run, retry, cancel, pause, resume"),
        (["--listen", "8765"], "--listen takes HOST:PORT"),
        (["--listen", "127.0.0.1:99999"], "--listen takes HOST:PORT"),
        (["--listen", "0.0.0.0:0"], "can be reached from other machines"),
        (["--listen", "[::]:0"], "can be reached from other machines"),
        (["--allow-host", "a.example"], "add --listen"),
    ],
)
def test_options_that_are_wrong_are_refused_before_anything_listens(
    jobfile: Jobfile, options: list[str], words: str
) -> None:
    said = jobfile("mcp", *options)
    assert said.code == 64
    assert words in said.err
