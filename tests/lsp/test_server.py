"""The language server as an editor drives it: a real process, real messages. `§` is the cursor."""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.editor.language_server import LanguageServer, ServerError

JOBFILE = Path(sys.executable).parent / "jobfile"
TEXT = """\
version: 1
vars: {lake: s3://acme}
defaults: {timezone: Europe/Oslo}
calendars:
  bank: {weekdays: [mon, tue, wed, thu, fri]}
channels:
  oncall: {command: [tell, "{{ event.title }}"]}
jobs:
  load:
    description: 🚀 load, and tell
    schedule: {cron: "30 6 * * mon", calendar: bank}
    params:
      day: {type: string, default: today, description: the day to load}
    steps:
      fetch:
        run: echo {{ params.day }} {{ vars.lake }}
      store:
        needs: [fetch]
        run: echo {{ steps.fetch.status }}
    notify: {failed: [oncall]}
  tell:
    triggers: [{after: load}]
    run: echo
"""


class Client:
    """Opens texts in a folder of their own each, and asks at the cursor."""

    def __init__(self, server: LanguageServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self._numbers = itertools.count(1)

    def open(self, text: str, **others: str) -> str:
        folder = self.folder / str(next(self._numbers))
        folder.mkdir()
        for name, content in others.items():
            (folder / f"{name}.yaml").write_text(content)
        uri = (folder / "jobs.yaml").as_uri()
        self.server.open(uri, text)
        return uri

    def ask(self, method: str, text: str, **more: Any) -> Any:
        before, _, after = text.partition("§")
        return self.at(method, self.open(before + after), before, **more)

    def at(self, method: str, uri: str, before: str, **more: Any) -> Any:
        last = before.rpartition("\n")[2]
        position = {"line": before.count("\n"), "character": len(last.encode("utf-16-le")) // 2}
        asked = {"textDocument": {"uri": uri}, "position": position, **more}
        return self.server.request(f"textDocument/{method}", asked)

    def labels(self, text: str) -> list[str]:
        return [item["label"] for item in self.ask("completion", text)["items"]]

    def hover(self, text: str) -> str:
        answer = self.ask("hover", text)
        return answer["contents"]["value"] if answer else ""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("lsp")
    with LanguageServer([JOBFILE, "lsp"], said=folder / "stderr") as server:
        yield Client(server, folder)


def cursor(after: str, text: str = TEXT) -> str:
    """The text with the cursor behind the first occurrence of something."""
    at = text.index(after) + len(after)
    return text[:at] + "§" + text[at:]


def test_mistakes_are_marked_where_they_are_as_you_type(client: Client) -> None:
    uri = client.open(TEXT)
    assert client.server.marks(uri) == []
    client.server.change(uri, TEXT.replace("description: 🚀 load, and tell", "tags: [🚀, Bad]"))
    marks = client.server.marks(uri)
    assert [mark["code"] for mark in marks] == ["JF105", "JF105"]
    assert marks[1]["range"]["start"] == {"line": 9, "character": 15}, "the rocket is two units of UTF-16"
    assert marks[1]["severity"] == 1
    client.server.change(uri, TEXT)
    assert client.server.marks(uri) == []


def test_a_second_place_and_the_help_come_with_the_mark(client: Client) -> None:
    uri = client.open("version: 1\njobs:\n  a: {run: x}\n  a: {run: y}\n")
    (mark,) = client.server.marks(uri)
    assert mark["relatedInformation"][0]["location"]["range"]["start"] == {"line": 2, "character": 2}
    assert "help: keep one of them" in mark["message"]


def test_an_included_file_is_looked_at_with_its_set(client: Client) -> None:
    main = "version: 1\ninclude: [more.yaml]\nqueues: {db: {slots: 1}}\njobs: {}\n"
    uri = client.open(main, more="version: 1\njobs: {a: {queue: db, run: echo}}\n")
    assert client.server.marks(uri) == []
    other = uri.replace("jobs.yaml", "more.yaml")
    Path(uri.removeprefix("file://")).write_text(main)
    client.at("hover", uri, "")  # once it answers, all earlier notifications have arrived
    client.server.open(other, "version: 1\njobs: {a: {queue: bd, run: echo}}\n")
    assert [mark["code"] for mark in client.server.marks(other)] == ["JF204"]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("    schedu", "When it starts: a cron expression"),
        ('cron: "30 6', "at 06:30 on Monday"),
        ('cron: "30 6', "06:30:00 +0"),
        ("{{ params.da", "`params.day`: string"),
        ("{{ params.da", "default: `today`"),
        ("{{ vars.la", "value: `s3://acme`"),
        ("{{ steps.fetch.sta", "`steps.fetch.status`: string"),
        ("jobs:\n  lo", "from defaults ("),
        ("        nee", "Steps to wait for"),
    ],
)
def test_hover_shows_what_a_thing_is(client: Client, after: str, expected: str) -> None:
    assert expected in client.hover(cursor(after))


def test_hover_shows_the_next_five_fires(client: Client) -> None:
    assert client.hover(cursor('cron: "30 6')).count("\n- ") == 5


def test_hover_shows_nothing_where_there_is_nothing(client: Client) -> None:
    assert client.hover(cursor("the day to")) == ""


@pytest.mark.parametrize(
    ("text", "offered", "not_offered"),
    [
        ("version: 1\n§", {"jobs", "include", "calendars"}, {"version"}),
        ("version: 1\njobs:\n  a:\n    run: x\n    §", {"timeout", "retry", "steps"}, {"run", "slots"}),
        ("version: 1\njobs:\n  a:\n    run: x\n    timezone: Europe/§", {"Europe/Oslo"}, {"timeout"}),
        ("version: 1\njobs:\n  a:\n    run: x\n    catchup: §", {"none", "last", "all"}, set()),
        ("version: 1\njobs:\n  a:\n    run: x\n    enabled: §", {"true", "false"}, set()),
        ("version: 1\njobs:\n  a:\n    run: x\n    retry: {attempts: 3, §", {"delay", "backoff"}, set()),
        ("version: 1\njobs:\n  a:\n    run: x\n    retry: {backoff: §", {"linear"}, {"delay"}),
    ],
)
def test_completion_offers_what_is_possible_there(
    client: Client, text: str, offered: set[str], not_offered: set[str]
) -> None:
    labels = set(client.labels(text))
    assert offered <= labels
    assert not labels & not_offered


@pytest.mark.parametrize(
    ("after", "typed", "offered"),
    [
        ("        needs: [", "", {"fetch"}),
        ("calendar: ", "", {"bank"}),
        ("{failed: [", "", {"oncall"}),
        ("triggers: [{after: ", "", {"load"}),
        ("run: echo {{ ", "", {"params.day", "vars.lake", "run.scheduled_at"}),
        ("run: echo {{ params.day ", "| ", {"upper", "default", "date"}),
        ("    run: echo\n", "    timeo", {"timeout"}),
        ("        needs: [fetch]\n", "        i", {"if", "for_each"}),
    ],
)
def test_completion_knows_the_names_of_the_file(
    client: Client, after: str, typed: str, offered: set[str]
) -> None:
    """The text was good, and then something is typed that breaks it."""
    uri = client.open(TEXT)
    assert client.server.marks(uri) == []
    before, _, rest = cursor(after).partition("§")
    broken = before + typed + ("\n" if after.endswith("\n") else "") + rest
    client.server.change(uri, broken)
    client.server.marks(uri)
    items = client.at("completion", uri, before + typed)["items"]
    assert offered <= {item["label"] for item in items}


@pytest.mark.parametrize(
    ("after", "line", "column"),
    [
        ("needs: [fet", 14, 6),
        ("calendar: ba", 4, 2),
        ("{failed: [onc", 6, 2),
        ("triggers: [{after: lo", 8, 2),
        ("{{ params.da", 12, 6),
        ("{{ vars.la", 1, 7),
        ("{{ steps.fet", 14, 6),
    ],
)
def test_a_name_leads_to_where_it_is_written(client: Client, after: str, line: int, column: int) -> None:
    found = client.ask("definition", cursor(after))
    assert found["range"]["start"] == {"line": line, "character": column}


def test_a_mistake_with_a_fix_is_corrected_by_it(client: Client) -> None:
    text = "version: 1\njobs:\n  a: {tags: [🚀], rum: echo, timeout: 30}\n"
    uri = client.open(text)
    marks = client.server.marks(uri)
    (typo,) = [mark for mark in marks if mark["code"] == "JF101"]
    asked = {"textDocument": {"uri": uri}, "range": typo["range"], "context": {"diagnostics": []}}
    actions = client.server.request("textDocument/codeAction", asked)
    fixes = [one for one in actions if one["kind"] == "quickfix"]
    assert [one["title"] for one in fixes] == ["replace with `run`"]
    assert fixes[0]["isPreferred"]
    (edit,) = fixes[0]["edit"]["changes"][uri]
    assert edit == {"range": typo["range"], "newText": "run"}
    assert typo["range"]["start"]["character"] == len("  a: {tags: [🚀], ".encode("utf-16-le")) // 2


def test_all_safe_fixes_come_as_one_action(client: Client) -> None:
    uri = client.open("version: 1\njobs:\n  a: {run: echo, timeout: 30, kill_grace: 5}\n")
    assert len(client.server.marks(uri)) == 2
    whole = {"start": {"line": 0, "character": 0}, "end": {"line": 3, "character": 0}}
    asked = {
        "textDocument": {"uri": uri},
        "range": whole,
        "context": {"diagnostics": [], "only": ["source.fixAll"]},
    }
    (action,) = client.server.request("textDocument/codeAction", asked)
    assert [edit["newText"] for edit in action["edit"]["changes"][uri]] == ["30s", "5s"]


def test_a_job_is_renamed_everywhere(client: Client) -> None:
    for after in ("jobs:\n  lo", "triggers: [{after: lo"):
        before, _, rest = cursor(after).partition("§")
        uri = client.open(before + rest)
        assert client.at("prepareRename", uri, before)["start"]["line"] in (8, 21)
        edits = client.at("rename", uri, before, newName="fill")["changes"][uri]
        assert sorted(edit["range"]["start"]["line"] for edit in edits) == [8, 21]
        assert {edit["newText"] for edit in edits} == {"fill"}


def test_a_name_that_no_job_can_have_is_refused(client: Client) -> None:
    before, _, rest = cursor("jobs:\n  lo").partition("§")
    uri = client.open(before + rest)
    with pytest.raises(ServerError, match="already a job `tell`"):
        client.at("rename", uri, before, newName="tell")
    with pytest.raises(ServerError, match="a letter first"):
        client.at("rename", uri, before, newName="No Name")
    assert client.ask("prepareRename", cursor("the day to")) is None


def test_columns_are_right_with_windows_line_ends_and_tabs(client: Client) -> None:
    uri = client.open("version: 1\r\njobs:\r\n  a:\r\n    rum: echo # 🚀\r\n")
    marks = client.server.marks(uri)
    assert marks[0]["range"] == {"start": {"line": 3, "character": 4}, "end": {"line": 3, "character": 7}}


def other_file(client: Client, name: str, text: str) -> str:
    folder = client.folder / f"other-{name}"
    folder.mkdir()
    uri = (folder / name).as_uri()
    client.server.open(uri, text)
    return uri


@pytest.mark.parametrize(
    ("name", "text", "is_ours"),
    [
        ("docker-compose.yaml", "services: {db: {image: x}}\n", False),
        ("values.yml", "replicas: 3\n", False),
        ("team.jobs.yaml", "replicas: 3\n", True),
        ("work.yaml", "version: 1\njobs: {a: {rum: x}}\n", True),
    ],
)
def test_only_job_files_are_marked(client: Client, name: str, text: str, is_ours: bool) -> None:
    assert bool(client.server.marks(other_file(client, name, text))) == is_ours


def test_half_a_pair_of_utf_16_is_a_mark_and_no_end(client: Client) -> None:
    uri = client.open("version: 1\njobs: {a: {run: 'echo \ud800'}}\n")
    client.server.marks(uri)
    client.server.change(uri, "version: 1\njobs: {a: {run: echo}}\n")
    assert client.server.marks(uri) == []


def test_a_fix_keeps_the_line_ends_of_its_file(client: Client) -> None:
    uri = client.open("version: 1\r\njobs:\r\n  a: {run: x, tags: [a,\r\n  b], timeout: 30}\r\n")
    for mark in client.server.marks(uri):
        asked = {"textDocument": {"uri": uri}, "range": mark["range"], "context": {"diagnostics": []}}
        for action in client.server.request("textDocument/codeAction", asked):
            for edit in action["edit"]["changes"][uri]:
                assert edit["newText"].count("\n") == edit["newText"].count("\r\n")


def test_one_of_two_fixes_that_touch_is_applied_completely(client: Client) -> None:
    """A key given twice, with a mistake in it: no fix is applied partly."""
    text = "version: 1\njobs:\n  a: {rum: x}\n  b: {timout: 5m, run: x, retrie: 2}\n"
    uri = client.open(text)
    client.server.marks(uri)
    whole = {"start": {"line": 0, "character": 0}, "end": {"line": 4, "character": 0}}
    asked = {
        "textDocument": {"uri": uri},
        "range": whole,
        "context": {"diagnostics": [], "only": ["source.fixAll"]},
    }
    (action,) = client.server.request("textDocument/codeAction", asked)
    texts = [edit["newText"] for edit in action["edit"]["changes"][uri]]
    assert texts == ["run", "timeout", "retry"]


def test_a_server_asks_for_whole_texts(client: Client) -> None:
    uri = client.open("version: 1\njobs: {a: {run: echo}}\n")
    assert client.server.marks(uri) == []
    client.server.change(uri, "version: 1\n# \u2028 \x0c\njobs: {a: {rum: echo}}\n")
    lines = {mark["range"]["start"]["line"] for mark in client.server.marks(uri)}
    assert lines == {1}, "the sign that is forbidden there"
